import * as z from "zod/mini";
import { expiry, type Table } from "./dynamo.ts";
import { type Inquiry, isInquiryId, parseInquiry } from "./inquiry.ts";
import type { SourceName, SyncRelation } from "./resignation.ts";

/** How long the ledger remembers, in days. */
export const keptDays = 400;

const instant = z.iso.datetime();

/** The brake's log: which resignations were let through by themselves within the last day. */
const brakeSchema = z.object({
  version: z.number(),
  passed: z.array(z.object({ id: z.string(), at: instant })),
  /** Set while the brake is on: names this brake event. */
  brakeId: z.optional(z.string()),
  /** Put on for a reason of its own, whatever the counts say. */
  putOn: z.optional(z.object({ until: instant, why: z.string() })),
});
export type Brake = z.infer<typeof brakeSchema>;

const lifeSchema = z.object({ heardAt: instant, isOff: z.optional(z.boolean()) });

/** When something verified last came from a source, or when the source was switched on. */
export type Life = z.infer<typeof lifeSchema>;

/** What the ledger's table notes besides resignations and people. */
export function createNotes(table: Table) {
  return {
    async readBrake(): Promise<Brake> {
      const item = await table.get({ id: "brake" });
      return item ? brakeSchema.parse(item) : { version: 0, passed: [] };
    },

    /** Writes the brake's log, unless someone else wrote first. */
    async saveBrake(brake: Brake): Promise<boolean> {
      return table.put(
        { id: "brake", ...brake, version: brake.version + 1 },
        brake.version ? "version = :version" : "attribute_not_exists(id)",
        brake.version ? { ":version": brake.version } : {},
      );
    },

    /** The headcount as GenAuth last told it. */
    async readHeadcount(): Promise<{ total: number; at: string } | undefined> {
      const item = await table.get({ id: "headcount" });
      return item && z.object({ total: z.number(), at: instant }).parse(item);
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

    /**
     * Settles an open inquiry; the first click counts. Gives it back where it is settled this way now, be it
     * from before: whoever died after settling can be repeated.
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

    async readLife(source: SourceName): Promise<Life | undefined> {
      const item = await table.get(lifeKey(source));
      return item && lifeSchema.parse(item);
    },

    /** Notes that a person has another id at their source from now on. */
    async noteRename(former: SyncRelation, next: SyncRelation, now: Date): Promise<void> {
      const item = { id: `renamed|${next}`, former, at: now.toISOString(), expiresAt: expiry(now, keptDays) };
      await table.put(item);
    },

    /** The id that a person had before. */
    async formerId(userId: SyncRelation): Promise<string | undefined> {
      const item = await table.get({ id: `renamed|${userId}` });
      return item && z.object({ former: z.string() }).parse(item).former;
    },

    /** Counts a source's departures that GenAuth knew nobody for, one after the other; one that it did know ends the row. */
    async countMisses(source: SourceName, isMiss: boolean): Promise<number> {
      const key = { id: `misses|${source}` };
      if (!isMiss) return table.put({ ...key, count: 0 }).then(() => 0);
      const item = await table.update({
        key,
        expression: "ADD #count :one",
        names: { "#count": "count" },
        values: { ":one": 1 },
        giveBack: "ALL_NEW",
      });
      return z.object({ count: z.number() }).parse(item).count;
    },
  };
}

const lifeKey = (source: SourceName) => ({ id: `life|${source}` });
