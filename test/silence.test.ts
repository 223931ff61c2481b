/** What tells of departures that never came, came for the wrong id, or came all at once for another reason. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { larkDeleted, send, signLark, signWechatwork, signWechatworkCheck, wechatworkDeleted } from "../cli/sign.ts";
import type { Measure } from "../lambda/log.ts";
import { directoryNames } from "../lambda/resignation/source-names.ts";
import { createSweep } from "../lambda/sweep.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { settings } from "./parts.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
let stack: Awaited<ReturnType<typeof startStack>>;
let lines: string[] = [];
const keys = newKeys();
const wechatworkKeys = { ...keys.wechatwork, receiveId: "wwlocal" };
const dayMs = 86_400_000;

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
beforeEach(() => {
  genauth.reset();
  lines = [];
});
afterEach(() => stack.close());
afterAll(async () => {
  await Promise.all([aws.close(), genauth.close()]);
});

const start = async (given: object = keys, changes: object = {}) => {
  stack = await startStack({ aws, genauth, keys: given, settings: changes, writeLog: (line) => lines.push(line) });
};
const token = keys.lark.verificationToken;
const fromLark = (id: string) => send(signLark(larkDeleted({ open_id: id }, { token }), keys.lark), stack.url);
const fromWechatwork = (xml: string) => send(signWechatwork(xml, wechatworkKeys), stack.url);

/** The metrics that were emitted, under the names that alarms watch. */
const metrics = () => lines.flatMap((line) => JSON.parse(line)._aws?.CloudWatchMetrics[0].Metrics[0].Name ?? []);

async function outcomeOf(userId: string) {
  const find = async () => (await stack.ledger.list({ userId, now: new Date(), limit: 1 })).items[0];
  const isOver = async () => {
    const found = await find();
    return found !== undefined && !["accepted", "resigning"].includes(found.status) && found.tell === undefined;
  };
  await expect.poll(isOver, { timeout: 15_000 }).toBe(true);
  return find();
}

/** The sweep as it would run so many days from now. */
async function sweepInDays(days: number, changes: object = {}) {
  const gauges: Partial<Record<Measure, number>> = {};
  const named: unknown[] = [];
  const told: { about: string; id: string; why: string }[] = [];
  const now = () => new Date(Date.now() + days * dayMs);
  const sweep = createSweep({
    ledger: stack.ledger,
    queue: { send: async () => {} },
    notices: { sendTogether: async ([message = ""]) => void told.push(JSON.parse(message).notice) },
    settings: settings(changes),
    log: {
      info: () => {},
      warn: () => {},
      error: (_message, facts) => void named.push(facts?.source ?? facts?.id),
      measure: (name, value) => void Object.assign(gauges, { [name]: value }),
      count: () => {},
    },
    now,
  });
  await sweep();
  return { gauges, named, told };
}

test("a source that is on and has sent nothing for silenceDays raises the alarm", async () => {
  await start();
  await fromWechatwork(wechatworkDeleted("demo_1", "wwlocal"));
  await outcomeOf("wechatwork:demo_1");
  const quiet = { gauges: expect.not.objectContaining({ SilentSources: expect.anything() }), named: [] };
  expect(await sweepInDays(13.9)).toMatchObject(quiet);
  // The keys of the others are there, and these have never said a word.
  const silent = { gauges: { SilentSources: directoryNames.length }, named: directoryNames };
  expect(await sweepInDays(14.1)).toMatchObject(silent);
  expect(await sweepInDays(400, { silenceDays: 0 })).toMatchObject(quiet);
  expect(await sweepInDays(3.1, { silenceDays: 3 })).toMatchObject(silent);
});

test("a URL check that is replayed is no life: the alarm goes by what nobody can replay", async () => {
  await start();
  const check = signWechatworkCheck("1616140317555161061", wechatworkKeys);
  expect((await send(check, stack.url)).status).toBe(200);
  // The note may come after the answer.
  const first = await vi.waitUntil(() => stack.ledger.readPulse("wechatwork"), 20_000);
  expect((await send(check, stack.url)).status).toBe(200);
  // An administrator who waits at the console does hear of it.
  const again = await vi.waitUntil(async () => {
    const pulse = await stack.ledger.readPulse("wechatwork");
    return pulse?.heard !== first.heard && pulse;
  }, 20_000);
  expect(again.heardAt).toBe(first.heardAt);
});

test("another tenant's or corp's event is no life of ours: where tenantKey is mistyped the alarm comes", async () => {
  const wechatwork = { ...keys.wechatwork, corpId: "wwother" };
  await start({ ...keys, wechatwork }, { lark: { tenantKey: "mistyped" } });
  expect((await fromLark("ou_demo_1")).status).toBe(200);
  expect(await (await fromWechatwork(wechatworkDeleted("demo_1", "wwlocal"))).text()).toBe("success");
  expect(metrics().filter((name) => name === "OtherTenant")).toHaveLength(2);
  expect(await stack.ledger.readPulse("lark")).toBeUndefined();
  expect(await stack.ledger.readPulse("wechatwork")).toBeUndefined();
});

