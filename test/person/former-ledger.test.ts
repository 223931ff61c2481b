/** A ledger that commit 69b9181 filled is taken over: every case of the fixture comes to rest, and as it should. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Resignation, Status } from "../../lambda/resignation/resignation.ts";
import type { PersonStatus } from "../../local/genauth-people.ts";
import { isLong } from "../long.ts";
import { type Company, type Ground, minute, startCompany, startGround } from "./fixtures.ts";

interface Fixture {
  readonly now: string;
  readonly cases: Readonly<Record<string, { ids: string[]; userId: string; what: string }>>;
  readonly people: readonly { userId: string; syncRelation: string; name: string; status: PersonStatus }[];
  readonly items: readonly Record<string, unknown>[];
}

const file = new URL("../fixtures/ledger-69b9181.json", import.meta.url);
const fixture = JSON.parse(readFileSync(file, "utf8")) as Fixture;
const now = new Date(fixture.now);

interface Outcome {
  /** Of the case's departures. */
  readonly statuses: readonly Status[];
  readonly seen: PersonStatus | undefined;
  /** What we made of the person in GenAuth, in order; with a grace period, where that is another. */
  readonly calls: readonly PersonStatus[];
  readonly callsWithGrace?: readonly PersonStatus[];
  readonly heldFor?: string;
}

/** Nobody is called for. */
const untouched = (seen: PersonStatus | undefined, ...statuses: Status[]): Outcome => ({ statuses, seen, calls: [] });
const held = (heldFor: string): Outcome => ({ ...untouched("Activated", "held"), heldFor });
/** They left, have access, and lose it: at once, or after a grace period of their own. */
const leaves: Outcome = {
  statuses: ["resigned"],
  seen: "Resigned",
  calls: ["Resigned"],
  callsWithGrace: ["Suspended", "Resigned"],
};
/** They left and were suspended by the version before: the day comes, and they are resigned. */
const isResigned: Outcome = { statuses: ["resigned"], seen: "Resigned", calls: ["Resigned"] };

const outcomes: Readonly<Record<string, Outcome>> = {
  // Not begun, or tried once.
  accepted: leaves,
  acceptedOrder: leaves,
  renamed: { ...untouched(undefined, "held"), heldFor: "renamed" },
  heldThenApproved: leaves,
  failedThenRetried: leaves,
  retrying: leaves,
  orderedInSlack: leaves,

  // In doubt: looked at first. Who is resigned already is not called for, the others are, once.
  inDoubtDone: untouched("Resigned", "resigned"),
  inDoubtNotDone: leaves,
  inDoubtUnreadable: leaves,
  suspendingInDoubt: isResigned,
  suspendingInDoubtNotDone: leaves,
  suspendedDayInDoubt: untouched("Resigned", "resigned"),

  // A worker died: the same.
  diedBeforeCall: leaves,
  diedAfterCall: untouched("Resigned", "resigned"),
  diedBeforeRecord: untouched("Resigned", "resigned"),
  diedAfterSuspending: isResigned,
  diedOnTheDay: untouched("Resigned", "resigned"),
  personLeaseRunOut: leaves,

  // A lease lives: waited for.
  leaseAlive: leaves,
  personLeaseAlive: leaves,

  // Held: an operator's matter, as before.
  heldForBrake: held("brake"),
  heldForBrakePutOn: held("brake"),
  heldStale: held("stale"),
  heldProtected: held("protected"),
  heldProposal: held("stale"),
  heldDryRun: held("dry_run"),
  heldAfterSuspension: held("stale"),

  // Suspended: resigned on the day, two departures of one person once.
  suspended: isResigned,
  suspendedTwice: { ...isResigned, statuses: ["resigned", "duplicate"] },

  // Cancelled: what is still to be given back is.
  cancelled: untouched("Activated", "cancelled"),
  cancelledByReturn: untouched("Activated", "cancelled"),
  cancelledPending: { statuses: ["cancelled"], seen: "Activated", calls: ["Activated"] },
  cancelledGivenBack: untouched("Activated", "cancelled"),

  // Over.
  resignedLastWeek: untouched("Resigned", "resigned"),
  resignedYesterday: untouched("Resigned", "resigned"),
  resignedUnlooked: untouched("Resigned", "resigned"),
  resignedAfterGrace: untouched("Resigned", "resigned"),
  resignedAndDuplicate: untouched("Resigned", "resigned", "duplicate"),
  notFound: untouched(undefined, "not_found"),
  failed: untouched("Activated", "failed"),
  failedAfterSuspension: untouched("Suspended", "failed"),
};

