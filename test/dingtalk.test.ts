/** The whole way of what DingTalk tells, over real AWS protocols; its answers are opened by a library of others. */
import { decrypt, getSignature } from "@wecom/crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type SignedRequest, send, signApi } from "../cli/sign.ts";
import { dingtalkEvent, signDingtalk, urlCheck } from "../cli/sources/dingtalk.ts";
import type { Resignation } from "../lambda/resignation/resignation.ts";
import { isUnderWay } from "../lambda/resignation/status.ts";
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
beforeEach(() => genauth.reset());
afterEach(async () => {
  await stack.close();
  for (const secret of [keys.dingtalk.token, keys.dingtalk.aesKey]) expect(lines.join("\n")).not.toContain(secret);
  lines = [];
});
afterAll(async () => {
  await Promise.all([aws.close(), genauth.close()]);
});

async function start(settings: object = {}, given: object = keys, tables?: { ledger: string; quarantine: string }) {
  const quick = { retry: { firstDelaySeconds: 1, maxDelaySeconds: 1 }, genauth: { settleSeconds: 1 } };
  stack = await startStack({
    ...{ aws, genauth, keys: given, settings: { ...quick, ...settings }, writeLog: (line) => lines.push(line) },
    ...(tables && { tables }),
  });
}

const event = (
  type: string,
  ids: readonly unknown[],
  { secondsAgo = 0, eventId = "", corpId = keys.dingtalk.corpId } = {},
) =>
  signDingtalk(
    dingtalkEvent(
      type,
      ids,
      { corpId },
      { at: new Date(Date.now() - secondsAgo * 1_000), ...(eventId && { eventId }) },
    ),
    keys.dingtalk,
  );

/** Tells whether DingTalk would count it as delivered. */
async function isDelivered(request: SignedRequest): Promise<boolean> {
  const response = await send(request, stack.url);
  if (response.status !== 200) return false;
  const { msg_signature, timeStamp, nonce, encrypt } = (await response.json()) as Record<string, string>;
  const { token, aesKey, ownerKey } = keys.dingtalk;
  expect(getSignature(token, timeStamp ?? "", nonce ?? "", encrypt ?? "")).toBe(msg_signature);
  const { message, id } = decrypt(aesKey, encrypt ?? "");
  return message === "success" && id === ownerKey;
}

