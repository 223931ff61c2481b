import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { type SyncRelation, syncRelationSchema } from "./resignation.ts";

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

export const parseInquiry = (item: unknown): Inquiry => inquirySchema.parse(item);

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
