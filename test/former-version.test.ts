/**
 * While a version deploys, or is rolled back, functions of two versions run side by side: what the version before
 * (commit 1b0cc94) put into an environment, a table and a queue is worked on by the functions of today.
 */
import { readFileSync } from "node:fs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { SQSEvent } from "aws-lambda";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { simulatorCredentials } from "../cli/defaults.ts";
import { openTable } from "../lambda/aws/table.ts";
import { connectDesk } from "../lambda/desk.ts";
import { connectForwarder } from "../lambda/forwarder.ts";
import { createLedger, type Ledger } from "../lambda/ledger.ts";
import { connectNotifier } from "../lambda/notifier.ts";
import { connectResigner } from "../lambda/resigner.ts";
import { connectSweep } from "../lambda/sweep.ts";
import { connectWebhook } from "../lambda/webhook.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { startNoticeStandIns } from "../local/notice-stand-ins.ts";
import { startSlackStandIn } from "../local/slack.ts";

type Named = "webhook" | "desk" | "resigner" | "notifier" | "sweep" | "forwarder";
interface Former {
  readonly now: string;
  readonly replyUrl: string;
  readonly settings: Readonly<Record<"defaults" | "everything", Readonly<Record<Named, object>>>>;
  readonly messages: { readonly queue: string[]; readonly notices: string[]; readonly forwards: object[] };
  readonly items: readonly Record<string, unknown>[];
}

const text = readFileSync(new URL("fixtures/former-1b0cc94.json", import.meta.url), "utf8");
let aws: LocalAws;
let genauth: GenAuthSimulator;
let standIns: Awaited<ReturnType<typeof startNoticeStandIns>>;
let slack: Awaited<ReturnType<typeof startSlackStandIn>>;
let former: Former;
let ledger: Ledger;
let places: Record<string, string>;
let lines: { level?: string; message?: string }[] = [];
const writeLog = (line: string) => void lines.push(JSON.parse(line));

beforeAll(async () => {
  [aws, genauth, standIns, slack] = await Promise.all([
    ...([startAws(), startGenAuthSimulator(), startNoticeStandIns(), startSlackStandIn()] as const),
  ]);
  const { replyUrl } = JSON.parse(text) as Former;
  former = JSON.parse(text.replaceAll(new URL(replyUrl).origin, new URL(slack.replyUrl).origin)) as Former;
  await aws.createLedgerTable("former");
  await aws.createQuarantineTable("former-quarantine");
  const client = new DynamoDBClient();
  const table = openTable({ client, table: "former" });
  await Promise.all(former.items.map((item) => table.put(item)));
  ledger = createLedger({ client, table: "former" });
  const { accessKeyId, accessKeySecret } = simulatorCredentials;
  aws.putSecret("token", JSON.stringify({ accessKeyId, accessKeySecret }));
  aws.putSecret("targets", JSON.stringify(standIns.targets));
  places = {
    ...{ LEDGER_TABLE: "former", QUARANTINE_TABLE: "former-quarantine" },
    ...{ KEYS_SECRET_ID: "keys", TOKEN_SECRET_ID: "token", TARGETS_SECRET_ID: "targets" },
    ...{ QUEUE_URL: aws.createQueue("former", 30), DEAD_LETTERS_URL: aws.createQueue("former-dead", 30) },
    ...{ NOTICES_URL: aws.createQueue("former-notices", 30), FORWARDS_URL: aws.createQueue("former-f.fifo", 30) },
  };
});
afterEach(() => vi.useRealTimers());
afterAll(() => Promise.all([aws, genauth, standIns, slack].map((one) => one.close())));

/** What stood in the environment of a function. Only addresses are those of this machine. */
const environment = (name: Named, changes: object = {}) => ({
  ...places,
  RESIGN_SETTINGS: JSON.stringify({ ...former.settings.defaults[name], ...changes }),
});

