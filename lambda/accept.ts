import type { Ledger } from "./ledger.ts";
import type { Log } from "./log.ts";
import { Problem } from "./problem.ts";
import type { Queue } from "./queue.ts";
import { type Departure, later, moveTo, type Resignation, sweepAfterSeconds, toResignation } from "./resignation.ts";
import type { Received, Return } from "./sources/index.ts";

export interface AcceptParts {
  readonly ledger: Ledger;
  readonly queue: Pick<Queue, "send">;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Writes a departure down, then queues it: only then may the sender hear that we have it. A repeat finds what
 * is written, and is queued again while nothing has come of it yet. Throws `id_reused` when the same id comes
 * with another content, and whatever AWS throws.
 */
export async function accept({ ledger, queue, log, now }: AcceptParts, departure: Departure): Promise<Resignation> {
  const resignation = toResignation(departure, now());
  const former = await ledger.enter(resignation);
  if (former && former.contentHash !== departure.contentHash) throw new Problem("id_reused");
  if (!former || former.status === "accepted") await queue.send(resignation.id);

  const { id, source, requestedBy } = resignation;
  const facts = { id, source, requestedBy };
  if (former) log.count("Repeated", "A departure came again", { ...facts, status: former.status });
  else log.count("Accepted", "A departure was written down", facts);
  return former ?? resignation;
}

/**
 * Carries a click out, once: whoever clicks second, or on what has expired, changes nothing. Two orders for one
 * person within the hour are one.
 */
export async function settleInquiry(parts: AcceptParts, click: Extract<Received, { kind: "settle" }>): Promise<void> {
  const { ledger, queue, now } = parts;
  const inquiry = await ledger.settleInquiry(click.inquiryId, click.state, click.replyUrl);
  if (!inquiry) return;
  const departure = click.state === "ordered" ? click.toDeparture(inquiry) : undefined;
  const since = new Date(now().getTime() - 3_600_000);
  const { items } = departure
    ? await ledger.list({ userId: departure.userId, since, now: now(), limit: 20 })
    : { items: [] };
  const isOrdered = items.some(
    (one) => one.source === "slack" && one.status !== "cancelled" && one.inquiryId !== inquiry.id,
  );
  if (departure && !isOrdered) await accept(parts, departure);
  else await queue.send(inquiry.id);
}

/**
 * Calls off what waits for somebody who is back. Only what happened before the return: events may come in any
 * order. Who was suspended gets their access back.
 */
export async function callOff(parts: AcceptParts, { userId, by, occurredAt }: Return): Promise<void> {
  const waiting = await parts.ledger.waiting(userId, parts.now());
  for (const resignation of waiting.filter((one) => Date.parse(one.occurredAt) < occurredAt.getTime())) {
    await cancel(parts, resignation, { by, why: "the person is back" });
  }
}

/**
 * Cancels what has not been resigned yet; gives back `undefined` if the ledger was written by someone else in
 * between. A suspension is taken back behind the queue, where GenAuth's token is.
 */
export async function cancel(
  { ledger, queue, log, now }: AcceptParts,
  resignation: Resignation,
  entry: { by: string; why?: string },
): Promise<Resignation | undefined> {
  const isSuspended = resignation.grace !== undefined;
  const fields = isSuspended ? { reactivation: "pending" as const, dueAt: later(now(), sweepAfterSeconds) } : {};
  const cancelled = await ledger.save(moveTo(resignation, "cancelled", fields, { at: now(), ...entry }));
  if (!cancelled) return undefined;
  if (isSuspended) await queue.send(cancelled.id);
  log.info("A resignation was cancelled", { id: cancelled.id, by: entry.by });
  return cancelled;
}
