/** What a hostile review found wrong with people, each as the sentence that holds now. The comments say what was. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { larkDeleted, signLark, signWechatwork, wechatworkDeleted } from "../../cli/sign.ts";
import { putBrakeOn } from "../../lambda/departure/brake.ts";
import { toPosts } from "../../lambda/notices/notices.ts";
import { toResignation } from "../../lambda/resignation/departure.ts";
import { moveTo } from "../../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../../lambda/resignation/sync-relation.ts";
import { newApiSecret } from "../../local/stack.ts";
import { settings } from "../parts.ts";
import {
  type Company,
  day,
  diesAfter,
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

/** A worker to whom something happens while it looks at GenAuth, or calls it. */
const meanwhile =
  (name: "look" | "resign", happens: () => Promise<unknown>): Instead =>
  ({ ledger, genauth }) => {
    const real = genauth[name];
    const slow = async (who: Parameters<typeof real>[0]) => {
      await happens();
      return real(who);
    };
    return { ledger, genauth: { ...genauth, [name]: slow } };
  };

/** Lark's signed event about somebody, of so many seconds ago. */
function lark(id: string, type: "created" | "deleted", secondsAgo = 0) {
  const { keys } = ground;
  const at = new Date(company.clock.ms - secondsAgo * 1_000);
  const event = larkDeleted(
    { open_id: id },
    { token: keys.lark.verificationToken, eventId: `${type} ${secondsAgo}`, now: at },
  );
  const header = { ...event.header, event_type: `contact.user.${type}_v3` };
  return company.request(signLark({ ...event, header }, keys.lark, company.now()));
}

/** WeCom's signed event about somebody, of this second. */
function wecom(id: string, type: "create_user" | "delete_user") {
  const { token, encodingAesKey } = ground.keys.wechatwork;
  const xml = wechatworkDeleted(id, "wwlocal", company.now()).replace("delete_user", type);
  return company.request(signWechatwork(xml, { token, encodingAesKey, receiveId: "wwlocal" }, company.now()));
}

const theOnly = async (userId: string) => (await company.ledger.waiting(userId, company.now()))[0] as string;

