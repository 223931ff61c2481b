/** A section of the keys that is wrong, gone, misnamed or off concerns its own source, and nobody else (DESIGN §4). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  larkDeleted,
  type SignedRequest,
  send,
  signApi,
  signLark,
  signSlack,
  signWechatwork,
  wechatworkDeleted,
} from "../cli/sign.ts";
import { dingtalkEvent, signDingtalk } from "../cli/sources/dingtalk.ts";
import { type DirectoryName, directoryNames } from "../lambda/resignation/source-names.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
let stack: Awaited<ReturnType<typeof startStack>>;
let lines: string[] = [];
const keys = newKeys();

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
beforeEach(() => {
  genauth.reset();
  lines = [];
});
let running: { close(): Promise<void> } | undefined;
async function stop() {
  await running?.close();
  running = undefined;
}
afterEach(stop);
afterAll(async () => {
  await Promise.all([aws.close(), genauth.close()]);
});

type Source = DirectoryName | "slack" | "api";
const sources: Source[] = [...directoryNames, "slack", "api"];

/** The first start makes the tables, every later one finds them. */
async function start(given: object, isAnew = true) {
  const { LEDGER_TABLE: ledger = "", QUARANTINE_TABLE: quarantine = "" } = isAnew ? {} : stack.environment;
  await stop();
  lines = [];
  const tables = isAnew ? {} : { tables: { ledger, quarantine } };
  stack = await startStack({
    aws,
    genauth,
    keys: given,
    writeLog: (line) => lines.push(line),
    isPolling: false,
    ...tables,
  });
  running = stack;
}

const requests: Record<Source, () => SignedRequest> = {
  lark: () => signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: keys.lark.verificationToken }), keys.lark),
  wechatwork: () =>
    signWechatwork(wechatworkDeleted("demo_1", "wwlocal"), { ...keys.wechatwork, receiveId: "wwlocal" }),
  dingtalk: () => signDingtalk(dingtalkEvent("user_leave_org", ["demo_1"], keys.dingtalk), keys.dingtalk),
  slack: () => signSlack("/slack/commands", { ssl_check: "1" }, keys.slack.signingSecret),
  api: () => signApi({ method: "POST", path: "/resignations", body: { userId: "lark:ou_demo_2" } }, keys.api.zapier),
};
const statusOf = async (source: Source) => (await send(requests[source](), stack.url)).status;
const statuses = async () => {
  const all: Partial<Record<Source, number>> = {};
  for (const source of sources) all[source] = await statusOf(source);
  return all;
};
const well = { lark: 200, wechatwork: 200, dingtalk: 200, slack: 200, api: 202 };
const without = (source: Source) => Object.fromEntries(Object.entries(keys).filter(([name]) => name !== source));
const told = () =>
  lines
    .map((line) => JSON.parse(line))
    .filter(({ KeysNotFilledIn }) => KeysNotFilledIn === 1)
    .map(({ reason }) => String(reason));

describe.each(sources)("the section %s", (source) => {
  const others = Object.fromEntries(Object.entries(well).filter(([name]) => name !== source));

  test("wrong, gone after it was heard, or under another name answers 503 and is alarmed; null answers 404", async () => {
    await start(keys);
    expect(await statuses()).toEqual(well);
    expect(told()).toEqual([]);

    await start({ ...keys, [source]: 7 }, false);
    expect(await statuses()).toEqual({ ...others, [source]: 503 });
    expect(told().join()).toContain(`${source}: `);

    await start(without(source), false);
    expect(await statuses()).toEqual({ ...others, [source]: 503 });
    expect(told().join()).toContain(`${source} is gone, and the source was heard before`);

    await start({ ...without(source), other: keys[source] }, false);
    expect(await statuses()).toEqual({ ...others, [source]: 503 });
    expect(told().join()).toContain("other: no source is called so");

    await start({ ...keys, [source]: null }, false);
    expect(await statuses()).toEqual({ ...others, [source]: 404 });
    expect(told()).toEqual([]);
  }, 30_000);

  test("that was never there answers 404; beside a section that nobody knows 503, and the others serve", async () => {
    await start(without(source));
    expect(await statuses()).toEqual({ ...others, [source]: 404 });
    await start({ ...without(source), Lark: {} });
    expect(await statuses()).toEqual({ ...others, [source]: 503 });
  });
});

test("WeCom's keys under the name wecom: every event is kept, and taken when the name is mended", async () => {
  const { wechatwork, ...rest } = keys;
  await start({ ...rest, wecom: wechatwork });
  for (const _ of [1, 2, 3]) expect(await statusOf("wechatwork")).toBe(503);
  await start(keys, false);
  const answer = await send(
    signApi({ method: "POST", path: "/quarantine/reverify", body: { after: "wechatwork" } }, keys.api.ops),
    stack.url,
  );
  expect(await answer.json()).toMatchObject({ looked: 3, verified: 3 });
});

test("a caller whose key is wrong is told by name, and stops neither the other callers nor the operators", async () => {
  const { zapier, ops } = keys.api;
  await start({ ...keys, api: { zapier, ops, n8n: `v1,${newKeys().api.zapier}` } });
  expect(await statusOf("api")).toBe(202);
  expect((await send(signApi({ method: "GET", path: "/resignations" }, ops), stack.url)).status).toBe(200);
  expect(told()).toEqual(["api.n8n: must stand without `v1,` in front of it"]);
});

test("keys with a newline at their ends, as an editor leaves one, serve in every section", async () => {
  const blank = (given: unknown): unknown =>
    typeof given === "string"
      ? `${given}\n`
      : Array.isArray(given)
        ? given.map(blank)
        : Object.fromEntries(Object.entries(given as object).map(([name, value]) => [name, blank(value)]));
  await start(blank(keys) as object);
  expect(await statuses()).toEqual(well);
});
