import { type AcceptParts, accept } from "../departure/accept.ts";
import type { Departure } from "../resignation/departure.ts";
import { type Inquiry, isExpired } from "./inquiry.ts";

/** A click on an inquiry's card. */
export interface Settling {
  readonly inquiryId: string;
  readonly state: Exclude<Inquiry["state"], "open">;
  readonly replyUrl: string;
  readonly operator: string;
  readonly now: Date;
}

/**
 * Carries a click out, once: a second click, or one on an expired card, changes nothing. Two orders for one person
 * within an hour are one. Returns whether there was something left to settle.
 */
export async function settle(parts: AcceptParts, { inquiryId, state, ...click }: Settling): Promise<boolean> {
  const { ledger, queue, now } = parts;
  const inquiry = await ledger.settleInquiry(inquiryId, state, click.replyUrl);
  if (!inquiry) return false;
  const departure = state === "ordered" && !isExpired(inquiry, click.now) ? toDeparture(inquiry, click) : undefined;
  const since = new Date(now().getTime() - 3_600_000);
  const { items } = departure
    ? await ledger.list({ userId: departure.userId, since, now: now(), limit: 20 })
    : { items: [] };
  const isOrdered = items.some(
    (one) => one.source === "slack" && one.status !== "cancelled" && one.inquiryId !== inquiry.id,
  );
  if (departure && !isOrdered) await accept(parts, departure);
  else await queue.send(inquiry.id);
  return true;
}

function toDeparture(
  { id, userId, reason }: Inquiry,
  { operator, now }: Pick<Settling, "operator" | "now">,
): Departure {
  const source = "slack" as const;
  return {
    ...{ source, eventId: id, userId, occurredAt: now, requestedBy: operator, inquiryId: id },
    ...(reason && { reason }),
  };
}
