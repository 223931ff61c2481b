/** What comes in bent, late, or by another hand: nobody is called for on a doubt, and somebody is told. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  larkDeleted,
  type SignedRequest,
  signApi,
  signLark,
  signWechatwork,
  wechatworkDeleted,
} from "../../cli/sign.ts";
import type { Brake } from "../../lambda/departure/brake.ts";
import { askBrake } from "../../lambda/departure/brake.ts";
import { untimed } from "../../lambda/resignation/moment.ts";
import { longTest } from "../long.ts";
import { day, type Ground, hour, minute, someone, startAt, startCompany, startGround } from "./fixtures.ts";

let ground: Ground;
let company: Awaited<ReturnType<typeof startCompany>>;
beforeAll(async () => {
  ground = await startGround();
});
afterEach(() => company?.close());
afterAll(() => ground.close());

async function start(changes: object = {}, deadlineMs?: number) {
  company = await startCompany(ground, changes, startAt, deadlineMs);
  return company;
}

const grace = { graceDays: 7 };
const longAgo = () => new Date(company.clock.ms - 2 * day * 1_000);
const idOf = (userId = someone) => company.simulator.person(userId)?.userId as string;

/** Lark's signed event; `createTime`: as it stands in there, or nothing. */
function lark(id: string, type: "created" | "deleted", createTime: string | undefined): Promise<{ status: number }> {
  const { keys } = ground;
  const event = larkDeleted(
    { open_id: id },
    { token: keys.lark.verificationToken, eventId: `${type} ${id} ${createTime}`, now: company.now() },
  );
  const header = { ...event.header, event_type: `contact.user.${type}_v3`, create_time: createTime };
  return company.request(signLark({ ...event, header }, keys.lark, company.now()));
}
const inMs = (at: string) => String(Date.parse(at));

let requests = 0;
/** An operator's signed request. */
function signAct(id: string, name: string, body: object = {}): SignedRequest {
  requests += 1;
  const request = {
    method: "POST",
    path: `/resignations/${id}/${name}`,
    body: { operator: "alice", ...body },
  } as const;
  return signApi(request, ground.keys.api.ops, { id: `msg_${requests}`, now: company.now() });
}

// Before: whoever the relation led to at the last moment was resigned.
describe("a relation that leads to another user than before", () => {
  async function startAmbiguous() {
    const { act, deliver, get, rest, simulator } = await start();
    const id = await deliver({ occurredAt: longAgo() });
    await rest();
    const [meant, userId] = [idOf(), someone];
    simulator.cutRelation(userId);
    simulator.addUsers([{ syncRelation: userId, name: "Somebody else" }]);
    const other = idOf();
    expect(other).not.toBe(meant);
    await act("approve", id);
    await rest();
    expect(await get(id)).toMatchObject({
      ...{ status: "held", heldFor: "ambiguous", shown: { genauthUserId: other } },
      candidates: [{ genauthUserId: meant }, { genauthUserId: other, name: "Somebody else" }],
    });
    expect(simulator.calls()).toEqual([]);
    return { id, meant, other };
  }

  test("is held with both candidates, told, and nobody is called for", async () => {
    const { id } = await startAmbiguous();
    expect(company.told(id)).toEqual(["held", "held"]);
  });

  test.each(["meant", "other"] as const)("is carried out for whom the approval names: the one %s", async (which) => {
    const { id, ...users } = await startAmbiguous();
    await company.act("approve", id, { genauthUserId: users[which] });
    await company.rest();
    expect(await company.status(id)).toBe("resigned");
    expect(company.simulator.changes().map(({ userId, to }) => [userId, to])).toEqual([[users[which], "Resigned"]]);
  });

  test.each([{}, { genauthUserId: "nobody's" }])("is not carried out for an approval that names %j", async (named) => {
    const { id } = await startAmbiguous();
    await expect(company.act("approve", id, named)).rejects.toMatchObject({ code: "malformed" });
    await company.rest();
    expect([await company.status(id), company.simulator.calls()]).toEqual(["held", []]);
  });

  test("on the day of the suspended holds them, and the approval may name nobody else", async () => {
    const { act, deliver, get, rest, simulator } = await start(grace);
    const id = await deliver();
    await rest(hour);
    const meant = idOf();
    simulator.cutRelation(someone);
    simulator.addUsers([{ syncRelation: someone }]);
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "ambiguous" });
    await expect(act("approve", id, { genauthUserId: idOf() })).rejects.toMatchObject({ code: "conflict" });
    await act("approve", id, { genauthUserId: meant });
    await rest();
    expect(await company.status(id)).toBe("resigned");
    expect(simulator.changes().filter(({ by }) => by === "us")).toMatchObject([
      { userId: meant, to: "Suspended" },
      { userId: meant, to: "Resigned" },
    ]);
  });
});

