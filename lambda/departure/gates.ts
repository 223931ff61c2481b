import type { HeldFor, Resignation } from "../resignation/resignation.ts";
import type { Gate } from "./decide.ts";
import { momentOf } from "./returns.ts";
import { type Stop, stoppedMs } from "./stop.ts";

export interface GateSettings {
  readonly protected: readonly string[];
  readonly maxEventAgeSeconds: number;
  readonly dryRun: boolean;
  readonly slack: { readonly secondOperator: boolean };
}

/** What the look found of the person's names. */
export interface Names {
  /** Every sync relation of the person. */
  readonly relations: readonly string[];
  /** The user that the departure's relation leads to today, where the departure meant another one. */
  readonly leadsTo?: { readonly genauthUserId: string; readonly name?: string | undefined } | undefined;
}

/**
 * The first closed gate: every reason for which an operator must decide before a call, except the brake's. Asked again
 * at every turn. An operator's release opens the gate that it names, for what the hold showed; a dry run is never
 * released.
 */
export function closedGate(
  departure: Resignation,
  names: Names,
  settings: GateSettings,
  now: Date,
  stop?: Stop,
): Gate | undefined {
  const { source, approvalNeeded } = departure;
  const isReleased = (from: HeldFor) => (departure.released ?? []).some((release) => release.from === from);
  const relations = [...new Set([departure.userId, ...names.relations])];

  if (!isReleased("protected") && relations.some((relation) => isProtected(relation, settings.protected))) {
    return { heldFor: "protected", why: "The person is protected" };
  }
  if (!isReleased("approval") && source === "slack" && settings.slack.secondOperator) {
    return { heldFor: "approval", why: "Another operator must approve what was ordered in Slack" };
  }
  if (names.leadsTo && !isReleasedFor(departure, names.leadsTo.genauthUserId)) {
    return ambiguous(departure, names.leadsTo);
  }
  if (isStale(departure, settings.maxEventAgeSeconds, now, stop)) {
    return { heldFor: "stale", why: `Too long ago: ${new Date(ageStart(departure)).toISOString()}` };
  }
  const needed = needsApproval(approvalNeeded, source);
  if (needed && !isReleased(needed.heldFor)) return needed;
  return settings.dryRun ? { heldFor: "dry_run", why: "Dry run: nothing is sent to GenAuth" } : undefined;
}

/**
 * Whether one of the patterns names the sync relation: exactly, or by a prefix that ends in `*`. WeCom's ids do not
 * differ by case, and a departure that is held without need does no harm.
 */
export function isProtected(userId: string, patterns: readonly string[]): boolean {
  const fold = (relation: string) => (/^wechatwork:/i.test(relation) ? relation.toLowerCase() : relation);
  const folded = fold(userId);
  return patterns
    .map(fold)
    .some((pattern) => (pattern.endsWith("*") ? folded.startsWith(pattern.slice(0, -1)) : folded === pattern));
}

/**
 * From when on the age of a departure counts, in milliseconds: the last of when it happened, its moment, its day,
 * what operators released, and when it was last seen waiting for an emergency stop to end.
 */
export function ageStart({ leavesAt, resignAfter, stoppedUntil, released = [], ...departure }: Resignation): number {
  const moments = [leavesAt, resignAfter, stoppedUntil, ...released.map(({ at }) => at)];
  const known = moments.flatMap((moment) => (moment === undefined ? [] : [Date.parse(moment)]));
  return Math.max(momentOf(departure as Resignation).to.getTime(), ...known);
}

/**
 * The age of a departure, in milliseconds. The time in which it was here and all was stopped does not count; a replay
 * that comes while all is stopped is as old as it is.
 */
export function ageMs(departure: Resignation, now: Date, stop?: Stop): number {
  const start = ageStart(departure);
  const hereSince = Math.max(start, Date.parse(departure.acceptedAt));
  return now.getTime() - start - (stop ? stoppedMs(stop, hereSince, now.getTime()) : 0);
}

/**
 * Whether it came, or has its first turn, too long after its moment. Asked once a moment: tries that were delayed
 * by GenAuth's own failure make nobody stale.
 */
function isStale(departure: Resignation, maxEventAgeSeconds: number, now: Date, stop?: Stop): boolean {
  const { ageJudgedFor } = departure;
  if (ageJudgedFor !== undefined && Date.parse(ageJudgedFor) === ageStart(departure)) return false;
  return ageMs(departure, now, stop) > maxEventAgeSeconds * 1_000;
}

const isReleasedFor = ({ released = [] }: Resignation, genauthUserId: string) =>
  released.some(({ from, shown }) => from === "ambiguous" && shown?.genauthUserId === genauthUserId);

function ambiguous({ userId, person }: Resignation, { genauthUserId, name }: NonNullable<Names["leadsTo"]>): Gate {
  const found = { genauthUserId, ...(name && { name }) };
  if (!person) {
    const why = `GenAuth knows nobody as ${userId} any more; who had that id before has another one today`;
    return { heldFor: "ambiguous", why, shown: { genauthUserId }, candidates: [found] };
  }
  return {
    heldFor: "ambiguous",
    why: `${userId} belongs to another user in GenAuth than when the departure came`,
    shown: { genauthUserId },
    candidates: [{ ...person }, { userId, ...found }],
  };
}

/** Before 0.1.0 the reason alone was written down. */
function needsApproval(needed: Resignation["approvalNeeded"], source: Resignation["source"]): Gate | undefined {
  if (typeof needed !== "string") return needed;
  return { heldFor: source === "reconcile" ? "proposed" : "reverified", why: needed };
}
