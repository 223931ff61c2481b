import type { Queue } from "../aws/queue.ts";
import type { Ledger } from "../ledger.ts";
import type { Log } from "../log.ts";
import { Problem } from "../problem.ts";
import type { Return } from "../resignation/departure.ts";
import { type Departure, toResignation } from "../resignation/departure.ts";
import { cutReturn, later } from "../resignation/moment.ts";
import { moveTo, type Resignation, sweepAfterSeconds } from "../resignation/resignation.ts";
import { relationId } from "./people.ts";

export interface AcceptParts {
  readonly ledger: Ledger;
  readonly queue: Pick<Queue, "send">;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Writes a departure down, then queues it; the sender is answered after that. A repeat finds the written departure,
 * and queues it again while its status is `accepted`. Throws `id_reused` when the same id comes with another
 * content, and AWS's own errors.
 */
export async function accept({ ledger, queue, log, now }: AcceptParts, departure: Departure): Promise<Resignation> {
  const resignation = toResignation(departure, now());
  const former = await ledger.enter(resignation);
  if (former && former.contentHash !== departure.contentHash) throw idReused(former);
  if (!former || former.status === "accepted") await queue.send(resignation.id);

  const { id, source, requestedBy } = resignation;
  const facts = { id, source, requestedBy };
  if (former) log.count("Repeated", "A departure came again", { ...facts, status: former.status });
  else log.count("Accepted", "A departure was written down", facts);
  return former ?? resignation;
}

/** The same id means the same caller, whose name is part of the event id: so the answer may show the former order. */
function idReused({ id, userId, status, source }: Resignation): Problem {
  if (source !== "api" && source !== "reconcile") return new Problem("id_reused");
  const detail =
    `This webhook-id stands for ${userId}, which is ${status}. To order something else, or to mend that order, ` +
    "send it under a webhook-id of its own; to repeat it, send the very same body";
  return new Problem("id_reused", {
    detail,
    // The person is for the caller's eyes, not for the log.
    reason: "The webhook-id stands for another order",
    members: { id, userId, resignationStatus: status },
    location: `/resignations/${id}`,
  });
}

/**
 * Writes a return down, then queues its relation. The turns that follow decide what the return means for each
 * departure of the person, in any order.
 */
export async function noteReturn(parts: AcceptParts, { userId, source, moment }: Return): Promise<void> {
  const { ledger, queue, log, now } = parts;
  const at = now();
  await ledger.noteReturn(userId, source, cutReturn(moment, at), at);
  await queue.send(relationId(userId));
  log.count("Returned", "A source told that somebody is back", { source });
}

/**
 * Cancels a departure that is not resigned yet; returns `undefined` if another writer changed it in between. A
 * suspension is taken back by the resigner, which has GenAuth's token.
 */
export async function cancel(
  { ledger, queue, log, now }: AcceptParts,
  resignation: Resignation,
  { request, ...entry }: { by: string; why?: string; request?: string },
): Promise<Resignation | undefined> {
  const at = now();
  const { id, version, resignAfter, tell = [] } = resignation;
  const cancelled = { ...entry, at: at.toISOString(), ...(request !== undefined && { request }) };
  // For a suspended person the turn owes the notice: it is the one that gives the access back.
  const owed = resignAfter
    ? []
    : [{ about: "called_off" as const, id, why: `Cancelled by ${entry.by}`, version: version + 1 }];
  const fields = { cancelled, tell: [...tell, ...owed], dueAt: later(at, sweepAfterSeconds) };
  const saved = await ledger.save(moveTo(resignation, "cancelled", fields, { at, ...entry }));
  if (!saved) return undefined;
  await queue.send(id);
  log.info("A resignation was cancelled", { id, by: entry.by });
  return saved;
}
