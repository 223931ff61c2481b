import { beforeEach, describe, expect, test } from "vitest";
import { openTable } from "../../lambda/aws/table.ts";
import type { BrakeName } from "../../lambda/departure/brake.ts";
import { type Effect, noEffect } from "../../lambda/departure/effect.ts";
import { relationId } from "../../lambda/departure/people.ts";
import { createLedger, type Ledger } from "../../lambda/ledger.ts";
import { toResignation } from "../../lambda/resignation/departure.ts";
import { later } from "../../lambda/resignation/moment.ts";
import { moveTo, type Resignation, type Status } from "../../lambda/resignation/resignation.ts";
import { precededBy, statuses } from "../../lambda/resignation/status.ts";
import type { SyncRelation } from "../../lambda/resignation/sync-relation.ts";
import { startDynamoDb } from "../dynamodb.ts";
import { fc, fewer } from "../fast-check.ts";
import { isLong } from "../long.ts";
import { now } from "../parts.ts";

const dynamodb = startDynamoDb();
let ledger: Ledger;
let tables = 0;

beforeEach(async () => {
  tables += 1;
  await dynamodb.createLedgerTable(`ledger-${tables}`);
  ledger = createLedger({ client: dynamodb.client, table: `ledger-${tables}` });
});

const day = 86_400;
const lark1 = "lark:ou_1" as SyncRelation;
const from = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const departure = (eventId: string, userId = "lark:ou_1", at = now) =>
  toResignation({ source: "lark", eventId, userId: userId as SyncRelation, occurredAt: at, requestedBy: "lark" }, at);

/** What a status has of its own, enough to be read back. */
const fieldsOf: Record<Status, object> = {
  scheduled: { leavesAt: later(now, day) },
  accepted: {},
  held: { heldFor: "stale" },
  resigning: { lease: { owner: "me", until: later(now, 60) } },
  suspended: {},
  resigned: { resignedAt: now.toISOString() },
  not_found: {},
  duplicate: { duplicateOf: "res_other" },
  cancelled: {},
  failed: {},
  restored: {},
};
/** The item as it is stored, with what only the indexes and the time to live read. */
const itemOf = async (id: string) => (await ledger.items([id])).get(id);
const to = (before: Resignation, status: Status) => moveTo(before, status, fieldsOf[status] as never);

test("a departure is entered once, and found as it was", async () => {
  expect(await ledger.enter(departure("e1"))).toBeUndefined();
  expect(await ledger.enter({ ...departure("e1"), reason: "other" })).toEqual(departure("e1"));
  expect(await ledger.get(departure("e1").id)).toEqual(departure("e1"));
  expect(await ledger.get("res_none")).toBeUndefined();
});

describe("every transition", () => {
  /** A way to each status by allowed steps alone. */
  const ways: Record<Status, Status[]> = {
    accepted: [],
    resigning: ["resigning"],
    held: ["held"],
    suspended: ["resigning", "suspended"],
    resigned: ["resigning", "resigned"],
    not_found: ["resigning", "not_found"],
    duplicate: ["duplicate"],
    cancelled: ["cancelled"],
    failed: ["resigning", "failed"],
    scheduled: ["scheduled"],
    restored: ["resigning", "resigned", "restored"],
  };

  test.each(statuses.flatMap((before) => statuses.map((next) => [before, next] as const)))(
    "from %s to %s",
    async (before, next) => {
      let current: Resignation = departure("e1");
      await ledger.enter(current);
      for (const status of ways[before]) current = (await ledger.save(to(current, status))) ?? current;
      expect(current.status).toBe(before);

      const saved = await ledger.save(to(current, next));
      const isAllowed = precededBy[next].includes(before);
      expect(saved !== undefined).toBe(isAllowed);
      expect((await ledger.get(current.id))?.status).toBe(isAllowed ? next : before);

      // Whoever lies about where they come from is refused by the ledger itself.
      const liar = { ...to(departure("e1"), next), version: saved?.version ?? current.version };
      expect((await ledger.save(liar)) !== undefined).toBe(precededBy[next].includes(isAllowed ? next : before));
    },
  );

  test.each<[Status, Status[]]>([
    ["not_found", []],
    ["duplicate", []],
    ["restored", []],
    ["cancelled", ["cancelled", "resigned"]],
    ["resigned", ["resigned", "restored"]],
  ])("what is %s leads to nothing but %j", (closed, expected) => {
    expect(statuses.filter((next) => precededBy[next].includes(closed)).sort()).toEqual(expected);
  });
});

