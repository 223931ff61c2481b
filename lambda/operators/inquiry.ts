import { createHash } from "node:crypto";
import * as z from "zod/mini";
import type { Table } from "../aws/table.ts";
import { type SyncRelation, syncRelationSchema } from "../resignation/sync-relation.ts";

/**
 * An operator's question in a chat: the person behind an id, to be resigned or not. Valid for half an hour, like the
 * address of its answer. That address is a secret: it is shown nowhere.
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

/** An answer that Slack did not take at once: the resigner sends it again. Its address is a secret too. */
const owedReplySchema = z.object({
  id: z.string(),
  replyUrl: z.string(),
  message: z.record(z.string(), z.unknown()),
  askedAt: z.iso.datetime(),
});
export type OwedReply = z.infer<typeof owedReplySchema>;

export const isOwedReplyId = (id: string) => id.startsWith("reply_");

export function toOwedReply(replyUrl: string, message: object, now: Date): OwedReply {
  const key = createHash("sha256")
    .update(`${replyUrl} ${JSON.stringify(message)}`)
    .digest("hex");
  return { id: `reply_${key.slice(0, 32)}`, replyUrl, message: { ...message }, askedAt: now.toISOString() };
}

/** A click that comes later orders nothing: Slack's address of the answer has expired. */
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

/** The items of inquiries, and of answers that are owed. */
export function createInquiries(table: Table) {
  return {
    /** Writes an inquiry down, unless it is there already. */
    async enterInquiry(inquiry: Inquiry): Promise<void> {
      const expiresAt = Math.floor(Date.parse(inquiry.askedAt) / 1000) + 3_600;
      await table.putIf({ ...inquiry, expiresAt }, { condition: "attribute_not_exists(id)" });
    },

    async getInquiry(id: string): Promise<Inquiry | undefined> {
      const item = isInquiryId(id) ? await table.get({ id }) : undefined;
      return item && inquirySchema.parse(item);
    },

    /** Writes down an answer that Slack did not take, for as long as its address can serve. */
    async enterOwedReply(reply: OwedReply): Promise<void> {
      await table.put({ ...reply, expiresAt: Math.floor(Date.parse(reply.askedAt) / 1000) + 3_600 });
    },

    async getOwedReply(id: string): Promise<OwedReply | undefined> {
      const item = isOwedReplyId(id) ? await table.get({ id }) : undefined;
      return item && owedReplySchema.parse(item);
    },

    /**
     * Settles an open inquiry; the first click counts. Returns the inquiry if it is settled this way now, even by an
     * earlier click: a function that died right after settling can be repeated.
     */
    async settleInquiry(id: string, state: Inquiry["state"], replyUrl: string): Promise<Inquiry | undefined> {
      const former = isInquiryId(id) ? await table.get({ id }) : undefined;
      if (!former) return undefined;
      const item = { ...former, state, replyUrl };
      const isOpen = { condition: "#state = :open", values: { ":open": "open" }, names: { "#state": "state" } };
      const isFirst = await table.putIf(item, isOpen);
      const settled = inquirySchema.parse(isFirst ? item : await table.get({ id }));
      return settled.state === state ? settled : undefined;
    },
  };
}
