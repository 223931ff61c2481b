/** The sweep over items that nobody can read, an index that lags behind, and departures that GenAuth does not take. */
import { beforeEach, expect, test } from "vitest";
import type { Due } from "../../lambda/aws/resignations.ts";
import { openTable } from "../../lambda/aws/table.ts";
import { createLedger, type Ledger } from "../../lambda/ledger.ts";
import { alarmParts, createLog } from "../../lambda/log.ts";
import { toResignation } from "../../lambda/resignation/departure.ts";
import { later } from "../../lambda/resignation/moment.ts";
import { moveTo, type Resignation } from "../../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../../lambda/resignation/sync-relation.ts";
import { createSweep } from "../../lambda/sweep.ts";
import { startDynamoDb } from "../dynamodb.ts";
import { now, settings } from "../parts.ts";

const dynamodb = startDynamoDb();
let ledger: Ledger;
let queued: string[] = [];
let lines: Record<string, unknown>[] = [];
let tables = 0;

beforeEach(async () => {
  tables += 1;
  await dynamodb.createLedgerTable(`sweep-${tables}`);
  ledger = createLedger({ client: dynamodb.client, table: `sweep-${tables}` });
  queued = [];
  lines = [];
});

const table = () => openTable({ client: dynamodb.client, table: `sweep-${tables}` });
const minutes = (count: number) => new Date(now.getTime() + count * 60_000);
const sweep = (at = now, changes: Partial<Ledger> = {}) =>
  createSweep({
    ledger: { ...ledger, ...changes },
    queue: { send: async (id) => void queued.push(id) },
    notices: { sendTogether: async () => {} },
    settings: settings(),
    log: createLog("sweep", (line) => lines.push(JSON.parse(line))),
    now: () => at,
  })();
const counted = (name: string) => lines.filter((line) => line[name] !== undefined);
const departure = (eventId: string, at = now) =>
  toResignation(
    { source: "lark", eventId, userId: "lark:ou_1" as SyncRelation, occurredAt: at, requestedBy: "lark" },
    at,
  );
const moved = async (before: Resignation, status: Resignation["status"], fields: object) => {
  const saved = await ledger.save(moveTo(before, status, fields as never, { at: now, by: "test" }));
  if (!saved) throw new Error(`It could not become ${status}`);
  return saved;
};

// Before: the sweep threw, so that nothing was healed and no grace period ended.
test("items that nobody can read are counted by their ids, and keep nothing from being swept", async () => {
  const well = departure("well");
  await ledger.enter(well);
  const broken = ["held", "accepted"].map((status) => ({
    ...departure(`broken ${status}`),
    ...{ status, occurredAt: "-000001-12-31T16:00:00.000Z", open: "open", month: "2026-11" },
  }));
  for (const item of broken) await table().put(item);
  await table().put({ id: "life|lark", heardAt: 7 });
  expect(await sweep(minutes(10))).toEqual({ swept: 3 });
  expect(queued.toSorted()).toEqual([well.id, ...broken.map(({ id }) => id)].toSorted());
  const named = counted("Unreadable").map(({ id, kind }) => id ?? kind);
  expect(named.toSorted()).toEqual(["life", ...broken.map(({ id }) => id)].toSorted());
  expect(counted("Heartbeat")).toHaveLength(1);
});

// Before: a hundred items became a thousand messages.
test("an index that lags behind makes no thousand messages of a hundred items", async () => {
  const page: Due[] = Array.from({ length: 100 }, (_, index) => ({ id: `res_${index}`, dueAt: now.toISOString() }));
  expect(await sweep(now, { due: async () => page, postpone: async () => true })).toEqual({ swept: 100 });
  expect(queued).toHaveLength(100);
});

test("an index of which half a page lags behind is read on", async () => {
  const all: Due[] = Array.from({ length: 150 }, (_, index) => ({ id: `res_${index}`, dueAt: now.toISOString() }));
  let asked = 0;
  const due = async () => {
    asked += 1;
    return asked === 1 ? all.slice(0, 100) : all.slice(50);
  };
  await sweep(now, { due, postpone: async () => true });
  expect(queued.toSorted()).toEqual(all.map(({ id }) => id).toSorted());
});

