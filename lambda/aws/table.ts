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
}

export function openTable({ client, table: TableName }: TableOptions) {
  return {
    /** The item as it was last written. */
    async get(key: Item): Promise<Item | undefined> {
      const command = new GetItemCommand({ TableName, Key: marshall(key), ConsistentRead: true });
      const { Item } = await client.send(command);
      return Item && unmarshall(Item);
    },

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

    /** Writes a whole item; `false` if the condition failed. */
    async put(item: Item, condition?: string, values: Item = {}, names: Names = {}): Promise<boolean> {
      const command = new PutItemCommand({
        TableName,
        Item: marshall(item, { removeUndefinedValues: true }),
        ...(condition && { ConditionExpression: condition }),
        ...expressionParts(values, names),
      });
      return (await unlessConditionFails(() => client.send(command))) !== undefined;
    },

    /** Changes an item and gives it back as it was before, or `undefined` if the condition failed. */
    async update(change: {
      key: Item;
      expression: string;
      condition?: string;
      values?: Item;
      names?: Names;
      /** What to give back instead. */
      giveBack?: UpdateItemCommandInput["ReturnValues"];
    }): Promise<Item | undefined> {
      const { key, expression, condition, values = {}, names = {}, giveBack = "ALL_OLD" } = change;
      const command = new UpdateItemCommand({
        TableName,
        Key: marshall(key),
        UpdateExpression: expression,
        ...(condition && { ConditionExpression: condition }),
        ...expressionParts(values, names),
        ReturnValues: giveBack,
      });
      const output = await unlessConditionFails(() => client.send(command));
      return output && unmarshall(output.Attributes ?? {});
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
}

/** DynamoDB's limit: more keys are asked for in further batches. */
const maxBatchKeys = 100;

/** Seconds since 1970, as DynamoDB's time to live wants them. */
export const expiry = (from: Date, days: number) => Math.floor(from.getTime() / 1000) + days * 86_400;

const expressionParts = (values: Item, names: Names) => ({
  ...(Object.keys(values).length > 0 && {
    ExpressionAttributeValues: marshall(values, { removeUndefinedValues: true }),
  }),
  ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
});

async function unlessConditionFails<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}
