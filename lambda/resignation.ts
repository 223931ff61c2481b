import { createHash } from "node:crypto";
import * as z from "zod/mini";

/** Who told us. */
export type SourceName = (typeof sourceNames)[number];

/** `reconcile`: nobody told us; a comparison of the directories found it. */
export const sourceNames = ["lark", "wechatwork", "slack", "api", "reconcile"] as const;

declare const synced: unique symbol;

/** GenAuth's id for a synced user, `<provider>:<userIdInIdp>`. A string to the last byte: `00123` stays `00123`. */
export type SyncRelation = string & { readonly [synced]: true };

/** What a source tells us, verified. */
export interface Departure {
  readonly source: SourceName;
  /** Unique within the source; the same over the sender's repeats. */
  readonly eventId: string;
  readonly userId: SyncRelation;
  readonly occurredAt: Date;
  readonly requestedBy: string;
  readonly reason?: string;
  /** Hash of what the sender signed, where an id that comes back with another content is an error. */
  readonly contentHash?: string;
  /** The inquiry in a chat whose answer tells the outcome. */
  readonly inquiryId?: string;
  /** Why an operator has to approve it, however harmless it looks to the guard. */
  readonly approvalNeeded?: string;
}

const instant = z.iso.datetime();

export const syncRelationSchema = z.pipe(
  z.string(),
  z.transform((text) => text as SyncRelation),
);

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
  /** Why an operator has to approve it. */
  approvalNeeded: z.optional(z.string()),
  occurredAt: instant,
  acceptedAt: instant,
  /** When the sweep queues it again, should nothing else have happened until then. */
  dueAt: z.optional(instant),
  /** After a failed try: no sooner than this. A message that comes before it is one too many. */
  retryAt: z.optional(instant),
  attempts: z.number(),
  /** An operator answered for it: the brake and the age no longer hold it, and the time to give up starts anew. */
  released: z.optional(z.object({ by: z.string(), at: instant })),
  /** A call may have reached GenAuth without our knowing its outcome: look before calling again. */
  inDoubt: z.optional(z.boolean()),
  /** Whom GenAuth knows by this sync relation. For operators' eyes, never for a log. */
  person: z.optional(z.object({ genauthUserId: z.string(), name: z.optional(z.string()) })),
  /** With a grace period: when access was cut reversibly, and when the call that cannot be undone is due. */
  grace: z.optional(z.object({ suspendedAt: instant, resignAfter: instant })),
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
  z.object({ ...common, status: z.literal("accepted") }),
  z.object({
    ...common,
    status: z.literal("held"),
    heldFor: z.enum(["brake", "stale", "dry_run", "protected"]),
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
  z.object({ ...common, status: z.literal("duplicate"), duplicateOf: z.string() }),
  z.object({
    ...common,
    status: z.literal("cancelled"),
    /** Cancelled while suspended: whether the person has their access back yet. */
    reactivation: z.optional(z.enum(["pending", "done"])),
  }),
  z.object({ ...common, status: z.literal("failed") }),
]);

/** The record that follows one departure from acceptance to outcome. */
export type Resignation = z.infer<typeof resignationSchema>;
export type Status = Resignation["status"];
export type HeldFor = Extract<Resignation, { status: "held" }>["heldFor"];
export type GenAuthAnswer = NonNullable<Resignation["genauth"]>;

/** Reads a resignation back from the ledger. Throws zod's error if it is none. */
export const parseResignation = (item: unknown): Resignation => resignationSchema.parse(item);

/** Which statuses each status may follow. What is not listed here the ledger refuses. */
export const precededBy: Readonly<Record<Status, readonly Status[]>> = {
  accepted: ["resigning", "held", "failed"],
  held: ["accepted", "resigning", "suspended"],
  resigning: ["accepted", "resigning", "suspended"],
  suspended: ["resigning"],
  resigned: ["resigning", "resigned"],
  not_found: ["resigning"],
  duplicate: ["accepted", "resigning", "suspended"],
  cancelled: ["accepted", "held", "suspended", "cancelled"],
  failed: ["resigning"],
};

export const statuses = Object.keys(precededBy) as readonly Status[];

export const isStatus = (text: string): text is Status => Object.hasOwn(precededBy, text);

/** Still on its way: the next move is ours, not an operator's. */
export const isUnderWay = ({ status }: Resignation) => status === "accepted" || status === "resigning";

/** The ledger id of a departure: the same departure has the same id, whoever computes it. */
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
    acceptedAt: at,
    dueAt: later(now, sweepAfterSeconds),
    attempts: 0,
    history: [{ at, by: requestedBy, status: "accepted" }],
    status: "accepted",
  };
}

type Fields<S extends Status> = Omit<Extract<Resignation, { status: S }>, keyof typeof common | "status">;
type Changes = Partial<
  Pick<Resignation, "dueAt" | "retryAt" | "attempts" | "released" | "inDoubt" | "person" | "grace" | "genauth">
>;

/**
 * The resignation in its next status. Fields of the former status alone are dropped, and so are `dueAt` and
 * `retryAt` unless they are given anew; with an entry, the step goes into the history.
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

/** How long something may lie with nothing happening to it before the sweep queues it again. */
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

/** A resignation as its callers see it (DESIGN §4). */
export function view(resignation: Resignation) {
  const { id, userId, source, status, requestedBy, reason, occurredAt, acceptedAt, attempts, genauth } = resignation;
  return {
    ...{ id, userId, source, status, requestedBy, reason, occurredAt, acceptedAt, attempts, genauth },
    ...(status === "held" && { heldFor: resignation.heldFor }),
    ...(status === "resigned" && { resignedAt: resignation.resignedAt }),
  };
}

/** A resignation as operators see it: with the person, the trail and what else helps them decide. */
export function operatorView(resignation: Resignation) {
  const { version, contentHash, inquiryId, dueAt, retryAt, ...shown } = resignation;
  return shown;
}