test("the longest wait of a person is found behind a hundred others", async () => {
  for (let index = 0; index < 101; index += 1) {
    const entered = departure(`e${index}`, minutes(index - 300));
    await ledger.enter(entered);
    await moved(entered, "held", { heldFor: "stale" });
  }
  const last = departure("last", minutes(-1));
  await ledger.enter(last);
  await ledger.save(
    moveTo(last, "held", { heldFor: "stale" }, { at: minutes(-2 * 24 * 60), by: "a clock of another machine" }),
  );
  await sweep(minutes(0));
  expect(counted("OldestHeldSeconds").map((line) => line.OldestHeldSeconds)).toEqual([2 * 86_400]);
  expect(counted("HeldWaiting").map((line) => line.HeldWaiting)).toEqual([102]);
  const [named] = lines.filter(({ message }) => String(message).includes("held for more than a day"));
  expect(named?.id).toBe(last.id);
});

// Before: the age of the queue's oldest message, which leaves out what was received three times.
test("how long a departure waits for us is measured from when it could have gone on", async () => {
  const ageAt = async (at: Date) => {
    lines = [];
    await sweep(at);
    return counted("OldestOpenSeconds").map((line) => line.OldestOpenSeconds);
  };
  expect(await ageAt(now)).toEqual([]);

  // Held for days and released a minute ago; scheduled for later; suspended to a later day; over.
  const released = departure("released", minutes(-5 * 24 * 60));
  await ledger.enter(released);
  await moved(await moved(released, "held", { heldFor: "stale" }), "accepted", {});
  const scheduled = departure("scheduled", minutes(-24 * 60));
  await ledger.enter(scheduled);
  await moved(scheduled, "scheduled", { leavesAt: later(now, 3_600) });
  const suspended = departure("suspended", minutes(-24 * 60));
  await ledger.enter(suspended);
  await moved(suspended, "suspended", { resignAfter: later(now, 7_200) });
  const gone = departure("gone", minutes(-24 * 60));
  await ledger.enter(gone);
  await moved(gone, "resigned", { resignedAt: now.toISOString() });
  expect(await ageAt(minutes(1))).toEqual([60]);

  await moved((await ledger.get(released.id)) as Resignation, "cancelled", {});
  expect(await ageAt(minutes(59))).toEqual([]);
  expect(await ageAt(minutes(70))).toEqual([600]);
  // Tried again and again: trying is no progress.
  const tried = departure("tried", minutes(-25));
  await ledger.enter(tried);
  const underWay = { lease: { owner: "me", until: later(now, 120) } };
  await ledger.save(moveTo(tried, "resigning", underWay));
  expect(await ageAt(now)).toEqual([1_500]);
  const oldestOpenSeconds = alarmParts.OldestOpen.gauges.OldestOpenSeconds;
  expect(1_500).toBeGreaterThanOrEqual(oldestOpenSeconds);
  expect(oldestOpenSeconds + 600).toBeLessThanOrEqual(1_800);
});

test("what waits for us, for an operator, and what failed is counted where there is any; of more than a thousand the oldest", async () => {
  const gauges = async (changes: Partial<Ledger> = {}) => {
    lines = [];
    await sweep(minutes(1), changes);
    const names = ["OpenWaiting", "HeldWaiting", "FailedWaiting", "Heartbeat"];
    return names.map((name) => counted(name)[0]?.[name]);
  };
  expect(await gauges()).toEqual([undefined, undefined, undefined, 1]);
  const open = departure("open");
  await ledger.enter(open);
  const toCome = departure("to come");
  await ledger.enter(toCome);
  await moved(toCome, "scheduled", { leavesAt: later(now, 3_600) });
  const failed = departure("failed");
  await ledger.enter(failed);
  const stands = await moved(failed, "failed", {});
  expect(await gauges()).toEqual([1, undefined, 1, 1]);
  await moved(stands, "cancelled", {});
  expect(await gauges()).toEqual([1, undefined, undefined, 1]);

  let pages = 0;
  const endless: Ledger["list"] = async ({ status, limit }) => {
    if (status !== "failed") return { items: [], unreadable: [] };
    pages += 1;
    return { items: Array.from({ length: limit }, () => stands), unreadable: [], next: { key: {} } };
  };
  expect(await gauges({ list: endless })).toEqual([undefined, undefined, 1_000, 1]);
  expect(pages).toBe(10);
  expect(lines.filter(({ level }) => level === "WARN")).toMatchObject([{ status: "failed" }]);
});
