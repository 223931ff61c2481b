/** Departures, effects, looks and returns to put before the pure parts, around one moment that is now. */
import type { Facts } from "../../../lambda/departure/decide.ts";
import { type Effect, noEffect, type Seen } from "../../../lambda/departure/effect.ts";
import type { Returned } from "../../../lambda/departure/returns.ts";
import type { Resignation, Shown, Status } from "../../../lambda/resignation/resignation.ts";

export const now = new Date("2026-11-25T12:00:00.000Z");
/** So many seconds after now; before it, where negative. */
export const at = (seconds: number) => new Date(now.getTime() + seconds * 1_000).toISOString();

/** The departure whose turn it is: told by Lark, ten minutes ago. */
export const self = "res_self";
export const other = "res_other";
const leftAt = at(-600);

export function departure(status: Status = "accepted", more: object = {}): Resignation {
  return {
    ...{ id: self, version: 1, userId: "lark:ada", source: "lark", requestedBy: "lark" },
    ...{ occurredAt: leftAt, moment: { from: leftAt, to: leftAt }, acceptedAt: leftAt, attempts: 0, history: [] },
    ...{ status, ...more },
  } as unknown as Resignation;
}

export const release = (from: string, shown?: Shown) => ({ from, ...(shown && { shown }), by: "op", at: leftAt });

/** What a source said of a relation, `seconds` from now: before -600 is before the departure. */
export function returned(seconds: number, more: Partial<Returned> = {}): Returned {
  return { relation: "lark:ada", source: "lark", from: at(seconds), to: at(seconds), count: 1, ...more };
}
export const own = [returned(-300)];
export const unclear = [returned(-300, { relation: "wechatwork:ada", source: "wechatwork" })];

/** The moment that our own suspension left in GenAuth. */
export const ourMark = at(-400);
export const theirMark = at(-100);
export const suspension = (more: Partial<Effect> = {}): Effect => ({
  ...noEffect,
  ...{ state: "suspended", for: [self], by: self, hadCall: true, calledAt: at(-401), triedUntil: at(-399) },
  ...{ answeredAt: at(-399), changedAt: ourMark, resignAfter: at(86_000) },
  ...more,
});
export const dueSuspension = (more: Partial<Effect> = {}) => suspension({ resignAfter: at(-1), ...more });

/** A call that was begun long enough ago to be settled, unless `more` says otherwise. */
export const doubt = (state: Effect["state"], more: Partial<Effect> = {}): Effect => ({
  ...noEffect,
  ...{ state, for: [self], by: self, calledAt: at(-200), triedUntil: at(-190), hadCall: state !== "resigning" },
  ...(state === "suspending" && { resignAfter: at(86_000) }),
  ...(state === "restoring" && {
    ...{ prev: "suspended" as const, answeredAt: at(-399), changedAt: ourMark, resignAfter: at(86_000) },
  }),
  ...more,
});
export const resignation = (more: Partial<Effect> = {}): Effect => ({
  ...{ ...noEffect, state: "resigned", for: [self], by: self, calledAt: at(-400), triedUntil: at(-399) },
  ...more,
});

export function seen(state: Seen["state"], more: Partial<Seen> = {}): Seen {
  const statusChangedAt = state === "Suspended" ? ourMark : theirMark;
  const isShown = state !== "absent" && state !== "blind";
  return { state, beganAt: now, serverAheadMs: 0, ...(isShown && { statusChangedAt }), ...more };
}
export const states = ["Activated", "Suspended", "Cut", "Resigned", "absent", "blind"] as const;

export function facts(more: Partial<Facts> = {}): Facts {
  return {
    ...{ departure: departure(), effect: noEffect, returns: [], seen: seen("Activated"), isStopped: false },
    ...{ graceDays: 0, settleSeconds: 30, now },
    ...more,
  };
}
