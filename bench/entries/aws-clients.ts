/** Nothing but what accepting a departure asks of AWS, by the three clients as they come. */
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const dynamodb = new DynamoDBClient();
const sqs = new SQSClient();
const secretsManager = new SecretsManagerClient();

export async function handler() {
  const { KEYS_SECRET_ID: SecretId, LEDGER_TABLE: TableName, QUEUE_URL: QueueUrl } = process.env;
  await secretsManager.send(new GetSecretValueCommand({ SecretId }));
  const id = String(process.hrtime.bigint());
  await dynamodb.send(new PutItemCommand({ TableName, Item: { id: { S: id } } }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: id }));
  return { statusCode: 200 };
}