test("who writes on an old version writes nothing", async () => {
  await ledger.enter(departure("e1"));
  const both = [to(departure("e1"), "resigning"), to(departure("e1"), "held")];
  const saved = await Promise.all(both.map((next) => ledger.save(next)));
  expect(saved.filter(Boolean)).toHaveLength(1);
});

test("who does not hold the lease writes no outcome", async () => {
  await ledger.enter(departure("e1"));
  const claimed = await ledger.save(to(departure("e1"), "resigning"));
  if (!claimed) throw new Error("not claimed");
  expect(await ledger.save(to(claimed, "resigned"), "another")).toBeUndefined();
  expect(await ledger.save(to(claimed, "resigned"), "me")).toMatchObject({ status: "resigned" });
});

describe("a person", () => {
  const id = "person|u1";
  const take = (owner: string, seconds: number) =>
    ledger.takePerson(id, owner, from(seconds), later(now, seconds + 60));
  const suspended: Effect = {
    ...{ ...noEffect, state: "suspended", for: ["res_1"], by: "res_1", hadCall: true },
    ...{ calledAt: now.toISOString(), changedAt: "2026-11-24T02:00:01.000Z", resignAfter: later(now, day) },
  };

  test("is one holder's at a time, until the lease is laid down or runs out", async () => {
    const takers = Array.from({ length: 20 }, (_, index) => take(`owner ${index}`, 0));
    expect((await Promise.all(takers)).filter(Boolean)).toHaveLength(1);
    expect(await take("late", 59)).toBeUndefined();
    expect(await take("late", 60)).toBeUndefined();
    expect(await take("late", 61)).toEqual({});
    expect(await ledger.leavePerson(id, "owner 0")).toBe(false);
    expect(await ledger.leavePerson(id, "late")).toBe(true);
    expect(await take("next", 62)).toEqual({});
  });

  test("can be taken again by the holder, and laid down once", async () => {
    expect(await take("one", 0)).toEqual({});
    expect(await take("one", 1)).toEqual({});
    expect(await ledger.leavePerson(id, "one")).toBe(true);
    expect(await ledger.leavePerson(id, "one")).toBe(false);
  });

  test("is written by the holder of the lease alone, and found by the next", async () => {
    expect(await ledger.saveEffect(id, "one", suspended, [], now)).toBe(false);
    expect(await ledger.getPerson(id)).toEqual({});
    await take("one", 0);
    expect(await ledger.saveEffect(id, "two", suspended, [], now)).toBe(false);
    expect(await ledger.saveEffect(id, "one", suspended, [], now)).toBe(true);
    expect(await take("two", 61)).toEqual({ effect: suspended, relations: [] });
    expect(await ledger.saveEffect(id, "one", noEffect, [], now)).toBe(false);
    await ledger.leavePerson(id, "two");
    expect(await ledger.saveEffect(id, "two", noEffect, [], now)).toBe(false);
    expect(await ledger.getPerson(id)).toEqual({ effect: suspended, relations: [] });
  });

  test("that was left in the middle of a call is found as it was left", async () => {
    await take("one", 0);
    const doubt: Effect = { ...suspended, state: "resigning", prev: "suspended", triedUntil: later(now, 60) };
    await ledger.saveEffect(id, "one", doubt, [], now);
    expect(await take("two", 61)).toEqual({ effect: doubt, relations: [] });
  });

  test("is kept for 800 days from the last write", async () => {
    const days = 800 * day + now.getTime() / 1_000;
    await take("one", 0);
    expect(await itemOf(id)).toMatchObject({ expiresAt: days });
    await ledger.saveEffect(id, "one", suspended, [], from(10));
    expect(await itemOf(id)).toMatchObject({ expiresAt: days + 10 });
  });

  test("whose sessions are owed is due with the effect that owes them, until they are ended or access is given back", async () => {
    await take("one", 0);
    await ledger.saveEffect(id, "one", suspended, [], now, "owe");
    const dueAt = later(now, 180);
    expect(await ledger.getPerson(id)).toMatchObject({ sessionsOwed: { since: now.toISOString(), tries: 0 }, dueAt });
    expect(await ledger.due(from(180), 10)).toEqual([{ id, dueAt }]);

    const owed = { since: now.toISOString(), tries: 1 };
    await ledger.noteSessions(id, "one", { owed, dueAt: later(now, 500) });
    expect(await ledger.due(from(499), 10)).toEqual([]);
    expect(await ledger.getPerson(id)).toEqual({
      effect: suspended,
      relations: [],
      sessionsOwed: owed,
      dueAt: later(now, 500),
    });
    await ledger.noteSessions(id, "another");
    expect(await ledger.getPerson(id)).toHaveProperty("sessionsOwed");

    await ledger.noteSessions(id, "one");
    expect(await ledger.getPerson(id)).toEqual({ effect: suspended, relations: [] });
    expect(await ledger.due(from(1_000), 10)).toEqual([]);

    await ledger.saveEffect(id, "one", suspended, [], now, "owe");
    await ledger.saveEffect(id, "one", noEffect, [], now, "drop");
    expect(await ledger.getPerson(id)).toEqual({ effect: noEffect, relations: [] });
    expect(await ledger.due(from(1_000), 10)).toEqual([]);
  });
});