describe("a return is remembered", () => {
  // Before: it called off only what waited at that moment, so the later departure resigned them.
  test("one that is told before its departure calls that off", async () => {
    const { seen, resigned, rest, status, told } = await start();
    expect((await lark("ou_demo_1", "created", minute)).status).toBe(200);
    expect((await lark("ou_demo_1", "deleted", hour)).status).toBe(200);
    const id = await theOnly(someone);
    await rest();
    expect(await status(id)).toBe("cancelled");
    expect([seen(), resigned()]).toEqual(["Activated", 0]);
    expect(told(id)).toEqual(["called_off"]);
  });

  // Before: the departure was `resigning` then, which the return left out; the next try resigned them.
  test("one that is told while GenAuth is looked at is heard before the call", async () => {
    const { back, deliver, pass, seen, resigned, rest, status, step } = await start();
    const id = await deliver();
    pass(minute);
    await step(
      1,
      meanwhile("look", () => back()),
    );
    await rest();
    expect(await status(id)).toBe("cancelled");
    expect([seen(), resigned()]).toEqual(["Activated", 0]);
  });

  // Before: as above, with GenAuth's failure between.
  test("one that is told while GenAuth fails is heard at the next try", async () => {
    const { back, deliver, fail, pass, resigned, rest, status, step } = await start();
    const id = await deliver();
    pass(minute);
    fail("500", "look", { count: 1 });
    await step(
      1,
      meanwhile("look", () => back()),
    );
    await rest();
    expect([await status(id), resigned()]).toEqual(["cancelled", 0]);
  });

  // Before: the return was lost, since the departure was `resigning` for as long as the call took.
  test("one that is told during a call of unknown outcome calls it off if GenAuth did nothing", async () => {
    const { back, deliver, fail, pass, seen, resigned, rest, status, step } = await start();
    const id = await deliver();
    pass(minute);
    fail("500", "resign", { count: 1 });
    await step(
      1,
      meanwhile("resign", () => back()),
    );
    await rest();
    expect(await status(id)).toBe("cancelled");
    expect([seen(), resigned()]).toEqual(["Activated", 0]);
  });

  // Before: nobody heard of it.
  test("one that is told during a call that was carried out is told as too late", async () => {
    const { back, deliver, pass, seen, resigned, rest, status, step, told } = await start();
    const id = await deliver();
    pass(minute);
    await step(
      1,
      meanwhile("resign", () => back()),
    );
    await rest();
    expect(await status(id)).toBe("resigned");
    expect([seen(), resigned()]).toEqual(["Resigned", 1]);
    expect(told(id)).toContain("back_after_resigned");
  });

  // Before: `<` left the return of the same second out, and they were resigned.
  test.each([["delete_user", "create_user"] as const, ["create_user", "delete_user"] as const])(
    "one of the same second holds the departure: %s, then %s",
    async (first, second) => {
      const { seen, resigned, rest, get, told } = await start();
      expect((await wecom("demo_1", first)).status).toBe(200);
      expect((await wecom("demo_1", second)).status).toBe(200);
      const id = await theOnly("wechatwork:demo_1");
      await rest();
      expect(await get(id)).toMatchObject({ status: "held", heldFor: "returned" });
      expect([seen("wechatwork:demo_1"), resigned("wechatwork:demo_1")]).toEqual(["Activated", 0]);
      expect(told(id)).toEqual(["held"]);
    },
  );

  // Before: 100 were read and filtered afterwards, so the old one was never found and stayed held.
  test("one calls off what is older than a hundred others of the person", async () => {
    const { back, deliver, drain, pass, rest, status } = await start({ protected: [someone] });
    const order = (eventId: string) => toResignation({ ...told, eventId, occurredAt: company.now() }, company.now());
    const told = { source: "api", userId: someone as SyncRelation, requestedBy: "zapier" } as const;
    const old = await deliver();
    await drain();
    expect(await status(old)).toBe("held");
    pass(1);
    const orders = Array.from({ length: 101 }, (_, index) => order(`order ${index}`));
    await Promise.all(orders.map((one) => company.ledger.enter(moveTo(one, "cancelled", {}))));
    pass(minute);
    await back();
    await rest();
    expect(await status(old)).toBe("cancelled");
  });

  // Before: the only read was that of the index, so a departure that was not in it yet went on to be resigned.
  test("one is heard by a departure that the index does not show yet", async () => {
    const { act, back, deliver, drain, pass, resigned, rest, status, step } = await start({ protected: [someone] });
    const late: Instead = ({ ledger, genauth }) => ({ genauth, ledger: { ...ledger, waiting: async () => [] } });
    const id = await deliver();
    await drain();
    pass(minute);
    await back();
    await step(1, late);
    expect(await status(id)).toBe("held");
    await act("approve", id, { operator: "bob" });
    await rest();
    expect([await status(id), resigned()]).toEqual(["cancelled", 0]);
  });

  // Before: of ten that were being looked at, ten were resigned.
  test("ten that are told while a batch of ten is worked on call off all ten", async () => {
    const { back, deliver, fail, pass, rest, resigned, status, step } = await start();
    const people = Array.from({ length: 10 }, (_, index) => `lark:ou_demo_${index + 1}`);
    const ids = await Promise.all(people.map((userId) => deliver({ userId })));
    pass(minute);
    fail("429", "look", { count: 10 });
    const batch = step(10);
    await Promise.all(people.map((userId) => back(userId)));
    await batch;
    await rest();
    expect(await Promise.all(ids.map(status))).toEqual(ids.map(() => "cancelled"));
    expect(people.map(resigned)).toEqual(people.map(() => 0));
  });
});