let ground: Ground;
beforeAll(async () => {
  ground = await startGround();
});
afterAll(() => ground.close());

/** The fixture's table and people, at its moment; or of the table what is one case's. */
async function load(settings: object, name?: string): Promise<Company> {
  const company = await startCompany(ground, settings, now);
  const { ids, userId } = theCase(name ?? "accepted");
  const isOfCase = ({ id }: Record<string, unknown>) => [...ids, `person|${userId}`].includes(String(id));
  const items = name === undefined ? fixture.items : fixture.items.filter(isOfCase);
  await Promise.all(items.map((item) => company.table.put(item)));
  for (const { userId, syncRelation, name, status } of fixture.people) {
    company.simulator.addUsers([{ syncRelation, name }]);
    if (status !== "Activated") {
      ground.clock.ms = Date.parse(changedAt(syncRelation, status));
      company.simulator.setStatus(syncRelation, status);
      ground.clock.ms = now.getTime();
    }
    expect(company.simulator.person(syncRelation)).toMatchObject({ userId, status });
  }
  return company;
}

/** When GenAuth carried out what the case says, as far as the ledger tells. */
function changedAt(relation: string, status: PersonStatus): string {
  const item = fixture.items.find(({ id, userId }) => String(id).startsWith("res_") && userId === relation);
  const { acceptedAt, grace, resignedAt } = item as unknown as Resignation & { resignedAt?: string };
  return status === "Suspended" ? (grace?.suspendedAt ?? acceptedAt) : (resignedAt ?? grace?.resignAfter ?? acceptedAt);
}

const theCase = (name: string) => fixture.cases[name] as Fixture["cases"][string];

/** Every change of the case's person that was our call. */
function ourChanges({ simulator }: Company, name: string) {
  const userId = fixture.people.find(({ syncRelation }) => syncRelation === theCase(name).userId)?.userId;
  return simulator.changes().filter((one) => one.by === "us" && one.userId === userId);
}

test("every case of the fixture is judged", () => {
  expect(Object.keys(outcomes).toSorted()).toEqual(Object.keys(fixture.cases).toSorted());
});

describe.each(isLong ? [0, 7] : [7])("with a grace period of %i days, at rest", (graceDays) => {
  let company: Company;
  beforeAll(async () => {
    company = await load({ graceDays, protected: ["lark:ou_old_15"] });
    await company.rest();
  });

  test.each(Object.entries(outcomes))("%s is as it should be", async (name, outcome) => {
    const { ids, userId } = theCase(name);
    const departures = await Promise.all(ids.map(company.get));
    expect(departures.map(({ status }) => status)).toEqual(outcome.statuses);
    if (outcome.heldFor) expect(departures[0]).toMatchObject({ heldFor: outcome.heldFor });
    expect(company.seen(userId)).toBe(outcome.seen);
    const { calls, callsWithGrace = calls } = outcome;
    expect(ourChanges(company, name).map(({ to }) => to)).toEqual(graceDays > 0 ? callsWithGrace : calls);
  });

  test("nobody was called for twice, nothing waits, and everyone who has access has an owner", async () => {
    const { ledger, now: end, simulator } = company;
    expect(simulator.allEffects().filter(({ from }) => from === "Resigned")).toEqual([]);
    expect(await ledger.due(new Date("9999-01-01"), 10)).toEqual([]);
    for (const status of ["scheduled", "accepted", "resigning", "suspended"] as const) {
      expect((await ledger.list({ status, now: end(), limit: 10 })).items).toEqual([]);
    }
  });

  test.each(["leaseAlive", "personLeaseAlive"])("%s: the lease that lived was waited for", (name) => {
    const [first] = ourChanges(company, name);
    expect(Date.parse(first?.at ?? "")).toBeGreaterThan(Date.parse("2026-12-02T10:31:00.000Z"));
  });

  test.each(["inDoubtNotDone", "inDoubtUnreadable", "suspendingInDoubtNotDone", "diedBeforeCall", "personLeaseRunOut"])(
    "%s: the call in doubt had time to arrive before the next",
    (name) => {
      const [first] = ourChanges(company, name);
      expect(Date.parse(first?.at ?? "") - now.getTime()).toBeGreaterThanOrEqual(30_000);
    },
  );

  test.each([
    ["suspended", "2026-12-07T09:00:00.000Z"],
    ["suspendedTwice", "2026-12-03T09:00:00.000Z"],
  ])("%s: the day that was promised is kept", (name, resignAfter) => {
    const lateMs = Date.parse(ourChanges(company, name)[0]?.at ?? "") - Date.parse(resignAfter);
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(10 * minute * 1_000);
  });
});

