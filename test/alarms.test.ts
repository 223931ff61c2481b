/** Each alarm of the template, turned on by the state that it is about: what the real functions sent, judged as CloudWatch does. */
import { readFileSync } from "node:fs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { larkDeleted, send, signApi, signLark, signWechatwork, wechatworkDeleted } from "../cli/sign.ts";
import { openTable } from "../lambda/aws/table.ts";
import { personId, relationId } from "../lambda/departure/people.ts";
import { createForwarder } from "../lambda/forwarder.ts";
import { type AlarmParts, alarmParts, createLog, type Measure, type Metric } from "../lambda/log.ts";
import { createNotifier } from "../lambda/notifier.ts";
import { toMessages } from "../lambda/resignation/notice.ts";
import { createResigner } from "../lambda/resigner.ts";
import { createSweep } from "../lambda/sweep.ts";
import { connectWebhook } from "../lambda/webhook.ts";
import { type AlarmName, alarms, behind, runbookOf } from "../lib/alarms.ts";
import { ResignWebhookStack } from "../lib/resign-webhook.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { alarmsOf, alarmsOn, type Point, pointOf, pointsOf, watchedBy } from "./alarm-states.ts";
import { settings } from "./parts.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
const keys = newKeys();
let lines: string[] = [];
const template = alarmsOf("local");
const heartbeat = (): Point => pointOf(watchedBy(template.Heartbeat as never)[0] as never, 1, Date.now());

