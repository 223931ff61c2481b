import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { abouts } from "./settings.ts";
import { type SourceName, sourceNames } from "./sources/names.ts";

declare const synced: unique symbol;

/** GenAuth's id for a synced user, `<provider>:<userIdInIdp>`. A string to the last byte: `00123` stays `00123`. */
export type SyncRelation = string & { readonly [synced]: true };

/**
 * When something happened: no sooner than `from`, no later than `to`. Sources send milliseconds, seconds or no time.
 */
export interface Moment {
  readonly from: Date;
  readonly to: Date;
}

/** What a source tells us, verified. */
export interface Departure {
  readonly source: SourceName;
  /** Unique within the source; the same over the sender's repeats. */
  readonly eventId: string;
  readonly userId: SyncRelation;
  /** When it happened, as the source says it. */
  readonly occurredAt: Date;
  /** The same with its uncertainty. @default - exactly `occurredAt` */
  readonly moment?: Moment;
  readonly requestedBy: string;
  readonly reason?: string;
  /** Hash of what the sender signed: an id that comes back with another content is an error. */
  readonly contentHash?: string;
  /** The inquiry in a chat whose answer tells the outcome. */
  readonly inquiryId?: string;
  /** Why an operator has to approve it, even if no gate is closed. */
  readonly approvalNeeded?: { readonly heldFor: "reverified" | "proposed"; readonly why: string };
}

const instant = z.iso.datetime();

/** Why a resignation waits for an operator. */
export const holds = [
  "brake",
  "stale",
  "dry_run",
  "protected",
  "approval",
  "ambiguous",
  "returned",
  "given_back",
  "unseen",
  "renamed",
  "reverified",
  "proposed",
] as const;

/** How often each return was told, by `<relation> <source>`. */
const countsSchema = z.record(z.string(), z.number());
export type ReturnCounts = z.infer<typeof countsSchema>;

/** What a hold showed its operator: a release answers for that and nothing else. */
const shownSchema = z.object({
  returns: z.optional(countsSchema),
  /** What GenAuth showed, and since when (`statusChangedAt`, else `updatedAt`). */
  status: z.optional(z.string()),
  changedAt: z.optional(z.string()),
  genauthUserId: z.optional(z.string()),
  former: z.optional(z.string()),
});
export type Shown = z.infer<typeof shownSchema>;

/** A notice that is owed: written together with its cause, removed when the queue has it. */
export const noticeSchema = z.object({
  about: z.enum(abouts),
  id: z.string(),
  why: z.optional(z.string()),
  /** Tells two notices of the same kind about the same resignation apart. */
  version: z.optional(z.number()),
});
export type Notice = z.infer<typeof noticeSchema>;

/** Who is told of a notice, each by a message of its own: what one does not take comes again for that one alone. */
export const targetNames = ["slack", "lark", "wechatwork", "webhook"] as const;

/** A notice as the notices' queue carries it, one message for each target. Which of them is filled in is not asked. */
export const toMessages = (notice: Notice): string[] =>
  targetNames.map((target) => JSON.stringify({ target, notice: noticeSchema.parse(notice) }));

/** Whether a notice is sent even if the setting `notices.about` leaves it out. */
export const isUrgent = (about: Notice["about"]) => about === "back_after_resigned" || about === "not_given_back";

export const syncRelationSchema = z.pipe(
  z.string(),
  z.transform((text) => text as SyncRelation),
);

const releaseSchema = z.object({
  /** The hold, or `failed`. */
  from: z.enum([...holds, "failed"]),
  shown: z.optional(shownSchema),
  by: z.string(),
  at: instant,
  /** The request that released it: repeated, it releases nothing more. */
  request: z.optional(z.string()),
});

/** A release of the version before answered for every hold that there was. */
const releasedOfFormer = ({ by, at }: { by: string; at: string }): z.infer<typeof releaseSchema>[] =>
  (["brake", "stale", "protected", "approval", "reverified", "proposed"] as const).map((from) => ({ from, by, at }));

