import { setTimeout as wait } from "node:timers/promises";
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type KeySchemaElement,
} from "@aws-sdk/client-dynamodb";
import type { ledgerTable, quarantineTable } from "../lambda/aws/schema.ts";

/** Creates a table as the stack does, and waits until it is there. */
export async function createTable(
  name: string,
  table: typeof ledgerTable | typeof quarantineTable,
  client = new DynamoDBClient(),
): Promise<void> {
  const { indexes, ...keys } = table;
  const names = [keys, ...indexes].flatMap(({ partitionKey, sortKey }) =>
    sortKey ? [partitionKey, sortKey] : partitionKey,
  );
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: toSchema(keys),
      AttributeDefinitions: [...new Set(names)].map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      ...(indexes.length > 0 && {
        GlobalSecondaryIndexes: indexes.map((index) => ({
          IndexName: index.name,
          KeySchema: toSchema(index),
          Projection: { ProjectionType: "ALL" as const },
        })),
      }),
    }),
  );
  const isThere = async () =>
    (await client.send(new DescribeTableCommand({ TableName: name }))).Table?.TableStatus === "ACTIVE";
  do await wait(1);
  while (!(await isThere()));
}

const toSchema = ({
  partitionKey,
  sortKey,
}: {
  partitionKey: string;
  sortKey: string | undefined;
}): KeySchemaElement[] => [
  { AttributeName: partitionKey, KeyType: "HASH" },
  ...(sortKey === undefined ? [] : [{ AttributeName: sortKey, KeyType: "RANGE" as const }]),
];