describe("a relation", () => {
  const id = relationId(lark1);
  const at = (seconds: number, until = seconds) => ({ from: from(seconds), to: from(until) });
  const told = async () => (await ledger.getRelation(lark1)).returns;

  test("of which nothing was said has nothing", async () => {
    expect(await ledger.getRelation(lark1)).toEqual({ returns: [] });
  });

  test("keeps the greatest moments of its returns, in whatever order and however often they are told", async () => {
    const moment = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }));
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { minLength: 1, maxLength: 6 }), async (moments) => {
        runs += 1;
        const relation = `lark:ou_${runs}` as SyncRelation;
        let before = 0;
        for (const [start, length] of [...moments, ...moments]) {
          await ledger.noteReturn(relation, "lark", at(start, start + length), now);
          const [known] = (await ledger.getRelation(relation)).returns;
          // What is new counts, and the count never falls.
          expect(known?.count).toBeGreaterThanOrEqual(before);
          before = known?.count ?? 0;
        }
        expect((await ledger.getRelation(relation)).returns).toEqual([
          {
            ...{ relation, source: "lark", count: before },
            from: from(Math.max(...moments.map(([start]) => start))).toISOString(),
            to: from(Math.max(...moments.map(([start, length]) => start + length))).toISOString(),
          },
        ]);
      }),
      { numRuns: fewer(25) },
    );
  });

  test("counts what is new, and a repeat or an older return not", async () => {
    const countAfter = async (seconds: number, until?: number) => {
      await ledger.noteReturn(lark1, "lark", at(seconds, until), now);
      return (await told())[0]?.count;
    };
    expect(await countAfter(5)).toBe(1);
    expect(await countAfter(5)).toBe(1);
    expect(await countAfter(3)).toBe(1);
    expect(await countAfter(6)).toBe(2);
    // Only its end is later: it is another return all the same.
    expect(await countAfter(1, 9)).toBe(3);
    expect(await countAfter(7, 8)).toBe(4);
    expect(await told()).toMatchObject([{ from: from(7).toISOString(), to: from(9).toISOString() }]);
  });

  test("keeps the returns of each source by themselves", async () => {
    await ledger.noteReturn(lark1, "lark", at(5), now);
    await ledger.noteReturn(lark1, "wechatwork", at(3), now);
    await ledger.noteReturn(lark1, "operator", at(1), now);
    const counts = (await told()).map(({ source, from: start, count }) => [source, start, count]);
    expect(counts.sort()).toEqual([
      ["lark", from(5).toISOString(), 1],
      ["operator", from(1).toISOString(), 1],
      ["wechatwork", from(3).toISOString(), 1],
    ]);
  });

  test.each([isLong ? 1_000 : 30])("keeps the greatest of %i returns that are told at once", async (count) => {
    const moments = Array.from({ length: count }, (_, index) => (index * 7) % count);
    await Promise.all(moments.map((start) => ledger.noteReturn(lark1, "lark", at(start, 2 * count - start), now)));
    expect(await told()).toMatchObject([{ from: from(count - 1).toISOString(), to: from(2 * count).toISOString() }]);
  });

  test("is due at once when something was said of it, and kept for 800 days", async () => {
    await ledger.noteReturn(lark1, "lark", at(0), from(10));
    expect(await ledger.due(from(9), 10)).toEqual([]);
    expect(await ledger.due(from(10), 10)).toEqual([{ id, dueAt: later(now, 10) }]);
    expect(await itemOf(id)).toMatchObject({ expiresAt: now.getTime() / 1_000 + 10 + 800 * day });
  });

  test("rests only if nothing more was said of it", async () => {
    await ledger.noteReturn(lark1, "lark", at(0), now);
    await ledger.noteReturn(lark1, "lark", at(1), now);
    await ledger.restRelation(id, { lark: 1 });
    expect(await ledger.due(now, 10)).toHaveLength(1);
    await ledger.restRelation(id, { lark: 2 });
    expect(await ledger.due(from(1_000), 10)).toEqual([]);
    expect(await told()).toHaveLength(1);
  });

  test("does not rest when another source, or the first one, said something meanwhile", async () => {
    await ledger.noteReturn(lark1, "lark", at(0), now);
    await ledger.restRelation(id, {});
    expect(await ledger.due(now, 10)).toHaveLength(1);
    await ledger.noteReturn(lark1, "operator", at(0), now);
    await ledger.restRelation(id, { lark: 1 });
    expect(await ledger.due(now, 10)).toHaveLength(1);
    await ledger.restRelation(id, { lark: 1, operator: 1 });
    expect(await ledger.due(now, 10)).toEqual([]);
  });

  test("that nobody wrote of is not made by its rest", async () => {
    await ledger.restRelation(id, {});
    expect(await itemOf(id)).toBeUndefined();
  });

  test("knows its user and its former id beside its returns, and neither makes it due", async () => {
    await ledger.noteUser(lark1, "u1", now);
    await ledger.noteRename("lark:ou_0" as SyncRelation, lark1, now);
    expect(await ledger.due(from(1_000), 10)).toEqual([]);
    await ledger.noteReturn(lark1, "lark", at(0), now);
    await ledger.noteUser(lark1, "u2", now);
    expect(await ledger.getRelation(lark1)).toMatchObject({ user: "u2", former: "lark:ou_0", returns: [{ count: 1 }] });
  });
});

