import * as z from "zod/mini";
import type { Ledger } from "../ledger.ts";
import { later } from "../resignation/moment.ts";
import type { Resignation } from "../resignation/resignation.ts";
import type { SyncRelation } from "../resignation/sync-relation.ts";
import { type Effect, noEffect } from "./effect.ts";

/**
 * Items that were written before 0.1.0: what was done to a person stood in their departures and in an item of each
 * relation. Read once, before the first effect of the person is written.
 */

const formerPersonSchema = z.object({
  lease: z.optional(z.object({ until: z.iso.datetime() })),
  resigned: z.optional(z.object({ by: z.string(), at: z.iso.datetime() })),
  inDoubt: z.optional(z.boolean()),
});
type FormerPerson = z.infer<typeof formerPersonSchema>;

const formerPersonId = (relation: string) => `person|${relation}`;

/** What the former version did to a person, or until when one of its workers holds them. */
export async function takeOver(
  ledger: Pick<Ledger, "items" | "get" | "list">,
  departure: Resignation,
  relations: readonly string[],
  graceDays: number,
  now: Date,
): Promise<{ effect: Effect } | { leasedUntil: string }> {
  const all = [...new Set([departure.userId, ...relations])] as SyncRelation[];
  const items = await ledger.items(all.map(formerPersonId));
  const people = [...items.values()].map((item) => formerPersonSchema.parse(item));
  if (people.length === 0 && departure.grace === undefined && !isLeftInDoubt(departure)) return { effect: noEffect };

  const leasedUntil = people
    .flatMap(({ lease }) => lease?.until ?? [])
    .find((until) => Date.parse(until) >= now.getTime());
  if (leasedUntil) return { leasedUntil };
  const departures = (await Promise.all(all.map((relation) => everyDepartureOf(ledger, relation, now)))).flat();
  return { effect: effectOf(departures, people, departure, graceDays, now) };
}

async function everyDepartureOf(ledger: Pick<Ledger, "list">, userId: string, now: Date): Promise<Resignation[]> {
  const found: Resignation[] = [];
  let after: Parameters<Ledger["list"]>[0]["after"];
  do {
    const { items, next } = await ledger.list({ userId, now, limit: 100, isOldestFirst: true, after });
    found.push(...items);
    after = next;
  } while (after);
  return found;
}

/** The effect that the former items amount to. `turn`: the departure whose turn it is. */
export function effectOf(
  departures: readonly Resignation[],
  people: readonly FormerPerson[],
  turn: Resignation,
  graceDays: number,
  now: Date,
): Effect {
  const suspended = suspensionOf(departures.filter(isStillSuspended));
  const doubtful = departures.find(isLeftInDoubt);
  if (doubtful || people.some(({ inDoubt, lease }) => inDoubt || lease)) {
    const by = doubtful ?? turn;
    const since = { calledAt: by.grace?.resignAfter ?? by.acceptedAt, triedUntil: now.toISOString() };
    const standing = [...new Set([...suspended.for, by.id])].toSorted();
    if (suspended.state === "suspended") {
      return { ...suspended, ...since, state: "resigning", for: standing, by: by.id, prev: "suspended" };
    }
    const resignAfter = later(now, graceDays * 86_400);
    return graceDays > 0
      ? { ...noEffect, ...since, state: "suspending", for: standing, by: by.id, hadCall: true, resignAfter }
      : { ...noEffect, ...since, state: "resigning", for: standing, by: by.id };
  }
  if (suspended.state === "suspended") return suspended;
  const resigned = people.find((one) => one.resigned)?.resigned;
  const isResigned = departures.some(({ id, status }) => id === resigned?.by && status === "resigned");
  if (!resigned || !isResigned) return noEffect;
  return { ...noEffect, state: "resigned", for: [resigned.by], by: resigned.by, calledAt: resigned.at };
}

/** Cut off by the former version, and not given their access back since. */
const isStillSuspended = ({ grace, status, reactivation }: Resignation) =>
  grace !== undefined && status !== "resigned" && !(status === "cancelled" && reactivation === "done");

const isLeftInDoubt = ({ moment, inDoubt, status }: Resignation) =>
  moment === undefined && (inDoubt === true || status === "resigning");

function suspensionOf(suspended: readonly Resignation[]): Effect {
  const [first] = suspended.toSorted((one, other) => Date.parse(suspendedAt(one)) - Date.parse(suspendedAt(other)));
  if (!first?.grace) return noEffect;
  const { grace } = first;
  return {
    ...noEffect,
    state: "suspended",
    for: suspended.map(({ id }) => id).toSorted(),
    by: first.id,
    hadCall: true,
    // It was written down after the call, within one lease.
    calledAt: later(new Date(grace.suspendedAt), -120),
    triedUntil: grace.suspendedAt,
    answeredAt: grace.suspendedAt,
    resignAfter: grace.resignAfter,
  };
}

const suspendedAt = ({ grace }: Resignation) => grace?.suspendedAt ?? "";