// Before: `not_found`, and nobody was told that the person may still have access under another name.
describe("a user who was deleted by hand", () => {
  test("before their departure's turn is not found, which is told", async () => {
    const { deliver, rest, simulator, status, told } = await start();
    simulator.removeUser(someone);
    const id = await deliver();
    await rest();
    expect([await status(id), told(id)]).toEqual(["not_found", ["not_found"]]);
  });

  test("while suspended is not found on the day, and one who is back has nothing to be given", async () => {
    const { back, deliver, pass, rest, simulator, status, told } = await start(grace);
    const [id, other] = [await deliver(), await deliver({ userId: "lark:ou_demo_2" })];
    await rest(hour);
    simulator.removeUser(someone);
    simulator.removeUser("lark:ou_demo_2");
    await back("lark:ou_demo_2");
    await rest(hour);
    expect([await status(other), told(other)]).toEqual(["cancelled", ["suspended", "called_off"]]);
    pass(7 * day);
    await rest();
    expect([await status(id), told(id)]).toEqual(["not_found", ["suspended", "not_found"]]);
  });

  test("after the call whose answer was lost is looked for, and told of", async () => {
    const { deliver, fail, rest, simulator, status, step, told } = await start();
    const id = await deliver();
    fail("cut", "resign", { count: 1 });
    await step(1);
    simulator.removeUser(someone);
    await rest();
    expect([await status(id), told(id), simulator.calls().length]).toEqual(["not_found", ["not_found"], 1]);
  });
});

// Before: a refused look was a go. A look without an answer was none before either, and must stay so.
describe("a look at GenAuth", () => {
  test("that is refused holds the departure, which goes on once the look is allowed", async () => {
    const { act, deliver, fail, get, resigned, rest, told } = await start();
    const id = await deliver();
    fail("403", "look");
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "unseen" });
    expect([resigned(), told(id)]).toEqual([0, ["held"]]);
    await act("approve", id);
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "unseen" });
    fail("none", "look");
    await act("approve", id);
    await rest();
    expect([await company.status(id), resigned()]).toEqual(["resigned", 1]);
  });

  test.each(["cut", "garbage", "500", "hang"] as const)(
    "that ends as %s is no look: it is tried again",
    async (mode) => {
      const { deliver, fail, resigned, rest, status, step } = await start({}, mode === "hang" ? 300 : undefined);
      const id = await deliver();
      fail(mode, "look", { count: 1 });
      await step(1);
      expect([await status(id), resigned()]).toEqual(["accepted", 0]);
      await rest();
      expect([await status(id), resigned()]).toEqual(["resigned", 1]);
    },
  );

  test("that is refused while access is to be given back is tried for ever, and told", async () => {
    const { act, deliver, fail, rest, seen, status, told } = await start(grace);
    const id = await deliver();
    await rest(minute);
    fail("403", "look");
    await act("cancel", id);
    await rest(hour);
    expect(told(id)).toEqual(["suspended", "not_given_back"]);
    fail("none", "look");
    await rest(hour);
    expect([await status(id), seen()]).toEqual(["cancelled", "Activated"]);
  });
});

