/** What a second look at the model of a person found wrong, each as the sentence that holds now. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { signWechatwork, wechatworkDeleted } from "../../cli/sign.ts";
import type { SyncRelation } from "../../lambda/resignation/sync-relation.ts";
import {
  type Company,
  day,
  type Ground,
  hour,
  type Instead,
  minute,
  someone,
  startCompany,
  startGround,
} from "./fixtures.ts";

let ground: Ground;
let company: Company;
beforeAll(async () => {
  ground = await startGround();
});
afterEach(() => company?.close());
afterAll(() => ground.close());

async function start(changes: object = {}) {
  company = await startCompany(ground, changes);
  return company;
}

const grace = { graceDays: 7 };
/** A relation of WeCom whose id may come to belong to somebody else. */
const reused = "wechatwork:demo_1";
/** A second relation of whom a test is about. */
const second = "wechatwork:one";

/** WeCom's signed event about somebody, of this second. */
async function wecom(id: string, type: "create_user" | "delete_user") {
  const { token, encodingAesKey } = ground.keys.wechatwork;
  const xml = wechatworkDeleted(id, "wwlocal", company.now()).replace("delete_user", type);
  const signed = signWechatwork(xml, { token, encodingAesKey, receiveId: "wwlocal" }, company.now());
  expect((await company.request(signed)).status).toBe(200);
}

const theOnly = async (userId: string) => (await company.ledger.waiting(userId, company.now()))[0] as string;

/** The GenAuth user whom a relation leads to now. */
const userOf = (relation: string) => company.simulator.person(relation)?.userId ?? "";
const statusOf = (genauthUserId: string) =>
  company.simulator.people().find(({ userId }) => userId === genauthUserId)?.status;

/** The relation belongs to somebody new from now on. */
function giveAway(relation: string) {
  company.simulator.cutRelation(relation);
  company.simulator.addUsers([{ syncRelation: relation, name: "New hire" }]);
}

const aWeekAgo = () => new Date(company.clock.ms - 7 * day * 1_000);

/** Held as too old, and proposed by a reconciliation besides: two holds, one after the other. */
async function heldTwice() {
  const { clock, deliver, get, rest } = company;
  const approvalNeeded = { heldFor: "proposed", why: "Proposed by a reconciliation" } as const;
  const occurredAt = new Date(clock.ms - 2 * day * 1_000);
  const id = await deliver({ source: "reconcile", approvalNeeded, occurredAt });
  await rest();
  expect(await get(id)).toMatchObject({ status: "held", heldFor: "stale" });
  return id;
}

describe("an id in another case", () => {
  test("a return under the source's own id calls off what was approved, before its first turn", async () => {
    const { act, pass, rest, seen, status, told } = await start();
    await wecom("Demo_1", "delete_user");
    const id = await theOnly("wechatwork:Demo_1");
    await rest(minute);
    await act("approve", id);
    pass(minute);
    await wecom("Demo_1", "create_user");
    await rest();
    expect([await status(id), seen(reused)]).toEqual(["cancelled", "Activated"]);
    expect(told(id)).toEqual(["held", "called_off"]);
  });

  test("a return under the source's own id gives back what was suspended after the approval", async () => {
    const { act, pass, rest, seen, status, told } = await start(grace);
    await wecom("Demo_1", "delete_user");
    const id = await theOnly("wechatwork:Demo_1");
    await rest(minute);
    await act("approve", id);
    await rest(hour);
    expect(seen(reused)).toBe("Suspended");
    pass(hour);
    await wecom("Demo_1", "create_user");
    await rest();
    expect([await status(id), seen(reused)]).toEqual(["cancelled", "Activated"]);
    expect(told(id)).toEqual(["held", "suspended", "given_back"]);
  });

  test("a busy answer to the look for it closes nothing", async () => {
    const { get, rest, seen, step, told } = await start();
    await wecom("Demo_1", "delete_user");
    const id = await theOnly("wechatwork:Demo_1");
    let looks = 0;
    const busyOnce: Instead = ({ ledger, genauth }) => ({
      ledger,
      genauth: {
        ...genauth,
        look: async (who) => {
          if (who.userId !== reused) return genauth.look(who);
          looks += 1;
          return looks > 1 ? genauth.look(who) : { kind: "busy", inDoubt: true, answer: { statusCode: 500 } };
        },
      },
    });
    await step(1, busyOnce);
    expect(looks).toBe(1);
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "ambiguous" });
    expect(seen(reused)).toBe("Activated");
    expect(told(id)).toEqual(["held"]);
  });
});

