import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { expiry, openTable, type TableOptions } from "./dynamo.ts";
import type { Request } from "./http.ts";
import type { SourceName } from "./resignation.ts";
import type { Source } from "./sources/index.ts";

/**
 * Requests that were not taken and may have told of a departure, as they were received: refused while a key was
 * wrong, or authentic and unreadable. A table of its own, in which they stay for 14 days.
 */
export type Quarantine = ReturnType<typeof createQuarantine>;

const keptSchema = z.object({
  source: z.string(),
  slot: z.string(),
  route: z.string(),
  reason: z.string(),
  receivedAt: z.iso.datetime(),
  rawQuery: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.instanceof(Uint8Array),
});
export type Kept = z.infer<typeof keptSchema>;

type Origin = Pick<Source, "section" | "kept">;

/** What was refused at one source within one hour, counted by the check that failed. */
export interface HourCount {
  readonly source: string;
  readonly hour: string;
  readonly reasons: Readonly<Record<string, number>>;
}

const keptDays = 14;

/** A longer body is not kept, only that there was one; a genuine event has a few thousand. */
const maxKeptBytes = 64 * 1024;

/** An item has 400 kB at the most. */
const maxAuthenticBytes = 300 * 1024;

/** Of the refused, so many a source and hour at the most. */
const places = { first: 40, sample: 20, last: 40 };

/** What writing may cost while somebody floods us: bytes at once, and a second, of one running function. */
const burstBytes = 16 * 1024 * 1024;
const bytesPerSecond = 128 * 1024;

export function createQuarantine(options: TableOptions & { now: () => Date; random: () => number }) {
  const table = openTable(options);
  const { now, random } = options;
  let budget = { bytes: burstBytes, at: now().getTime() };

  return {
    /** Keeps a refused request, if there is a place for it. Gives back the how-manieth of the hour it is at its source. */
    async keepRefused(source: Origin, whole: Request, why: string): Promise<number | undefined> {
      const request = cutBody(whole, maxKeptBytes);
      const reason = request === whole ? why : `${why}, without its body`;
      if (!affords(request.body.length + 1_024)) return undefined;
      const at = now();
      const hour = at.toISOString().slice(0, 13);
      const counted = await table.update({
        key: { source: countsOf(source.section), slot: hour },
        expression: "SET expiresAt = :expiresAt ADD #total :one, #reason :one",
        names: { "#total": "total", "#reason": `reason ${reason}` },
        values: { ":expiresAt": expiry(at, keptDays), ":one": 1 },
        giveBack: "ALL_NEW",
      });
      const { total } = z.object({ total: z.number() }).parse(counted);
      for (const slot of slotsOf(total, random)) await put(source, `${hour} ${slot}`, request, reason, at);
      return total;
    },

    /** Keeps an authentic request that could not be read: a stranger cannot make one, so there is a place for each. */
    async keepAuthentic(source: Origin, request: Request, reason: string): Promise<void> {
      const at = now();
      const hash = createHash("sha256").update(request.body).digest("hex").slice(0, 32);
      const hour = at.toISOString().slice(0, 13);
      await table.update({
        key: { source: countsOf(source.section), slot: hour },
        expression: "SET expiresAt = :expiresAt ADD #reason :one",
        names: { "#reason": `reason ${reason}` },
        values: { ":expiresAt": expiry(at, keptDays), ":one": 1 },
      });
      await put(source, `${hour} authentic-${hash}`, cutBody(request, maxAuthenticBytes), reason, at);
    },

    /** How many were refused or unreadable, hour by hour. */
    async counts(source: SourceName): Promise<HourCount[]> {
      const question = { condition: "#source = :source", names: { "#source": "source" } };
      const { items } = await table.query({ ...question, values: { ":source": countsOf(source) } });
      return items.map((item) => ({
        source,
        hour: String(item.slot),
        reasons: Object.fromEntries(
          Object.entries(item).flatMap(([name, count]) =>
            name.startsWith("reason ") ? [[name.slice("reason ".length), Number(count)]] : [],
          ),
        ),
      }));
    },

    /** One page of what is kept of a source, the oldest first. `after`: the slot that the page before ended at. */
    async page(source: SourceName, after?: string): Promise<{ items: Kept[]; next?: string }> {
      const { items, next } = await table.query({
        condition: "#source = :source",
        names: { "#source": "source" },
        values: { ":source": source },
        startAt: after === undefined ? undefined : { source, slot: after },
        more: { Limit: 25 },
      });
      return { items: items.map((item) => keptSchema.parse(item)), ...(next && { next: String(next.slot) }) };
    },

    forget: ({ source, slot }: Kept): Promise<void> => table.remove({ source, slot }),
  };

  function put({ section, kept }: Origin, slot: string, request: Request, reason: string, at: Date) {
    const headers = (kept?.headers ?? []).flatMap((name) => {
      const value = request.headers[name];
      return value === undefined ? [] : [[name, value]];
    });
    const { route, rawQuery, body } = request;
    return table.put({
      ...{ source: section, slot, route, reason, receivedAt: at.toISOString() },
      ...{ rawQuery, headers: Object.fromEntries(headers), body, expiresAt: expiry(at, keptDays) },
    });
  }

  /** Small requests find room where large ones no longer do: a genuine event has a few kilobytes. */
  function affords(bytes: number): boolean {
    const at = now().getTime();
    const filled = Math.min(burstBytes, budget.bytes + ((at - budget.at) / 1000) * bytesPerSecond);
    budget = { bytes: filled >= bytes ? filled - bytes : filled, at };
    return filled >= bytes;
  }
}

/** The request, without its body where that is too large. */
const cutBody = (request: Request, maxBytes: number): Request =>
  request.body.length > maxBytes ? { ...request, body: Buffer.alloc(0) } : request;

/** The request as it came, to be verified again. */
export function toRequest({ route, rawQuery, headers, body }: Kept): Request {
  return { route, id: undefined, rawQuery, body: Buffer.from(body), headers };
}

/**
 * Where the n-th refusal of an hour goes: the first ones and the last ones stay, and of those between a fair
 * sample. Whoever floods us displaces but themselves.
 */
export function slotsOf(n: number, random: () => number): string[] {
  if (n <= places.first) return [`first-${n}`];
  const last = `last-${n % places.last}`;
  const drawn = Math.floor(random() * n);
  return drawn < places.sample ? [last, `sample-${drawn}`] : [last];
}

const countsOf = (source: string) => `${source} counts`;