// Before: of another source it called off, without a time it called off; none was remembered, so that none could reach too far.
describe("a return", () => {
  test("of the year 2099 calls off what was before it came, and nothing that comes later", async () => {
    const { ledger, now, pass, resigned, rest, status } = await start();
    const theOnly = async () => (await ledger.waiting(someone, now()))[0] as string;
    await lark("ou_demo_1", "deleted", inMs("2026-11-24T07:59:00Z"));
    const before = await theOnly();
    expect((await lark("ou_demo_1", "created", inMs("2099-01-01T00:00:00Z"))).status).toBe(200);
    await rest(hour);
    expect([await status(before), resigned()]).toEqual(["cancelled", 0]);
    pass(hour);
    await lark("ou_demo_1", "deleted", String(now().getTime() - 60_000));
    const after = await theOnly();
    await rest(hour);
    expect([await status(after), resigned()]).toEqual(["resigned", 1]);
  });

  test("of the year 1970 calls nothing off", async () => {
    const { ledger, now, resigned, rest, status } = await start();
    await lark("ou_demo_1", "created", "0000001000");
    await lark("ou_demo_1", "deleted", inMs("2026-11-24T07:59:00Z"));
    const [id = ""] = await ledger.waiting(someone, now());
    await rest();
    expect([await status(id), resigned()]).toEqual(["resigned", 1]);
  });

  test("without a time holds what it may have followed, and nothing that comes later", async () => {
    const { get, ledger, now, pass, resigned, rest, status } = await start();
    await lark("ou_demo_1", "deleted", inMs("2026-11-24T07:00:00Z"));
    const [before = ""] = await ledger.waiting(someone, now());
    await lark("ou_demo_1", "created", undefined);
    await rest(hour);
    expect(await get(before)).toMatchObject({ status: "held", heldFor: "returned" });
    expect(resigned()).toBe(0);
    await company.act("cancel", before);
    pass(hour);
    await lark("ou_demo_1", "deleted", String(now().getTime()));
    const [after = ""] = await ledger.waiting(someone, now());
    await rest(hour);
    expect([await status(after), resigned()]).toEqual(["resigned", 1]);
  });

  test("of another source holds the departure and does not call it off", async () => {
    const { back, deliver, get, pass, resigned, rest } = await start();
    const id = await deliver({ source: "api" });
    pass(minute);
    await back(someone, { moment: untimed(company.now()) });
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "returned" });
    expect(resigned()).toBe(0);
  });
});

// Before: it was taken as it came, and resigned at once.
test("a departure of the year 2099 is kept and told, and nobody is called for", async () => {
  const { counted, ledger, now, rest, simulator } = await start();
  expect((await lark("ou_demo_1", "deleted", inMs("2099-01-01T00:00:00Z"))).status).toBe(200);
  await rest(hour);
  expect(await ledger.waiting(someone, now())).toEqual([]);
  expect([counted("UnusableDeparture"), simulator.calls()]).toEqual([1, []]);
});