const common = {
  id: z.string(),
  /** Counts the writes; every write names the one it follows. */
  version: z.number(),
  userId: syncRelationSchema,
  source: z.enum(sourceNames),
  requestedBy: z.string(),
  reason: z.optional(z.string()),
  contentHash: z.optional(z.string()),
  inquiryId: z.optional(z.string()),
  /** Why an operator has to approve it. A text: written before 0.1.0. */
  approvalNeeded: z.optional(
    z.union([z.object({ heldFor: z.enum(["reverified", "proposed"]), why: z.string() }), z.string()]),
  ),
  occurredAt: instant,
  /** `occurredAt` with its uncertainty. Absent: written before 0.1.0. */
  moment: z.optional(z.object({ from: instant, to: instant })),
  /** When a departure with a `leavesAt` was ordered: it is judged by this, and has its turn at `leavesAt`. */
  orderedAt: z.optional(instant),
  leavesAt: z.optional(instant),
  timeZone: z.optional(z.string()),
  acceptedAt: instant,
  /** When the sweep queues it again, should nothing else have happened until then. */
  dueAt: z.optional(instant),
  /** After a failed try: the earliest time of the next one. A message that comes before it does nothing. */
  retryAt: z.optional(instant),
  attempts: z.number(),
  /** What operators released it from, one entry a hold or failure. One object: written before 0.1.0. */
  released: z.optional(
    z.pipe(
      z.union([z.array(releaseSchema), z.object({ by: z.string(), at: instant })]),
      z.transform((given) => (Array.isArray(given) ? given : releasedOfFormer(given))),
    ),
  ),
  /** The operator who cancelled it. */
  cancelled: z.optional(
    z.object({ by: z.string(), at: instant, why: z.optional(z.string()), request: z.optional(z.string()) }),
  ),
  /** The returns that were known when the returns' brake held it: for these an operator decides. */
  returnsHeld: z.optional(countsSchema),
  /** It has a place in the returns' brake's log. */
  hasReturnPlace: z.optional(z.boolean()),
  /** The moment for which its age was judged already. */
  ageJudgedFor: z.optional(instant),
  /** When it was last seen waiting for the emergency stop to end: that time counts for no age. */
  stoppedUntil: z.optional(instant),
  /** How often its access could not be given back, or a doubt not be settled. */
  waits: z.optional(z.number()),
  /** The user that it was first resolved to, as GenAuth knows them. For operators' eyes, never for a log. */
  person: z.optional(z.object({ genauthUserId: z.string(), name: z.optional(z.string()) })),
  /** The relation under which GenAuth knows the person, if an operator named another one than the source did. */
  resolvedAs: z.optional(syncRelationSchema),
  /** With a grace period: when the call that cannot be undone is due. */
  resignAfter: z.optional(instant),
  /** A source said that the person is back after they were resigned: when, and which returns people were told of. */
  backAfterResigned: z.optional(z.object({ at: instant, returns: countsSchema })),
  /** An operator took it off the urgent list. */
  acknowledged: z.optional(z.object({ by: z.string(), at: instant })),
  /** Notices that are owed. */
  tell: z.optional(z.array(noticeSchema)),
  /** Written before 0.1.0, and read by `departure/former.ts` alone. */
  inDoubt: z.optional(z.boolean()),
  grace: z.optional(z.object({ suspendedAt: instant, resignAfter: instant })),
  reactivation: z.optional(z.enum(["pending", "done"])),
  /** What GenAuth answered last. */
  genauth: z.optional(
    z.object({
      requestId: z.optional(z.string()),
      statusCode: z.optional(z.number()),
      apiCode: z.optional(z.number()),
      message: z.optional(z.string()),
    }),
  ),
  /** The trail: who did what, when and why. Appended, never rewritten. */
  history: z.array(z.object({ at: instant, by: z.string(), status: z.string(), why: z.optional(z.string()) })),
};

