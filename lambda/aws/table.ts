import { randomBytes } from "node:crypto";
import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";

export type Item = Record<string, unknown>;
type Names = Record<string, string>;

/** One DynamoDB table, in plain values. A write whose condition fails is an answer and no error. */
export type Table = ReturnType<typeof openTable>;

export interface TableOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  /** Gives each conditional write its id. @default random */
  readonly newWriteId?: () => string;
}

/** What must be so for a write to take effect. */
interface Condition {
  /** Of several all must hold. */
  readonly condition: string | readonly string[];
  readonly values?: Item;
  readonly names?: Names;
}

interface Change {
  readonly key: Item;
  readonly expression: string;
  readonly values?: Item;
  readonly names?: Names;
}

/** A condition as DynamoDB's commands take it. */
type Demand = Pick<
  UpdateItemCommandInput,
  | "ConditionExpression"
  | "ExpressionAttributeNames"
  | "ExpressionAttributeValues"
  | "ReturnValuesOnConditionCheckFailure"
>;

export function openTable({ client, table: TableName, newWriteId = randomWriteId }: TableOptions) {
  return {
    get,

    /** The items of these keys as they were last written, those that are there, by their `id`. */
    async getAll(ids: readonly string[]): Promise<Map<string, Item>> {
      const found = new Map<string, Item>();
      let keys = [...new Set(ids)].map((id) => marshall({ id }));
      while (keys.length > 0) {
        const asked = { [TableName]: { Keys: keys.slice(0, maxBatchKeys), ConsistentRead: true } };
        const { Responses, UnprocessedKeys } = await client.send(new BatchGetItemCommand({ RequestItems: asked }));
        for (const item of Responses?.[TableName] ?? []) {
          const plain = unmarshall(item);
          found.set(String(plain.id), plain);
        }
        keys = [...(UnprocessedKeys?.[TableName]?.Keys ?? []), ...keys.slice(maxBatchKeys)];
      }
      return found;
    },

    /** Writes a whole item, whatever was there. */
    async put(item: Item): Promise<void> {
      await client.send(new PutItemCommand({ TableName, Item: marshalled(item) }));
    },

    /** Writes a whole item of the ledger; `false` if the condition failed. */
    async putIf(item: Item, condition: Condition): Promise<boolean> {
      const written = await once({ id: item.id }, condition, async (demand, lastWrite) => {
        const Item = marshalled({ ...item, lastWrite });
        await client.send(new PutItemCommand({ TableName, Item, ...demand }));
        return item;
      });
      return written !== undefined;
    },

    /** Changes an item, whatever was there, and gives it back as it is now. */
    async update({ key, expression, values = {}, names = {} }: Change): Promise<Item> {
      return change(key, expression, expressionParts(values, names));
    },

    /** Changes an item of the ledger and gives it back as it is now, or `undefined` if the condition failed. */
    async updateIf({ key, expression, ...condition }: Change & Condition): Promise<Item | undefined> {
      const others = expression.startsWith("SET ") ? `, ${expression.slice("SET ".length)}` : ` ${expression}`;
      return once(key, condition, (demand) => change(key, `SET lastWrite = :lastWrite${others}`, demand));
    },

    /** One page; `next` is where the one after it starts. */
    async query(question: {
      condition: string;
      values: Item;
      names?: Names;
      startAt?: Item | undefined;
      more?: Omit<QueryCommandInput, "TableName">;
    }): Promise<{ items: Item[]; next?: Item }> {
      const { condition, values, names = {}, startAt, more } = question;
      const command = new QueryCommand({
        TableName,
        KeyConditionExpression: condition,
        ...expressionParts(values, names),
        ...(startAt && { ExclusiveStartKey: marshall(startAt) }),
        ...more,
      });
      const { Items = [], LastEvaluatedKey } = await client.send(command);
      return {
        items: Items.map((item) => unmarshall(item)),
        ...(LastEvaluatedKey && { next: unmarshall(LastEvaluatedKey) }),
      };
    },

    async remove(key: Item): Promise<void> {
      await client.send(new DeleteItemCommand({ TableName, Key: marshall(key) }));
    },
  };

  /** The item as it was last written. */
  async function get(key: Item): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName, Key: marshall(key), ConsistentRead: true });
    const { Item } = await client.send(command);
    return Item && unmarshall(Item);
  }

  async function change(key: Item, expression: string, parts: Partial<UpdateItemCommandInput>): Promise<Item> {
    const Key = marshall(key);
    const command = new UpdateItemCommand({ TableName, Key, UpdateExpression: expression, ...parts, ...giveBack });
    const { Attributes = {} } = await client.send(command);
    return unmarshall(Attributes);
  }

  /**
   * Sends a conditional write, which takes effect once and knows its own effect. A late success is a success: the SDK
   * repeats a request that timed out, and to DynamoDB that is a new request, whose condition fails where the first one
   * was carried out (aws-sdk-java, issue 2667; DynamoDB has a token for transactions, and none for single items). So
   * each write leaves an id of its own in the item; a repeat that finds that id there knows that the first one was
   * carried out.
   *
   * If another writer came in between, the id is gone, and the answer is that the condition failed. It may have been
   * carried out all the same: a caller reads again before it says so, and does nothing that cannot be repeated.
   */
  async function once(
    key: Item,
    { condition, values, names }: Condition,
    write: (demand: Demand, id: string) => Promise<Item>,
  ): Promise<Item | undefined> {
    const id = newWriteId();
    const isNotYet = "attribute_not_exists(lastWrite) OR lastWrite <> :lastWrite";
    const demand = {
      ConditionExpression: [condition, isNotYet]
        .flat()
        .map((one) => `(${one})`)
        .join(" AND "),
      ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
      ...expressionParts({ ...values, ":lastWrite": id }, names),
    };
    try {
      return await write(demand, id);
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      const isRepeat = (error.$metadata.attempts ?? 1) > 1;
      // Without an item there is none, or a stand-in for DynamoDB does not give it.
      const found = error.Item ? unmarshall(error.Item) : isRepeat ? await get(key) : undefined;
      return found?.lastWrite === id ? found : undefined;
    }
  }
}

/** 72 random bits: they need to differ from those of the same item's writes of some seconds. */
const randomWriteId = () => randomBytes(9).toString("base64url");

/** DynamoDB's limit: more keys are asked for in further batches. */
const maxBatchKeys = 100;

/** Seconds since 1970, as DynamoDB's time to live wants them. */
export const expiry = (from: Date, days: number) => Math.floor(from.getTime() / 1000) + days * 86_400;

const giveBack = { ReturnValues: "ALL_NEW" } as const;

const marshalled = (item: Item) => marshall(item, { removeUndefinedValues: true });

const expressionParts = (values: Item = {}, names: Names = {}) => ({
  ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: marshalled(values) }),
  ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
});