test.each<BrakeName>(["brake", "brake|returns"])("the log of %s is written by one at a time", async (name) => {
  const brake = await ledger.readBrake(name);
  expect(brake).toEqual({ version: 0, passed: [] });
  const writes = await Promise.all(
    [1, 2, 3, 4].map((n) => ledger.saveBrake(name, { ...brake, passed: [{ id: `res_${n}`, at: now.toISOString() }] })),
  );
  expect(writes.filter(Boolean)).toHaveLength(1);
  expect((await ledger.readBrake(name)).version).toBe(1);
  const other = name === "brake" ? "brake|returns" : "brake";
  expect(await ledger.readBrake(other)).toEqual({ version: 0, passed: [] });
});

test("a brake that owes an alert is due, until it owes none", async () => {
  const tell = [{ about: "brake_tripped" as const, id: "brake_1", why: "why" }];
  const brake = { version: 0, passed: [], brakeId: "brake_1", tell, dueAt: later(now, 180) };
  expect(await ledger.saveBrake("brake", brake)).toBe(true);
  expect(await ledger.readBrake("brake")).toEqual({ ...brake, version: 1 });
  expect(await ledger.due(from(180), 10)).toEqual([{ id: "brake", dueAt: later(now, 180) }]);
  await ledger.saveBrake("brake", { version: 1, passed: [], brakeId: "brake_1" });
  expect(await ledger.due(from(1_000), 10)).toEqual([]);
});