describe("who was cut off is given their access back", () => {
  // Before: the departure was not `suspended` until the sessions were ended, so the return was a plain cancel.
  test("when ending their sessions failed before the return", async () => {
    const { back, deliver, fail, pass, person, rest, seen, status, step, told } = await start({
      ...grace,
      endSessionsIn: ["app1"],
    });
    const id = await deliver();
    fail("500", "sessions");
    await step(1);
    expect([await status(id), seen()]).toEqual(["suspended", "Suspended"]);
    pass(minute);
    await back();
    await rest(hour);
    expect([await status(id), seen()]).toEqual(["cancelled", "Activated"]);
    expect((await person()).sessionsOwed).toBeUndefined();
    expect(told(id)).toEqual(["suspended", "given_back"]);
  });

  // Before: the lost answer left no trace of the suspension, and cancelled was only cancelled.
  test.each(["cancel", "return"] as const)("when the answer to the suspension was lost before the %s", async (what) => {
    const { act, back, deliver, fail, pass, rest, seen, status, step } = await start(grace);
    const id = await deliver();
    fail("cut", "status", { count: 1 });
    await step(1);
    expect(seen()).toBe("Suspended");
    pass(1);
    await (what === "cancel" ? act("cancel", id) : back());
    await rest(hour);
    expect([await status(id), seen()]).toEqual(["cancelled", "Activated"]);
  });

  // Before: a return left the failed out, and cancel answered 409.
  test.each(["cancel", "return"] as const)("when resigning them failed on the day, by a %s", async (what) => {
    const { act, back, deliver, fail, rest, seen, status } = await start(grace);
    const id = await deliver();
    await rest(hour);
    fail("403", "resign");
    await rest();
    expect([await status(id), seen()]).toEqual(["failed", "Suspended"]);
    await (what === "cancel" ? act("cancel", id) : back());
    await rest();
    expect([await status(id), seen()]).toEqual(["cancelled", "Activated"]);
  });
});

describe("nobody's hand but ours is lifted", () => {
  // Before: the status before our suspension was not kept, and both became Activated.
  test.each([
    ["Suspended", "cancel"],
    ["Suspended", "return"],
    ["Deactivated", "cancel"],
    ["Deactivated", "return"],
  ] as const)("who was %s by an administrator stays so after a %s", async (status, what) => {
    const { act, back, deliver, pass, rest, seen, simulator, status: statusOf } = await start(grace);
    simulator.setStatus(someone, status);
    pass(minute);
    const id = await deliver();
    await rest(hour);
    expect(await statusOf(id)).toBe("suspended");
    await (what === "cancel" ? act("cancel", id) : back());
    await rest();
    expect([await statusOf(id), seen()]).toEqual(["cancelled", status]);
    expect(simulator.changes().filter(({ by }) => by === "us")).toEqual([]);
  });

  // Before: cancelling one gave access back, and the day of the other was held as "somebody gave it back".
  test("whose other departure stands stays suspended, and is resigned on the day", async () => {
    const { act, deliver, pass, resigned, rest, seen, status, told } = await start(grace);
    const first = await deliver();
    await rest(2 * day);
    const second = await deliver({ source: "api" });
    await rest(hour);
    await act("cancel", second);
    await rest(hour);
    expect([await status(first), await status(second), seen()]).toEqual(["suspended", "cancelled", "Suspended"]);
    expect(told(second)).toEqual(["suspended", "called_off"]);
    pass(5 * day);
    await rest();
    expect([await status(first), seen(), resigned()]).toEqual(["resigned", "Resigned", 1]);
  });
});