const toEvent = (bodies: readonly string[]): SQSEvent =>
  ({
    Records: bodies.map((body, index) => ({
      ...{ body, messageId: `${index}`, receiptHandle: `${index}`, attributes: { ApproximateReceiveCount: "1" } },
    })),
  }) as unknown as SQSEvent;

const isBad = ({ level }: { level?: string }) => level === "ERROR" || level === "WARN";

const connect = {
  ...{ webhook: connectWebhook, desk: connectDesk, resigner: connectResigner },
  ...{ notifier: connectNotifier, sweep: connectSweep, forwarder: connectForwarder },
};

describe.each(["defaults", "everything"] as const)("the environment of the version before, with %s", (which) => {
  test.each(Object.keys(connect) as Named[])("%s is built from it", (name) => {
    const given = { ...places, RESIGN_SETTINGS: JSON.stringify(former.settings[which][name]) };
    expect(connect[name](given, writeLog)).toBeTypeOf("function");
  });
});

test("a notice that waited is told, and so is one that a target had not taken", async () => {
  expect(former.messages.notices.filter((body) => body.includes('"attempt":2'))).toHaveLength(4);
  lines = [];
  const notifier = connectNotifier(environment("notifier"), writeLog);
  expect(await notifier(toEvent(former.messages.notices))).toEqual({ batchItemFailures: [] });
  expect(lines.filter(isBad)).toEqual([]);
  for (const target of ["slack", "lark", "wechatwork"]) {
    const told = standIns.of(target).map(({ body }) => body);
    for (const userId of ["lark:ou_demo_1", "wechatwork:demo_1", "lark:ou_demo_2", "lark:ou_demo_4"]) {
      expect(told.join()).toContain(userId);
    }
  }
});

test("a request on its way to the second listener is passed on", async () => {
  expect(former.messages.forwards).toHaveLength(4);
  const to = { forwardTo: standIns.secondListener };
  const forwarder = connectForwarder(
    environment("forwarder", { forwardToPrivate: true, lark: to, wechatwork: to }),
    writeLog,
  );
  // Within its day.
  const receivedAt = new Date().toISOString();
  const bodies = former.messages.forwards.map((one) => JSON.stringify({ ...one, receivedAt }));
  expect(await forwarder(toEvent(bodies))).toEqual({ batchItemFailures: [] });
  expect(standIns.of("listener")).toHaveLength(4);
});

test("departures, a return and a question in Slack that waited come to their end", async () => {
  const kinds = former.messages.queue.map((id) => id.split(/[_|]/)[0]).toSorted();
  expect(kinds).toEqual(["ask", "relation", "res", "res", "res", "res"]);
  // Theirs is the moment of the fixture: today they would be stale.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(former.now) + 60_000 });
  lines = [];
  const resigner = connectResigner(
    environment("resigner", {
      genauth: { host: genauth.url, userPoolId: simulatorCredentials.userPoolId, settleSeconds: 30 },
      slack: { replyHosts: ["127.0.0.1"], secondOperator: false },
    }),
    writeLog,
  );
  expect(await resigner(toEvent(former.messages.queue))).toEqual({ batchItemFailures: [] });
  expect(lines.filter(isBad)).toEqual([]);
  const outcomes = former.items.flatMap(({ id, userId }) => (String(id).startsWith("res_") ? [[userId, id]] : []));
  const statusOf = async (id: unknown) => (await ledger.get(String(id)))?.status;
  const found = await Promise.all(outcomes.map(async ([userId, id]) => [userId, await statusOf(id)]));
  expect(Object.fromEntries(found)).toEqual({
    ...{ "lark:ou_demo_1": "resigned", "lark:ou_demo_2": "resigned", "wechatwork:demo_1": "resigned" },
    "lark:ou_demo_4": "cancelled",
  });
  expect(JSON.stringify(await slack.next())).toContain("lark:ou_demo_3");
});