// What the version before got wrong comes out right from the same items.
describe("what the version before would have got wrong", () => {
  const settings = { graceDays: 7 };

  // Before: 409, and the person stayed suspended for good.
  test.each(["cancel", "return"] as const)("who was suspended and failed gets access back by a %s", async (what) => {
    const company = await load(settings, "failedAfterSuspension");
    const { ids, userId } = theCase("failedAfterSuspension");
    await (what === "cancel" ? company.act("cancel", ids[0] as string) : company.back(userId));
    await company.rest(10 * minute);
    expect([await company.status(ids[0] as string), company.seen(userId)]).toEqual(["cancelled", "Activated"]);
  });

  // Before: access was given back while the other departure stood.
  test("who is suspended twice stays so when one of the two is cancelled", async () => {
    const company = await load(settings, "suspendedTwice");
    const { ids, userId } = theCase("suspendedTwice");
    const [first = "", second = ""] = ids;
    await company.act("cancel", second);
    await company.rest(10 * minute);
    expect([await company.status(second), company.seen(userId)]).toEqual(["cancelled", "Suspended"]);
    await company.rest();
    expect([await company.status(first), company.seen(userId)]).toEqual(["resigned", "Resigned"]);
    expect(ourChanges(company, "suspendedTwice").map(({ to }) => to)).toEqual(["Resigned"]);
  });

  // Before: cancelled in the ledger, and suspended or resigned in GenAuth, with nobody looking.
  test.each([
    ["suspendingInDoubt", "cancelled", "Activated"],
    ["suspendingInDoubtNotDone", "cancelled", "Activated"],
    ["inDoubtDone", "resigned", "Resigned"],
    ["inDoubtNotDone", "cancelled", "Activated"],
  ] as const)("%s, cancelled before anybody looked, is %s, and GenAuth shows %s", async (name, status, seen) => {
    const company = await load(settings, name);
    const { ids, userId } = theCase(name);
    await company.act("cancel", ids[0] as string);
    await company.rest(10 * minute);
    expect([await company.status(ids[0] as string), company.seen(userId)]).toEqual([status, seen]);
    if (status === "resigned") expect(company.told(ids[0] as string)).toContain("back_after_resigned");
  });

  // Before: approving it resigned whoever had been given their access back by hand.
  test("who was given access back by hand is held for that when the old hold is approved", async () => {
    const company = await load(settings, "heldAfterSuspension");
    const { ids, userId } = theCase("heldAfterSuspension");
    await company.act("approve", ids[0] as string);
    await company.rest(10 * minute);
    expect(await company.get(ids[0] as string)).toMatchObject({ status: "held", heldFor: "given_back" });
    expect(company.seen(userId)).toBe("Activated");
  });

  // Before: of the same second, or told first, it was lost.
  test("a return that was told before the departure's turn calls it off", async () => {
    const company = await load(settings, "accepted");
    const { ids, userId } = theCase("accepted");
    await company.back(userId);
    await company.rest(10 * minute);
    expect([await company.status(ids[0] as string), company.seen(userId)]).toEqual(["cancelled", "Activated"]);
  });
});
