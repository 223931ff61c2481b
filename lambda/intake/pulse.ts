import * as z from "zod/mini";
import type { Table } from "../aws/table.ts";
import type { Ledger } from "../ledger.ts";
import { countUnreadable, isUnreadable, type Log } from "../log.ts";
import { directoryNames, type SourceName } from "../resignation/source-names.ts";
import type { KeyRing } from "../sources/keys.ts";

const hourMs = 3_600_000;
const minuteMs = 60_000;
const dayMs = 86_400_000;

/** Refusals in a row that raise `StartedFailing`: WeCom sends a departure three times and gives up. */
const inARow = 3;

/**
 * Notes in the ledger which sources are on, when each was last heard (at most once a minute), and how many
 * well-formed refusals there were since.
 */
export function createHearing({
  ledger,
  now,
}: {
  ledger: Pick<Ledger, "notePulse" | "noteRefusal" | "noteUrlCheck">;
  now: () => Date;
}) {
  const heardAtMs = new Map<SourceName, number>();
  const othersAtMs = new Map<SourceName, number>();
  const quietUntilMs = new Map<SourceName, number>();

  /** `isUrlCheck`: an administrator at the console waits for the sign of life, or a stranger replays one. */
  async function noteHeard(heard: SourceName, ring: KeyRing, isUrlCheck: boolean): Promise<void> {
    const at = now();
    if (isUrlCheck) return ledger.noteUrlCheck(heard, at);
    if (at.getTime() - (heardAtMs.get(heard) ?? 0) < minuteMs) return;
    heardAtMs.set(heard, at.getTime());
    quietUntilMs.delete(heard);
    await ledger.notePulse(heard, at, "heard");
    if (at.getTime() - (othersAtMs.get(heard) ?? 0) < hourMs) return;
    othersAtMs.set(heard, at.getTime());
    // A section that is only absent switches nothing off: the silence of its source still counts.
    const others = directoryNames.filter((source) => source !== heard);
    const present = others.flatMap((source) => (ring[source] ? [{ source, section: ring[source] }] : []));
    await Promise.all(
      present.map(({ source, section }) => ledger.notePulse(source, at, "isOff" in section ? "off" : "on")),
    );
  }

  const refusals = {
    /**
     * Notes a well-formed refusal; tells whether this is the third of a source that is usually heard, with nothing
     * verified since the first. A sender that goes on costs one write a minute.
     */
    async note(source: SourceName): Promise<boolean> {
      const at = now();
      // The next verified request ends the row, however recent the last one was.
      heardAtMs.delete(source);
      if (at.getTime() < (quietUntilMs.get(source) ?? 0)) return false;
      const { refusals, heardAt } = (await ledger.noteRefusal(source)) ?? { refusals: 0 };
      if (refusals >= inARow) quietUntilMs.set(source, at.getTime() + minuteMs);
      const isUsual = heardAt !== undefined && at.getTime() - Date.parse(heardAt) < usualDays * dayMs;
      return refusals === inARow && isUsual;
    },
  };

  return { noteHeard, refusals };
}

/** A source that was last heard longer ago raises no `StartedFailing`: a small company's directory changes rarely. */
const usualDays = 14;

/** How long each directory that is on has been silent, in days. A note that cannot be read is counted. */
export async function silences(
  ledger: Pick<Ledger, "readPulse">,
  log: Log,
  now: Date,
): Promise<{ source: SourceName; days: number }[]> {
  const readPulse = (source: SourceName) =>
    ledger.readPulse(source).catch((error) => {
      if (!isUnreadable(error)) throw error;
      countUnreadable(log, pulseKey(source).id);
      return undefined;
    });
  const pulses = await Promise.all(directoryNames.map(async (source) => ({ source, pulse: await readPulse(source) })));
  return pulses.flatMap(({ source, pulse }) =>
    pulse && !pulse.isOff ? [{ source, days: (now.getTime() - Date.parse(pulse.heardAt)) / dayMs }] : [],
  );
}

const instant = z.iso.datetime();

const pulseSchema = z.object({
  /** When a verified request last came that no stranger can replay, or when the source was switched on. */
  heardAt: instant,
  /** When any verified request last came, a URL check too. */
  heard: z.optional(instant),
  isOff: z.optional(z.boolean()),
});

/** When a source was heard, and whether it is switched off. */
export type Pulse = z.infer<typeof pulseSchema>;

/** The items of when each source was last heard. */
export function createPulse(table: Table) {
  return {
    /** Notes that a source was heard, or, with `"on"` and `"off"`, that its keys came or went. */
    async notePulse(source: SourceName, now: Date, what: "heard" | "on" | "off"): Promise<void> {
      const at = now.toISOString();
      const isHeard = what === "heard" && { heard: at };
      const item = { ...pulseKey(source), heardAt: at, ...isHeard, ...(what === "off" && { isOff: true }) };
      if (what === "heard") await table.put(item);
      else if (what === "on") await table.put(item, "attribute_not_exists(id) OR isOff = :true", { ":true": true });
      else await table.put(item, "attribute_exists(id) AND attribute_not_exists(isOff)");
    },

    /** Notes a URL check: a sign of life for the administrator who waits in setup, but one that can be replayed. */
    async noteUrlCheck(source: SourceName, now: Date): Promise<void> {
      const at = now.toISOString();
      const values = { ":at": at, ":true": true };
      const key = pulseKey(source);
      // Where it was off it is on from now.
      const wasOff = { expression: "SET heard = :at, heardAt = :at REMOVE isOff", condition: "isOff = :true" };
      if (await table.update({ key, values, ...wasOff })) return;
      const expression = "SET heard = :at, heardAt = if_not_exists(heardAt, :at)";
      await table.update({ key, values: { ":at": at }, expression });
    },

    /** Counts a well-formed refusal of a source that was heard before; the next verified one ends the row. */
    async noteRefusal(source: SourceName): Promise<{ refusals: number; heardAt?: string | undefined } | undefined> {
      const item = await table.update({
        key: pulseKey(source),
        expression: "ADD refusals :one",
        condition: "attribute_exists(heard)",
        values: { ":one": 1 },
        giveBack: "ALL_NEW",
      });
      return item && z.object({ refusals: z.number(), heardAt: instant }).parse(item);
    },

    async readPulse(source: SourceName): Promise<Pulse | undefined> {
      const item = await table.get(pulseKey(source));
      return item && pulseSchema.parse(item);
    },
  };
}

/** The key of the item of a source. */
export const pulseKey = (source: SourceName) => ({ id: `life|${source}` });
