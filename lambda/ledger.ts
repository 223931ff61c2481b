import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import { type Inquiry, isInquiryId, parseInquiry } from "./inquiry.ts";
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

/** The brake's log: which resignations were let through by themselves within the last day. */
const brakeSchema = z.object({
  version: z.number(),
  passed: z.array(z.object({ id: z.string(), at: z.iso.datetime() })),
  /** Set while the brake is on: names this brake event. */
  brakeId: z.optional(z.string()),
});
export type Brake = z.infer<typeof brakeSchema>;

export interface Query {
  readonly status?: Status | undefined;
  readonly userId?: string | undefined;
  readonly since?: Date | undefined;
  /** The newest that there can be. */
  readonly now: Date;
  readonly limit: number;
  /** Where the page before ended. */
  readonly after?: Position | undefined;
}

export const positionSchema = z.object({
  month: z.optional(z.string()),
  key: z.record(z.string(), z.string()),
});
export type Position = z.infer<typeof positionSchema>;

const keptDays = 400;

export function createLedger({ client, table }: { client: DynamoDBClient; table: string }) {
  return {
    /** Writes a new resignation down. Gives back the one that was there before, unchanged, if there was one. */
    async enter(resignation: Resignation): Promise<Resignation | undefined> {
      const isNew = await put(toItem(resignation), "attribute_not_exists(id)", {});
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
      const isFirst = await put(
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
      const written = await update({
        Key: marshall({ id }),
        UpdateExpression: "SET dueAt = :until",
        ConditionExpression: "dueAt = :dueAt",
        ExpressionAttributeValues: marshall({ ":until": until, ":dueAt": dueAt }),
      });
      return written !== undefined;
    },

    /** The resignations whose time has come, the oldest first. */
    async due(now: Date, limit: number): Promise<Resignation[]> {
      const page = await query({
        IndexName: "due",
        KeyConditionExpression: "#open = :open AND dueAt <= :now",
        ExpressionAttributeNames: { "#open": "open" },
        ExpressionAttributeValues: marshall({ ":open": "open", ":now": now.toISOString() }),
        Limit: limit,
      });
      return page.items;
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
      const attributes = await update({
        Key: marshall({ id: personKey(userId) }),
        UpdateExpression: "SET lease = :lease, expiresAt = :expiresAt",
        ConditionExpression: "attribute_not_exists(lease) OR lease.#until < :now OR lease.#owner = :owner",
        ExpressionAttributeNames: { "#until": "until", "#owner": "owner" },
        ExpressionAttributeValues: marshall({
          ":lease": { owner, until },
          ":now": now.toISOString(),
          ":owner": owner,
          ":expiresAt": expiry(now),
        }),
      });
      if (!attributes) return undefined;
      const { lease, ...person } = personSchema.parse(attributes);
      return lease ? { ...person, inDoubt: true } : person;
    },

    /** Lays the person's lease down, if it is still ours. */
    async leavePerson(userId: string, owner: string, news?: News): Promise<boolean> {
      const [change, values] =
        news === "in doubt"
          ? ["SET inDoubt = :true REMOVE lease", { ":true": true }]
          : news === "forget"
            ? ["REMOVE lease, inDoubt, resigned", {}]
            : news
              ? ["SET resigned = :resigned REMOVE lease, inDoubt", { ":resigned": news }]
              : ["REMOVE lease", {}];
      const written = await update({
        Key: marshall({ id: personKey(userId) }),
        UpdateExpression: change,
        ConditionExpression: "lease.#owner = :owner",
        ExpressionAttributeNames: { "#owner": "owner" },
        ExpressionAttributeValues: marshall({ ":owner": owner, ...values }),
      });
      return written !== undefined;
    },

    async readBrake(): Promise<Brake> {
      const item = await getItem("brake");
      return item ? brakeSchema.parse(item) : { version: 0, passed: [] };
    },

    /** Writes the brake's log, unless someone else wrote first. */
    async saveBrake(brake: Brake): Promise<boolean> {
      return put(
        { id: "brake", ...brake, version: brake.version + 1 },
        brake.version ? "version = :version" : "attribute_not_exists(id)",
        brake.version ? { ":version": brake.version } : {},
      );
    },

    /** The headcount as GenAuth last told it. */
    async readHeadcount(): Promise<{ total: number; at: string } | undefined> {
      const item = await getItem("headcount");
      return item && z.object({ total: z.number(), at: z.iso.datetime() }).parse(item);
    },

    async saveHeadcount(total: number, now: Date): Promise<void> {
      await put({ id: "headcount", total, at: now.toISOString() });
    },

    /** Writes an inquiry down, unless it is there already. */
    async enterInquiry(inquiry: Inquiry): Promise<void> {
      const expiresAt = Math.floor(Date.parse(inquiry.askedAt) / 1000) + 3_600;
      await put({ ...inquiry, expiresAt }, "attribute_not_exists(id)", {});
    },

    async getInquiry(id: string): Promise<Inquiry | undefined> {
      const item = isInquiryId(id) ? await getItem(id) : undefined;
      return item && parseInquiry(item);
    },

    /**
     * Settles an open inquiry; the first click counts. Gives it back where it is settled this way now, be it
     * from before: whoever died after settling can be repeated.
     */
    async settleInquiry(id: string, state: Inquiry["state"], replyUrl: string): Promise<Inquiry | undefined> {
      const former = isInquiryId(id) ? await getItem(id) : undefined;
      if (!former) return undefined;
      const item = { ...former, state, replyUrl };
      const isFirst = await put(item, "#state = :open", { ":open": "open" }, { "#state": "state" });
      const settled = parseInquiry(isFirst ? item : await getItem(id));
      return settled.state === state ? settled : undefined;
    },

    /** Whether this key was never used before, or for the same content. */
    async isFirstUse(key: string, content: string, now: Date): Promise<boolean> {
      const id = `use|${key}`;
      const isNew = await put({ id, content, expiresAt: expiry(now) }, "attribute_not_exists(id)", {});
      return isNew || (await getItem(id))?.content === content;
    },
  };

  async function read(id: string): Promise<Resignation | undefined> {
    const item = await getItem(id);
    return item && parseResignation(item);
  }

  /** One page, the newest first. */
  async function list(wanted: Query): Promise<{ items: Resignation[]; next?: Position }> {
    const since = (wanted.since ?? new Date(wanted.now.getTime() - keptDays * 86_400_000)).toISOString();
    if (wanted.userId !== undefined) return page("byUser", "userId", wanted.userId, wanted, since);
    if (wanted.status !== undefined) return page("byStatus", "status", wanted.status, wanted, since);

    const items: Resignation[] = [];
    let after = wanted.after;
    for (const month of monthsBack(after?.month ?? new Date().toISOString().slice(0, 7), since.slice(0, 7))) {
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
    return query({
      IndexName: index,
      KeyConditionExpression: "#key = :key AND acceptedAt >= :since",
      ...(isFiltered && { FilterExpression: "#status = :status" }),
      ExpressionAttributeNames: { "#key": attribute, ...(isFiltered && { "#status": "status" }) },
      ExpressionAttributeValues: marshall({
        ":key": value,
        ":since": since,
        ...(isFiltered && { ":status": wanted.status }),
      }),
      ScanIndexForward: false,
      Limit: wanted.limit,
      ...(start && Object.keys(start).length > 0 && { ExclusiveStartKey: marshall(start) }),
    });
  }

  async function query(input: Omit<QueryCommandInput, "TableName">) {
    const { Items = [], LastEvaluatedKey } = await client.send(new QueryCommand({ TableName: table, ...input }));
    const items = Items.map((item) => parseResignation(unmarshall(item)));
    return {
      items,
      ...(LastEvaluatedKey && { next: positionSchema.parse({ key: unmarshall(LastEvaluatedKey) }) }),
    };
  }

  async function getItem(id: string): Promise<Record<string, unknown> | undefined> {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: table, Key: marshall({ id }), ConsistentRead: true }),
    );
    return Item && unmarshall(Item);
  }

  async function put(
    item: Record<string, unknown>,
    condition?: string,
    values: Record<string, unknown> = {},
    names: Record<string, string> = {},
  ): Promise<boolean> {
    return unlessConditionFails(() =>
      client.send(
        new PutItemCommand({
          TableName: table,
          Item: marshall(item, { removeUndefinedValues: true }),
          ...(condition && { ConditionExpression: condition }),
          ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: marshall(values) }),
          ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
        }),
      ),
    ).then(Boolean);
  }

  type Update = Omit<ConstructorParameters<typeof UpdateItemCommand>[0], "TableName" | "ReturnValues">;

  /** Gives back the item as it was before, or `undefined` if the condition failed. */
  async function update(input: Update): Promise<Record<string, unknown> | undefined> {
    const output = await unlessConditionFails(() =>
      client.send(new UpdateItemCommand({ TableName: table, ReturnValues: "ALL_OLD", ...input })),
    );
    return output && unmarshall(output.Attributes ?? {});
  }
}

const personKey = (userId: string) => `person|${userId}`;

/** The item of a resignation: itself, and what the indexes and the table's time to live go by. */
const toItem = (resignation: Resignation) => ({
  ...resignation,
  month: resignation.acceptedAt.slice(0, 7),
  ...(resignation.dueAt && { open: "open" }),
  expiresAt: expiry(new Date(resignation.acceptedAt)),
});

/** Seconds since 1970, as DynamoDB's time to live wants them. */
const expiry = (from: Date) => Math.floor(from.getTime() / 1000) + keptDays * 86_400;

async function unlessConditionFails<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}

function* monthsBack(from: string, to: string): Generator<string> {
  for (let month = from; month >= to; month = monthBefore(month)) yield month;
}

function monthBefore(month: string): string {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 2, 1)).toISOString().slice(0, 7);
}