describe("an id that belongs to somebody else by now", () => {
  test("a departure at the former id of somebody who was renamed is held, and resigns nobody", async () => {
    const { act, deliver, deploy, get, ledger, now, pass, rest, simulator, told } = await start({
      protected: [reused],
    });
    const mistaken = await deliver({ source: "wechatwork", userId: reused });
    await rest(minute);
    await act("cancel", mistaken);
    await rest(minute);
    const renamed = userOf(reused);
    deploy({ protected: [] });
    simulator.addUsers([{ relations: [reused, "wechatwork:alice"] }]);
    simulator.cutRelation(reused);
    await ledger.noteRename(reused as SyncRelation, "wechatwork:alice" as SyncRelation, now());
    pass(30 * day);
    // Somebody new gets the id, whom GenAuth does not know yet, and leaves.
    await wecom("demo_1", "create_user");
    await rest(minute);
    pass(day);
    await wecom("demo_1", "delete_user");
    const id = await theOnly(reused);
    await rest(hour);
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "ambiguous" });
    expect(told(id)).toEqual(["held"]);
    expect([statusOf(renamed), simulator.calls()]).toEqual(["Activated", []]);
  });

  test("a join of its new holder gives the suspended leaver nothing back", async () => {
    const { deliver, get, pass, rest, told } = await start(grace);
    const id = await deliver({ source: "wechatwork", userId: reused });
    await rest(hour);
    const leaver = userOf(reused);
    expect(statusOf(leaver)).toBe("Suspended");
    giveAway(reused);
    pass(day);
    await wecom("demo_1", "create_user");
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "returned" });
    expect(statusOf(leaver)).toBe("Suspended");
    expect(told(id)).toEqual(["suspended", "held"]);
  });

  test("a join of its new holder calls off nothing that is held", async () => {
    const { back, deliver, pass, rest, status } = await start({ protected: [reused] });
    const id = await deliver({ source: "wechatwork", userId: reused });
    await rest(minute);
    giveAway(reused);
    pass(day);
    await back(reused, { source: "wechatwork" });
    await rest(hour);
    expect(await status(id)).toBe("held");
  });

  test("an operator names nobody else where something was done to the first, who stays suspended", async () => {
    const { act, deliver, fail, get, rest, status, step, told } = await start(grace);
    const id = await deliver({ source: "wechatwork", userId: reused });
    fail("cut", "status", { count: 1 });
    await step(1);
    const first = userOf(reused);
    expect(statusOf(first)).toBe("Suspended");
    giveAway(reused);
    await rest(minute);
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "ambiguous" });
    const other = userOf(reused);
    await expect(act("approve", id, { genauthUserId: other })).rejects.toMatchObject({
      ...{ code: "conflict", status: 409, detail: "The resignation is held for ambiguous" },
    });
    await rest();
    expect([await status(id), statusOf(first), statusOf(other)]).toEqual(["held", "Suspended", "Activated"]);
    expect(told(id)).toEqual(["held"]);
    // Called off, it gives the first one their access back.
    await act("cancel", id);
    await rest();
    expect([await status(id), statusOf(first), statusOf(other)]).toEqual(["cancelled", "Activated", "Activated"]);
  });
});