// Before: returns had no brake, and a directory that was written anew gave everybody their access back.
describe("more returns at once than may call something off", () => {
  const perHour = 20;

  longTest("as many go through as may, and the rest are held with one alert", async () => {
    const { back, deliver, drain, get, notices, pass } = await start({ brake: { perHour } });
    const people = Array.from({ length: 60 }, (_, n) => `${n % 2 ? "lark:ou_" : "wechatwork:"}demo_${n + 1}`);
    const ids = await Promise.all(people.map((userId) => deliver({ userId })));
    pass(minute);
    await Promise.all(people.map((userId) => back(userId)));
    await drain(10);
    const outcomes = await Promise.all(ids.map(get));
    const held = outcomes.filter(({ status }) => status === "held");
    expect(outcomes.filter(({ status }) => status === "cancelled")).toHaveLength(perHour);
    expect(held).toHaveLength(people.length - perHour);
    expect(new Set(held.map((one) => one.status === "held" && `${one.heldFor} ${one.brakeId}`)).size).toBe(1);
    expect(held[0]).toMatchObject({ heldFor: "returned" });
    expect(notices.filter(({ about }) => about === "brake_tripped")).toHaveLength(1);
    expect(company.simulator.changes()).toEqual([]);
  });

  test("a thousand ask for a place, and the brake trips once", () => {
    let brake: Brake = { version: 0, passed: [] };
    const answers = Array.from({ length: 1_000 }, (_, n) => {
      const asked = askBrake(brake, { id: `res_${n}` }, { perHour, what: "people came back" }, company.now());
      brake = asked.brake ?? brake;
      return asked.answer.kind === "hold" && asked.answer.hasTripped ? "trip" : asked.answer.kind;
    });
    const counts = ["go", "trip", "hold"].map((kind) => answers.filter((one) => one === kind).length);
    expect(counts).toEqual([perHour, 1, 1_000 - perHour - 1]);
    expect(brake.tell).toHaveLength(1);
  });
});

// Before: there was nothing to approve: all three had their access back.
test("what the brake of returns holds is an operator's: approved it is carried out, cancelled it is called off", async () => {
  const { act, back, deliver, get, pass, rest, seen, status } = await start(grace);
  const people = [1, 2, 3].map((n) => `lark:ou_demo_${n}`);
  const ids = await Promise.all(people.map((userId) => deliver({ userId })));
  await rest(minute);
  company.deploy({ brake: { perHour: 0 } });
  await Promise.all(people.map((userId) => back(userId)));
  await rest(minute);
  for (const id of ids) expect(await get(id)).toMatchObject({ status: "held", heldFor: "returned" });
  expect(people.map(seen)).toEqual(["Suspended", "Suspended", "Suspended"]);

  company.deploy({ brake: { perHour: 20 } });
  const [approved = "", cancelled = "", again = ""] = ids;
  await act("approve", approved);
  await act("cancel", cancelled);
  pass(hour);
  await back(people[2]);
  await rest(hour);
  expect([await status(approved), await status(cancelled), await status(again)]).toEqual([
    "suspended",
    "cancelled",
    "cancelled",
  ]);
  expect(people.map(seen)).toEqual(["Suspended", "Activated", "Activated"]);
});

// Before: it stopped the sweep and every list of the person.
describe("an unreadable item among those on which a suspension stands", () => {
  async function startUnreadable(userId = someone) {
    const { deliver, now, rest, simulator, table } = await start(grace);
    simulator.addUsers([{ relations: [someone, "wechatwork:one"] }]);
    const first = await deliver({ userId });
    const second = await deliver({ source: "api" });
    await rest(5 * minute);
    await table.put({ id: first, userId, acceptedAt: now().toISOString(), status: "suspended" });
    return second;
  }

  test("is no reason to give access back", async () => {
    const second = await startUnreadable();
    const { act, rest, seen, status } = company;
    await act("cancel", second);
    await rest(5 * minute);
    expect([await status(second), seen()]).toEqual(["cancelled", "Suspended"]);
  });

  test("does not keep the other departure from its day", async () => {
    const second = await startUnreadable();
    const { counted, pass, resigned, rest, seen, status } = company;
    pass(7 * day);
    await rest(10 * minute);
    expect([await status(second), seen(), resigned()]).toEqual(["resigned", "Resigned", 1]);
    expect(counted("Unreadable")).toBeGreaterThan(0);
  });

  test.each([someone, "wechatwork:one"])(
    "at %s does not keep the other's return from being heard",
    async (relation) => {
      const second = await startUnreadable(relation);
      const { back, rest, seen, status } = company;
      await back(someone, { source: "api" });
      await rest(5 * minute);
      expect([await status(second), seen()]).toEqual(["cancelled", "Suspended"]);
    },
  );
});

