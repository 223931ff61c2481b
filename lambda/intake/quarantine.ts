import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { expiry, openTable, type TableOptions } from "../aws/table.ts";
import type { Request } from "../http.ts";
import type { SourceName } from "../resignation/source-names.ts";
import type { Source } from "../sources/source.ts";
import { maxGroups, originOf, placeOf } from "./places.ts";

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

/** After so many days DynamoDB deletes a kept request; it can be verified again no more. */
const keptDays = 14;

/** A refused request with a longer body is kept without it; a genuine event has a few thousand bytes. */
const maxKeptBytes = 64 * 1024;

/** An authentic request with a longer body is kept without it: DynamoDB's items have 400 kB at the most. */
const maxAuthenticBytes = 300 * 1024;

/** Limits of writing in a flood, of one running function: bytes at once, and a second. Beyond them nothing is kept. */
const burstBytes = 16 * 1024 * 1024;
const bytesPerSecond = 128 * 1024;

export function createQuarantine(options: TableOptions & { now: () => Date; random: () => number }) {
  const table = openTable(options);
  const { now, random } = options;
  const read = new Map<string, Networks>();
  const entering = new Map<string, Promise<{ group: number; groups: number }>>();
  let budget = { bytes: burstBytes, at: now().getTime() };

  return {
    /**
     * Keeps a refused request, if its origin has a place for it, and tells whether it did. A flood from a few networks
     * displaces only requests of the same networks.
     */
    async keepRefused(source: Origin, whole: Request, why: string): Promise<boolean> {
      const request = cutBody(whole, maxKeptBytes);
      const reason = request === whole ? why : `${why}, without its body`;
      if (!affords(1_024)) return false;
      const at = now();
      const hour = at.toISOString().slice(0, 13);
      const [isKept] = await Promise.all([
        keepAt(source, request, reason, at),
        countUp({ source: countsOf(source.section), slot: hour }, `reason ${reason}`, at),
      ]);
      return isKept;
    },

    /** Keeps an authentic request that could not be read: a stranger cannot make one, so there is a place for each. */
    async keepAuthentic(source: Origin, request: Request, reason: string): Promise<void> {
      const at = now();
      const hash = createHash("sha256").update(request.body).digest("hex").slice(0, 32);
      const hour = at.toISOString().slice(0, 13);
      await countUp({ source: countsOf(source.section), slot: hour }, `reason ${reason}`, at);
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

    /**
     * One page of what is kept of a source, the oldest first, and the slots of what lies in it and cannot be read.
     * `after`: the slot that the page before ended at.
     */
    async page(source: SourceName, after?: string): Promise<{ items: Kept[]; unreadable: string[]; next?: string }> {
      const { items, next } = await table.query({
        condition: "#source = :source",
        names: { "#source": "source" },
        values: { ":source": source },
        startAt: after === undefined ? undefined : { source, slot: after },
        more: { Limit: 25 },
      });
      const read = items.map((item) => ({ slot: String(item.slot), kept: keptSchema.safeParse(item).data }));
      return {
        items: read.flatMap(({ kept }) => kept ?? []),
        unreadable: read.flatMap(({ slot, kept }) => (kept ? [] : [slot])),
        ...(next && { next: String(next.slot) }),
      };
    },

    forget: ({ source, slot }: Kept): Promise<void> => table.remove({ source, slot }),
  };

  /** Puts a refused request at a place of its origin's, if there is one for it. */
  async function keepAt(source: Origin, request: Request, reason: string, at: Date): Promise<boolean> {
    const hour = at.toISOString().slice(0, 13);
    const { group, groups } = await groupOf(source.section, hour, request.sourceIp, at);
    const nth = await countUp({ source: originsOf(source.section), slot: `${hour} ${group}` }, "seen", at);
    const place = placeOf({ group, groups, nth }, random);
    if (place === undefined || !affords(request.body.length)) return false;
    await put(source, `${hour} place-${String(place).padStart(4, "0")}`, request, reason, at);
    return true;
  }

  /** Adds one to a count and gives it back. */
  async function countUp(key: { source: string; slot: string }, name: string, at: Date): Promise<number> {
    const counted = await table.update({
      key,
      expression: "SET expiresAt = :expiresAt ADD #count :one",
      names: { "#count": name },
      values: { ":expiresAt": expiry(at, keptDays), ":one": 1 },
    });
    return z.number().parse(counted[name]);
  }

  /**
   * The number that an origin has among those of this hour, in the order in which they came; and how many there are.
   * No address is written: a hash of the network stands for it.
   */
  async function groupOf(section: string, hour: string, address: string | undefined, at: Date) {
    const origin = `origin ${createHash("sha256").update(originOf(address)).digest("hex").slice(0, 16)}`;
    const key = { source: originsOf(section), slot: hour };
    const shared = { group: Number.parseInt(origin.slice(-8), 16) % maxGroups, groups: maxGroups };
    const found = ({ groups, total }: Networks) => {
      const group = groups.get(origin);
      if (group !== undefined) return { group, groups: total };
      return total >= maxGroups ? shared : undefined;
    };
    const known = read.get(section);
    const isFresh = known?.hour === hour && at.getTime() - known.readAtMs < networksServeMs;
    const cached = isFresh && known ? found(known) : undefined;
    if (cached) return cached;

    // The webhook may not read this table: each write returns the item.
    const write = async (expression: string, names: Record<string, string>, values: Record<string, unknown>) => {
      const item = await table.update({ key, expression, names, values });
      const networks = readNetworks(item, hour, at);
      read.set(section, networks);
      return networks;
    };
    const enter = async () => {
      const there = found(await write("SET expiresAt = :expiresAt", {}, { ":expiresAt": expiry(at, keptDays) }));
      if (there) return there;
      // A parallel writer draws another number; where both are of one origin, one number stays unused.
      const { total } = await write("ADD #total :one", { "#total": "total" }, { ":one": 1 });
      const number = { ":group": total - 1 };
      return (
        found(await write("SET #origin = if_not_exists(#origin, :group)", { "#origin": origin }, number)) ?? shared
      );
    };
    const name = `${section} ${hour} ${origin}`;
    const underWay = entering.get(name) ?? enter().finally(() => entering.delete(name));
    entering.set(name, underWay);
    return underWay;
  }

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

  /** Whether so many bytes may be written now. Small requests still fit when large ones do not. */
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

/** Whether it was verified when it came, and only could not be read. */
export const isKeptAsAuthentic = ({ slot }: Kept): boolean => slot.includes(" authentic-");

/** The request as it came, to be verified again. */
export function toRequest({ route, rawQuery, headers, body }: Kept): Request {
  return { route, id: undefined, rawQuery, body: Buffer.from(body), headers };
}

/** Which origins have which places at one source in one hour, as they were last read. */
interface Networks {
  readonly hour: string;
  readonly readAtMs: number;
  readonly groups: ReadonlyMap<string, number>;
  /** How many numbers were given out. */
  readonly total: number;
}

const networksServeMs = 60_000;

function readNetworks(item: Record<string, unknown>, hour: string, at: Date): Networks {
  const groups = Object.entries(item).flatMap(([name, group]) =>
    name.startsWith("origin ") ? [[name, Number(group)] as const] : [],
  );
  return { hour, readAtMs: at.getTime(), groups: new Map(groups), total: Math.min(maxGroups, Number(item.total ?? 0)) };
}

const countsOf = (source: string) => `${source} counts`;
const originsOf = (source: string) => `${source} origins`;