describe("due", () => {
  test("is what nothing happened to for three minutes, the oldest first", async () => {
    for (const [index, seconds] of [20, 0, 10].entries())
      await ledger.enter(departure(`e${index}`, `lark:${index}`, from(seconds)));
    expect(await ledger.due(from(179), 10)).toEqual([]);
    expect((await ledger.due(from(195), 10)).map(({ id }) => id)).toEqual([1, 2].map((n) => departure(`e${n}`).id));
    expect(await ledger.due(from(300), 2)).toHaveLength(2);
  });

  test("is told with its status, where it has one", async () => {
    await ledger.enter(departure("e1"));
    await ledger.noteReturn(lark1, "lark", { from: now, to: now }, from(200));
    expect(await ledger.due(from(200), 10)).toEqual([
      { id: departure("e1").id, dueAt: later(now, 180), status: "accepted" },
      { id: relationId(lark1), dueAt: later(now, 200) },
    ]);
  });

  test("can be put off, once, and what is held is never due", async () => {
    await ledger.enter(departure("e1"));
    const [due] = await ledger.due(from(200), 10);
    if (!due) throw new Error("not due");
    expect(await ledger.postpone(due, later(now, 400))).toBe(true);
    expect(await ledger.postpone(due, later(now, 500))).toBe(false);
    expect(await ledger.due(from(399), 10)).toEqual([]);
    await ledger.save(to(departure("e1"), "held"));
    expect(await ledger.due(from(1_000_000), 10)).toEqual([]);
  });

  test("is what was woken, be it held; what is not there is not woken", async () => {
    await ledger.enter(departure("e1"));
    const held = await ledger.save(to(departure("e1"), "held"));
    const { id } = departure("e1");
    await ledger.wake(id, from(5));
    await ledger.wake("res_none", from(5));
    expect(await ledger.due(from(5), 10)).toEqual([{ id, dueAt: later(now, 5), status: "held" }]);
    expect(await ledger.get(id)).toMatchObject({ status: "held", version: 3 });
    // Whoever read it before does not write over its being due.
    expect(held && (await ledger.save(to(held, "accepted")))).toBeUndefined();
    expect(await itemOf("res_none")).toBeUndefined();
  });

  test("is not what was laid to rest, unless it was made due anew meanwhile", async () => {
    await ledger.enter(departure("e1"));
    const { id, dueAt } = departure("e1");
    await ledger.wake(id, from(5));
    await ledger.rest({ id, dueAt });
    expect(await ledger.due(from(1_000), 10)).toHaveLength(1);
    await ledger.rest({ id, dueAt: undefined });
    expect(await ledger.due(from(1_000), 10)).toHaveLength(1);
    await ledger.rest({ id, dueAt: later(now, 5) });
    expect(await ledger.due(from(1_000), 10)).toEqual([]);
    expect(await ledger.get(id)).not.toHaveProperty("dueAt");
  });
});

describe("notices that are owed", () => {
  const { id } = departure("e1");
  const tell = [{ about: "held" as const, id, why: "why", version: 2 }];

  async function owing() {
    await ledger.enter(departure("e1"));
    const dueAt = later(now, 180);
    const saved = await ledger.save(moveTo(departure("e1"), "held", { heldFor: "stale", tell, dueAt }));
    if (!saved) throw new Error("not saved");
    return { ...saved, dueAt };
  }

  test("make what owes them due, and are forgotten once they are sent", async () => {
    const owed = await owing();
    expect(await ledger.get(id)).toMatchObject({ tell });
    expect(await ledger.due(from(180), 10)).toHaveLength(1);
    await ledger.forgetOwed(owed, true, owed.dueAt);
    expect(await ledger.get(id)).not.toHaveProperty("tell");
    expect(await ledger.due(from(1_000), 10)).toEqual([]);
  });

  test("are forgotten, and the turn that is to come is not", async () => {
    const owed = await owing();
    await ledger.forgetOwed(owed, false, owed.dueAt);
    expect(await ledger.get(id)).toMatchObject({ dueAt: owed.dueAt, version: owed.version });
    expect(await ledger.get(id)).not.toHaveProperty("tell");
  });

  test("stay where the resignation was written anew meanwhile", async () => {
    const owed = await owing();
    await ledger.save(moveTo(owed, "held", { heldFor: "stale", tell: [...tell, ...tell] }));
    await ledger.forgetOwed(owed, false, owed.dueAt);
    expect((await ledger.get(id))?.tell).toHaveLength(2);
  });

  test("stay where it was made due anew meanwhile, so that its turn is not lost", async () => {
    const owed = await owing();
    await ledger.wake(id, from(5));
    await ledger.forgetOwed(owed, true, owed.dueAt);
    expect(await ledger.due(from(5), 10)).toHaveLength(1);
    expect(await ledger.get(id)).toMatchObject({ tell });
  });
});