// Before: `not_found`, final, and the person kept their access.
describe("a WeCom id in another case", () => {
  const told = (id: string) => {
    const { token, encodingAesKey } = ground.keys.wechatwork;
    const xml = wechatworkDeleted(id, "wwlocal", company.now());
    return company.request(signWechatwork(xml, { token, encodingAesKey, receiveId: "wwlocal" }, company.now()));
  };

  test("is held with the one whom GenAuth knows, and approved for them by the directory's own case", async () => {
    const { act, get, ledger, now, resigned, rest, simulator } = await start();
    await told("Demo_1");
    const [id = ""] = await ledger.waiting("wechatwork:Demo_1", now());
    await rest();
    const candidates = [
      { userId: "wechatwork:demo_1", genauthUserId: idOf("wechatwork:demo_1"), name: "Demo WeCom 1" },
    ];
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "ambiguous", candidates });
    expect(simulator.calls()).toEqual([]);
    await act("approve", id);
    await rest();
    expect([await company.status(id), resigned("wechatwork:demo_1")]).toEqual(["resigned", 1]);
    expect(simulator.calls()).toMatchObject([{ userId: "wechatwork:demo_1", userIdType: "sync_relation" }]);
  });
});

// Before: they were part of the suspension, which was not written down until they were ended, or never tried again.
describe("sessions that are owed", () => {
  const withSessions = { endSessionsIn: ["app1"] };

  test("change no status, and are dropped when access is given back", async () => {
    const { back, deliver, fail, person, rest, seen, simulator, status } = await start({ ...withSessions, ...grace });
    const id = await deliver();
    fail("500", "sessions");
    await rest(hour);
    expect([await status(id), (await person()).sessionsOwed?.tries ?? 0]).toEqual(["suspended", expect.any(Number)]);
    expect((await person()).sessionsOwed?.tries).toBeGreaterThan(2);
    await back();
    await rest(hour);
    fail("none", "sessions");
    await rest(hour);
    expect([await status(id), seen(), simulator.kicked()]).toEqual(["cancelled", "Activated", []]);
    expect((await person()).sessionsOwed).toBeUndefined();
  });

  test("are counted once when they are given up, and the resignation stays one", async () => {
    const retry = { firstDelaySeconds: 60, maxDelaySeconds: 900, giveUpAfterSeconds: 3_600 };
    const { counted, deliver, fail, person, rest, status } = await start({ ...withSessions, retry });
    const id = await deliver();
    fail("500", "sessions");
    await rest();
    expect([await status(id), counted("SessionsLeft")]).toEqual(["resigned", 1]);
    expect((await person()).sessionsOwed).toBeUndefined();
  });
});

// Before: a look right after the cut found nothing, and the call was sent again.
describe("a call that arrives after its connection was cut", () => {
  test("resigns once: nobody calls again before it can have arrived", async () => {
    const { deliver, fail, resigned, rest, simulator, status, step } = await start();
    const id = await deliver();
    fail("late", "resign", { count: 1, afterSeconds: 20 });
    await step(1);
    expect([await status(id), resigned(), simulator.lateCalls()]).toEqual(["accepted", 0, 1]);
    await rest();
    expect([await status(id), resigned(), simulator.calls().length]).toEqual(["resigned", 1, 1]);
  });

  test("and suspended somebody who was back by then is taken back", async () => {
    const { back, deliver, fail, pass, rest, seen, simulator, status, step } = await start(grace);
    const id = await deliver();
    fail("late", "status", { count: 1, afterSeconds: 20 });
    await step(1);
    pass(5);
    await back();
    await rest(hour);
    expect([await status(id), seen()]).toEqual(["cancelled", "Activated"]);
    expect(simulator.changes().map(({ to }) => to)).toEqual(["Suspended", "Activated"]);
  });

  test("and gave access back does not do so after a new suspension", async () => {
    const { back, deliver, fail, pass, rest, seen, simulator, status, step } = await start(grace);
    await deliver();
    await rest(minute);
    await back();
    fail("late", "status", { count: 1, afterSeconds: 20 });
    await step(1);
    pass(2);
    const again = await deliver({ occurredAt: new Date(company.clock.ms) });
    await rest(hour);
    expect([await status(again), seen(), simulator.lateCalls()]).toEqual(["suspended", "Suspended", 0]);
  });
});

