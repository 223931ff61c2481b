import * as z from "zod/mini";

const instant = z.iso.datetime();

/**
 * What we did to a person in GenAuth. A state in `-ing` is written before its call and replaced after it: found
 * at the start of a turn, it means that a call may have been carried out, and its outcome is not written down.
 */
export const effectSchema = z.object({
  state: z.enum(["none", "suspending", "suspended", "resigning", "resigned", "restoring"]),
  /** The departures that stand on it. */
  for: z.array(z.string()),
  /** The departure whose call it is; absent if it was no call of ours. */
  by: z.optional(z.string()),
  calledAt: z.optional(instant),
  /** The end of the last try: of one that is under way, the end of its lease. */
  triedUntil: z.optional(instant),
  /** When GenAuth confirmed our suspension, and the `statusChangedAt` that it left. */
  answeredAt: z.optional(instant),
  changedAt: z.optional(z.string()),
  /** False if the person was cut off before: then there is nothing of ours to give back. */
  hadCall: z.boolean(),
  /** What it was before the try. */
  prev: z.enum(["none", "suspended"]),
  /** With a grace period: when the suspended are resigned. Set once, at the suspension. */
  resignAfter: z.optional(instant),
});
export type Effect = z.infer<typeof effectSchema>;

export const noEffect: Effect = { state: "none", for: [], hadCall: false, prev: "none" };

/** What a look found of the person. */
export interface Seen {
  /** `Cut`: Deactivated or Archived. `absent`: no such user, by user id either. `blind`: the look was refused. */
  readonly state: "Activated" | "Suspended" | "Cut" | "Resigned" | "absent" | "blind";
  readonly statusChangedAt?: string | undefined;
  readonly updatedAt?: string | undefined;
  /** When the look was begun. */
  readonly beganAt: Date;
  /** By how much GenAuth's clock is ahead of ours, in milliseconds. */
  readonly serverAheadMs: number;
}

/** A call was begun, and its outcome is not written down. */
export const isDoubt = ({ state }: Effect) => state.endsWith("ing");

/** Whether the look shows what the call under way wanted: then it was carried out, or need not be. */
export const isAsWanted = ({ state }: Effect, seen: Seen) => wanted[state] === seen.state;

const wanted: Partial<Record<Effect["state"], Seen["state"]>> = {
  suspending: "Suspended",
  resigning: "Resigned",
  restoring: "Activated",
};

/** From when on a look settles a doubt: a call that timed out may arrive for so long after its end. */
export const settledAtMs = ({ triedUntil, calledAt }: Effect, settleSeconds: number) =>
  Date.parse(triedUntil ?? calledAt ?? "1970-01-01T00:00:00Z") + settleSeconds * 1_000;

/**
 * Whether the suspension that GenAuth shows is our own: its `statusChangedAt` equals the one that our call left. Only
 * if that answer was lost, the time of the try decides, corrected by the difference between the two clocks.
 */
export function isOurs(effect: Effect, seen: Seen, settleSeconds: number): boolean {
  const { hadCall, changedAt, answeredAt, calledAt } = effect;
  if (seen.state !== "Suspended" || !hadCall) return false;
  if (seen.statusChangedAt === undefined) return answeredAt !== undefined;
  if (changedAt !== undefined) return seen.statusChangedAt === changedAt;
  const changedMs = Date.parse(seen.statusChangedAt) - seen.serverAheadMs;
  const isSince = changedMs >= Date.parse(calledAt ?? "") - marginMs;
  return isSince && changedMs <= settledAtMs(effect, settleSeconds) + marginMs;
}

/** A suspension further outside the try's time is taken for an administrator's, and never lifted. */
const marginMs = 5_000;
