import type { Moment } from "../resignation/moment.ts";
import type { Resignation, ReturnCounts } from "../resignation/resignation.ts";

/** What one source said of the returns of one sync relation: the greatest `from` and `to` ever told, and how often. */
export interface Returned {
  readonly relation: string;
  /** A source's name, or `operator`, whose return counts for every departure. */
  readonly source: string;
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/**
 * What the returns mean for a departure. `own`: its own source says that the person came back after it. `unclear`:
 * there is a return, and it is not clear that it was before the departure. `no`: neither.
 */
export type Verdict = "own" | "unclear" | "no";

/** Judges a departure by every return that was said of the person. */
export function verdictOf(departure: Resignation, returns: readonly Returned[]): Verdict {
  const { from, to } = momentOf(departure);
  const isHeldByBrake = (one: Returned) => departure.returnsHeld !== undefined && covers(departure.returnsHeld, [one]);
  const isOwn = (one: Returned) => isOwnReturn(departure, one) && Date.parse(one.from) > to.getTime();
  if (returns.some((one) => isOwn(one) && !isHeldByBrake(one))) return "own";

  const released = (departure.released ?? []).filter((release) => release.from === "returned");
  const isReleased = (one: Returned) => released.some(({ shown }) => covers(shown?.returns ?? {}, [one]));
  const isUnclear = (one: Returned) => {
    const marginMs = isOwnReturn(departure, one) ? 0 : otherClockMs;
    return Date.parse(one.to) + marginMs >= from.getTime() && !isReleased(one);
  };
  return returns.some(isUnclear) ? "unclear" : "no";
}

/**
 * Two sources' clocks may differ by so much: a return of another source within it is unclear. The same source at
 * another relation counts as another source.
 */
export const otherClockMs = 300_000;

const isOwnReturn = ({ source, userId }: Resignation, one: Returned) =>
  one.source === "operator" || (one.source === source && one.relation === userId);

/** When it happened; a departure that was ordered for a later day is judged by when it was ordered. */
export function momentOf({ orderedAt, moment, occurredAt, source }: Resignation): Moment {
  const [from, to] = orderedAt ? [orderedAt, orderedAt] : moment ? [moment.from, moment.to] : [occurredAt, occurredAt];
  // Before 0.1.0 the uncertainty of WeCom's seconds was not written down.
  const uncertainMs = source === "wechatwork" && moment === undefined ? 999 : 0;
  return { from: new Date(from), to: new Date(Date.parse(to) + uncertainMs) };
}

/** How often each was told, as an operator is shown it. */
export const countsOf = (returns: readonly Returned[]): ReturnCounts =>
  Object.fromEntries(returns.map((one) => [keyOf(one), one.count]));

/** Whether all of these returns were there when the counts were taken. */
export const covers = (counts: ReturnCounts, returns: readonly Returned[]): boolean =>
  returns.every((one) => (counts[keyOf(one)] ?? 0) >= one.count);

const keyOf = ({ relation, source }: Returned) => `${relation} ${source}`;