// Before: each relation was a person of its own: resigned twice, protected singly, and given back whatever the other said.
describe("two relations of one person", () => {
  const wecom = "wechatwork:one";
  async function startTwo(changes: object = {}) {
    const started = await start(changes);
    started.simulator.addUsers([{ relations: [someone, wecom] }]);
    const first = await started.deliver();
    const second = await started.deliver({ source: "wechatwork", userId: wecom });
    return { ...started, first, second };
  }

  test("have one effect, and the second departure is a duplicate", async () => {
    const { first, rest, second, seen, simulator, status } = await startTwo();
    await rest();
    expect([await status(first), await status(second), seen(wecom)]).toEqual(["resigned", "duplicate", "Resigned"]);
    expect(simulator.allEffects()).toHaveLength(1);
  });

  test("have one effect, though both departures are worked on at once", async () => {
    const { first, rest, second, simulator, status, step } = await startTwo();
    await step(2);
    await rest();
    expect([await status(first), await status(second)].toSorted()).toEqual(["duplicate", "resigned"]);
    expect(simulator.allEffects()).toHaveLength(1);
  });

  test("are protected together", async () => {
    const { first, get, rest, second, simulator } = await startTwo({ protected: [wecom] });
    await rest();
    for (const id of [first, second]) expect(await get(id)).toMatchObject({ status: "held", heldFor: "protected" });
    expect(simulator.allEffects()).toEqual([]);
  });

  test("suspended together stay so when one is cancelled, and are resigned once on the day", async () => {
    const { act, first, rest, second, seen, simulator, status } = await startTwo(grace);
    await rest(hour);
    expect([await status(first), await status(second)]).toEqual(["suspended", "suspended"]);
    await act("cancel", first);
    await rest(hour);
    expect([await status(first), await status(second), seen()]).toEqual(["cancelled", "suspended", "Suspended"]);
    await rest();
    expect([await status(second), seen(), simulator.allEffects().length]).toEqual(["resigned", "Resigned", 1]);
  });

  test("a return at the one holds the departure of the other", async () => {
    const { back, first, get, pass, rest, second, seen, status } = await startTwo(grace);
    await rest(hour);
    pass(hour);
    await back();
    await rest(hour);
    expect([await status(first), seen()]).toEqual(["cancelled", "Suspended"]);
    await rest();
    expect(await get(second)).toMatchObject({ status: "held", heldFor: "returned" });
    expect(seen()).toBe("Suspended");
  });

  test("a return is heard though GenAuth lists its relation no more", async () => {
    const { back, first, rest, seen, simulator, status } = await startTwo(grace);
    await rest(hour);
    simulator.cutRelation(someone);
    await back();
    await rest(hour);
    expect([await status(first), seen(wecom)]).toEqual(["cancelled", "Suspended"]);
  });

  // The departure of the other relation does not hear it yet: its relation is read no more once the first is out.
  test("a return at a relation that GenAuth lists no more holds the departure of the other", async () => {
    const { back, get, rest, second, simulator } = await startTwo(grace);
    await rest(hour);
    simulator.cutRelation(someone);
    await back();
    await rest();
    expect(await get(second)).toMatchObject({ status: "held", heldFor: "returned" });
  });
});

// Before: only those whom nobody had released were held.
test("who is protected after they were suspended is held on their day, and stays suspended", async () => {
  const { deliver, deploy, get, rest, seen } = await start(grace);
  const id = await deliver();
  await rest(hour);
  deploy({ protected: [someone] });
  await rest();
  expect(await get(id)).toMatchObject({ status: "held", heldFor: "protected" });
  expect(seen()).toBe("Suspended");
});