describe("lists", () => {
  beforeEach(async () => {
    for (let index = 0; index < 12; index += 1) {
      const resignation = departure(`e${index}`, `lark:${index % 3}`, from(-index * 20 * day));
      await ledger.enter(resignation);
      if (index % 2) await ledger.save(to(resignation, "held"));
    }
  });

  async function all(query: object, limit: number): Promise<string[]> {
    const found: string[] = [];
    let page: Awaited<ReturnType<Ledger["list"]>> = { items: [], unreadable: [] };
    do {
      page = await ledger.list({ ...query, now, limit, after: page.next });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      found.push(...page.items.map(({ acceptedAt }) => acceptedAt));
    } while (page.next);
    return found;
  }

  test.each([1, 2, 5, 100])("all of it, the newest first, in pages of %i", async (limit) => {
    const newestFirst = Array.from({ length: 12 }, (_, index) => from(-index * 20 * day).toISOString());
    expect(await all({}, limit)).toEqual(newestFirst);
    expect(await all({ since: from(-100 * day) }, limit)).toEqual(newestFirst.slice(0, 6));
    expect(await all({ status: "held" }, limit)).toEqual(newestFirst.filter((_, index) => index % 2));
    expect(await all({ userId: "lark:1" }, limit)).toEqual(newestFirst.filter((_, index) => index % 3 === 1));
    expect(await all({ userId: "lark:1", status: "held" }, limit)).toEqual(
      newestFirst.filter((_, index) => index % 3 === 1 && index % 2),
    );
  });
});

// Before: one such item took the whole page with it.
test("an item that nobody can read is named, and hides none of the others", async () => {
  for (const eventId of ["a", "b", "c"]) await ledger.enter(departure(eventId));
  const broken = { ...departure("b"), occurredAt: "-000001-12-31T16:00:00.000Z" };
  const table = openTable({ client: dynamodb.client, table: `ledger-${tables}` });
  await table.put({ ...broken, month: broken.acceptedAt.slice(0, 7) });
  for (const query of [{}, { status: "accepted" as const }, { userId: "lark:ou_1" }]) {
    const { items, unreadable } = await ledger.list({ ...query, now, limit: 10 });
    expect([items.map(({ id }) => id).toSorted(), unreadable]).toEqual([
      [departure("a").id, departure("c").id].toSorted(),
      [broken.id],
    ]);
  }
  expect((await ledger.list({ now, limit: 3 })).items).toHaveLength(2);
});

// Before: a time before the year 0 was written, and from then on nobody could read the item.
describe("nothing that cannot be read back is written", () => {
  const times = ["-000001-12-31T16:00:00.000Z", "+010000-01-01T00:00:00.000Z", "2026-11-24", "", 7, null];
  const fields = ["occurredAt", "acceptedAt", "dueAt", "retryAt", "leavesAt", "resignAfter", "stoppedUntil"];
  test.each(fields.flatMap((name) => times.map((value) => [name, value] as const)))("%s: %j", async (name, value) => {
    const wrong = { ...departure("e1"), [name]: value } as Resignation;
    await expect(ledger.enter(wrong)).rejects.toThrow();
    expect(await ledger.items([wrong.id])).toEqual(new Map());
    await ledger.enter(departure("e1"));
    await expect(ledger.save({ ...wrong, version: 1 })).rejects.toThrow();
    expect(await ledger.get(wrong.id)).toEqual(departure("e1"));
  });
});

test("a headcount that nobody can read is as good as none", async () => {
  const table = openTable({ client: dynamodb.client, table: `ledger-${tables}` });
  await table.put({ id: "headcount", total: "many" });
  expect(await ledger.readHeadcount()).toBeUndefined();
  await ledger.saveHeadcount(30, now);
  expect(await ledger.readHeadcount()).toEqual({ total: 30, at: now.toISOString() });
});

test("the oldest first, for whoever asks for them", async () => {
  for (const [index, seconds] of [20, 0, 10].entries())
    await ledger.enter(departure(`e${index}`, "lark:1", from(seconds)));
  const list = async (isOldestFirst: boolean) => {
    const { items } = await ledger.list({ userId: "lark:1", now: from(30), limit: 10, isOldestFirst });
    return items.map(({ acceptedAt }) => acceptedAt);
  };
  const oldest = [0, 10, 20].map((seconds) => from(seconds).toISOString());
  expect(await list(true)).toEqual(oldest);
  expect(await list(false)).toEqual(oldest.toReversed());
});