const resignationSchema = z.discriminatedUnion("status", [
  z.object({
    ...common,
    status: z.literal("scheduled"),
    /** The returns that were told of already. */
    shown: z.optional(shownSchema),
  }),
  z.object({ ...common, status: z.literal("accepted") }),
  z.object({
    ...common,
    status: z.literal("held"),
    heldFor: z.enum(holds),
    shown: z.optional(shownSchema),
    /** The people it may mean, if that is not clear. */
    candidates: z.optional(
      z.array(
        z.object({
          userId: z.optional(syncRelationSchema),
          genauthUserId: z.optional(z.string()),
          name: z.optional(z.string()),
        }),
      ),
    ),
    /** The brake event that held it: operators release all of one at once. */
    brakeId: z.optional(z.string()),
    /** What a dry run would have sent. */
    wouldSend: z.optional(z.object({ path: z.string(), userId: z.string(), userIdType: z.string() })),
  }),
  z.object({
    ...common,
    status: z.literal("resigning"),
    lease: z.object({ owner: z.string(), until: instant }),
  }),
  z.object({ ...common, status: z.literal("suspended") }),
  z.object({
    ...common,
    status: z.literal("resigned"),
    resignedAt: instant,
    /** When a second look at GenAuth found the person `Resigned`. */
    confirmedAt: z.optional(instant),
  }),
  z.object({ ...common, status: z.literal("not_found") }),
  z.object({ ...common, status: z.literal("duplicate"), duplicateOf: z.optional(z.string()) }),
  z.object({ ...common, status: z.literal("cancelled") }),
  z.object({ ...common, status: z.literal("failed") }),
  z.object({ ...common, status: z.literal("restored") }),
]);

/** The record that follows one departure from acceptance to outcome. */
export type Resignation = z.infer<typeof resignationSchema>;
export type Status = Resignation["status"];
export type HeldFor = Extract<Resignation, { status: "held" }>["heldFor"];
export type GenAuthAnswer = NonNullable<Resignation["genauth"]>;

/** Reads a resignation back from the ledger. Throws zod's error if it is none. */
export function parseResignation(item: unknown): Resignation {
  const { resignAfter, ...resignation } = resignationSchema.parse(item);
  // Before 0.1.0 the day stood in `grace` alone.
  const day = resignAfter ?? resignation.grace?.resignAfter;
  return day === undefined ? resignation : { ...resignation, resignAfter: day };
}

/** Which statuses each status may follow. What is not listed here the ledger refuses. */
export const precededBy: Readonly<Record<Status, readonly Status[]>> = {
  scheduled: ["scheduled", "accepted", "held", "failed"],
  accepted: ["accepted", "scheduled", "resigning", "held", "failed"],
  held: ["held", "scheduled", "accepted", "resigning", "suspended", "failed"],
  resigning: ["resigning", "scheduled", "accepted", "suspended"],
  suspended: ["suspended", "scheduled", "accepted", "resigning"],
  resigned: ["resigned", "scheduled", "accepted", "held", "resigning", "suspended", "cancelled", "failed"],
  not_found: ["scheduled", "accepted", "resigning", "suspended"],
  duplicate: ["scheduled", "accepted", "resigning", "suspended"],
  cancelled: ["cancelled", "scheduled", "accepted", "held", "resigning", "suspended", "failed"],
  failed: ["failed", "scheduled", "accepted", "resigning", "suspended"],
  restored: ["resigned"],
};

export const statuses = Object.keys(precededBy) as readonly Status[];

export const isStatus = (text: string): text is Status => Object.hasOwn(precededBy, text);

/** Still on its way: the next move is ours, not an operator's. */
export const isUnderWay = ({ status }: Resignation) => status === "accepted" || status === "resigning";

/** At its end, until a return or an operator says otherwise: nothing of it waits. */
export const isFinal = ({ status }: Resignation) => finals.has(status);

const finals: ReadonlySet<Status> = new Set(["resigned", "restored", "not_found", "duplicate", "cancelled", "failed"]);

/** The ledger id of a departure: computed anywhere, the same departure has the same id. */
export function resignationId({ source, eventId }: Pick<Departure, "source" | "eventId">): string {
  return `res_${createHash("sha256").update(`${source}\n${eventId}`).digest("hex").slice(0, 32)}`;
}