// Before: a release was good for everything and for ever, whatever happened after it was shown.
describe("an approval is good for what was shown", () => {
  async function startGivenBack() {
    const { deliver, get, rest, simulator } = await start(grace);
    const id = await deliver();
    await rest(hour);
    simulator.setStatus(someone, "Activated");
    await rest();
    expect(await get(id)).toMatchObject({ heldFor: "given_back", shown: { status: "Activated" } });
    return id;
  }

  test("who was given access back by hand is resigned when that is approved", async () => {
    const id = await startGivenBack();
    await company.act("approve", id);
    await company.rest();
    expect([await company.status(id), company.resigned()]).toEqual(["resigned", 1]);
  });

  test("who was given access back once more since is held again", async () => {
    const id = await startGivenBack();
    const { act, get, pass, resigned, rest, simulator } = company;
    pass(minute);
    simulator.setStatus(someone, "Activated");
    await act("approve", id);
    await rest();
    expect(await get(id)).toMatchObject({ status: "held", heldFor: "given_back" });
    expect(resigned()).toBe(0);
  });

  test("who was resigned, and given access back by hand, is resigned again only when that is approved", async () => {
    const { act, deliver, get, rest, seen, simulator, status } = await start();
    await deliver();
    await rest(minute);
    simulator.setStatus(someone, "Activated");
    const order = await deliver({ source: "api" });
    await rest(minute);
    expect(await get(order)).toMatchObject({ status: "held", heldFor: "given_back" });
    expect(seen()).toBe("Activated");
    await act("approve", order);
    await rest(minute);
    expect([await status(order), seen()]).toEqual(["resigned", "Resigned"]);
  });

  test("a return that was told since is none of it", async () => {
    const { act, back, deliver, get, pass, resigned, rest, status } = await start();
    const [one, other] = [await deliver({ source: "api" }), await deliver({ source: "api", userId: "lark:ou_demo_2" })];
    await back();
    await back("lark:ou_demo_2");
    await rest();
    for (const id of [one, other]) expect(await get(id)).toMatchObject({ heldFor: "returned" });
    pass(minute);
    await back();
    await act("approve", one);
    await act("approve", other);
    await rest();
    expect(await get(one)).toMatchObject({ status: "held", heldFor: "returned" });
    expect([await status(other), resigned(), resigned("lark:ou_demo_2")]).toEqual(["resigned", 0, 1]);
  });

  test("names nobody where nobody was to be chosen", async () => {
    const { act, deliver, rest, status } = await start();
    const id = await deliver({ occurredAt: longAgo() });
    await rest();
    await expect(act("approve", id, { genauthUserId: idOf() })).rejects.toMatchObject({ code: "malformed" });
    expect(await status(id)).toBe("held");
  });
});

// Before: there was no such route, and nobody was told of them.
describe("acknowledging over HTTP", () => {
  test("is refused unless the person was resigned though back", async () => {
    const { deliver, request, rest } = await start({ protected: [someone] });
    const id = await deliver({ userId: "lark:ou_demo_2" });
    const held = await deliver();
    expect((await request(signAct(id, "acknowledge"))).status).toBe(409);
    await rest();
    for (const one of [id, held]) {
      expect(await request(signAct(one, "acknowledge"))).toMatchObject({ status: 409, body: { code: "conflict" } });
    }
  });

  test("takes them off the urgent list, and says by whom", async () => {
    const { back, deliver, pass, request, rest, told } = await start();
    const id = await deliver();
    await rest(minute);
    pass(minute);
    await back();
    await rest();
    expect(told(id)).toEqual(["resigned", "back_after_resigned"]);
    const { status, body } = await request(signAct(id, "acknowledge", { reason: "they did leave" }));
    expect([status, body.status, body.acknowledged]).toEqual([
      200,
      "resigned",
      expect.objectContaining({ by: "alice (ops)" }),
    ]);
    await rest();
    expect(told(id)).toEqual(["resigned", "back_after_resigned"]);
    expect((await request(signAct(id, "approve"))).status).toBe(409);
  });
});
