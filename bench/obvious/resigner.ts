/** The resigner as it is written with GenAuth's own library. */
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ManagementClient } from "authing-node-sdk";
import type { SQSEvent } from "aws-lambda";
import * as z from "zod";
import { putItem } from "./put-item.ts";

const tokenSchema = z.object({ accessKeyId: z.string(), accessKeySecret: z.string() });
const settingsSchema = z.object({ genauth: z.object({ host: z.string() }) });

const dynamodb = new DynamoDBClient();
const secretsManager = new SecretsManagerClient();
let client: Promise<ManagementClient> | undefined;

export async function handler({ Records }: SQSEvent) {
  client ??= connect();
  const genauth = await client;
  for (const { body: id } of Records) {
    const command = new GetItemCommand({ TableName: process.env.LEDGER_TABLE, Key: { id: { S: id } } });
    const userId = (await dynamodb.send(command)).Item?.userId?.S ?? "";
    // Its types do not know this kind of id; GenAuth does.
    const { statusCode } = await genauth.resignUser({ userId, userIdType: "sync_relation" as never });
    await putItem(dynamodb, {
      id,
      userId,
      status: statusCode === 200 ? "resigned" : "failed",
      acceptedAt: new Date().toISOString(),
    });
  }
  return { batchItemFailures: [] };
}

async function connect(): Promise<ManagementClient> {
  const command = new GetSecretValueCommand({ SecretId: process.env.TOKEN_SECRET_ID });
  const token = tokenSchema.parse(JSON.parse((await secretsManager.send(command)).SecretString ?? ""));
  const { genauth } = settingsSchema.parse(JSON.parse(process.env.RESIGN_SETTINGS ?? ""));
  return new ManagementClient({ ...token, host: genauth.host });
}
