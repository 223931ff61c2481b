/** Who is told, in all four forms, by targets that answer well, badly, or not at all. */
import { createHmac } from "node:crypto";
import {
  ReceiveMessageCommand,
  type SendMessageBatchCommand,
  type SendMessageBatchCommandInput,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { larkDeleted, send, signLark, signSlack, slackClick } from "../cli/sign.ts";
import { createQueue } from "../lambda/aws/queue.ts";
import { createLog } from "../lambda/log.ts";
import { batchSize, maxTries } from "../lambda/notices/message.ts";
import { isTaken, type Told, toPosts } from "../lambda/notices/notices.ts";
import { parseTargets } from "../lambda/notices/targets.ts";
import { createNotifier } from "../lambda/notifier.ts";
import { toResignation } from "../lambda/resignation/departure.ts";
import type { Notice } from "../lambda/resignation/notice.ts";
import { toMessages } from "../lambda/resignation/notice.ts";
import type { Resignation } from "../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../lambda/resignation/sync-relation.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { startNoticeStandIns, toLine } from "../local/notice-stand-ins.ts";
import { startSlackStandIn } from "../local/slack.ts";
import { newApiSecret, newKeys, startStack } from "../local/stack.ts";
import { now, settings } from "./parts.ts";

let standIns: Awaited<ReturnType<typeof startNoticeStandIns>>;
beforeEach(async () => {
  standIns = await startNoticeStandIns();
});
afterEach(() => standIns.close());

const resignation = (index: number, changes: object = {}) =>
  ({
    ...toResignation(
      {
        source: "lark",
        eventId: `e${index}`,
        userId: `lark:ou_${index}` as SyncRelation,
        occurredAt: now,
        requestedBy: "lark",
      },
      now,
    ),
    person: { genauthUserId: "g", name: `<at user_id="all">Zhang ${index}` },
    ...changes,
  }) as Resignation;
const told = (about: Told["about"], index = 1): Told => ({
  about,
  id: resignation(index).id,
  resignation: resignation(index),
});

describe("what is told", () => {
  const targets = {
    slack: { url: "https://hooks.slack.com/services/1" },
    lark: { url: "https://open.feishu.cn/open-apis/bot/v2/hook/1", secret: "robot" },
    wechatwork: { url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1" },
    webhook: { url: "https://siem.example/in", secret: newApiSecret() },
  };
  const bodies = (name: keyof typeof targets, all: Told[], language: "en" | "zh" = "en") =>
    toPosts(name, targets, all, language, now).map(({ body }) => JSON.parse(body) as Record<string, never>);

  test("pages nobody by a name", () => {
    for (const name of ["slack", "lark", "wechatwork"] as const) {
      expect(JSON.stringify(bodies(name, [told("resigned")]))).not.toMatch(/<[a-z!@]/);
    }
  });

  test("of many is one, within each robot's size", () => {
    const many = Array.from({ length: 100 }, (_, index) => told("resigned", index));
    for (const name of ["slack", "lark", "wechatwork"] as const) expect(bodies(name, many)).toHaveLength(1);
    const [wechatwork] = bodies("wechatwork", many) as unknown as { text: { content: string } }[];
    expect(Buffer.byteLength(wechatwork?.text.content ?? "")).toBeLessThanOrEqual(2_048);
    const [slack] = bodies("slack", many) as unknown as { text: string }[];
    expect(slack?.text).toContain("… and 80 more");
    expect(slack?.text.length).toBeLessThanOrEqual(3_000);
    expect(bodies("webhook", many)).toHaveLength(100);
  });

  const textOf = (name: "slack" | "lark" | "wechatwork", all: Told[], language: "en" | "zh" = "en"): string => {
    const [body] = bodies(name, all, language) as never as { text: never; content: { text: string } }[];
    if (name === "lark") return body?.content.text ?? "";
    return name === "slack" ? (body?.text ?? "") : ((body?.text as { content: string } | undefined)?.content ?? "");
  };
  const tripped: Told = { about: "brake_tripped", id: "brake_1", why: "More than 20 in an hour" };

  // Before: of twenty who were resigned and the brake, nobody heard of the brake.
  describe.each(["en", "zh"] as const)("in %s", (language) => {
    const [brake, decide] = language === "en" ? ["The brake is on", "Decide:"] : ["刹车已触发", "处理："];
    const held = (n: number) => Array.from({ length: n }, (_, index) => told("held", index));
    const resigned = (n: number) => Array.from({ length: n }, (_, index) => told("resigned", 1_000 + index));
    test.each([
      ["the brake behind twenty who were resigned", [...resigned(20), tripped]],
      ["the brake between hundreds", [...resigned(99), tripped, ...held(99), told("failed", 7)]],
      ["the brake alone", [tripped]],
    ])("%s stands first, and then what to do", (_, all) => {
      for (const name of ["slack", "lark", "wechatwork"] as const) {
        const text = textOf(name, all, language);
        expect(text.split("\n")[0]).toContain(brake);
        expect(text).toContain(decide);
        const lines = text.split("\n");
        const last = (title: string) => lines.findLastIndex((line) => line.includes(title));
        expect(last(language === "en" ? "Held for an operator" : "已搁置，等待操作员")).toBeLessThan(last(decide));
        if (all.length > 1) expect(last(language === "en" ? "Resigned:" : "已离职:")).not.toBe(0);
      }
    });

    test("how many are held, and what to do, stand whatever is cut", () => {
      for (const name of ["slack", "lark", "wechatwork"] as const) {
        const text = textOf(name, held(20), language);
        expect(text).toContain(language === "en" ? "Held for an operator: 20 people" : "已搁置，等待操作员：20 人");
        expect(text).toContain(decide);
      }
      const text = textOf("wechatwork", [tripped, ...held(60), ...resigned(60)], language);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2_048);
      expect(text).toMatch(language === "en" ? /… and \d+ more\nDecide/ : /… 另有 \d+ 条\n处理/);
    });
  });

  // Before: a name wrote lines of its own into the message that carries the buttons.
  test("takes no line and no link from a name", () => {
    const name = `Bob\nResigned: Alice lark:ou_ceo (res_0)\r\n\u2028http://evil.example/${"x".repeat(200)}\u202e`;
    const one: Told = { ...told("held"), resignation: resignation(1, { person: { genauthUserId: "g", name } }) };
    for (const target of ["slack", "lark", "wechatwork"] as const) {
      const text = textOf(target, [one]);
      expect(text.split("\n")).toHaveLength(2);
      expect(text).not.toMatch(/:\/\/|evil\.example|\u2028|\u202e|x{60}/);
      expect(text).toContain("Bob Resigned: Alice");
    }
    expect(JSON.stringify(bodies("slack", [one]))).toContain('"verbatim":true');
  });

  test("speaks Chinese where it is set", () => {
    expect(JSON.stringify(bodies("lark", [told("failed")], "zh"))).toContain("失败，可能仍有访问权限");
  });

  test("to Lark's robot is signed as its document says", () => {
    const [body] = bodies("lark", [told("resigned")]) as unknown as { timestamp: string; sign: string }[];
    expect(body?.sign).toBe(createHmac("sha256", `${body?.timestamp}\nrobot`).digest("base64"));
  });

  test("to programs is a Standard Webhook that standardwebhooks verifies", () => {
    const [post] = toPosts("webhook", targets, [told("resigned")], "en", new Date());
    expect(new Webhook(targets.webhook.secret).verify(post?.body ?? "", post?.headers ?? {})).toMatchObject({
      type: "resignation.resigned",
      data: { userId: "lark:ou_1" },
    });
    expect(post?.headers["webhook-id"]).toBe(`evt_resigned_${resignation(1).id}`);
    expect(post?.body).not.toContain("Zhang");
  });

  test("of few that are held comes with buttons", () => {
    const buttons = (all: Told[]) => JSON.stringify(bodies("slack", all)).match(/"action_id":"approve"/g)?.length ?? 0;
    expect(buttons([told("held", 1), told("held", 2), told("resigned", 3)])).toBe(2);
    expect(buttons(Array.from({ length: 6 }, (_, index) => told("held", index)))).toBe(0);
  });
});

test.each([
  ["slack", 200, "ok", "taken"],
  ["slack", 404, "no_service", "failed"],
  ["lark", 200, '{"code":0,"msg":"success"}', "taken"],
  ["lark", 200, '{"code":19021,"msg":"sign match fail"}', "failed"],
  ["lark", 200, "<html>", "failed"],
  ["wechatwork", 200, '{"errcode":0,"errmsg":"ok"}', "taken"],
  ["wechatwork", 200, '{"errcode":45009,"errmsg":"api freq out of limit"}', "failed"],
  ["webhook", 204, "", "taken"],
  ["webhook", 410, "", "gone"],
  ["webhook", 503, "", "failed"],
] as const)("%s answering %i %s has %s it", (name, status, body, expected) => {
  expect(isTaken(name, status, body)).toBe(expected);
});

test("targets are told what is wrong with them, by name", () => {
  expect(parseTargets("{}")).toEqual({});
  expect(parseTargets('{"fillMeIn":"…"}')).toEqual({ isUnfilled: true });
  const slack = { url: "https://hooks.slack.com/x" };
  // Before: one wrong section silenced the others.
  expect(parseTargets(JSON.stringify({ slack, lark: { url: "http://hooks.example/x" } }))).toEqual({
    slack,
    wrong: { lark: "secret.lark.url: must be an https address" },
  });
  expect(parseTargets(JSON.stringify({ slack, webhook: { url: "https://x.example", secret: "short" } }))).toEqual({
    slack,
    wrong: { webhook: "secret.webhook.secret: must be whsec_…" },
  });
  expect(parseTargets(JSON.stringify({ slack, wecom: slack })).wrong?.wecom).toContain("there is no such target");
  expect(Object.keys(parseTargets("gibberish").wrong ?? {})).toEqual(["slack", "lark", "wechatwork", "webhook"]);
});

/** The notices' messages, as a sender queues them. */
const queuedOf = (...notices: Notice[]) => notices.flatMap(toMessages);
const targetNames = ["slack", "lark", "wechatwork", "webhook"];
const resigned: Notice = { about: "resigned", id: "res_1" };
const failed: Notice = { about: "failed", id: "res_2", why: "x" };
const ofTarget = (target: string, bodies: string[]) => bodies.filter((body) => JSON.parse(body).target === target);

/**
 * The notifier behind a queue of these messages, with a clock of its own: receive counts, visibility and redrive are
 * SQS's, and what is ready within 20 seconds is one batch.
 */
function startNotifier({
  get = async () => resignation(1),
  targets = standIns.targets as object,
  delay = async () => {},
}: {
  get?: (id: string) => Promise<Resignation | undefined>;
  targets?: object;
  delay?: () => Promise<void>;
} = {}) {
  let seconds = 0;
  let messages: { id: string; body: string; readyAt: number; receives: number }[] = [];
  let sent = 0;
  const dead: string[] = [];
  const lines: string[] = [];
  const batches: { at: number; given: string[]; failed: string[] }[] = [];
  const notifier = createNotifier({
    ledger: { get },
    queue: {
      delay: async (receipt, inSeconds) => {
        await delay();
        const message = messages.find(({ id }) => `receipt ${id}` === receipt);
        if (message) message.readyAt = seconds + inSeconds;
      },
    },
    targets: { read: async () => targets, refresh: async () => false },
    settings: settings(),
    log: createLog("notifier", (line) => lines.push(line)),
    now: () => now,
  });

  async function receive(): Promise<void> {
    seconds = Math.max(seconds, Math.min(...messages.map(({ readyAt }) => readyAt)));
    const ready = messages.filter(({ readyAt }) => readyAt <= seconds + 20).slice(0, batchSize);
    seconds = Math.max(seconds, ...ready.map(({ readyAt }) => readyAt));
    for (const message of ready) message.receives += 1;
    dead.push(...ready.filter(({ receives }) => receives > maxTries).map(({ body }) => body));
    messages = messages.filter(({ receives }) => receives <= maxTries);
    const taken = ready.filter(({ receives }) => receives <= maxTries);
    for (const message of taken) message.readyAt = seconds + 540;
    if (taken.length === 0) return;
    const Records = taken.map(({ id, body, receives }) => ({
      ...{ body, messageId: id, receiptHandle: `receipt ${id}` },
      attributes: { ApproximateReceiveCount: String(receives) },
    }));
    const { batchItemFailures } = await notifier({ Records: Records as never });
    const failedIds = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    messages = messages.filter((message) => !taken.includes(message) || failedIds.has(message.id));
    const bodies = (those: typeof taken) => those.map(({ body }) => body);
    batches.push({
      at: seconds,
      given: bodies(taken),
      failed: bodies(taken.filter(({ id }) => failedIds.has(id))),
    });
  }

  return {
    ...{ batches, dead, lines },
    send(...bodies: string[]) {
      for (const body of bodies) {
        sent += 1;
        messages.push({ id: `m${sent}`, body, readyAt: seconds, receives: 0 });
      }
    },
    /** Lets so many seconds pass; gives back when each message that is left comes again. */
    async pass(more: number) {
      const end = seconds + more;
      while (messages.some(({ readyAt }) => readyAt <= end)) await receive();
      seconds = end;
      expect(lines.join("\n")).not.toMatch(/robot-key|robot secret|127\.0\.0\.1/);
      return messages.map(({ body, readyAt }) => [body, readyAt] as const);
    },
    counted: () => lines.map((line) => JSON.parse(line)).filter(({ _aws }) => _aws),
  };
}

const howManyHeard = () => targetNames.map((name) => standIns.of(name).length);

describe("a target that does not take it", () => {
  const all = queuedOf(resigned, failed);

  test.each([
    ["throttles", "wechatwork", { status: 200, body: '{"errcode":45009}' }],
    ["throttles by HTTP", "lark", { status: 429 }],
    ["fails", "slack", { status: 500 }],
    ["redirects to another host", "slack", { status: 302, headers: { location: "http://127.0.0.1:1/elsewhere" } }],
    ["hangs", "lark", "hang"],
  ] as const)("because it %s gets just its own messages again, in 30 seconds", async (_, target, answer) => {
    standIns.answer((name) => (name === target ? answer : undefined));
    const { send, pass, batches } = startNotifier();
    send(...all);
    expect(await pass(0)).toEqual(ofTarget(target, all).map((body) => [body, 30]));
    expect(batches).toHaveLength(1);
    // Of the many in a batch each chat has one message, and a program one call a notice.
    expect(howManyHeard()).toEqual([1, 1, 1, 2]);
  });

  test.each([
    ["answers 429", { status: 429 }],
    ["answers 500", { status: 500 }],
    ["refuses by its own code", { status: 200, body: '{"code":11232,"msg":"frequency limited"}' }],
  ])("for 40 minutes (it %s) hears it then, once, and the others heard it once", async (_, answer) => {
    standIns.answer((name) => (name === "lark" ? answer : undefined));
    const { send, pass, batches, dead } = startNotifier();
    send(...all);
    await pass(2_400);
    expect(batches.map(({ at }) => at)).toEqual([0, 30, 90, 210, 450, 930, 1_830]);
    standIns.answer(() => undefined);
    expect(await pass(1_200)).toEqual([]);
    expect(batches.at(-1)).toMatchObject({ at: 2_730, failed: [] });
    expect([howManyHeard(), dead]).toEqual([[1, 8, 1, 2], []]);
  });

  test("eight times loses its messages to the dead letters, and nothing else", async () => {
    standIns.answer((name) => (name === "slack" ? { status: 500 } : undefined));
    const { send, pass, batches, dead } = startNotifier();
    send(...all);
    expect(await pass(7_200)).toEqual([]);
    expect(dead).toEqual(ofTarget("slack", all));
    expect([batches.length, ...howManyHeard()]).toEqual([8, 8, 1, 1, 2]);
  });

  test("holds back nothing that comes while it is away", async () => {
    standIns.answer((name) => (name === "webhook" ? "hang" : undefined));
    const { send, pass } = startNotifier();
    send(...all);
    await pass(60);
    send(...queuedOf({ about: "held", id: "res_3" }));
    await pass(0);
    expect(standIns.of("slack").at(-1)?.body).toContain("res_3");
  });

  test("of programs gets just what it refused, and one that is gone nothing", async () => {
    let calls = 0;
    standIns.answer((name) => {
      if (name === "webhook") calls += 1;
      return name === "webhook" && calls === 1 ? { status: 503 } : undefined;
    });
    const { send, pass } = startNotifier();
    send(...all);
    expect(await pass(0)).toHaveLength(1);
    expect(await pass(30)).toEqual([]);
    const ids = standIns.of("webhook").map(({ headers }) => headers["webhook-id"]);
    expect([ids.length, new Set(ids).size]).toEqual([3, 2]);
    standIns.answer((name) => (name === "webhook" ? { status: 410 } : undefined));
    send(...all);
    expect(await pass(0)).toEqual([]);
  });

  // Before: everything was thrown away, at the level INFO.
  test("because its section is wrong raises an alarm, comes again, and silences no other", async () => {
    const { lark, ...rest } = standIns.targets as Record<string, object>;
    const wrong = { lark: "secret.lark.url: must be an https address" };
    const { send, pass, counted } = startNotifier({ targets: { ...rest, wrong } });
    send(...all);
    expect(await pass(0)).toEqual(ofTarget("lark", all).map((body) => [body, 30]));
    expect(counted()).toMatchObject([{ TargetsWrong: 1, level: "ERROR", target: "lark", why: wrong.lark }]);
    expect(howManyHeard()).toEqual([1, 0, 1, 2]);
  });

  test("because there is none is dropped", async () => {
    const { slack } = standIns.targets;
    const get = async () => resignation(1);
    const { send, pass } = startNotifier({ targets: { slack }, get });
    send(...all);
    expect(await pass(0)).toEqual([]);
    expect(howManyHeard()).toEqual([1, 0, 0, 0]);
  });
});

describe("a message", () => {
  // Before: it held back everything of its batch, and with it went to the dead letters.
  test.each([
    "gibberish",
    '{"about":"nonsense"}',
    '{"target":"pager","notice":{"about":"failed","id":"res_1"}}',
    "null",
  ])("that cannot be read (%s) is named, and comes again alone", async (poison) => {
    const { send, pass, dead, counted } = startNotifier();
    send(poison, ...queuedOf(resigned));
    expect(await pass(0)).toEqual([[poison, 30]]);
    expect(counted()).toMatchObject([{ Unreadable: 1, level: "ERROR", messageId: "m1" }]);
    expect(howManyHeard()).toEqual([1, 1, 1, 1]);
    expect([await pass(7_200), dead]).toEqual([[], [poison]]);
  });

  test("of the version before is told, one for all targets and one for a single one", async () => {
    standIns.answer((name) => (name === "slack" ? { status: 500 } : undefined));
    const { send, pass, dead } = startNotifier();
    const forOne = JSON.stringify({ target: "webhook", notices: [resigned, failed], attempt: 3 });
    send(JSON.stringify(failed), forOne);
    await pass(0);
    expect(howManyHeard()).toEqual([1, 1, 1, 3]);
    standIns.answer(() => undefined);
    expect([await pass(60), dead]).toEqual([[], []]);
    expect(standIns.of("slack").at(-1)?.body).toContain("res_2");
  });

  // A notice stays owed until the queue has it for every target.
  test("is queued for every target in one call, and the call fails if one of them is not taken", async () => {
    const calls: SendMessageBatchCommandInput[] = [];
    let answer: object = { Successful: [] };
    const client = {
      send: async ({ input }: SendMessageBatchCommand) => {
        calls.push(input);
        return answer;
      },
    };
    const queue = createQueue({ client: client as never, url: "notices" });
    await queue.sendTogether(queuedOf(resigned));
    expect(calls).toMatchObject([{ QueueUrl: "notices", Entries: { length: 4 } }]);
    expect(calls[0]?.Entries?.map(({ MessageBody = "" }) => JSON.parse(MessageBody))).toEqual(
      targetNames.map((target) => ({ target, notice: resigned })),
    );
    answer = { Failed: [{ Id: "2", SenderFault: false, Code: "InternalError" }] };
    await expect(queue.sendTogether(queuedOf(resigned))).rejects.toThrow("1 of 4");
  });

  test("of one whose item cannot be read is told all the same, and so are the others", async () => {
    const unreadable = Object.assign(new Error("unreadable"), { name: "$ZodError" });
    const get = async (id: string) => {
      if (id === "res_1") throw unreadable;
      return resignation(1);
    };
    const { send, pass, counted } = startNotifier({ get });
    send(...queuedOf(resigned, failed));
    expect(await pass(0)).toEqual([]);
    expect(standIns.of("slack")[0]?.body).toMatch(/res_1.*res_2|res_2.*res_1/s);
    expect(counted()).toMatchObject([{ Unreadable: 1, id: "res_1" }]);
  });

  // Before: it came again after nine minutes.
  test("comes again in 30 seconds where the ledger does not answer, and nobody was told", async () => {
    let asked = 0;
    const get = async () => {
      asked += 1;
      if (asked === 1) throw new Error("throttled");
      return resignation(1);
    };
    const { send, pass } = startNotifier({ get });
    send(...queuedOf(resigned));
    expect((await pass(0)).map(([, at]) => at)).toEqual([30, 30, 30, 30]);
    expect(howManyHeard()).toEqual([0, 0, 0, 0]);
    expect(await pass(30)).toEqual([]);
    expect(howManyHeard()).toEqual([1, 1, 1, 1]);
  });

  test("is not lost where SQS takes no new time for it: it comes when its old one is over", async () => {
    standIns.answer((name) => (name === "slack" ? { status: 500 } : undefined));
    const delay = () => Promise.reject(new Error("throttled"));
    const { send, pass } = startNotifier({ delay });
    send(...queuedOf(resigned));
    expect(await pass(0)).toEqual([[queuedOf(resigned)[0], 540]]);
  });
});

test("a flood of a thousand notices is ten messages a chat, and asks the ledger once for each", async () => {
  let asked = 0;
  const get = async () => {
    asked += 1;
    return resignation(1);
  };
  const { send, pass } = startNotifier({ get });
  send(...queuedOf(...Array.from({ length: 1_000 }, (_, n): Notice => ({ about: "resigned", id: `res_${n}` }))));
  expect(await pass(0)).toEqual([]);
  expect(howManyHeard()).toEqual([10, 10, 10, 1_000]);
  expect(asked).toBe(1_000);
}, 60_000);

describe("the whole way", () => {
  let aws: LocalAws;
  let genauth: GenAuthSimulator;
  let stack: Awaited<ReturnType<typeof startStack>>;
  const keys = newKeys();
  beforeAll(async () => {
    aws = await startAws();
    genauth = await startGenAuthSimulator();
  });
  afterEach(() => stack.close());
  afterAll(() => Promise.all([aws.close(), genauth.close()]));
  const leave = (id: string, ago = 0) =>
    send(
      signLark(
        larkDeleted({ open_id: id }, { token: keys.lark.verificationToken, now: new Date(Date.now() - ago * 1000) }),
        keys.lark,
      ),
      stack.url,
    );

  test("somebody who was resigned is told of in all four forms", async () => {
    stack = await startStack({ aws, genauth, keys, targets: standIns.targets });
    await leave("ou_demo_1");
    for (const target of ["slack", "lark", "wechatwork", "webhook"]) {
      await expect.poll(() => standIns.of(target).length, { timeout: 10_000 }).toBe(1);
      const [received] = standIns.of(target);
      expect(received && toLine(received)).toMatch(
        target === "webhook" ? /resignation\.resigned res_/ : /Resigned: Demo Lark 1 lark:ou_demo_1/,
      );
    }
  });

  test("of the local queues behaves as AWS's does: what is received too often goes to the dead letters", async () => {
    stack = await startStack({ aws, genauth, keys, isPolling: false });
    const { NOTICES_URL: QueueUrl } = stack.environment;
    const client = new SQSClient();
    const receive = async (from: string) =>
      (await client.send(new ReceiveMessageCommand({ QueueUrl: from, VisibilityTimeout: 0 }))).Messages ?? [];
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "gibberish" }));
    for (let tries = 1; tries <= maxTries; tries += 1) expect(await receive(QueueUrl)).toHaveLength(1);
    expect(await receive(QueueUrl)).toEqual([]);
    expect(await receive(`${QueueUrl}-dead`)).toMatchObject([{ Body: "gibberish" }]);
    client.destroy();
  });

  test("with a second operator: the order is told with buttons, its orderer may not press, another may", async () => {
    stack = await startStack({
      aws,
      genauth,
      keys,
      targets: standIns.targets,
      settings: { slack: { secondOperator: true } },
    });
    const slack = await startSlackStandIn();
    const press = (action: string, value: string, user: string) =>
      send(
        signSlack(
          "/slack/interactions",
          slackClick(action, value, { team: "T0LOCAL", user }, slack.replyUrl),
          keys.slack.signingSecret,
        ),
        stack.url,
      );
    const departure = {
      source: "slack" as const,
      eventId: "e",
      userId: "lark:ou_demo_2" as SyncRelation,
      occurredAt: new Date(),
      requestedBy: "T0LOCAL/U0ALICE",
    };
    const ordered = toResignation(departure, new Date());
    await stack.ledger.enter(ordered);
    await stack.resigner({ Records: [{ body: ordered.id, messageId: "m", receiptHandle: "r" }] } as never);
    await expect.poll(() => standIns.of("slack").length, { timeout: 10_000 }).toBe(1);
    const notice = standIns.of("slack")[0]?.body;
    expect(notice).toContain(`"value":"${ordered.id} approval"`);
    expect(notice).toContain(`"value":"${ordered.id}"`);

    expect((await press("approve", ordered.id, "U0ALICE")).status).toBe(200);
    expect((await slack.next())?.text).toContain("A second operator must approve");
    // A button of a notice that is old: it was held for something else then.
    expect((await press("approve", `${ordered.id} stale`, "U0BOB")).status).toBe(200);
    expect((await slack.next())?.text).toContain("held for approval");
    expect((await press("approve", `${ordered.id} approval`, "U0BOB")).status).toBe(200);
    expect((await slack.next())?.text).toContain("Decided by <@U0BOB>");
    await expect.poll(async () => (await stack.ledger.get(ordered.id))?.status, { timeout: 10_000 }).toBe("resigned");
    expect((await press("cancel", ordered.id, "U0BOB")).status).toBe(200);
    expect((await slack.next())?.text).toContain("The resignation is resigned");
    await slack.close();
  });

  test("a brake event is told of once, not once a person", async () => {
    stack = await startStack({ aws, genauth, keys, targets: standIns.targets, settings: { brake: { perHour: 0 } } });
    for (let index = 1; index <= 8; index += 1) await leave(`ou_demo_${index + 20}`);
    await expect.poll(() => standIns.of("webhook").length, { timeout: 10_000 }).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(standIns.of("webhook").map((received) => toLine(received))).toEqual([
      expect.stringContaining("brake.tripped brake_"),
    ]);
  });
});
