/**
 * The webhook as it is written with each vendor's own library: same routes, same answers to what is genuine, the
 * same ledger item and message. A measure for ours; it has none of the guards, and believes what its libraries do.
 */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { EventDispatcher, LoggerLevel } from "@larksuiteoapi/node-sdk";
import { App, AwsLambdaReceiver, LogLevel } from "@slack/bolt";
import { decrypt, getSignature } from "@wecom/crypto";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { Webhook } from "standardwebhooks";
import * as z from "zod";
import { putItem } from "./put-item.ts";

const keysSchema = z.object({
  lark: z.object({ encryptKey: z.string(), verificationToken: z.string() }),
  wechatwork: z.object({ token: z.string(), encodingAesKey: z.string(), receiveIds: z.array(z.string()) }),
  slack: z.object({ signingSecret: z.string() }),
  api: z.record(z.string(), z.string()),
});
type Keys = z.infer<typeof keysSchema>;

const orderSchema = z.object({ userId: z.string().regex(/^(lark|wechatwork):.+$/), reason: z.string().optional() });

const dynamodb = new DynamoDBClient();
const sqs = new SQSClient();
const secretsManager = new SecretsManagerClient();
let keys: Promise<Keys> | undefined;

export async function handler(event: APIGatewayProxyEventV2) {
  keys ??= readKeys();
  const known = await keys;
  switch (event.routeKey) {
    case "POST /lark":
      return receiveLark(event, known.lark);
    case "GET /wechatwork":
    case "POST /wechatwork":
      return receiveWechatwork(event, known.wechatwork);
    case "POST /slack/commands":
      return receiveSlack(event, known.slack.signingSecret);
    default:
      return receiveOrder(event, known.api);
  }
}

async function readKeys(): Promise<Keys> {
  const command = new GetSecretValueCommand({ SecretId: process.env.KEYS_SECRET_ID });
  return keysSchema.parse(JSON.parse((await secretsManager.send(command)).SecretString ?? ""));
}

async function receiveLark({ headers, body }: APIGatewayProxyEventV2, given: Keys["lark"]) {
  const content = JSON.parse(body ?? "");
  const dispatcher = new EventDispatcher({ ...given, loggerLevel: LoggerLevel.error }).register({
    "contact.user.deleted_v3": async ({ event_id, object }) => {
      await accept(`lark|${event_id}`, `lark:${object?.open_id}`);
      return {};
    },
  });
  const answer = await dispatcher.invoke(Object.assign(Object.create({ headers }), content));
  return { statusCode: 200, body: JSON.stringify(answer) };
}

async function receiveWechatwork({ queryStringParameters, body }: APIGatewayProxyEventV2, given: Keys["wechatwork"]) {
  const { msg_signature, timestamp = "", nonce = "", echostr } = queryStringParameters ?? {};
  const encrypted = echostr ?? /<Encrypt><!\[CDATA\[(.*?)\]\]>/.exec(body ?? "")?.[1] ?? "";
  if (getSignature(given.token, timestamp, nonce, encrypted) !== msg_signature) return { statusCode: 401 };
  const { message, id } = decrypt(given.encodingAesKey, encrypted);
  if (!given.receiveIds.includes(id)) return { statusCode: 401 };
  if (echostr) return { statusCode: 200, body: message };
  const read = (name: string) =>
    new RegExp(`<${name}>(?:<!\\[CDATA\\[)?(.*?)(?:\\]\\]>)?</${name}>`).exec(message)?.[1];
  if (read("ChangeType") === "delete_user") {
    await accept(`wechatwork|${read("UserID")}|${read("CreateTime")}`, `wechatwork:${read("UserID")}`);
  }
  return { statusCode: 200, body: "success" };
}

async function receiveSlack(event: APIGatewayProxyEventV2, signingSecret: string) {
  const receiver = new AwsLambdaReceiver({ signingSecret, logLevel: LogLevel.ERROR });
  const app = new App({ receiver, logLevel: LogLevel.ERROR, authorize: async () => ({}) });
  app.command("/resign", async ({ command, ack }) => {
    await accept(`slack|${command.trigger_id}`, command.text.split(" ")[0] ?? "");
    await ack(`Resigning ${command.text}`);
  });
  const receive = await receiver.start();
  return receive(event as never, {});
}

async function receiveOrder({ headers, body = "" }: APIGatewayProxyEventV2, secrets: Keys["api"]) {
  for (const secret of Object.values(secrets)) {
    try {
      const order = orderSchema.parse(new Webhook(secret).verify(body, headers as Record<string, string>));
      await accept(`api|${headers["webhook-id"]}`, order.userId);
      return { statusCode: 202, body: JSON.stringify({ userId: order.userId, status: "accepted" }) };
    } catch {
      // the next caller's
    }
  }
  return { statusCode: 401 };
}

async function accept(id: string, userId: string): Promise<void> {
  await putItem(dynamodb, { id, userId, status: "accepted", acceptedAt: new Date().toISOString() });
  await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: id }));
}
