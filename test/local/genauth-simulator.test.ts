import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type GenAuthSimulator, simulatorCredentials, startGenAuthSimulator } from "../../local/genauth-simulator.ts";

let simulator: GenAuthSimulator;
let time = new Date("2026-11-24T02:00:00.000Z");
beforeAll(async () => {
  simulator = await startGenAuthSimulator({ now: () => time });
  simulator.allowToken("token");
});
afterAll(() => simulator.close());
beforeEach(() => {
  simulator.reset();
  time = new Date("2026-11-24T02:00:00.000Z");
});

const pass = (seconds: number) => {
  time = new Date(time.getTime() + seconds * 1000);
};

type Answer = { statusCode: number; data?: Record<string, unknown> };
async function call(path: string, body?: object, at = simulator.url): Promise<Answer & { date: string | null }> {
  const response = await fetch(`${at}/api/v3/${path}`, {
    method: body ? "POST" : "GET",
    headers: { authorization: "Bearer token", "x-authing-userpool-id": simulatorCredentials.userPoolId },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { date: response.headers.get("date"), ...((await response.json()) as Answer) };
}
const control = (method: string, path: string, body?: object) =>
  fetch(`${simulator.url}/_sim/${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
const enter = (...users: object[]) => control("POST", "users", { users });
const byRelation = { userIdType: "sync_relation" };
const resign = (userId: string) => call("resign-user", { userId, ...byRelation });
const setStatus = (userId: string, status: string) => call("update-user", { userId, status, options: byRelation });

test("a person is known by every name that they have", async () => {
  const names = { email: "Bob@Example.com", phone: "188", username: "bob", externalId: "7" };
  await enter({ relations: ["lark:ou_b", "wechatwork:b"], name: "Bob", ...names });
  const { userId } = simulator.person("lark:ou_b") ?? {};
  const asked = [
    [userId, "user_id"],
    ["lark:ou_b", "sync_relation"],
    ["wechatwork:b", "sync_relation"],
    ["bob@example.COM", "email"],
    ["188", "phone"],
    ["bob", "username"],
    ["7", "external_id"],
  ];
  for (const [id, type] of asked) {
    const query = `userId=${encodeURIComponent(String(id))}&userIdType=${type}`;
    expect((await call(`get-user?${query}`)).data).toMatchObject({ userId, name: "Bob", ...names });
    expect((await call(`get-user-sync-relations?${query}`)).data).toMatchObject([
      { provider: "lark", userIdInIdp: "ou_b" },
      { provider: "wechatwork", userIdInIdp: "b" },
    ]);
  }
  expect(await call("get-user?userId=other&userIdType=username")).toMatchObject({ statusCode: 404, apiCode: 2004 });
});

test("entering somebody again changes only what is given", async () => {
  await enter({ syncRelation: "lark:ou_b", name: "Bob", roles: ["admin"], status: "Suspended" });
  const before = simulator.person("lark:ou_b");
  expect(before).toMatchObject({ status: "Suspended", statusChangedAt: time.toISOString() });
  pass(60);
  await enter({ relations: ["lark:ou_b", "wechatwork:b"], email: "b@example.com" });
  expect(simulator.person("wechatwork:b")).toMatchObject({
    ...{ userId: before?.userId, syncRelation: "lark:ou_b", relations: ["lark:ou_b", "wechatwork:b"] },
    ...{ name: "Bob", email: "b@example.com", roles: ["admin"], status: "Suspended" },
    statusChangedAt: "2026-11-24T02:00:00.000Z",
  });
  expect((await control("POST", "users", { users: [{ name: "Nobody" }] })).status).toBe(400);
});

test("a relation that was cut can become somebody else's", async () => {
  await enter({ relations: ["lark:ou_b", "wechatwork:b"] });
  const first = simulator.person("lark:ou_b")?.userId;
  await control("DELETE", "relations?syncRelation=lark%3Aou_b");
  expect(simulator.person("lark:ou_b")).toBeUndefined();
  expect(simulator.person("wechatwork:b")).toMatchObject({ userId: first, relations: ["wechatwork:b"] });
  await enter({ syncRelation: "lark:ou_b" });
  expect(simulator.person("lark:ou_b")?.userId).not.toBe(first);
  await control("DELETE", "users?syncRelation=lark%3Aou_b");
  expect(await resign("lark:ou_b")).toMatchObject({ statusCode: 404 });
  expect((await control("DELETE", "users?syncRelation=lark%3Aou_b")).status).toBe(404);
});

test("resigning deletes rights, and is refused the second time", async () => {
  await enter({
    syncRelation: "lark:ou_b",
    departments: ["d"],
    roles: ["r"],
    groups: ["g"],
    posts: ["p"],
    grants: [1],
  });
  expect(await resign("lark:ou_b")).toMatchObject({ statusCode: 200 });
  const none = { departments: [], roles: [], groups: [], posts: [], grants: [] };
  expect(simulator.person("lark:ou_b")).toMatchObject({ status: "Resigned", name: "Somebody", ...none });
  expect(await resign("lark:ou_b")).toMatchObject({ statusCode: 409 });
  expect(await setStatus("lark:ou_b", "Activated")).toMatchObject({ statusCode: 409 });
  expect(simulator.effects("lark:ou_b")).toBe(2);
  expect(simulator.changes()).toHaveLength(1);
});

test("changes say whose they were; an equal status is none", async () => {
  await setStatus("lark:ou_demo_1", "Suspended");
  pass(60);
  expect(await setStatus("lark:ou_demo_1", "Suspended")).toMatchObject({
    data: { status: "Suspended", statusChangedAt: "2026-11-24T02:00:00.000Z" },
  });
  await enter({ syncRelation: "lark:ou_demo_1", status: "Activated" });
  expect(simulator.changes()).toMatchObject([
    { from: "Activated", to: "Suspended", by: "us", path: "/api/v3/update-user", userIdGiven: "lark:ou_demo_1" },
    { from: "Suspended", to: "Activated", by: "hand", at: time.toISOString() },
  ]);
});

test("a late call is carried out when its time has come", async () => {
  await control("POST", "faults", { mode: "late", afterSeconds: 20, count: 1 });
  await expect(resign("lark:ou_demo_1")).rejects.toThrow();
  pass(19);
  const { data, date } = await call("get-user?userId=lark:ou_demo_1&userIdType=sync_relation");
  expect([data?.status, date]).toEqual(["Activated", time.toUTCString()]);
  pass(2);
  simulator.tick();
  expect(simulator.person("lark:ou_demo_1")).toMatchObject({
    status: "Resigned",
    statusChangedAt: "2026-11-24T02:00:20.000Z",
  });
});

test("without a clock of its own it goes by the machine's, and may leave statusChangedAt out", async () => {
  const other = await startGenAuthSimulator({ hasStatusChangedAt: false });
  other.allowToken("token");
  other.fail({ mode: "late", afterSeconds: 0.02, count: 1 });
  await expect(call("resign-user", { userId: "lark:ou_demo_1", ...byRelation }, other.url)).rejects.toThrow();
  await expect.poll(() => other.person("lark:ou_demo_1")?.status).toBe("Resigned");
  const { data } = await call("get-user?userId=lark:ou_demo_1&userIdType=sync_relation", undefined, other.url);
  expect(data).not.toHaveProperty("statusChangedAt");
  await other.close();
});
