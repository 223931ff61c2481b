/** What is not carried out by itself, and what operators make of it, over the whole way. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { larkDeleted, send, signApi, signLark, signWechatwork, wechatworkDeleted } from "../cli/sign.ts";
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
beforeEach(() => {
  genauth.reset();
  lines = [];
});
afterEach(() => stack?.close());
afterAll(() => Promise.all([aws.close(), genauth.close()]));

async function start(settings: object = {}, more: object = {}) {
  stack = await startStack({ aws, genauth, keys, settings, writeLog: (line) => lines.push(line), ...more });
}
const larkEvent = (id: string, ago = 0, type = "contact.user.deleted_v3") => {
  const event = larkDeleted(
    { open_id: id },
    { token: keys.lark.verificationToken, now: new Date(Date.now() - ago * 1000) },
  );
  return send(signLark({ ...event, header: { ...event.header, event_type: type } }, keys.lark), stack.url);
};
const order = (userId: string, key = keys.api.zapier) =>
  send(signApi({ method: "POST", path: "/resignations", body: { userId } }, key), stack.url);
const get = async (path: string, key = keys.api.ops) => {
  const response = await send(signApi({ method: "GET", path }, key), stack.url);
  return {
    status: response.status,
    body: (await response.json()) as { items: Resignation[]; nextCursor?: string; code?: string },
  };
};
async function act(
  id: string,
  name: string,
  more: { operator?: string; key?: string; requestId?: string; body?: object } = {},
) {
  const body = more.body ?? { operator: more.operator ?? "alice", reason: "looked into it" };
  const { key = keys.api.ops, requestId } = more;
  const request = signApi(
    { method: "POST", path: `/resignations/${id}/${name}`, body },
    key,
    requestId ? { id: requestId } : {},
  );
  const response = await send(request, stack.url);
  return {
    status: response.status,
    body: (await response.json()) as Resignation & { code?: string; resignationStatus?: string },
  };
}
async function until(
  userId: string,
  isIt: (one: Resignation) => boolean = (one) => !isUnderWay(one),
): Promise<Resignation> {
  for (let tries = 0; tries < 200; tries += 1) {
    const [resignation] = (await stack.ledger.list({ userId, now: new Date(), limit: 1 })).items;
    if (resignation && isIt(resignation)) return resignation;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Nothing came of ${userId}`);
}
const metrics = (name: string) => lines.filter((line) => (JSON.parse(line) as Record<string, unknown>)[name] === 1);
const everyone = async () => (await get("/resignations?limit=100")).body.items;

describe("held", () => {
  test("is what is stale, and who is protected, and everyone in a dry run", async () => {
    await start({ protected: ["lark:ou_demo_1", "wechatwork:demo_*"] });
    await larkEvent("ou_demo_2", 86_500);
    await larkEvent("ou_demo_1");
    await send(
      signWechatwork(wechatworkDeleted("demo_7", "wwlocal"), { ...keys.wechatwork, receiveId: "wwlocal" }),
      stack.url,
    );
    expect(await until("lark:ou_demo_2")).toMatchObject({
      status: "held",
      heldFor: "stale",
      person: { name: "Demo Lark 2" },
    });
    expect(await until("lark:ou_demo_1")).toMatchObject({ status: "held", heldFor: "protected" });
    expect(await until("wechatwork:demo_7")).toMatchObject({ status: "held", heldFor: "protected" });
    await stack.close();
    await start({ dryRun: true });
    await larkEvent("ou_demo_3");
    const wouldSend = { path: "/api/v3/resign-user", userId: "lark:ou_demo_3", userIdType: "sync_relation" };
    const dry = await until("lark:ou_demo_3");
    expect(dry).toMatchObject({ status: "held", heldFor: "dry_run", wouldSend });
    await act(dry.id, "approve");
    expect(await until("lark:ou_demo_3", (one) => one.history.length > 3)).toMatchObject({
      status: "held",
      heldFor: "dry_run",
    });
    expect(genauth.calls()).toEqual([]);
  });

  test("is let through by an operator, once", async () => {
    await start();
    await larkEvent("ou_demo_1", 90_000);
    const held = await until("lark:ou_demo_1");
    const approved = await act(held.id, "approve");
    expect(approved).toMatchObject({
      status: 200,
      body: { status: "accepted", released: [{ from: "stale", by: "alice (ops)" }] },
    });
    const resigned = await until("lark:ou_demo_1", (one) => one.status === "resigned");
    expect(resigned.history.map(({ status, by }) => `${status} by ${by}`)).toEqual([
      "accepted by lark",
      "held by guard",
      "accepted by alice (ops)",
      "resigned by resigner",
    ]);
    expect(resigned.history[2]?.why).toBe("looked into it");
    expect(await act(held.id, "approve")).toMatchObject({
      status: 409,
      body: { code: "conflict", resignationStatus: "resigned" },
    });
    expect(genauth.calls()).toHaveLength(1);
  });

  test("can be cancelled, and is never called for then", async () => {
    await start();
    await larkEvent("ou_demo_1", 90_000);
    const held = await until("lark:ou_demo_1");
    expect(await act(held.id, "cancel")).toMatchObject({ status: 200, body: { status: "cancelled" } });
    for (const name of ["approve", "cancel", "retry"]) {
      expect(await act(held.id, name)).toMatchObject({ status: 409, body: { resignationStatus: "cancelled" } });
    }
    expect(genauth.calls()).toEqual([]);
  });

  test("of a protected person whom an operator ordered: another must approve", async () => {
    await start({ protected: ["lark:ou_demo_1"] });
    await order("lark:ou_demo_1", keys.api.ops);
    const held = await until("lark:ou_demo_1");
    expect(await act(held.id, "approve")).toMatchObject({ status: 403, body: { code: "second_operator_needed" } });
    expect((await act(held.id, "approve", { key: keys.api.deputy, operator: "bob" })).status).toBe(200);
    expect(await until("lark:ou_demo_1", (one) => one.status === "resigned")).toMatchObject({
      released: [{ from: "protected", by: "bob (deputy)" }],
    });
  });
});

describe("the same person", () => {
  test("told of twice is called for once", async () => {
    await start();
    await larkEvent("ou_demo_1");
    const first = await until("lark:ou_demo_1");
    await order("lark:ou_demo_1");
    expect(await until("lark:ou_demo_1", (one) => one.id !== first.id && !isUnderWay(one))).toMatchObject({
      status: "duplicate",
      duplicateOf: first.id,
    });
    expect(genauth.calls()).toHaveLength(1);
  });

  test("told of by ten at once is called for once", async () => {
    await start();
    await Promise.all(Array.from({ length: 10 }, () => order("lark:ou_demo_1")));
    for (let tries = 0; tries < 200; tries += 1) {
      if ((await everyone()).every((one) => !isUnderWay(one))) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await everyone()).map(({ status }) => status).sort()).toEqual([...Array(9).fill("duplicate"), "resigned"]);
    expect(genauth.calls()).toHaveLength(1);
  });

  test("back again calls off what waits, but not what happened after", async () => {
    await start();
    await larkEvent("ou_demo_1", 90_000);
    await until("lark:ou_demo_1", (one) => one.status === "held");
    await larkEvent("ou_demo_1", 95_000, "contact.user.created_v3");
    expect((await until("lark:ou_demo_1")).status).toBe("held");
    await larkEvent("ou_demo_1", 10, "contact.user.created_v3");
    const cancelled = await until("lark:ou_demo_1", (one) => one.status === "cancelled");
    expect(cancelled.history.at(-1)).toMatchObject({ by: "lark", why: "The person is back" });
  });
});

describe("with a grace period", () => {
  const settings = {
    ...{ graceDays: 7, endSessionsIn: ["app1", "app2"] },
    ...{ genauth: { settleSeconds: 1 }, retry: { firstDelaySeconds: 1, maxDelaySeconds: 1 } },
  };

  test("access is cut at once, and nobody is resigned", async () => {
    await start(settings);
    await larkEvent("ou_demo_1");
    const suspended = await until("lark:ou_demo_1");
    expect(suspended).toMatchObject({
      status: "suspended",
      resignAfter: expect.any(String),
      dueAt: expect.any(String),
    });
    expect(Date.parse(suspended.resignAfter ?? "") - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
    expect(genauth.person("lark:ou_demo_1")?.status).toBe("Suspended");
    await expect.poll(() => genauth.kicked()).toEqual([{ userId: "lark:ou_demo_1", appIds: ["app1", "app2"] }]);
    await stack.sweep();
    expect(genauth.calls()).toEqual([]);
  });

  test("cancelling gives the access back, and so does the person's return", async () => {
    await start(settings);
    for (const id of ["ou_demo_1", "ou_demo_2"]) await larkEvent(id, 60);
    const one = await until("lark:ou_demo_1");
    await until("lark:ou_demo_2");
    expect((await act(one.id, "cancel")).body).toMatchObject({ status: "cancelled" });
    await larkEvent("ou_demo_2", 0, "contact.user.created_v3");
    for (const id of ["lark:ou_demo_1", "lark:ou_demo_2"]) {
      const isBack = ({ history }: Resignation) => history.at(-1)?.why === "The person has their access back";
      expect(await until(id, isBack)).toMatchObject({ status: "cancelled" });
      expect(genauth.person(id)?.status).toBe("Activated");
    }
    await larkEvent("ou_demo_1");
    expect(await until("lark:ou_demo_1", (found) => found.id !== one.id && !isUnderWay(found))).toMatchObject({
      status: "suspended",
    });
    expect(genauth.calls()).toEqual([]);
  });

  test("cancelling never brings back who was resigned meanwhile", async () => {
    await start(settings);
    await larkEvent("ou_demo_1", 60);
    const one = await until("lark:ou_demo_1");
    genauth.setStatus("lark:ou_demo_1", "Resigned");
    await act(one.id, "cancel");
    expect(await until("lark:ou_demo_1", (found) => found.status === "resigned")).toMatchObject({
      backAfterResigned: { at: expect.any(String) },
    });
    expect(genauth.person("lark:ou_demo_1")?.status).toBe("Resigned");
  });

  test("a suspension that cannot be taken back yet is taken back when GenAuth lets us", async () => {
    await start(settings, { sweepEverySeconds: 1 });
    await larkEvent("ou_demo_1", 60);
    const one = await until("lark:ou_demo_1");
    genauth.fail({ mode: "500", count: 1, path: "/api/v3/update-user" });
    await act(one.id, "cancel");
    await expect.poll(() => metrics("Retried").length).toBeGreaterThan(0);
    await expect.poll(() => genauth.person("lark:ou_demo_1")?.status, { timeout: 15_000 }).toBe("Activated");
    await until("lark:ou_demo_1", ({ history }) => history.at(-1)?.why === "The person has their access back");
  });

  test("when the days are over the person is resigned, unless someone gave the access back in GenAuth", async () => {
    await start({ graceDays: 0.00003 }, { sweepEverySeconds: 1 });
    for (const id of ["ou_demo_1", "ou_demo_2"]) await larkEvent(id);
    // At once: the days are over in three seconds.
    await expect.poll(() => genauth.person("lark:ou_demo_2")?.status, { interval: 5 }).toBe("Suspended");
    genauth.setStatus("lark:ou_demo_2", "Activated");
    expect(await until("lark:ou_demo_1", (one) => one.status === "resigned")).toMatchObject({ status: "resigned" });
    expect(await until("lark:ou_demo_2", (one) => one.status === "held")).toMatchObject({
      heldFor: "given_back",
    });
    expect(genauth.calls().map(({ userId }) => userId)).toEqual(["lark:ou_demo_1"]);
  });
});

test("sessions are ended after resigning, too", async () => {
  await start({ endSessionsIn: ["app1"] });
  await larkEvent("ou_demo_1");
  await until("lark:ou_demo_1");
  await expect.poll(() => genauth.kicked()).toEqual([{ userId: "lark:ou_demo_1", appIds: ["app1"] }]);
});

describe("operators", () => {
  test("list who waits and why, page by page", async () => {
    await start();
    for (let index = 1; index <= 5; index += 1) await larkEvent(`ou_demo_${index}`, 90_000);
    for (let index = 1; index <= 5; index += 1) await until(`lark:ou_demo_${index}`);
    const first = await get("/resignations?status=held&limit=3");
    expect(first.body.items).toHaveLength(3);
    expect(first.body.items[0]).toMatchObject({
      status: "held",
      heldFor: "stale",
      person: { name: expect.stringContaining("Demo Lark") },
    });
    expect(first.body.items[0]).not.toHaveProperty("version");
    const cursor = encodeURIComponent(first.body.nextCursor ?? "");
    const second = await get(`/resignations?status=held&limit=3&cursor=${cursor}`);
    expect(new Set([...first.body.items, ...second.body.items].map(({ id }) => id)).size).toBe(5);
    expect(second.body.nextCursor).toBeUndefined();
    expect(await get(`/resignations?status=failed&cursor=${cursor}`)).toMatchObject({
      status: 400,
      body: { code: "malformed" },
    });
    expect(await get("/resignations?cursor=nonsense")).toMatchObject({ status: 400 });
    expect(await get("/resignations?status=gone")).toMatchObject({ status: 400 });
    expect(await get("/resignations?userId=lark%3Aou_demo_2")).toMatchObject({
      body: { items: [{ userId: "lark:ou_demo_2" }] },
    });
  });

  test("alone may: others get 403, and see no names", async () => {
    await start();
    await larkEvent("ou_demo_1", 90_000);
    const { id } = await until("lark:ou_demo_1");
    expect(await get("/resignations", keys.api.zapier)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    for (const name of ["approve", "cancel", "retry"]) {
      expect(await act(id, name, { key: keys.api.zapier })).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
    const seen = await get(`/resignations/${id}`, keys.api.zapier);
    expect(seen.body).toMatchObject({ status: "held", heldFor: "stale" });
    expect(JSON.stringify(seen.body)).not.toContain("Demo Lark");
    expect((await until("lark:ou_demo_1")).history).toHaveLength(2);
  });

  test("who send nonsense get a clear answer, and nothing changes", async () => {
    await start();
    await larkEvent("ou_demo_1", 90_000);
    const before = await until("lark:ou_demo_1", (one) => !isUnderWay(one) && one.tell === undefined);
    expect(await act("res_none", "approve")).toMatchObject({ status: 404 });
    expect(await act("brake", "approve")).toMatchObject({ status: 404 });
    expect(await act(before.id, "approve", { body: {} })).toMatchObject({ status: 400 });
    expect(await act(before.id, "approve", { body: { operator: "alice", surprise: 1 } })).toMatchObject({
      status: 400,
    });
    expect(await act(before.id, "retry")).toMatchObject({ status: 409 });
    expect(await until("lark:ou_demo_1")).toEqual(before);
  });

  test("name the hold that they answer: what is held for something else now stays held", async () => {
    await start();
    const occurredAt = new Date(Date.now() - 90_000_000).toISOString();
    const body = { userId: "lark:ou_demo_1", propose: true, occurredAt };
    await send(signApi({ method: "POST", path: "/resignations", body }, keys.api.ops), stack.url);
    const { id } = await until("lark:ou_demo_1");
    const answer = (heldFor: string) => act(id, "approve", { body: { operator: "alice", heldFor } });
    expect(await answer("stale")).toMatchObject({ status: 200 });
    await until("lark:ou_demo_1", (one) => one.status === "held" && one.heldFor === "proposed");
    expect(await answer("stale")).toMatchObject({
      status: 409,
      body: { code: "conflict", detail: "The resignation is held for proposed", resignationStatus: "held" },
    });
    expect(await until("lark:ou_demo_1")).toMatchObject({ status: "held", heldFor: "proposed" });
    expect(genauth.calls()).toEqual([]);
    expect(await answer("proposed")).toMatchObject({ status: 200 });
    await until("lark:ou_demo_1", (one) => one.status === "resigned");
  });

  test("sign one act at a time: what was signed for one serves for no other", async () => {
    await start();
    for (const id of ["ou_demo_1", "ou_demo_2"]) await larkEvent(id, 90_000);
    const [one, other] = [await until("lark:ou_demo_1"), await until("lark:ou_demo_2")];
    expect((await act(one.id, "cancel", { requestId: "act1" })).status).toBe(200);
    expect(await act(other.id, "cancel", { requestId: "act1" })).toMatchObject({
      status: 422,
      body: { code: "id_reused" },
    });
    expect((await until("lark:ou_demo_2")).status).toBe("held");
  });
});