async function until(userId: string, isSo = (one: Resignation) => !isUnderWay(one)): Promise<Resignation> {
  for (let tries = 0; tries < 150; tries += 1) {
    const [found] = (await stack.ledger.list({ userId, now: new Date(), limit: 1 })).items;
    if (found && isSo(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Nothing came of ${userId}`);
}

const metrics = (name: string) => lines.filter((line) => JSON.parse(line)[name] === 1);

test("everybody whom an event names is resigned, each once however often it comes, and one bad id stops nobody", async () => {
  await start();
  for (const _ of [1, 2, 3]) {
    const told = event("user_leave_org", ["demo_1", "a b", "demo_2"], { eventId: "e1" });
    expect(await isDelivered(told)).toBe(true);
  }
  for (const userId of ["dingtalk:demo_1", "dingtalk:demo_2"]) {
    expect(await until(userId)).toMatchObject({ status: "resigned", source: "dingtalk", requestedBy: "dingtalk" });
    expect(genauth.calls().filter((call) => call.userId === userId)).toMatchObject([{ userIdType: "sync_relation" }]);
  }
  expect(metrics("UnusableDeparture")).toHaveLength(3);
  expect(genauth.calls()).toHaveLength(2);
});

describe("a return", () => {
  test.each(["user_add_org", "user_active_org"])("by %s gives the access back", async (type) => {
    await start({ graceDays: 7 });
    expect(await isDelivered(event("user_leave_org", ["demo_1"], { secondsAgo: 60 }))).toBe(true);
    expect(await until("dingtalk:demo_1")).toMatchObject({ status: "suspended" });
    expect(await isDelivered(event(type, ["demo_1"]))).toBe(true);
    await until("dingtalk:demo_1", ({ history }) => history.at(-1)?.why === "The person has their access back");
    expect(genauth.person("dingtalk:demo_1")?.status).toBe("Activated");
    expect(genauth.calls()).toEqual([]);
  });

  test("that arrives first calls the departure off, and one from before it does not", async () => {
    await start();
    await send(event("user_add_org", ["demo_1"]), stack.url);
    await send(event("user_leave_org", ["demo_1"], { secondsAgo: 600 }), stack.url);
    expect(await until("dingtalk:demo_1")).toMatchObject({ status: "cancelled" });
    await send(event("user_add_org", ["demo_2"], { secondsAgo: 600 }), stack.url);
    await send(event("user_leave_org", ["demo_2"]), stack.url);
    expect(await until("dingtalk:demo_2")).toMatchObject({ status: "resigned" });
    expect(genauth.calls()).toMatchObject([{ userId: "dingtalk:demo_2" }]);
  });
});

test("the check of the address is answered, and notes that the source was heard", async () => {
  await start();
  expect(await isDelivered(signDingtalk(urlCheck, keys.dingtalk))).toBe(true);
  const pulse = await vi.waitUntil(() => stack.ledger.readPulse("dingtalk"), 20_000);
  expect(pulse).toMatchObject({ heard: expect.any(String) });
});

test("protected people are held, and an event from long ago is", async () => {
  await start({ protected: ["dingtalk:demo_1"] });
  await send(event("user_leave_org", ["demo_1"]), stack.url);
  await send(event("user_leave_org", ["demo_2"], { secondsAgo: 2 * 86_400 }), stack.url);
  expect(await until("dingtalk:demo_1")).toMatchObject({ status: "held", heldFor: "protected" });
  expect(await until("dingtalk:demo_2")).toMatchObject({ status: "held", heldFor: "stale" });
});

test("another enterprise's event is counted, does nothing, and is no sign of life", async () => {
  await start();
  expect(await isDelivered(event("user_leave_org", ["demo_1"], { corpId: "dingother" }))).toBe(true);
  expect(metrics("OtherTenant")).toHaveLength(1);
  expect((await stack.ledger.list({ now: new Date(), limit: 1, userId: "dingtalk:demo_1" })).items).toEqual([]);
  expect(await stack.ledger.readPulse("dingtalk")).toBeUndefined();
});

test("every failed proof is one identical 401", async () => {
  await start();
  const good = event("user_leave_org", ["demo_1"]);
  const message = dingtalkEvent("user_leave_org", ["demo_1"], keys.dingtalk);
  const forgeries = [
    signDingtalk(message, { ...keys.dingtalk, token: "other" }),
    signDingtalk(message, { ...keys.dingtalk, aesKey: newKeys().dingtalk.aesKey }),
    signDingtalk(message, { ...keys.dingtalk, ownerKey: keys.dingtalk.corpId }),
    { ...good, body: "<xml/>" },
    { ...good, path: "/dingtalk" },
    { ...good, path: good.path.replace("timestamp=", "timestamp=0") },
  ];
  const answers = new Set<string>();
  for (const forgery of forgeries) {
    const response = await send(forgery, stack.url);
    answers.add(`${response.status} ${response.headers.get("content-type")} ${await response.text()}`);
  }
  expect([...answers]).toEqual([expect.stringMatching(/^401 application\/problem\+json /)]);
  expect((await send({ method: "GET", path: "/dingtalk", headers: {}, body: "" }, stack.url)).status).toBe(404);
});

test("what was refused by a wrong key is verified again: who can be named is in the ledger, and the event stays kept", async () => {
  const wrong = { ...keys, dingtalk: { ...keys.dingtalk, token: newKeys().dingtalk.token } };
  await start({}, wrong);
  const told = event("user_leave_org", ["demo_1", "", "demo_2"]);
  expect(await isDelivered(told)).toBe(false);
  const { LEDGER_TABLE: ledger = "", QUARANTINE_TABLE: quarantine = "" } = stack.environment;
  await expect.poll(() => metrics("Refused").length).toBe(1);
  await stack.close();
  await start({}, keys, { ledger, quarantine });

  const reverify = async () => {
    const path = "/quarantine/reverify";
    const request = signApi({ method: "POST", path, body: { after: "dingtalk" } }, keys.api.ops);
    return (await send(request, stack.url)).json();
  };
  expect(await reverify()).toMatchObject({ looked: 1, verified: 1, departures: 2 });
  for (const userId of ["dingtalk:demo_1", "dingtalk:demo_2"]) {
    expect(await until(userId)).toMatchObject({ status: "held", heldFor: "reverified" });
  }
  // Its third person waits for somebody to look.
  for (const _ of [1, 2]) expect(await reverify()).toMatchObject({ looked: 1, verified: 0, departures: 0 });
  expect(genauth.calls()).toEqual([]);
});