/** A departure as it is first written down. */
export function toResignation(departure: Departure, now: Date): Resignation {
  const { userId, source, requestedBy, reason, contentHash, inquiryId, approvalNeeded } = departure;
  const at = now.toISOString();
  return {
    id: resignationId(departure),
    version: 1,
    userId,
    source,
    requestedBy,
    ...(reason !== undefined && { reason }),
    ...(contentHash !== undefined && { contentHash }),
    ...(inquiryId !== undefined && { inquiryId }),
    ...(approvalNeeded !== undefined && { approvalNeeded }),
    occurredAt: departure.occurredAt.toISOString(),
    moment: toInstants(departure.moment ?? { from: departure.occurredAt, to: departure.occurredAt }),
    acceptedAt: at,
    dueAt: later(now, sweepAfterSeconds),
    attempts: 0,
    history: [{ at, by: requestedBy, status: "accepted" }],
    status: "accepted",
  };
}

const toInstants = ({ from, to }: Moment) => ({ from: from.toISOString(), to: to.toISOString() });

type Fields<S extends Status> = Omit<Extract<Resignation, { status: S }>, keyof typeof common | "status">;
type Changes = { [K in Exclude<keyof typeof common, "id" | "version" | "history">]?: Resignation[K] | undefined };

/**
 * The resignation in its next status. Fields of the former status alone are dropped, and so are `dueAt` and
 * `retryAt` unless they are given anew; with an entry, the step goes into the history. What is given as
 * `undefined` is removed.
 */
export function moveTo<S extends Status>(
  before: Resignation,
  status: S,
  fields: Fields<S> & Changes,
  entry?: { at: Date; by: string; why?: string },
): Extract<Resignation, { status: S }> {
  const lasting = Object.entries(before).filter(([name]) => name in common && name !== "dueAt" && name !== "retryAt");
  const line = entry && { ...entry, at: entry.at.toISOString(), status };
  const history = line ? [...before.history, line] : before.history;
  return { ...Object.fromEntries(lasting), ...fields, history, status } as unknown as Extract<
    Resignation,
    { status: S }
  >;
}

/** The sweep queues an item again if nothing has happened to it for so long: its message or its worker was lost. */
export const sweepAfterSeconds = 180;

/** ISO 8601 of a moment so many seconds later. */
export const later = (from: Date, seconds: number) => new Date(from.getTime() + seconds * 1000).toISOString();

/**
 * The sync relation of a user at a provider; `undefined` where the text cannot be one: empty, over 128 bytes,
 * or with white space or control characters. Never trimmed, folded or otherwise made to fit.
 */
export function syncRelation(provider: string, userIdInIdp: unknown): SyncRelation | undefined {
  const isId =
    typeof userIdInIdp === "string" &&
    userIdInIdp.isWellFormed() &&
    /^[^\s\p{C}]+$/u.test(userIdInIdp) &&
    Buffer.byteLength(userIdInIdp) <= 128;
  return isId ? (`${provider}:${userIdInIdp}` as SyncRelation) : undefined;
}

/** Reads `<provider>:<userIdInIdp>` of one of the providers; `undefined` where it is none. */
export function parseSyncRelation(whole: string, providers: readonly string[]): SyncRelation | undefined {
  const colon = whole.indexOf(":");
  const provider = whole.slice(0, Math.max(colon, 0));
  return providers.includes(provider) ? syncRelation(provider, whole.slice(colon + 1)) : undefined;
}

/** A resignation as its callers see it. */
export function view(resignation: Resignation) {
  const { id, userId, source, status, requestedBy, reason, occurredAt, acceptedAt, attempts, genauth } = resignation;
  const { leavesAt, timeZone, resignAfter } = resignation;
  return {
    ...{ id, userId, source, status, requestedBy, reason, occurredAt, acceptedAt, attempts, genauth },
    ...{ leavesAt, timeZone, resignAfter },
    ...(status === "held" && { heldFor: resignation.heldFor }),
    ...(status === "resigned" && { resignedAt: resignation.resignedAt }),
  };
}

/** A resignation as operators see it: with the person, the trail and what else helps them decide. */
export function operatorView(resignation: Resignation) {
  const { version, contentHash, inquiryId, dueAt, retryAt, tell, ageJudgedFor, stoppedUntil, ...shown } = resignation;
  return shown;
}