describe("an operator's decision", () => {
  test("a repeated request answers no further hold", async () => {
    const { act, drain, get, rest, seen } = await start();
    const id = await heldTwice();
    await act("approve", id, { requestId: "ops/same" });
    await drain();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "proposed" });
    expect(await act("approve", id, { requestId: "ops/same" })).toMatchObject({ status: "held", heldFor: "proposed" });
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "proposed", released: [{ from: "stale" }] });
    expect(seen()).toBe("Activated");
  });

  test("an approval that names its hold opens no other, where another operator was first", async () => {
    const { act, drain, get, rest, seen, status } = await start();
    const id = await heldTwice();
    await act("approve", id, { operator: "alice", heldFor: "stale" });
    await drain();
    await expect(act("approve", id, { operator: "bob", heldFor: "stale" })).rejects.toMatchObject({
      ...{ code: "conflict", status: 409, detail: "The resignation is held for proposed" },
    });
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "proposed", released: [{ by: "alice (ops)" }] });
    expect(seen()).toBe("Activated");
    await act("approve", id, { operator: "bob", heldFor: "proposed" });
    await rest();
    expect([await status(id), seen()]).toEqual(["resigned", "Resigned"]);
  });

  test("one approval lets a protected person of several relations go", async () => {
    const { act, deliver, rest, seen, simulator, status } = await start({ ...grace, protected: [someone, second] });
    simulator.addUsers([{ relations: [someone, second] }]);
    const id = await deliver();
    await rest(minute);
    await act("approve", id, { operator: "bob" });
    await rest(hour);
    expect([await status(id), seen()]).toEqual(["suspended", "Suspended"]);
  });

  test("a cancellation ends no sessions of somebody who has their access back already", async () => {
    const { act, deliver, drain, fail, pass, rest, seen, simulator, status } = await start({
      ...{ ...grace, endSessionsIn: ["app1"] },
    });
    const id = await deliver();
    fail("500", "sessions");
    await rest(minute);
    simulator.setStatus(someone, "Activated");
    await act("cancel", id);
    await drain();
    pass(minute);
    fail("none", "sessions");
    await rest(hour);
    expect([await status(id), seen(), simulator.kicked()]).toEqual(["cancelled", "Activated", []]);
  });
});

describe("a return that the brake held, and an operator decided against", () => {
  /** Suspended once more by an operator, though a return was told of. */
  async function decidedAgainst() {
    const { act, back, deliver, get, rest, seen, simulator, status } = await start({ ...grace, brake: { perHour: 1 } });
    simulator.addUsers([{ relations: [someone, second] }]);
    await deliver({ userId: "lark:ou_demo_2" });
    await rest(2 * hour);
    const id = await deliver();
    await rest(2 * hour);
    await back("lark:ou_demo_2");
    await rest(minute);
    await back();
    await rest(minute);
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "returned" });
    await act("approve", id);
    await rest(3 * hour);
    expect([await status(id), seen()]).toEqual(["suspended", "Suspended"]);
    return id;
  }

  test("it does not come back by late news of another source", async () => {
    const id = await decidedAgainst();
    const { back, rest, seen, status } = company;
    await back(second, { source: "wechatwork", at: aWeekAgo() });
    await back(someone, { source: "wechatwork", at: aWeekAgo() });
    await rest(hour);
    expect([await status(id), seen()]).toEqual(["suspended", "Suspended"]);
  });

  test("it does not come back on the day, either", async () => {
    const id = await decidedAgainst();
    const { back, rest, seen, status, told } = company;
    await back(second, { source: "wechatwork", at: aWeekAgo() });
    await rest();
    expect([await status(id), seen()]).toEqual(["resigned", "Resigned"]);
    expect(told(id)).toEqual(["suspended", "resigned"]);
  });
});

describe("a return at another relation of the person", () => {
  test("it is told of at once where they were resigned", async () => {
    const { back, deliver, pass, rest, simulator, status, told } = await start();
    simulator.addUsers([{ relations: [someone, second] }]);
    const id = await deliver();
    await rest(hour);
    pass(hour);
    await back(second, { source: "wechatwork" });
    await rest();
    expect(await status(id)).toBe("resigned");
    expect(told(id)).toEqual(["resigned", "back_after_resigned"]);
  });

  test("it holds who is suspended long before the day", async () => {
    const { back, deliver, get, rest, seen, simulator, told } = await start(grace);
    simulator.addUsers([{ relations: [someone, second] }]);
    const id = await deliver();
    await rest(hour);
    await back(second, { source: "wechatwork" });
    await rest(hour);
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "returned" });
    expect([seen(), told(id)]).toEqual(["Suspended", ["suspended", "held"]]);
  });

  test("it reaches somebody who has 150 of them", async () => {
    const { back, deliver, rest, seen, simulator, status } = await start(grace);
    const others = Array.from({ length: 150 }, (_, index) => `wechatwork:r${index}`);
    simulator.addUsers([{ relations: [someone, ...others] }]);
    const id = await deliver();
    await rest(hour);
    await back();
    await rest(hour);
    expect([await status(id), seen()]).toEqual(["cancelled", "Activated"]);
  });
});