describe("a release opens the hold that it names, and no other", () => {
  // Before: `released` silenced every guard, so whoever was protected in between was resigned.
  test.each(["brake", "stale", "failed"] as const)("who is protected after a release from %s is held", async (from) => {
    const { act, deliver, deploy, drain, fail, get, resigned, rest } = await start({
      brake: { perHour: from === "brake" ? 0 : 20 },
    });
    if (from === "failed") fail("403", "resign", { count: 1 });
    const id = await deliver({ occurredAt: new Date(company.clock.ms - (from === "stale" ? 2 * day : 0) * 1_000) });
    await drain();
    expect(await get(id)).toMatchObject(from === "failed" ? { status: from } : { status: "held", heldFor: from });
    await act(from === "failed" ? "retry" : "approve", id);
    deploy({ protected: [someone] });
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "protected" });
    expect(resigned()).toBe(0);
  });

  // Before: one approval answered for the age and for the second operator at once.
  test("what is too old and ordered in Slack needs both approvals", async () => {
    const { act, deliver, deploy, get, resigned, rest } = await start();
    const id = await deliver({ source: "slack", occurredAt: new Date(company.clock.ms - 2 * day * 1_000) });
    await rest();
    expect(await get(id)).toMatchObject({ heldFor: "stale" });
    deploy({ slack: { secondOperator: true } });
    await act("approve", id);
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "approval" });
    await act("approve", id, { operator: "bob" });
    await rest();
    expect([await company.status(id), resigned()]).toEqual(["resigned", 1]);
  });

  // Before: as above, for what a reconciliation proposed.
  test("what is too old and proposed needs both approvals", async () => {
    const { act, deliver, get, resigned, rest } = await start();
    const approvalNeeded = { heldFor: "proposed", why: "Proposed by a reconciliation" } as const;
    const occurredAt = new Date(company.clock.ms - 2 * day * 1_000);
    const id = await deliver({ source: "reconcile", approvalNeeded, occurredAt });
    await rest();
    expect(await get(id)).toMatchObject({ heldFor: "stale" });
    await act("approve", id);
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "proposed" });
    expect(resigned()).toBe(0);
  });
});

describe("there is always a look", () => {
  // Before: a refused look was a go, so whoever an administrator had given access back was resigned.
  test("the suspended are held on their day where it is refused", async () => {
    const { deliver, fail, get, resigned, rest, seen, simulator, told } = await start(grace);
    const id = await deliver();
    await rest(hour);
    simulator.setStatus(someone, "Activated");
    fail("403", "look");
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "unseen" });
    expect([seen(), resigned()]).toEqual(["Activated", 0]);
    expect(told(id)).toEqual(["suspended", "held"]);
  });

  // Before: `lookUp: false` resigned them unseen.
  test("no setting switches it off", () => {
    expect(() => settings({ lookUp: false })).toThrow("there is always a look");
  });

  test("who was given access back by hand is held on their day", async () => {
    const { deliver, get, resigned, rest, seen, simulator } = await start(grace);
    const id = await deliver();
    await rest(hour);
    simulator.setStatus(someone, "Activated");
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "given_back" });
    expect([seen(), resigned()]).toEqual(["Activated", 0]);
  });
});

// Before, each time: `duplicate` of one that no longer counted, final, told to nobody, and they kept their access.
describe("who leaves again is cut off again", () => {
  test("after a return whose give-back lost its answer, by event and by order", async () => {
    const { back, deliver, fail, pass, rest, seen, status } = await start(grace);
    const first = await deliver();
    await rest(minute);
    fail("cut", "status", { count: 1 });
    await back();
    await rest(hour);
    expect([await status(first), seen()]).toEqual(["cancelled", "Activated"]);
    const [again, order] = [await deliver(), await deliver({ source: "slack" })];
    await rest(hour);
    expect([await status(again), await status(order), seen()]).toEqual(["suspended", "suspended", "Suspended"]);
    pass(7 * day);
    await rest();
    expect([await status(again), await status(order)].toSorted()).toEqual(["duplicate", "resigned"]);
    expect([seen(), company.resigned()]).toEqual(["Resigned", 1]);
  });

  test("after an administrator gave access back and an operator cancelled", async () => {
    const { act, deliver, rest, seen, simulator, status } = await start(grace);
    const first = await deliver();
    await rest(minute);
    simulator.setStatus(someone, "Activated");
    await act("cancel", first);
    await rest(hour);
    expect(await status(first)).toBe("cancelled");
    const again = await deliver();
    await rest(hour);
    expect([await status(again), seen()]).toEqual(["suspended", "Suspended"]);
  });

  test.each([
    ["taken first", undefined],
    ["taken while GenAuth does not give access back", "500"],
  ] as const)("after a return within minutes, when the new departure is %s", async (_, fault) => {
    const { back, deliver, drain, fail, pass, rest, reverseQueue, seen, status } = await start(grace);
    const first = await deliver();
    await rest(minute);
    await back();
    if (fault) {
      fail(fault, "status", { count: 1 });
      await drain();
    }
    pass(2 * minute);
    const again = await deliver();
    reverseQueue();
    await rest(hour);
    expect([await status(first), await status(again), seen()]).toEqual(["cancelled", "suspended", "Suspended"]);
    await rest();
    expect([await status(again), seen(), company.resigned()]).toEqual(["resigned", "Resigned", 1]);
  });

  test("after they were resigned, restored by hand, and told of as back", async () => {
    const { back, deliver, pass, rest, seen, simulator, status, told } = await start();
    const first = await deliver();
    await rest(minute);
    pass(30 * minute);
    simulator.setStatus(someone, "Activated");
    await back();
    await rest(minute);
    expect(told(first)).toEqual(["resigned", "back_after_resigned"]);
    pass(30 * minute);
    const again = await deliver();
    await rest(minute);
    expect([await status(first), await status(again), seen()]).toEqual(["resigned", "resigned", "Resigned"]);
    pass(minute);
    const order = await deliver({ source: "slack" });
    await rest(minute);
    expect(await status(order)).toBe("duplicate");
    expect(simulator.changes().filter(({ to }) => to === "Resigned")).toHaveLength(2);
  });
});