test("a page that ends with a month goes on with the one before", async () => {
  const [march, april] = [new Date("2026-03-15T00:00:00Z"), new Date("2026-04-15T00:00:00Z")];
  for (const [eventId, at] of [
    ["a", april],
    ["m", march],
  ] as const)
    await ledger.enter(departure(eventId, "lark:1", at));
  const first = await ledger.list({ now: april, limit: 1 });
  expect(first).toMatchObject({ items: [{ acceptedAt: april.toISOString() }], next: expect.anything() });
  const second = await ledger.list({ now: april, limit: 1, after: first.next });
  expect(second.items.map(({ acceptedAt }) => acceptedAt)).toEqual([march.toISOString()]);
  const both = await ledger.list({ now: april, since: march, limit: 10 });
  expect(both.items).toHaveLength(2);
  expect(both.next).toBeUndefined();
});

test("of a relation waits what is not at its end, or failed, the oldest first, and of nobody else", async () => {
  const ways: Partial<Record<Status, Status[]>> = {
    ...{ accepted: [], scheduled: ["scheduled"], held: ["held"], resigning: ["resigning"] },
    ...{ suspended: ["resigning", "suspended"], failed: ["resigning", "failed"] },
    ...{ resigned: ["resigning", "resigned"], not_found: ["not_found"], duplicate: ["duplicate"] },
    ...{ cancelled: ["cancelled"], restored: ["resigning", "resigned", "restored"] },
  };
  expect(Object.keys(ways).sort()).toEqual(statuses.toSorted());
  // Entered the newest first.
  for (const [index, [status, way]] of Object.entries(ways).entries()) {
    let current: Resignation = departure(status, "lark:1", from(-index));
    await ledger.enter(current);
    for (const next of way) current = (await ledger.save(to(current, next))) ?? current;
    expect(current.status).toBe(status);
  }
  await ledger.enter(departure("another's", "lark:2"));
  const oldest = ["failed", "suspended", "resigning", "held", "scheduled", "accepted"];
  expect(await ledger.waiting("lark:1", now)).toEqual(oldest.map((status) => departure(status).id));
});

test("of a relation waits everything, be it more than a page", async () => {
  const all = Array.from({ length: 130 }, (_, index) => departure(`e${index}`, "lark:1", from(index)));
  await Promise.all(all.map((one) => ledger.enter(one)));
  expect(await ledger.waiting("lark:1", from(130))).toEqual(all.map(({ id }) => id));
});

test("items gives everything of these ids that is there, each once, be it more than DynamoDB gives at once", async () => {
  const all = Array.from({ length: 230 }, (_, index) => departure(`e${index}`, `lark:${index}`));
  await Promise.all(all.map((one) => ledger.enter(one)));
  const ids = all.map(({ id }) => id);
  const items = await ledger.items([...ids, "res_none", ...ids]);
  expect([...items.keys()].sort()).toEqual(ids.toSorted());
  expect(items.get(ids[229] as string)).toMatchObject({ userId: "lark:229" });
  expect(await ledger.items([])).toEqual(new Map());
});

test("every write counts the version up, and only what is at its end expires, 400 days after", async () => {
  const { id } = departure("e1");
  await ledger.enter(departure("e1"));
  expect(await itemOf(id)).not.toHaveProperty("expiresAt");
  const held = await ledger.save(moveTo(departure("e1"), "held", { heldFor: "stale" }, { at: from(day), by: "guard" }));
  expect(held?.version).toBe(2);
  const item = await itemOf(id);
  expect(item).not.toHaveProperty("expiresAt");
  expect(item).toMatchObject({ month: "2026-11" });

  if (held) await ledger.save(moveTo(held, "cancelled", {}, { at: from(500 * day), by: "alice" }));
  expect(await itemOf(id)).toMatchObject({ expiresAt: now.getTime() / 1_000 + 900 * day });
});

test("what has failed does not expire any more once it is tried again", async () => {
  let current: Resignation = departure("e1");
  await ledger.enter(current);
  for (const status of ["resigning", "failed"] as const) current = (await ledger.save(to(current, status))) ?? current;
  expect(await itemOf(current.id)).toHaveProperty("expiresAt");
  await ledger.save(to(current, "accepted"));
  expect(await itemOf(current.id)).not.toHaveProperty("expiresAt");
});

test("a key is used for one content", async () => {
  expect(await ledger.isFirstUse("ops/m1", "approve res_1", now)).toBe(true);
  expect(await ledger.isFirstUse("ops/m1", "approve res_1", now)).toBe(true);
  expect(await ledger.isFirstUse("ops/m1", "approve res_2", now)).toBe(false);
});
