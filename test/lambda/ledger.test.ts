import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createLedger, type Ledger } from "../../lambda/ledger.ts";
import {
  later,
  moveTo,
  precededBy,
  type Resignation,
  type Status,
  type SyncRelation,
  statuses,
  toResignation,
} from "../../lambda/resignation.ts";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { now } from "../parts.ts";

let aws: LocalAws;
let ledger: Ledger;
let tables = 0;

beforeAll(async () => {
  aws = await startAws();
});
beforeEach(async () => {
  tables += 1;
  await aws.createLedgerTable(`ledger-${tables}`);
  ledger = createLedger({ client: new DynamoDBClient(), table: `ledger-${tables}` });
});
afterAll(() => aws.close());

const day = 86_400;
const from = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const departure = (eventId: string, userId = "lark:ou_1", at = now) =>
  toResignation({ source: "lark", eventId, userId: userId as SyncRelation, occurredAt: at, requestedBy: "lark" }, at);

/** What a status has of its own, enough to be read back. */
const fieldsOf: Record<Status, object> = {
  accepted: {},
  held: { heldFor: "stale" },
  resigning: { lease: { owner: "me", until: later(now, 60) } },
  suspended: {},
  resigned: { resignedAt: now.toISOString() },
  not_found: {},
  duplicate: { duplicateOf: "res_other" },
  cancelled: {},
  failed: {},
};
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
  test("is in doubt after a holder that died or could not know, until the outcome is known", async () => {
    const take = (owner: string, seconds: number) =>
      ledger.takePerson("lark:ou_2", owner, from(seconds), later(now, seconds + 60));
    expect(await take("one", 0)).toEqual({});
    expect(await take("two", 61)).toEqual({ inDoubt: true });
    await ledger.leavePerson("lark:ou_2", "two", "in doubt");
    expect(await take("three", 62)).toEqual({ inDoubt: true });
    await ledger.leavePerson("lark:ou_2", "three");
    expect(await take("four", 63)).toEqual({ inDoubt: true });
    await ledger.leavePerson("lark:ou_2", "four", { by: "res_1", at: now.toISOString() });
    expect(await take("five", 64)).toEqual({ resigned: { by: "res_1", at: now.toISOString() } });
  });

  const userId = "lark:ou_1";

  test("is one holder's at a time, until the lease is laid down or runs out", async () => {
    const takers = Array.from({ length: 20 }, (_, index) =>
      ledger.takePerson(userId, `owner ${index}`, now, later(now, 60)),
    );
    expect((await Promise.all(takers)).filter(Boolean)).toHaveLength(1);
    expect(await ledger.takePerson(userId, "late", from(59), later(now, 120))).toBeUndefined();
    expect(await ledger.takePerson(userId, "late", from(61), later(now, 120))).toBeDefined();
    expect(await ledger.leavePerson(userId, "owner 0")).toBe(false);
    expect(await ledger.leavePerson(userId, "late", { by: "res_1", at: now.toISOString() })).toBe(true);
    expect(await ledger.takePerson(userId, "next", from(62), later(now, 120))).toMatchObject({
      resigned: { by: "res_1" },
    });
    await ledger.leavePerson(userId, "next", "forget");
    expect((await ledger.takePerson(userId, "last", from(63), later(now, 120)))?.resigned).toBeUndefined();
  });
});

test("the brake's log is written by one at a time", async () => {
  const brake = await ledger.readBrake();
  expect(brake).toEqual({ version: 0, passed: [] });
  const writes = await Promise.all(
    [1, 2, 3, 4].map((n) => ledger.saveBrake({ ...brake, passed: [{ id: `res_${n}`, at: now.toISOString() }] })),
  );
  expect(writes.filter(Boolean)).toHaveLength(1);
  expect((await ledger.readBrake()).version).toBe(1);
});

describe("due", () => {
  test("is what nothing happened to for three minutes, the oldest first", async () => {
    for (const [index, seconds] of [20, 0, 10].entries())
      await ledger.enter(departure(`e${index}`, `lark:${index}`, from(seconds)));
    expect(await ledger.due(from(179), 10)).toEqual([]);
    expect((await ledger.due(from(195), 10)).map(({ userId }) => userId)).toEqual(["lark:1", "lark:2"]);
    expect(await ledger.due(from(300), 2)).toHaveLength(2);
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
    let page: Awaited<ReturnType<Ledger["list"]>> = { items: [] };
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

test("of a person waits what is accepted, held or suspended, and of nobody else", async () => {
  const one = (name: string, userId = "lark:1") => departure(name, userId);
  for (const name of ["accepted", "held", "suspended", "resigned", "cancelled"]) await ledger.enter(one(name));
  await ledger.enter(one("another's", "lark:2"));
  await ledger.save(to(one("held"), "held"));
  await ledger.save(to(one("cancelled"), "cancelled"));
  for (const status of ["suspended", "resigned"] as const) {
    const claimed = (await ledger.save(to(one(status), "resigning"))) ?? one(status);
    await ledger.save(to(claimed, status));
  }
  const waiting = await ledger.waiting("lark:1", now);
  expect(waiting.map(({ status }) => status).sort()).toEqual(["accepted", "held", "suspended"]);
});

test("every write counts the version up, and is kept for 400 days", async () => {
  await ledger.enter(departure("e1"));
  expect((await ledger.save(to(departure("e1"), "held")))?.version).toBe(2);
  const { Item } = await new DynamoDBClient().send(
    new GetItemCommand({ TableName: `ledger-${tables}`, Key: { id: { S: departure("e1").id } } }),
  );
  expect(Item?.expiresAt?.N).toBe(String(now.getTime() / 1000 + 400 * day));
  expect(Item?.month?.S).toBe("2026-11");
});

test("a key is used for one content", async () => {
  expect(await ledger.isFirstUse("ops/m1", "approve res_1", now)).toBe(true);
  expect(await ledger.isFirstUse("ops/m1", "approve res_1", now)).toBe(true);
  expect(await ledger.isFirstUse("ops/m1", "approve res_2", now)).toBe(false);
});
