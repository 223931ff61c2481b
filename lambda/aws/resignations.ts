import * as z from "zod/mini";
import { parseResignation, type Resignation, type Status } from "../resignation/resignation.ts";
import { isFinal, precededBy } from "../resignation/status.ts";
import { keptDays } from "./schema.ts";
import { expiry, type Item, type Table } from "./table.ts";

/** An item of any kind whose time has come. */
export interface Due {
  readonly id: string;
  readonly dueAt: string;
  readonly status?: string | undefined;
}

export interface Query {
  readonly status?: Status | undefined;
  readonly userId?: string | undefined;
  readonly since?: Date | undefined;
  /** The newest that there can be. */
  readonly now: Date;
  readonly limit: number;
  /** @default false */
  readonly isOldestFirst?: boolean;
  /** Where the page before ended. */
  readonly after?: Position | undefined;
}

export const positionSchema = z.object({
  month: z.optional(z.string()),
  key: z.record(z.string(), z.string()),
});
export type Position = z.infer<typeof positionSchema>;

/** One page of a list, and the ids of its items that cannot be read. */
export interface Page {
  readonly items: Resignation[];
  readonly unreadable: readonly string[];
  readonly next?: Position;
}

/** The items of resignations, one each. */
export function createResignations(table: Table) {
  return {
    /** Writes a new resignation down. Gives back the one that was there before, unchanged, if there was one. */
    async enter(resignation: Resignation): Promise<Resignation | undefined> {
      const isNew = await table.putIf(toItem(resignation), { condition: "attribute_not_exists(id)" });
      return isNew ? undefined : read(resignation.id);
    },

    get: read,

    /**
     * Writes the next state of a resignation, unless someone else wrote first or the table of transitions
     * forbids it: then it gives back `undefined` and nothing has changed. With `owner`, only as the holder of
     * the lease.
     */
    async save<R extends Resignation>(next: R, owner?: string): Promise<R | undefined> {
      const saved = { ...next, version: next.version + 1 };
      const former = precededBy[next.status];
      const allowed = former.map((_, index) => `:former${index}`);
      const isFirst = await table.putIf(toItem(saved), {
        condition: `version = :version AND #status IN (${allowed})${owner ? " AND lease.#owner = :owner" : ""}`,
        values: {
          ":version": next.version,
          ...Object.fromEntries(former.map((status, index) => [`:former${index}`, status])),
          ...(owner && { ":owner": owner }),
        },
        names: { "#status": "status", ...(owner && { "#owner": "owner" }) },
      });
      return isFirst ? saved : undefined;
    },

    /** Moves the time of the sweep's next look, if nobody else did. */
    async postpone({ id, dueAt }: Due, until: string): Promise<boolean> {
      const written = await table.updateIf({
        key: { id },
        expression: "SET dueAt = :until",
        condition: "dueAt = :dueAt",
        values: { ":until": until, ":dueAt": dueAt },
      });
      return written !== undefined;
    },

    /**
     * Makes a resignation due: its turn comes, at the latest with the next sweep. Its version moves on, so that no
     * worker that read it before writes over this.
     */
    async wake(id: string, now: Date): Promise<void> {
      await table.updateIf({
        key: { id },
        expression: "SET dueAt = :now, #open = :open ADD version :one",
        condition: "attribute_exists(id)",
        names: { "#open": "open" },
        values: { ":now": now.toISOString(), ":open": "open", ":one": 1 },
      });
    },

    /** Takes an item off the list of what is due, if nobody made it due anew. */
    async rest({ id, dueAt }: { id: string; dueAt?: string | undefined }): Promise<void> {
      if (dueAt === undefined) return;
      await table.updateIf({
        key: { id },
        expression: "REMOVE dueAt, #open",
        condition: "dueAt = :dueAt",
        names: { "#open": "open" },
        values: { ":dueAt": dueAt },
      });
    },

    /**
     * Removes the notices that were sent, unless the resignation was written anew meanwhile. `atRest`: it is off the
     * list of what is due as well.
     */
    async forgetOwed(
      { id, version }: Pick<Resignation, "id" | "version">,
      atRest: boolean,
      dueAt: string | undefined,
    ): Promise<void> {
      const isOff = atRest && dueAt !== undefined;
      await table.updateIf({
        key: { id },
        expression: isOff ? "REMOVE tell, dueAt, #open" : "REMOVE tell",
        condition: isOff ? "version = :version AND dueAt = :dueAt" : "version = :version",
        ...(isOff && { names: { "#open": "open" } }),
        values: { ":version": version, ...(isOff && { ":dueAt": dueAt }) },
      });
    },

    /** Everything whose time has come, the oldest first. */
    async due(now: Date, limit: number): Promise<Due[]> {
      const { items } = await table.query({
        condition: "#open = :open AND dueAt <= :now",
        names: { "#open": "open" },
        values: { ":open": "open", ":now": now.toISOString() },
        more: { IndexName: "due", Limit: limit },
      });
      return items.map(({ id, dueAt, status }) => ({
        id: String(id),
        dueAt: String(dueAt),
        ...(typeof status === "string" && { status }),
      }));
    },

    list,

    /** The ids of everything of a sync relation that is not at its end, the oldest first, readable or not. */
    async waiting(userId: string, now: Date): Promise<string[]> {
      const found: string[] = [];
      let after: Position | undefined;
      do {
        const wanted = { userId, now, limit: 100, isOldestFirst: true, after };
        const { items, next } = await readPage("byUser", "userId", userId, wanted, earliest(now));
        const open = (items as Resignation[]).filter(mayStillMove);
        found.push(...open.map(({ id }) => id));
        after = next;
      } while (after);
      return found;
    },

    /** Every item of these ids, as it was last written. */
    items: table.getAll,
  };

  async function read(id: string): Promise<Resignation | undefined> {
    const item = await table.get({ id });
    return item && parseResignation(item);
  }

  /** One page, the newest first. */
  async function list(wanted: Query): Promise<Page> {
    const since = wanted.since?.toISOString() ?? earliest(wanted.now);
    if (wanted.userId !== undefined) return page("byUser", "userId", wanted.userId, wanted, since);
    if (wanted.status !== undefined) return page("byStatus", "status", wanted.status, wanted, since);

    const items: Resignation[] = [];
    const unreadable: string[] = [];
    let after = wanted.after;
    for (const month of monthsBack(after?.month ?? wanted.now.toISOString().slice(0, 7), since.slice(0, 7))) {
      const part = await page(
        "byMonth",
        "month",
        month,
        { ...wanted, limit: wanted.limit - items.length - unreadable.length, after },
        since,
      );
      items.push(...part.items);
      unreadable.push(...part.unreadable);
      if (part.next) return { items, unreadable, next: { ...part.next, month } };
      after = undefined;
      const isFull = items.length + unreadable.length >= wanted.limit;
      if (isFull) return { items, unreadable, next: { month: monthBefore(month), key: {} } };
    }
    return { items, unreadable };
  }

  /** One page. An item that cannot be read is named, and the others are returned. */
  async function page(...asked: Parameters<typeof readPage>): Promise<Page> {
    const { items, next } = await readPage(...asked);
    const read = items.map((item) => ({ id: String(item.id), resignation: readable(item) }));
    return {
      items: read.flatMap(({ resignation }) => resignation ?? []),
      unreadable: read.flatMap(({ id, resignation }) => (resignation ? [] : [id])),
      ...(next && { next }),
    };
  }

  async function readPage(index: string, attribute: string, value: string, wanted: Query, since: string) {
    const isFiltered = attribute !== "status" && wanted.status !== undefined;
    const start = wanted.after?.key;
    const { items, next } = await table.query({
      condition: "#key = :key AND acceptedAt >= :since",
      names: { "#key": attribute, ...(isFiltered && { "#status": "status" }) },
      values: { ":key": value, ":since": since, ...(isFiltered && { ":status": wanted.status }) },
      startAt: start && Object.keys(start).length > 0 ? start : undefined,
      more: {
        IndexName: index,
        ...(isFiltered && { FilterExpression: "#status = :status" }),
        ScanIndexForward: wanted.isOldestFirst === true,
        Limit: wanted.limit,
      },
    });
    return { items, ...(next && { next: positionSchema.parse({ key: next }) }) };
  }
}

