import * as z from "zod/mini";
import {
  type Inquiry,
  isInquiryId,
  isOwedReplyId,
  type OwedReply,
  parseInquiry,
  parseOwedReply,
} from "../operators/inquiry.ts";
import { noticeSchema } from "../resignation.ts";
import type { SourceName } from "../sources/names.ts";
import { expiry, type Table } from "./table.ts";

/** How long the ledger remembers, in days. */
export const keptDays = 400;

const instant = z.iso.datetime();

/** The two brakes: one for departures, one for returns that call a departure off. */
export type BrakeName = "brake" | "brake|returns";

/** A brake's log: which resignations were let through without an operator within the last day. */
const brakeSchema = z.object({
  version: z.number(),
  passed: z.array(z.object({ id: z.string(), at: instant })),
  /** Set while the brake is on: names this brake event. */
  brakeId: z.optional(z.string()),
  /** Put on for a reason of its own, whatever the counts say. */
  putOn: z.optional(z.object({ until: instant, why: z.string() })),
  /** The alert that is owed, and when the sweep looks after it. */
  tell: z.optional(z.array(noticeSchema)),
  dueAt: z.optional(instant),
});
export type Brake = z.infer<typeof brakeSchema>;

const lifeSchema = z.object({
  /** When something verified last came from the source that nobody can replay, or when the source was switched on. */
  heardAt: instant,
  /** When anything verified last came from it, a URL check among others. */
  heard: z.optional(instant),
  isOff: z.optional(z.boolean()),
});

/** What is known of a source's life. */
export type Life = z.infer<typeof lifeSchema>;

/** What the ledger's table notes besides resignations and people. */
export function createNotes(table: Table) {
  return {
    async readBrake(name: BrakeName): Promise<Brake> {
      const item = await table.get({ id: name });
      return item ? brakeSchema.parse(item) : { version: 0, passed: [] };
    },

    /** Writes a brake's log, unless someone else wrote first. */
    async saveBrake(name: BrakeName, brake: Brake): Promise<boolean> {
      return table.put(
        { id: name, ...brake, ...(brake.dueAt && { open: "open" }), version: brake.version + 1 },
        brake.version ? "version = :version" : "attribute_not_exists(id)",
        brake.version ? { ":version": brake.version } : {},
      );
    },

    /** The headcount as GenAuth last told it. One that cannot be read is asked for anew. */
    async readHeadcount(): Promise<{ total: number; at: string } | undefined> {
      const item = await table.get({ id: "headcount" });
      return z.object({ total: z.number(), at: instant }).safeParse(item).data;
    },

    async saveHeadcount(total: number, now: Date): Promise<void> {
      await table.put({ id: "headcount", total, at: now.toISOString() });
    },

    /** Writes an inquiry down, unless it is there already. */
    async enterInquiry(inquiry: Inquiry): Promise<void> {
      const expiresAt = Math.floor(Date.parse(inquiry.askedAt) / 1000) + 3_600;
      await table.put({ ...inquiry, expiresAt }, "attribute_not_exists(id)");
    },

    async getInquiry(id: string): Promise<Inquiry | undefined> {
      const item = isInquiryId(id) ? await table.get({ id }) : undefined;
      return item && parseInquiry(item);
    },

    /** Writes down an answer that Slack did not take, for as long as its address can serve. */
    async enterOwedReply(reply: OwedReply): Promise<void> {
      await table.put({ ...reply, expiresAt: Math.floor(Date.parse(reply.askedAt) / 1000) + 3_600 });
    },

    async getOwedReply(id: string): Promise<OwedReply | undefined> {
      const item = isOwedReplyId(id) ? await table.get({ id }) : undefined;
      return item && parseOwedReply(item);
    },

    /**
     * Settles an open inquiry; the first click counts. Gives it back where it is settled this way now, even if that was
     * done before: a function that died right after settling can be repeated.
     */
    async settleInquiry(id: string, state: Inquiry["state"], replyUrl: string): Promise<Inquiry | undefined> {
      const former = isInquiryId(id) ? await table.get({ id }) : undefined;
      if (!former) return undefined;
      const item = { ...former, state, replyUrl };
      const isFirst = await table.put(item, "#state = :open", { ":open": "open" }, { "#state": "state" });
      const settled = parseInquiry(isFirst ? item : await table.get({ id }));
      return settled.state === state ? settled : undefined;
    },

    /** Whether this key was never used before, or for the same content. */
    async isFirstUse(key: string, content: string, now: Date): Promise<boolean> {
      const id = `use|${key}`;
      const item = { id, content, expiresAt: expiry(now, keptDays) };
      return (await table.put(item, "attribute_not_exists(id)")) || (await table.get({ id }))?.content === content;
    },

    /** Notes that a source was heard, or, with `"on"` and `"off"`, that its keys came or went. */
    async noteLife(source: SourceName, now: Date, what: "heard" | "on" | "off"): Promise<void> {
      const at = now.toISOString();
      const isHeard = what === "heard" && { heard: at };
      const item = { ...lifeKey(source), heardAt: at, ...isHeard, ...(what === "off" && { isOff: true }) };
      if (what === "heard") await table.put(item);
      else if (what === "on") await table.put(item, "attribute_not_exists(id) OR isOff = :true", { ":true": true });
      else await table.put(item, "attribute_exists(id) AND attribute_not_exists(isOff)");
    },

    /** Notes that a source checked the address: a sign of life for the administrator who waits in setup, but one that can be replayed. */
    async noteUrlCheck(source: SourceName, now: Date): Promise<void> {
      const at = now.toISOString();
      const values = { ":at": at, ":true": true };
      const key = lifeKey(source);
      // Where it was off it is on from now.
      const wasOff = { expression: "SET heard = :at, heardAt = :at REMOVE isOff", condition: "isOff = :true" };
      if (await table.update({ key, values, ...wasOff })) return;
      const expression = "SET heard = :at, heardAt = if_not_exists(heardAt, :at)";
      await table.update({ key, values: { ":at": at }, expression });
    },

    /** Counts a well-formed refusal of a source that is known; what is heard next begins anew. */
    async noteRefusal(source: SourceName): Promise<{ refusals: number; heardAt?: string | undefined } | undefined> {
      const item = await table.update({
        key: lifeKey(source),
        expression: "ADD refusals :one",
        condition: "attribute_exists(heard)",
        values: { ":one": 1 },
        giveBack: "ALL_NEW",
      });
      return item && z.object({ refusals: z.number(), heardAt: instant }).parse(item);
    },

    async readLife(source: SourceName): Promise<Life | undefined> {
      const item = await table.get(lifeKey(source));
      return item && lifeSchema.parse(item);
    },

    /** Counts a source's departures that GenAuth knew nobody for, one after the other. Gives back how many in a row. */
    async countMiss(source: SourceName): Promise<number> {
      const item = await table.update({
        key: { id: missesId(source) },
        expression: "ADD #count :one",
        names: { "#count": "count" },
        values: { ":one": 1 },
        giveBack: "ALL_NEW",
      });
      return z.object({ count: z.number() }).parse(item).count;
    },

    /** Somebody was known: the row of misses ends. */
    async endMisses(source: SourceName): Promise<void> {
      await table.put({ id: missesId(source), count: 0 });
    },
  };
}

export const missesId = (source: SourceName) => `misses|${source}`;

const lifeKey = (source: SourceName) => ({ id: `life|${source}` });