describe("what is cancelled in doubt is looked at", () => {
  // Before: the ledger said `cancelled`, GenAuth `Resigned`, and nobody ever looked.
  test("a call that was carried out makes it resigned, and that is told", async () => {
    const { act, deliver, fail, rest, seen, status, step, told } = await start();
    const id = await deliver();
    fail("cut", "resign", { count: 1 });
    await step(1);
    await act("cancel", id);
    await rest();
    expect([await status(id), seen()]).toEqual(["resigned", "Resigned"]);
    expect(told(id)).toContain("back_after_resigned");
  });

  test("a call that never arrived leaves it cancelled, and nobody calls again", async () => {
    const { act, deliver, fail, rest, seen, simulator, status, step } = await start();
    const id = await deliver();
    fail("500", "resign", { count: 1 });
    await step(1);
    await act("cancel", id);
    await rest();
    expect([await status(id), seen()]).toEqual(["cancelled", "Activated"]);
    expect(simulator.calls()).toHaveLength(1);
  });
});

describe("sessions, brakes and holds", () => {
  // Before: after resigning they were never tried again.
  test("sessions that could not be ended at the resignation are ended later", async () => {
    const { deliver, fail, rest, simulator, status, step } = await start({ endSessionsIn: ["app1"] });
    const id = await deliver();
    fail("500", "sessions", { count: 1 });
    await step(1);
    expect([await status(id), simulator.kicked().length]).toEqual(["resigned", 0]);
    await rest();
    expect(simulator.kicked()).toEqual([{ userId: someone, appIds: ["app1"] }]);
  });

  // Before: a refused token counted as done, without a word.
  test("sessions that a refused token left are counted, and ended later", async () => {
    const { counted, deliver, fail, rest, simulator, status, step } = await start({
      ...grace,
      endSessionsIn: ["app1"],
    });
    const id = await deliver();
    fail("401", "sessions", { count: 2 });
    await step(1);
    expect([await status(id), simulator.kicked().length]).toEqual(["suspended", 0]);
    expect(counted("TokenRefused")).toBe(1);
    await rest(hour);
    expect(simulator.kicked()).toHaveLength(1);
  });

  // Before: an error line every five minutes for ever; no metric, no alarm, no notice.
  test("access that cannot be given back is counted, told once, and tried until it is", async () => {
    const { back, counted, deliver, fail, rest, seen, status, told } = await start(grace);
    const id = await deliver();
    await rest(minute);
    fail("403", "status");
    await back();
    await rest(hour);
    expect(told(id)).toEqual(["suspended", "not_given_back"]);
    expect(counted("NotGivenBack")).toBeGreaterThan(3);
    fail("none", "status");
    await rest(hour);
    expect([await status(id), seen()]).toEqual(["cancelled", "Activated"]);
    expect(told(id)).toEqual(["suspended", "not_given_back", "given_back"]);
  });

  // Before: the next try found the brake's event and told nobody.
  test("a brake's alert is told though its worker dies right after the brake's log was written", async () => {
    const { counted, deliver, get, notices, rest, step } = await start({ brake: { perHour: 0 } });
    const id = await deliver();
    await step(1, diesAfter("saveBrake"));
    expect(notices).toEqual([]);
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "brake" });
    expect(notices.filter(({ about }) => about === "brake_tripped")).toHaveLength(1);
    expect(counted("BrakeTripped")).toBe(1);
  });

  // Before: everybody was held under Monday's event, without an alert, and Monday's approval let Tuesday's through.
  test("a brake that is put on after a day off is an event of its own, with an alert of its own", async () => {
    const { deliver, get, ledger, notices, now, pass, rest } = await start({ brake: { perHour: 0 } });
    const monday = await deliver();
    await rest();
    company.deploy({ brake: { perHour: 20 } });
    pass(day);
    const parts = { ledger, now, random: () => 0.5, sleep: async () => {} };
    await putBrakeOn(parts, "The Lark app's contact scope lost people");
    const tuesday = await deliver({ userId: "lark:ou_demo_2" });
    await rest(minute);
    await putBrakeOn(parts, "The Lark app's contact scope lost people");
    const same = await deliver({ userId: "lark:ou_demo_3" });
    await rest(minute);
    const brakeOf = async (id: string) => (await get(id)) as { brakeId?: string };
    expect(await brakeOf(tuesday)).toMatchObject({ status: "held", heldFor: "brake" });
    expect((await brakeOf(tuesday)).brakeId).not.toBe((await brakeOf(monday)).brakeId);
    expect((await brakeOf(tuesday)).brakeId).toBe((await brakeOf(same)).brakeId);
    expect(notices.filter(({ about }) => about === "brake_tripped")).toHaveLength(2);
  });

  // Before: the sweep looked at the one that was accepted first, whenever it was held.
  test("how long the longest has been held is measured, whoever was accepted first", async () => {
    const { act, deliver, measured, pass, rest, sweep } = await start({ protected: ["lark:*"] });
    const first = await deliver();
    await rest(minute);
    pass(minute);
    await deliver({ userId: "lark:ou_demo_2" });
    await rest(minute);
    pass(5 * day);
    await act("approve", first, { operator: "bob" });
    company.deploy({ protected: ["lark:*"], brake: { perHour: 0 } });
    await rest(minute);
    pass(hour);
    await sweep();
    expect(measured("OldestHeldSeconds")).toBeGreaterThanOrEqual(5 * day);
  });

  // Before: the second hold had the same id for a listener that drops what it knows.
  test("a second hold has an id of its own for whoever listens", async () => {
    const { act, deliver, deploy, get, notices, now, rest } = await start();
    const id = await deliver({ occurredAt: new Date(company.clock.ms - 2 * day * 1_000) });
    await rest();
    deploy({ protected: [someone] });
    await act("approve", id);
    await rest();
    const resignation = await get(id);
    const told = notices.filter(({ about }) => about === "held").map((notice) => ({ ...notice, resignation }));
    const webhook = { url: "https://siem.example/in", secret: newApiSecret() };
    const posts = toPosts("webhook", { webhook }, told, "en", now());
    expect(new Set(posts.map(({ headers }) => headers["webhook-id"])).size).toBe(2);
  });
});

describe("a doubt belongs to the person, and outlasts its worker", () => {
  // Before: the doubt was in the next worker's memory alone; that one left, and the third called without looking.
  test("who was called for by a worker that died is called for once, however many come after", async () => {
    const { deliver, fail, pass, resigned, rest, seen, simulator, status, step } = await start();
    const first = await deliver();
    await step(1, diesAfter("resign"));
    expect([await status(first), resigned()]).toEqual(["resigning", 1]);
    pass(125);
    const second = await deliver({ source: "api" });
    fail("500", "look", { count: 1 });
    await step(1);
    const third = await deliver({ source: "slack" });
    await step(1);
    await rest();
    expect([await status(first), await status(second), await status(third)]).toEqual([
      "resigned",
      "duplicate",
      "duplicate",
    ]);
    expect([seen(), resigned(), simulator.calls().length]).toEqual(["Resigned", 1, 1]);
  });
});