/** A return may concern it although no effect names it: before 0.1.0 no effect was written for the resigned. */
const mayStillMove = (one: Resignation) =>
  !isFinal(one) || one.status === "failed" || (one.status === "resigned" && one.moment === undefined);

/**
 * The item of a resignation: itself, and the attributes of the indexes and of the time to live. Only a resignation at
 * its end expires, counted from then. Throws if it could not be read back.
 */
function toItem(resignation: Resignation): Item {
  parseResignation(resignation);
  return {
    ...resignation,
    month: resignation.acceptedAt.slice(0, 7),
    ...(resignation.dueAt && { open: "open" }),
    ...(isFinal(resignation) && {
      expiresAt: expiry(new Date(resignation.history.at(-1)?.at ?? resignation.acceptedAt), keptDays),
    }),
  };
}

function readable(item: Item): Resignation | undefined {
  try {
    return parseResignation(item);
  } catch {
    return undefined;
  }
}

/** The time before which nothing is kept. */
const earliest = (now: Date) => new Date(now.getTime() - keptDays * 86_400_000).toISOString();

function* monthsBack(from: string, to: string): Generator<string> {
  for (let month = from; month >= to; month = monthBefore(month)) yield month;
}

function monthBefore(month: string): string {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 2, 1)).toISOString().slice(0, 7);
}
