import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { type AcceptParts, accept } from "../departure/accept.ts";
import { type Departure, type SyncRelation, syncRelationSchema } from "../resignation.ts";

/**
 * What an operator asked in a chat: who is this, and shall they be resigned? Lives for half an hour, as long
 * as the address of its answer does. That address is a secret: it is shown nowhere.
 */
const inquirySchema = z.object({
  id: z.string(),
  userId: syncRelationSchema,
  reason: z.optional(z.string()),
  requestedBy: z.string(),
  /** Slack's `response_url` of the command, then that of the click. */
  replyUrl: z.string(),
  askedAt: z.iso.datetime(),
  state: z.enum(["open", "ordered", "dismissed"]),
});
export type Inquiry = z.infer<typeof inquirySchema>;

/** An answer that Slack did not take at once, to be told again behind the queue. Its address is a secret too. */
const owedReplySchema = z.object({
  id: z.string(),
  replyUrl: z.string(),
  message: z.record(z.string(), z.unknown()),
  askedAt: z.iso.datetime(),
});
export type OwedReply = z.infer<typeof owedReplySchema>;

export const parseOwedReply = (item: unknown): OwedReply => owedReplySchema.parse(item);

export const isOwedReplyId = (id: string) => id.startsWith("reply_");

export function toOwedReply(replyUrl: string, message: object, now: Date): OwedReply {
  const key = createHash("sha256")
    .update(`${replyUrl} ${JSON.stringify(message)}`)
    .digest("hex");
  return { id: `reply_${key.slice(0, 32)}`, replyUrl, message: { ...message }, askedAt: now.toISOString() };
}

export const parseInquiry = (item: unknown): Inquiry => inquirySchema.parse(item);

/** A click on an inquiry's card. */
export interface Settling {
  readonly inquiryId: string;
  readonly state: Exclude<Inquiry["state"], "open">;
  readonly replyUrl: string;
  readonly operator: string;
  readonly now: Date;
}

/**
 * Carries a click out, once: a second click, or one on what has expired, changes nothing. Two orders for one person
 * within the hour are one. Gives back whether there was something left to settle.
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

const lifetimeMs = 30 * 60_000;

export const isExpired = ({ askedAt }: Inquiry, now: Date) => now.getTime() - Date.parse(askedAt) > lifetimeMs;

export const isInquiryId = (id: string) => id.startsWith("ask_");

/** A new inquiry; the same command of the same person has the same id. */
export function toInquiry(
  asked: { key: string; userId: SyncRelation; reason?: string; requestedBy: string; replyUrl: string },
  now: Date,
): Inquiry {
  const { key, ...fields } = asked;
  const id = `ask_${createHash("sha256").update(key).digest("hex").slice(0, 32)}`;
  return { id, ...fields, askedAt: now.toISOString(), state: "open" };
}