/** A metric as it is read: of AWS's with the resource that it is of. */
function namesOf({ Namespace, MetricName, Dimensions }: ReturnType<typeof watchedBy>[number]): string {
  const [, resource] = /"ResignWebhook(\w+?)[0-9A-F]{8}"/.exec(JSON.stringify(Dimensions)) ?? [];
  if (Namespace === "AWS/SQS") return String(resource);
  return Namespace === "AWS/Lambda" ? `${MetricName} of ${resource}` : MetricName;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
afterAll(async () => {
  await Promise.all([aws.close(), genauth.close()]);
});

const metrics = () =>
  new Set(lines.flatMap((line) => JSON.parse(line)._aws?.CloudWatchMetrics[0].Metrics[0].Name ?? []));

/** The alarms that are on so long from now, by what the functions sent until now; `more` is what AWS itself measured. */
const on = (inMs = 0, more: readonly Point[] = []) =>
  alarmsOn(template, [...pointsOf(lines), ...more], Date.now() + inMs);

const start = (settings: object, more: object = {}) => {
  lines = [];
  return startStack({ aws, genauth, keys, settings, writeLog: (line) => lines.push(line), ...more });
};
type Stack = Awaited<ReturnType<typeof start>>;
const order = (userId: string, now?: Date) =>
  signApi({ method: "POST", path: "/resignations", body: { userId } }, keys.api.zapier, now ? { now } : {});
const deleted = (id: string) => larkDeleted({ open_id: id }, { token: keys.lark.verificationToken });
const lark = (id: string) => signLark(deleted(id), keys.lark);
const act = (id: unknown, name: string) =>
  signApi({ method: "POST", path: `/resignations/${id}/${name}`, body: { operator: "alice" } }, keys.api.ops);

/** The sweep as it would run so long from now; what was sent before it is forgotten. */
async function sweepIn(stack: Stack, inMs: number): Promise<string[]> {
  const now = () => Date.now() + inMs;
  lines = [];
  await createSweep({
    ledger: stack.ledger,
    queue: { send: async () => {} },
    notices: { sendTogether: async () => {} },
    settings: settings(),
    log: createLog("sweep", (line) => lines.push(line), now, "local"),
    now: () => new Date(now()),
  })();
  return on(inMs);
}

describe("the template", () => {
  const all = Object.entries(template);

  test("has fourteen alarms at most, each on one metric of ours and on few of AWS's", () => {
    expect(all.length).toBeLessThanOrEqual(14);
    const metrics = Object.fromEntries(all.map(([name, alarm]) => [name, watchedBy(alarm).map(namesOf)]));
    expect(metrics).toEqual({
      Heartbeat: ["Heartbeat"],
      OldestOpen: ["AlarmOldestOpen"],
      Held: ["AlarmHeld"],
      Failed: ["AlarmFailed", "DeadLetters"],
      Brake: ["AlarmBrake"],
      Refused: ["AlarmRefused"],
      NotUnderstood: ["AlarmNotUnderstood"],
      Silent: ["AlarmSilent"],
      Irreversible: ["AlarmIrreversible"],
      GenAuth: ["AlarmGenAuth"],
      Api: ["AlarmApi", "5xx"],
      Errors: ["AlarmErrors", "Errors of Resigner", "Errors of Forwarder"],
      Throttles: ["Throttles of Resigner", "Throttles of Forwarder"],
      NotTold: ["AlarmNotTold", "NoticesDeadLetters", "ForwardsDeadLetters"],
    });
  });

  test.each(all)(
    "says of %s how soon to act, what is behind it and what to do; and tells when it is over",
    (name, alarm) => {
      const { severity } = alarms[name as AlarmName];
      expect(alarm.AlarmName).toBe(`local-${severity}-${name}`);
      expect(alarm.AlarmDescription).toMatch(
        /^\[(urgent|today|week)\] .{30,} Runbook: (https:.*\/)?docs\/runbook\.md#[a-z-]+$/,
      );
      for (const metric of behind(name as AlarmName)) expect(alarm.AlarmDescription).toContain(metric);
      expect(alarm.AlarmDescription.length).toBeLessThan(1_024);
      expect(alarm.OKActions).toEqual(alarm.AlarmActions);
    },
  );

  test("names the runbook by its address where the package has one", () => {
    const repository = { url: "git+https://github.com/acme/resign.git" };
    expect(runbookOf(repository)).toBe("https://github.com/acme/resign/blob/main/docs/runbook.md");
    expect(runbookOf()).toBe("docs/runbook.md");
  });

  const watched = all.flatMap(([name, alarm]) =>
    name === "Heartbeat" ? [] : watchedBy(alarm).map((stat) => [name, namesOf(stat), stat, alarm.Threshold] as const),
  );
  test.each(watched)("%s is on by %s alone, from its value on", (name, _, stat, from) => {
    lines = [];
    expect(on(0, [heartbeat(), pointOf(stat, from, Date.now())])).toEqual([name]);
    expect(on(0, [heartbeat(), pointOf(stat, from - 1, Date.now())])).toEqual([]);
  });

  const parts = Object.entries(alarmParts) as [AlarmName, AlarmParts][];
  const counts = parts.flatMap(([name, { counts = {} }]) =>
    Object.entries(counts).map((one) => [name, ...one] as const),
  );
  test.each(counts)("%s is on by the count %s, each of which is %i", (name, count, share) => {
    const needed = Math.ceil((template[name]?.Threshold ?? 0) / share);
    for (const [times, expected] of [[needed, [name]] as const, [needed - 1, []] as const]) {
      lines = [];
      const log = createLog("x", (line) => lines.push(line), undefined, "local");
      for (let sent = 0; sent < times; sent += 1) log.count(count as Metric, "why", { source: "lark" });
      expect(on(0, [heartbeat()])).toEqual(expected);
    }
  });

  const gauges = parts.flatMap(([name, { gauges = {} }]) =>
    Object.entries(gauges).map((one) => [name, ...one] as const),
  );
  test.each(gauges)("%s is on while %s is %i and more", (name, gauge, from) => {
    for (const [value, expected] of [[from, [name]] as const, [from - 1, []] as const]) {
      lines = [];
      createLog("x", (line) => lines.push(line), undefined, "local").measure(gauge as Measure, value);
      expect(on(0, [heartbeat()])).toEqual(expected);
    }
  });

  test("no count or gauge is behind two alarms, and no alarm's metric is called like one of them", () => {
    const names = all.flatMap(([name]) => behind(name as AlarmName));
    expect(new Set(names).size).toBe(names.length);
    for (const [name] of parts) expect(names).not.toContain(`Alarm${name}`);
  });
});

/** The runbook's table of what is heard where, with its minutes, which follow from the template. */
describe("a function that crashes at each call, or that AWS throttles, is heard", () => {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const byDefault = { genauth: { host: "https://api.genauth.ai", userPoolId: "pool" } };
  const made = Template.fromStack(new ResignWebhookStack(app, "local", byDefault));
  /** After how many minutes at the latest, by the template; five of them are the alarm's own period. */
  const heartbeatMinutes =
    Number(template.Heartbeat?.EvaluationPeriods) * (Number(template.Heartbeat?.Period) / 60) + 5;
  const [notices] = Object.values(
    made.findResources("AWS::SQS::Queue", { Properties: { RedrivePolicy: { maxReceiveCount: 8 } } }),
  );
  const noticesMinutes = (8 * notices?.Properties.VisibilityTimeout) / 60 + 5;
  const row = (name: string) =>
    new RegExp(`^\\| ${name} \\| (.*) \\|$`, "m").exec(readFileSync("docs/runbook.md", "utf8"))?.[1] ?? "";
  const ofAws = (alarm: string, name: string) => {
    const found = watchedBy(template[alarm] as never).find((stat) => namesOf(stat) === name);
    return pointOf(found as never, 1, Date.now());
  };

  test.each(["`webhook`", "`desk`"])("%s: API Gateway answers 5xx in its place", (name) => {
    lines = [];
    expect(on(0, [heartbeat(), ofAws("Api", "5xx")])).toEqual(["Api"]);
    expect(row(name)).toContain("`Api` (`ServerErrors`), 5 minutes");
  });

  test("`sweep`: there is no heartbeat", () => {
    lines = [];
    expect(on(heartbeatMinutes * minuteMs, [heartbeat()])).toEqual(["Heartbeat"]);
    expect(row("`sweep`")).toContain(`\`Heartbeat\`, ${heartbeatMinutes} minutes`);
  });

  test("`notifier`: its messages are dead letters after eight tries, which Lambda's polling counts as well", () => {
    lines = [];
    expect(on(0, [heartbeat(), ofAws("NotTold", "NoticesDeadLetters")])).toEqual(["NotTold"]);
    expect(row("`notifier`")).toContain(`\`NotTold\` (\`NoticesDeadLetters\`), ${noticesMinutes} minutes`);
  });

  // A thousand tries take six days: no dead letter tells of these two in time.
  test.each(["Resigner", "Forwarder"])("%s is watched itself", (name) => {
    lines = [];
    expect(on(0, [heartbeat(), ofAws("Errors", `Errors of ${name}`)])).toEqual(["Errors"]);
    expect(on(0, [heartbeat(), ofAws("Throttles", `Throttles of ${name}`)])).toEqual(["Throttles"]);
    expect(row(`\`${name.toLowerCase()}\``)).toContain("`Errors`, `Throttles`, 5 minutes");
  });

  test("a resigner that is never called at all is heard by what waits", async () => {
    const stack = await start({}, { isPolling: false, sweepEverySeconds: 3_600 });
    await send(order("lark:ou_demo_1"), stack.url);
    expect(await sweepIn(stack, 21 * minuteMs)).toEqual(["OldestOpen"]);
    await stack.close();
    expect(row("`resigner`")).toContain("`OldestOpen`, 30 minutes");
  });

  test("429 and 413 of API Gateway itself are added to the alarm's metric by a filter of the access log", () => {
    lines = [];
    const [filter] = Object.values(made.findResources("AWS::Logs::MetricFilter"));
    const [{ MetricNamespace, MetricName, MetricValue, Dimensions }] = filter?.Properties.MetricTransformations ?? [];
    expect(Dimensions).toEqual([{ Key: "Stack", Value: "$.stack" }]);
    const filtered = { namespace: MetricNamespace, name: MetricName, dimensions: { Stack: "local" } };
    const point = { ...filtered, value: Number(MetricValue), atMs: Date.now() };
    expect(on(0, [heartbeat(), point])).toEqual(["Api"]);
  });
});

test("two stacks in one account do not hear each other", () => {
  const others = alarmsOf("other");
  lines = [];
  const log = createLog("resigner", (line) => lines.push(line), undefined, "local");
  for (const name of ["Unconfirmed", "BrakeTripped"] as const) log.count(name, "x", { source: "lark" });
  expect(on()).toEqual(["Heartbeat", "Brake", "Irreversible"]);
  expect(alarmsOn(others, pointsOf(lines), Date.now())).toEqual(["Heartbeat"]);
});

test("at rest no alarm is on, nor for a stranger's junk", async () => {
  const stack = await start({});
  expect((await send(lark("ou_demo_1"), stack.url)).status).toBe(200);
  await expect.poll(metrics, { timeout: 10_000 }).toContain("Resigned");
  const junk = { method: "POST", path: "/lark", headers: {}, body: "x" } as const;
  const all = [
    ...[junk, { ...junk, body: "{}" }, { ...junk, headers: { "x-lark-signature": "short" } }],
    ...[
      { ...junk, path: "/wechatwork?msg_signature=&timestamp=1&nonce=2" },
      { ...junk, path: "/dingtalk" },
    ],
    ...[
      { ...junk, path: "/slack/commands" },
      { ...junk, path: "/resignations" },
      { ...junk, path: "/nothing" },
    ],
  ];
  for (const one of [...all, ...all, ...all]) expect((await send(one, stack.url)).status).toBeGreaterThanOrEqual(400);
  await stack.sweep();
  expect(on()).toEqual([]);
  await stack.close();
  // What is sent every five minutes is billed, whatever happens.
  lines = [];
  await stack.sweep();
  expect(pointsOf(lines).map(({ name }) => name)).toEqual(["Heartbeat"]);
});

describe("Heartbeat", () => {
  test("is on when the sweep has not run for 15 minutes, and not before", async () => {
    const stack = await start({}, { isPolling: false, sweepEverySeconds: 3_600 });
    await stack.sweep();
    await stack.close();
    expect(on()).toEqual([]);
    expect(on(14 * minuteMs)).toEqual([]);
    expect(on(16 * minuteMs)).toEqual(["Heartbeat"]);
  });

  test("is on when the sweep runs and does not come to its end; what AWS refused it is heard at once", async () => {
    lines = [];
    const refused = async () => {
      throw Object.assign(new Error("not authorized"), { name: "AccessDeniedException" });
    };
    const sweep = createSweep({
      ledger: { due: refused },
      log: createLog("sweep", (line) => lines.push(line), undefined, "local"),
      now: () => new Date(),
    } as never);
    expect(await sweep()).toEqual({ swept: 0 });
    expect(on()).toEqual(["Heartbeat", "Errors"]);
    expect(lines.join("\n")).not.toContain("not authorized");
  });
});

test("OldestOpen is on from 20 minutes on, while a departure waits for us", async () => {
  const stack = await start({}, { isPolling: false, sweepEverySeconds: 3_600 });
  await send(order("lark:ou_demo_1"), stack.url);
  expect(await sweepIn(stack, 19 * minuteMs)).toEqual([]);
  expect(await sweepIn(stack, 21 * minuteMs)).toEqual(["OldestOpen"]);
  await stack.close();
});

test("Held is on when somebody is held, and again when they have been for a day", async () => {
  const stack = await start({ protected: ["lark:ou_demo_2"] }, { sweepEverySeconds: 3_600 });
  await send(order("lark:ou_demo_2"), stack.url);
  await expect.poll(metrics, { timeout: 10_000 }).toContain("Held");
  await stack.sweep();
  expect(on()).toEqual(["Held"]);
  expect(await sweepIn(stack, 23 * hourMs)).toEqual([]);
  expect(await sweepIn(stack, 25 * hourMs)).toEqual(["Held"]);
  expect(lines.filter((line) => line.includes("held for more than a day"))).toHaveLength(1);
  await stack.close();
});

test("GenAuth is on when it refuses the token, and Failed until nobody who failed is left, by the ledger alone", async () => {
  const retry = { firstDelaySeconds: 1, maxDelaySeconds: 1, giveUpAfterSeconds: 2 };
  const stack = await start({ retry }, { token: { token: "expired" }, sweepEverySeconds: 3_600 });
  const { id } = (await (await send(order("lark:ou_demo_3"), stack.url)).json()) as { id: string };
  await expect.poll(metrics, { timeout: 15_000 }).toContain("Failed");
  await stack.sweep();
  expect(on()).toEqual(["Failed", "GenAuth"]);
  // The line of the event is gone; the state is not.
  expect(await sweepIn(stack, hourMs)).toEqual(["Failed"]);
  expect((await send(act(id, "cancel"), stack.url)).status).toBe(200);
  expect(await sweepIn(stack, hourMs)).toEqual([]);
  await stack.close();
});

test("a bad day raises Brake, Held, Refused and NotUnderstood", async () => {
  const retry = { firstDelaySeconds: 1, maxDelaySeconds: 1, giveUpAfterSeconds: 1 };
  const stack = await start({ retry, brake: { perHour: 1 }, protected: ["lark:ou_demo_1"] });
  const forged = { ...lark("ou_demo_4"), body: '{"encrypt":"forged"}' };
  await stack.sweep();
  for (const _ of [1, 2]) await send(forged, stack.url);
  expect(on()).toEqual([]);
  await send(forged, stack.url);
  expect(on()).toEqual(["Refused"]);
  for (const n of [1, 2, 3]) await send(lark(`ou_demo_${n}`), stack.url);
  await send(signLark({ schema: "2.0", header: { token: keys.lark.verificationToken } }, keys.lark), stack.url);
  await send(signLark(larkDeleted({}, { token: keys.lark.verificationToken }), keys.lark), stack.url);
  expect((await send(order("lark:ou_demo_5", new Date(Date.now() - 600_000)), stack.url)).status).toBe(400);
  await expect.poll(metrics, { timeout: 10_000 }).toContain("BrakeTripped");
  for (const name of ["Malformed", "UnusableDeparture", "ClockDrift"]) expect(metrics()).toContain(name);
  expect(on()).toEqual(["Held", "Brake", "Refused", "NotUnderstood"]);
  await stack.close();
});

test("Refused is on when a key is changed in a console, and when the secret was never filled in", async () => {
  const stack = await start({});
  await stack.sweep();
  await send(lark("ou_demo_6"), stack.url);
  await expect.poll(metrics, { timeout: 10_000 }).toContain("Resigned");
  expect(on()).toEqual([]);
  for (const _ of [1, 2, 3])
    await send(signLark(deleted("ou_demo_7"), { encryptKey: "new in the console" }), stack.url);
  expect(metrics()).toContain("StartedFailing");
  expect(on()).toEqual(["Refused"]);
  await stack.close();

  const unfilled = await start({}, { keys: { fillMeIn: "" } });
  await unfilled.sweep();
  expect((await send(order("lark:ou_demo_7"), unfilled.url)).status).toBe(503);
  expect(on()).toEqual(["Refused"]);
  await unfilled.close();
});

test("Silent is on when a source that is on says nothing for silenceDays, until it does", async () => {
  const stack = await start({}, { sweepEverySeconds: 3_600 });
  await send(
    signWechatwork(wechatworkDeleted("demo_1", "wwlocal"), { ...keys.wechatwork, receiveId: "wwlocal" }),
    stack.url,
  );
  await expect.poll(metrics, { timeout: 10_000 }).toContain("Resigned");
  expect(await sweepIn(stack, 13.9 * 24 * hourMs)).toEqual([]);
  expect(await sweepIn(stack, 14.1 * 24 * hourMs)).toEqual(["Silent"]);
  expect(await sweepIn(stack, 0)).toEqual([]);
  await stack.close();
});

describe("Api", () => {
  test("is on when a request could not be served", async () => {
    const stack = await start({}, { isPolling: false });
    await stack.sweep();
    const webhook = connectWebhook({ ...stack.environment, LEDGER_TABLE: "there-is-none" }, (line) => lines.push(line));
    const { headers, body } = lark("ou_demo_8");
    const names = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    const event = { routeKey: "POST /lark", rawQueryString: "", headers: Object.fromEntries(names), body };
    const context = { getRemainingTimeInMillis: () => 20_000 };
    expect(await webhook(event as never, context as never)).toMatchObject({ statusCode: 503 });
    expect(on()).toEqual(["Api"]);
    await stack.close();
  });
});

describe("Errors", () => {
  const refused = async () => {
    throw Object.assign(new Error("not authorized"), { name: "AccessDeniedException" });
  };
  const delays: number[] = [];
  const queue = { delay: async (_: string, seconds: number) => void delays.push(seconds), bury: refused };
  const log = createLog("x", (line) => lines.push(line), undefined, "local");
  const parts = { ledger: { get: refused }, queue, log, settings: settings(), now: () => new Date() };
  const targets = { read: refused };
  const old = { source: "lark", receivedAt: new Date(0).toISOString(), rawQuery: "", headers: {}, body: "" };
  const forwarding = settings({ lark: { forwardTo: "https://nowhere.invalid" } });

  test.each([
    ["the resigner", 60, createResigner(parts as never), "res_1"],
    [
      "the notifier",
      30,
      createNotifier({ ...parts, targets } as never),
      JSON.stringify({ about: "resigned", id: "res_1" }),
    ],
    ["the forwarder", 60, createForwarder({ ...parts, settings: forwarding } as never), JSON.stringify(old)],
  ])(
    "is on when AWS refuses %s something, and the message comes again within a minute",
    async (_, seconds, handle, body) => {
      lines = [];
      delays.length = 0;
      const record = { body, messageId: "m", receiptHandle: "r", attributes: { ApproximateReceiveCount: "1" } };
      expect(await handle({ Records: [record] } as never)).toEqual({ batchItemFailures: [{ itemIdentifier: "m" }] });
      expect(delays).toEqual([seconds]);
      expect(on()).toEqual(["Heartbeat", "Errors"]);
      expect(lines.join("\n")).not.toContain("not authorized");
    },
  );

  test("is on though SQS refuses the delay as well: then the message comes when its visibility timeout is over", async () => {
    lines = [];
    const resigner = createResigner({ ...parts, queue: { ...queue, delay: refused } } as never);
    const record = { body: "res_1", messageId: "m", receiptHandle: "r" };
    expect(await resigner({ Records: [record] } as never)).toEqual({ batchItemFailures: [{ itemIdentifier: "m" }] });
    expect(on()).toContain("Errors");
  });
});

describe("NotTold", () => {
  test("is on when a section of the targets is wrong", async () => {
    const stack = await start({}, { targets: { slack: { url: "nonsense" } } });
    await stack.sweep();
    const notice = toMessages({ about: "alive", id: "2026-11-23", why: "x" })[0];
    await new SQSClient().send(
      new SendMessageCommand({ QueueUrl: stack.environment.NOTICES_URL, MessageBody: notice }),
    );
    await expect.poll(metrics, { timeout: 10_000 }).toContain("TargetsWrong");
    expect(on()).toEqual(["NotTold"]);
    await stack.close();
  });
});

describe("Irreversible is on, for somebody whom GenAuth does not let us treat as we should", () => {
  const retry = { firstDelaySeconds: 1, maxDelaySeconds: 1, giveUpAfterSeconds: 60 };
  const statusOf = async (stack: Stack, id: string) => (await stack.ledger.get(id))?.status;

  test("is told of when their sessions stay, and when their access cannot be given back", async () => {
    const stack = await start({ retry, graceDays: 1, endSessionsIn: ["app"] });
    genauth.fail({ mode: "403", path: "/api/v3/kick-users" });
    const { id } = (await (await send(order("lark:ou_demo_8"), stack.url)).json()) as { id: string };
    await expect.poll(metrics, { timeout: 10_000 }).toContain("SessionsLeft");
    expect(on()).toContain("Irreversible");
    expect(await statusOf(stack, id)).toBe("suspended");
    expect(lines.map((line) => JSON.parse(line)).find(({ SessionsLeft }) => SessionsLeft)).toMatchObject({ id });

    genauth.fail({ mode: "403", path: "/api/v3/update-user" });
    expect((await send(act(id, "cancel"), stack.url)).status).toBe(200);
    lines = [];
    await expect.poll(metrics, { timeout: 15_000 }).toContain("NotGivenBack");
    expect(on()).toContain("Irreversible");
    genauth.fail({ mode: "none" });
    await expect.poll(() => genauth.person("lark:ou_demo_8")?.status, { timeout: 10_000 }).toBe("Activated");
    await stack.close();
  });

  test("is told of when they are back after they were resigned", async () => {
    const stack = await start({ retry });
    await send(signLark(deleted("ou_demo_9"), keys.lark), stack.url);
    await expect.poll(metrics, { timeout: 10_000 }).toContain("Resigned");
    const { header, ...event } = deleted("ou_demo_9");
    const back = { ...event, header: { ...header, event_type: "contact.user.created_v3" } };
    await send(signLark(back, keys.lark), stack.url);
    await expect.poll(metrics, { timeout: 10_000 }).toContain("BackAfterResigned");
    expect(on()).toContain("Irreversible");
    await stack.close();
  });
});

test("an item of the ledger that nobody can read is counted and left as it is, and no log names a person", async () => {
  const stack = await start({}, { isPolling: false });
  const table = openTable({ client: new DynamoDBClient(), table: stack.table });
  const id = `res_${"0".repeat(32)}`;
  const relation = "lark:ou_demo_10";
  const person = genauth.person(relation)?.userId ?? "";
  const unreadable = [
    { id, status: "nonsense", dueAt: "2026-01-01T00:00:00.000Z", open: "open" },
    { id: relationId(relation), user: 7 },
    { id: personId(person), effect: "nonsense" },
  ];
  for (const item of unreadable) {
    await table.put(item);
    const taken = await stack.resigner({ Records: [{ body: item.id, messageId: "1", receiptHandle: "1" }] } as never);
    expect(taken).toEqual({ batchItemFailures: [] });
  }
  expect(await table.get({ id })).toEqual(unreadable[0]);
  const told = lines.map((line) => JSON.parse(line)).filter(({ Unreadable }) => Unreadable === 1);
  expect(told.map((line) => line.id ?? line.kind)).toEqual([id, "relation", "person"]);
  expect(on()).toContain("NotUnderstood");

  // An operator's list goes on past it, and names it. Before: 503.
  await table.put({
    id,
    status: "held",
    acceptedAt: new Date().toISOString(),
    month: new Date().toISOString().slice(0, 7),
  });
  const list = async (query: string) => {
    const answer = await send(signApi({ method: "GET", path: `/resignations${query}` }, keys.api.ops), stack.url);
    return [answer.status, await answer.json()];
  };
  for (const query of ["", "?status=held"]) {
    expect(await list(query)).toEqual([200, expect.objectContaining({ items: [], unreadable: [id] })]);
  }
  expect(await list("?status=failed")).toEqual([200, { items: [] }]);
  await stack.close();
  expect(lines.join("\n")).not.toMatch(new RegExp(`ou_demo_10|${person}`));
});

test("a message that cannot be worked on comes again, and the log tells of a person only that it was one", async () => {
  lines = [];
  const fail = async () => {
    throw new Error("no answer");
  };
  const resigner = createResigner({
    ledger: { getRelation: fail, takePerson: fail, get: fail },
    queue: { delay: async () => {} },
    log: createLog("resigner", (line) => lines.push(line)),
    now: () => new Date(),
    newOwner: () => "owner",
  } as never);
  const ids = [relationId("lark:ou_demo_11"), personId("a-user"), "res_1"];
  const Records = ids.map((body, index) => ({ body, messageId: String(index), receiptHandle: "" }));
  expect((await resigner({ Records } as never)).batchItemFailures).toHaveLength(3);
  expect(lines.map((line) => JSON.parse(line)).map(({ id, kind }) => id ?? kind)).toEqual([
    ...["relation", "person", "res_1"],
  ]);
  expect(lines.join("\n")).not.toMatch(/ou_demo_11|a-user/);
});