describe("a suspension", () => {
  test("one that is renewed in doubt for one more departure keeps the first", async () => {
    const { act, deliver, fail, get, pass, person, rest, seen, simulator, status, told } = await start(grace);
    const first = await deliver();
    await rest(hour);
    simulator.setStatus(someone, "Activated");
    pass(hour);
    const more = await deliver({ source: "slack" });
    await rest(minute);
    expect(await get(more)).toMatchObject({ status: "held", heldFor: "given_back" });
    await act("approve", more);
    fail("500", "status", { count: 1 });
    await rest(hour);
    expect([await status(first), await status(more), seen()]).toEqual(["suspended", "suspended", "Suspended"]);
    expect((await person()).effect).toMatchObject({ for: [first, more].toSorted() });
    await act("cancel", more);
    await rest(hour);
    expect([await status(first), await status(more), seen()]).toEqual(["suspended", "cancelled", "Suspended"]);
    expect(told(more)).toEqual(["held", "suspended", "called_off"]);
  });

  test("one that is renewed after its day has a day of its own", async () => {
    const { act, clock, deliver, get, rest, seen, simulator, status } = await start(grace);
    const first = await deliver();
    await rest(hour);
    simulator.setStatus(someone, "Activated");
    await rest(30 * day);
    expect(await get(first)).toMatchObject({ status: "held", heldFor: "given_back" });
    const more = await deliver();
    await rest(minute);
    expect(await get(more)).toMatchObject({ status: "held", heldFor: "given_back" });
    const resignAfter = new Date(clock.ms + 7 * day * 1_000).toISOString();
    await act("approve", more);
    await rest(hour);
    expect(await get(more)).toMatchObject({ status: "suspended", resignAfter });
    expect([await status(first), seen()]).toEqual(["held", "Suspended"]);
  });

  test("one whose day is long past gives one more departure days of its own", async () => {
    const { clock, deliver, deploy, fail, get, rest, seen, status, told } = await start(grace);
    const first = await deliver();
    await rest(hour);
    fail("403", "resign");
    await rest(20 * day);
    expect(await status(first)).toBe("failed");
    fail("none", "resign");
    deploy({ brake: { perHour: 0 } });
    const resignAfter = new Date(clock.ms + 7 * day * 1_000).toISOString();
    const more = await deliver();
    await rest(hour);
    expect(await get(more)).toMatchObject({ status: "suspended", resignAfter });
    expect([seen(), told(more)]).toEqual(["Suspended", ["suspended"]]);
  });
});

test("who is resigned keeps what GenAuth answered to it, whatever a later look meets", async () => {
  const { back, deliver, fail, get, pass, rest, told } = await start();
  const id = await deliver();
  await rest(minute);
  const { genauth } = await get(id);
  pass(minute);
  await back();
  fail("500", "look", { count: 1 });
  await rest();
  expect(genauth).toMatchObject({ statusCode: 200 });
  expect((await get(id)).genauth).toEqual(genauth);
  expect(told(id)).toEqual(["resigned", "back_after_resigned"]);
});

test("the log names no person where the ledger does not answer", async () => {
  const { back, deliver, lines, pass, rest, status, step } = await start();
  const id = await deliver();
  pass(minute);
  await back();
  const throttled: Instead = ({ ledger, genauth }) => ({
    genauth,
    ledger: { ...ledger, getRelation: () => Promise.reject(new Error("throttled")) },
  });
  await step(2, throttled);
  expect(lines).toContainEqual(expect.objectContaining({ level: "ERROR", kind: "relation" }));
  await rest();
  expect(await status(id)).toBe("cancelled");
  expect(JSON.stringify(lines)).not.toContain("ou_demo_1");
});

test("what the version before held beside a suspension rests", async () => {
  const { clock, counted, now, rest, seen, simulator, status, table } = await start(grace);
  const at = now().toISOString();
  const resignAfter = new Date(clock.ms + day * 1_000).toISOString();
  const common = {
    ...{ version: 3, userId: someone, source: "lark", requestedBy: "lark", occurredAt: at, acceptedAt: at },
    ...{ month: at.slice(0, 7), attempts: 1, grace: { suspendedAt: at, resignAfter } },
    history: [{ at, by: "x", status: "x" }],
  };
  const suspended = `res_${"a".repeat(32)}`;
  const held = `res_${"b".repeat(32)}`;
  await table.put({ ...common, id: suspended, status: "suspended", dueAt: resignAfter, open: "open" });
  await table.put({ ...common, id: held, status: "held", heldFor: "stale" });
  simulator.setStatus(someone, "Suspended");
  await rest(2 * day);
  expect([await status(suspended), await status(held), seen()]).toEqual(["resigned", "held", "Resigned"]);
  expect(counted("Swept")).toBeLessThan(5);
});
