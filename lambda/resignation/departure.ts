import { createHash } from "node:crypto";
import { later, type Moment } from "./moment.ts";
import { type Resignation, sweepAfterSeconds } from "./resignation.ts";
import type { SourceName } from "./source-names.ts";
import type { SyncRelation } from "./sync-relation.ts";

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

/** Somebody is back at the source that told of their departure. */
export interface Return {
  readonly userId: SyncRelation;
  readonly source: SourceName;
  readonly moment: Moment;
}

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
