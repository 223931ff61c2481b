import { type DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";

/** Writes an item of texts into the ledger's table. */
export async function putItem(client: DynamoDBClient, item: Record<string, string>): Promise<void> {
  const Item = Object.fromEntries(Object.entries(item).map(([name, value]) => [name, { S: value }]));
  await client.send(new PutItemCommand({ TableName: process.env.LEDGER_TABLE, Item }));
}