test("a source whose keys are not there may be silent", async () => {
  const { lark, api } = keys;
  await start({ lark, api });
  await fromLark("ou_demo_1");
  await outcomeOf("lark:ou_demo_1");
  expect(await sweepInDays(15)).toMatchObject({ gauges: { SilentSources: 1 }, named: ["lark"] });
});

test("once a week a line says that all is alive", async () => {
  await start();
  await fromLark("ou_demo_1");
  const first = await sweepInDays(7);
  expect(first.told).toMatchObject([{ about: "alive", why: expect.stringContaining("lark last heard 7 days ago") }]);
  expect(first.told[0]?.why).toContain("0 held");
  expect((await sweepInDays(7)).told).toEqual([]);
  expect((await sweepInDays(14)).told).toHaveLength(1);
  expect((await sweepInDays(21, { notices: { about: ["failed"] } })).told).toEqual([]);
});

test("somebody held for more than a day raises an alarm", async () => {
  await start(keys, { dryRun: true });
  await fromLark("ou_demo_1");
  await outcomeOf("lark:ou_demo_1");
  const { id } = (await outcomeOf("lark:ou_demo_1")) ?? {};
  expect((await sweepInDays(0.9)).named).toEqual([]);
  const { gauges, named } = await sweepInDays(1.1);
  expect(named).toEqual([id]);
  expect(gauges.HeldWaiting).toBe(1);
  expect(gauges.OldestHeldSeconds).toBeGreaterThan(86_400);
});

test("three departures in a row that GenAuth knows nobody for raise the alarm; one that it knows begins anew", async () => {
  await start();
  for (const id of ["ou_nobody_1", "ou_nobody_2", "ou_demo_1", "ou_nobody_3", "ou_nobody_4"]) {
    await fromLark(id);
    await outcomeOf(`lark:${id}`);
    // The row is noted after the outcome.
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(metrics()).not.toContain("WrongMapping");
  await fromWechatwork(wechatworkDeleted("nobody", "wwlocal"));
  await outcomeOf("wechatwork:nobody");
  expect(metrics()).not.toContain("WrongMapping");
  await fromLark("ou_nobody_5");
  await expect.poll(metrics, { timeout: 10_000 }).toContain("WrongMapping");
});

test("Lark's app sees fewer people: an hour of brake, and an alarm; one that sees more is nothing", async () => {
  await start();
  const scope = (changes: object) => ({
    schema: "2.0",
    header: {
      event_id: JSON.stringify(changes),
      event_type: "contact.scope.updated_v3",
      token,
      create_time: "1700000000000",
    },
    event: changes,
  });
  const nothing = { departments: [], users: [], user_groups: [] };
  await send(signLark(scope({ added: { users: [{ open_id: "ou_1" }] }, removed: nothing }), keys.lark), stack.url);
  await fromLark("ou_demo_1");
  expect(await outcomeOf("lark:ou_demo_1")).toMatchObject({ status: "resigned" });

  const fewer = scope({ removed: { ...nothing, users: [{ open_id: "ou_demo_2" }] } });
  expect((await send(signLark(fewer, keys.lark), stack.url)).status).toBe(200);
  expect(metrics()).toContain("ScopeNarrowed");
  await fromLark("ou_demo_2");
  expect(await outcomeOf("lark:ou_demo_2")).toMatchObject({ status: "held", heldFor: "brake" });
  await expect.poll(metrics, { timeout: 5_000 }).toContain("BrakeTripped");
  const { putOn } = await stack.ledger.readBrake("brake");
  expect(Date.parse(putOn?.until ?? "") - Date.now()).toBeGreaterThan(3_500_000);
});

test("whoever was renamed at WeCom and left is held, with the id that GenAuth may know", async () => {
  await start();
  const renamed = wechatworkDeleted("demo_1", "wwlocal")
    .replace("delete_user", "update_user")
    .replace("</xml>", "<NewUserID><![CDATA[zhang.san]]></NewUserID></xml>");
  expect((await fromWechatwork(renamed)).status).toBe(200);
  expect(genauth.calls()).toEqual([]);
  await fromWechatwork(wechatworkDeleted("zhang.san", "wwlocal"));
  const held = await outcomeOf("wechatwork:zhang.san");
  expect(held).toMatchObject({ status: "held", heldFor: "renamed", shown: { former: "wechatwork:demo_1" } });
  expect(held?.history.at(-1)?.why).toContain("wechatwork:demo_1");
  expect(lines.join("\n")).not.toContain("demo_1");
  expect(genauth.calls()).toEqual([]);

  // GenAuth's sync took the new id over: nothing to ask.
  genauth.addUsers([{ syncRelation: "wechatwork:li.si" }]);
  const other = renamed.replace("demo_1", "demo_2").replace("zhang.san", "li.si");
  await fromWechatwork(other);
  await fromWechatwork(wechatworkDeleted("li.si", "wwlocal"));
  expect(await outcomeOf("wechatwork:li.si")).toMatchObject({ status: "resigned" });
});
