import * as z from "zod/mini";
import { expiry, type Item, openTable, type TableOptions } from "./dynamo.ts";
import { createNotes, keptDays } from "./notes.ts";
import { parseResignation, precededBy, type Resignation, type Status } from "./resignation.ts";

/** The ledger: one DynamoDB table, one item a resignation, and a few small items that guard them. */
export type Ledger = ReturnType<typeof createLedger>;

/** What the ledger remembers of a person. */
const personSchema = z.object({
  lease: z.optional(z.object({ owner: z.string(), until: z.iso.datetime() })),
  /** The last resignation that reached GenAuth for this person. */
  resigned: z.optional(z.object({ by: z.string(), at: z.iso.datetime() })),
  /** A call may have reached GenAuth without anybody knowing its outcome. */
  inDoubt: z.optional(z.boolean()),
});
export type Person = Omit<z.infer<typeof personSchema>, "lease">;

/** What the holder of a person's lease leaves behind: what was carried out, that it was taken back, or a doubt. */
export type News = NonNullable<Person["resigned"]> | "forget" | "in doubt";

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

export function createLedger(options: TableOptions) {
  const table = openTable(options);

  return {
    /** Writes a new resignation down. Gives back the one that was there before, unchanged, if there was one. */
    async enter(resignation: Resignation): Promise<Resignation | undefined> {
      const isNew = await table.put(toItem(resignation), "attribute_not_exists(id)");
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
      const isFirst = await table.put(
        toItem(saved),
        `version = :version AND #status IN (${allowed})${owner ? " AND lease.#owner = :owner" : ""}`,
        {
          ":version": next.version,
          ...Object.fromEntries(former.map((status, index) => [`:former${index}`, status])),
          ...(owner && { ":owner": owner }),
        },
        { "#status": "status", ...(owner && { "#owner": "owner" }) },
      );
      return isFirst ? saved : undefined;
    },

    /** Moves the time of the sweep's next look, if nobody else did. */
    async postpone({ id, dueAt }: Resignation, until: string): Promise<boolean> {
      const written = await table.update({
        key: { id },
        expression: "SET dueAt = :until",
        condition: "dueAt = :dueAt",
        values: { ":until": until, ":dueAt": dueAt },
      });
      return written !== undefined;
    },

    /** The resignations whose time has come, the oldest first. */
    async due(now: Date, limit: number): Promise<Resignation[]> {
      const { items } = await table.query({
        condition: "#open = :open AND dueAt <= :now",
        names: { "#open": "open" },
        values: { ":open": "open", ":now": now.toISOString() },
        more: { IndexName: "due", Limit: limit },
      });
      return items.map(parseResignation);
    },

    list,

    /** Everything of a person that waits: for its turn, for an operator, or for its day. */
    async waiting(userId: string, now: Date): Promise<Resignation[]> {
      const { items } = await list({ userId, now, limit: 100 });
      return items.filter(({ status }) => status === "accepted" || status === "held" || status === "suspended");
    },

    /**
     * Takes the person's lease: at most one holder at a time works on a person. Gives back what is known of
     * them, or `undefined` while another holds it. A former holder that never laid it down leaves a doubt.
     */
    async takePerson(userId: string, owner: string, now: Date, until: string): Promise<Person | undefined> {
      const attributes = await table.update({
        key: personKey(userId),
        expression: "SET lease = :lease, expiresAt = :expiresAt",
        condition: "attribute_not_exists(lease) OR lease.#until < :now OR lease.#owner = :owner",
        names: { "#until": "until", "#owner": "owner" },
        values: {
          ":lease": { owner, until },
          ":now": now.toISOString(),
          ":owner": owner,
          ":expiresAt": expiry(now, keptDays),
        },
      });
      if (!attributes) return undefined;
      const { lease, ...person } = personSchema.parse(attributes);
      return lease ? { ...person, inDoubt: true } : person;
    },

    /** Lays the person's lease down, if it is still ours. */
    async leavePerson(userId: string, owner: string, news?: News): Promise<boolean> {
      const [expression, values] =
        news === "in doubt"
          ? ["SET inDoubt = :true REMOVE lease", { ":true": true }]
          : news === "forget"
            ? ["REMOVE lease, inDoubt, resigned", {}]
            : news
              ? ["SET resigned = :resigned REMOVE lease, inDoubt", { ":resigned": news }]
              : ["REMOVE lease", {}];
      const written = await table.update({
        key: personKey(userId),
        expression,
        condition: "lease.#owner = :owner",
        names: { "#owner": "owner" },
        values: { ":owner": owner, ...values },
      });
      return written !== undefined;
    },

    ...createNotes(table),
  };

  async function read(id: string): Promise<Resignation | undefined> {
    const item = await table.get({ id });
    return item && parseResignation(item);
  }

  /** One page, the newest first. */
  async function list(wanted: Query): Promise<{ items: Resignation[]; next?: Position }> {
    const since = (wanted.since ?? new Date(wanted.now.getTime() - keptDays * 86_400_000)).toISOString();
    if (wanted.userId !== undefined) return page("byUser", "userId", wanted.userId, wanted, since);
    if (wanted.status !== undefined) return page("byStatus", "status", wanted.status, wanted, since);

    const items: Resignation[] = [];
    let after = wanted.after;
    for (const month of monthsBack(after?.month ?? wanted.now.toISOString().slice(0, 7), since.slice(0, 7))) {
      const part = await page(
        "byMonth",
        "month",
        month,
        { ...wanted, limit: wanted.limit - items.length, after },
        since,
      );
      items.push(...part.items);
      if (part.next) return { items, next: { ...part.next, month } };
      after = undefined;
      if (items.length >= wanted.limit) return { items, next: { month: monthBefore(month), key: {} } };
    }
    return { items };
  }

  async function page(index: string, attribute: string, value: string, wanted: Query, since: string) {
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
    return { items: items.map(parseResignation), ...(next && { next: positionSchema.parse({ key: next }) }) };
  }
}

const personKey = (userId: string) => ({ id: `person|${userId}` });

/** The item of a resignation: itself, and what the indexes and the table's time to live go by. */
const toItem = (resignation: Resignation): Item => ({
  ...resignation,
  month: resignation.acceptedAt.slice(0, 7),
  ...(resignation.dueAt && { open: "open" }),
  expiresAt: expiry(new Date(resignation.acceptedAt), keptDays),
});

function* monthsBack(from: string, to: string): Generator<string> {
  for (let month = from; month >= to; month = monthBefore(month)) yield month;
}

function monthBefore(month: string): string {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 2, 1)).toISOString().slice(0, 7);
}
