/** The functions under test, and everything that this test knows of their inside: the only file that imports them. */
import { type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { APIGatewayProxyEventV2, Context } from "aws-lambda";
import type { SignedRequest } from "../../cli/sign.ts";
import { createDesk, routes as deskRoutes } from "../../lambda/desk.ts";
import { createGenAuth } from "../../lambda/genauth/genauth.ts";
import { createLedger } from "../../lambda/ledger.ts";
import { createLog } from "../../lambda/log.ts";
import { resignationId } from "../../lambda/resignation/departure.ts";
import { createResigner } from "../../lambda/resigner.ts";
import { parseKeys } from "../../lambda/sources/index.ts";
import { createSweep } from "../../lambda/sweep.ts";
import { createWebhook, routes as webhookRoutes } from "../../lambda/webhook.ts";
import { parseSettings } from "../../lib/settings.ts";
import { simulatorCredentials } from "../../local/genauth-simulator.ts";
import { toEvent } from "../../local/http-front.ts";

/** What an administrator decides in a run. */
export interface Wishes {
  graceDays: number;
  protected: string[];
  brake: { perHour: number; perDay: number };
  endSessionsIn: string[];
}

/** What a function gets from the world. */
export interface Outside {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly host: string;
  readonly keys: object;
  readonly now: () => Date;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly newOwner: () => string;
  readonly queue: { send(body: string): Promise<void>; delay(handle: string, seconds: number): Promise<void> };
  readonly notices: { sendTogether(bodies: readonly string[]): Promise<void> };
  readonly writeLog: (line: string) => void;
}

const settleSeconds = 30;

function toSettings(wishes: Wishes, host: string) {
  const { userPoolId } = simulatorCredentials;
  const given = {
    ...wishes,
    brake: { ...wishes.brake, headcount: 1_000_000 },
    retry: { firstDelaySeconds: 1, maxDelaySeconds: 10 },
    operators: { api: ["ops"] },
  };
  try {
    return parseSettings({ ...given, genauth: { host, userPoolId, settleSeconds } as never });
  } catch {
    // The version that does not know the setting.
    return parseSettings({ ...given, genauth: { host, userPoolId } });
  }
}

/** The functions, as one deployment has them. */
export function deploy(outside: Outside, wishes: Wishes) {
  const { client, table, host, now, random, sleep, newOwner, notices } = outside;
  const settings = toSettings(wishes, host) as never;
  const ledger = createLedger({ client, table });
  const log = createLog("test", outside.writeLog);
  const ring = parseKeys(JSON.stringify(outside.keys));
  const { userPoolId, accessKeyId, accessKeySecret } = simulatorCredentials;
  const secret = { read: async () => ({ accessKeyId, accessKeySecret }), refresh: async () => false };
  const queue = {
    ...outside.queue,
    bury: async () => {},
    sendInOrder: (body: string) => outside.queue.send(body),
  };
  return {
    webhook: () => {
      const keys = { read: async () => ring, refresh: async () => false };
      const quarantine = { keepRefused: async () => undefined, keepAuthentic: async () => {} };
      const parts = { ledger, queue, quarantine, forwards: undefined, keys, settings, log, now, random, sleep };
      const [webhook, desk] = [createWebhook(parts as never), createDesk(parts as never)];
      const context = { getRemainingTimeInMillis: () => 60_000 } as Context;
      return async (request: SignedRequest): Promise<{ status: number; body: string }> => {
        const event = toApiGateway(request);
        const answer = await (webhookRoutes.has(event.routeKey) ? webhook : desk)(event, context);
        return { status: answer.statusCode ?? 200, body: answer.body ?? "" };
      };
    },
    resigner: () => {
      const genauth = createGenAuth({ host, userPoolId, secret, now, deadlineMs: 10_000 });
      const parts = { ledger, queue, notices, genauth, settings, log, now, random, newOwner, sleep };
      const handle = createResigner(parts as never);
      /** Whether the message comes again. */
      return async (body: string, handleName: string): Promise<boolean> => {
        const record = { body, messageId: handleName, receiptHandle: handleName };
        return (await handle({ Records: [record] } as never)).batchItemFailures.length > 0;
      };
    },
    sweep: () =>
      createSweep({ ledger, queue, notices, settings, log, now } as never) as () => Promise<{ swept: number }>,
  };
}

function toApiGateway({ method, path, headers, body }: SignedRequest): APIGatewayProxyEventV2 {
  const headersDistinct = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value]]),
  );
  const event = toEvent({ method, url: path, headersDistinct } as never, Buffer.from(body), [
    ...webhookRoutes.keys(),
    ...deskRoutes.keys(),
  ]);
  if (!event) throw new Error(`There is no route for ${method} ${path}`);
  return event;
}

/** The ledger's id of what a source says. */
export const idOf = (source: "lark" | "wechatwork" | "api", eventId: string) => resignationId({ source, eventId });

export interface LedgerItem {
  id: string;
  status?: string;
  lease?: { owner?: string };
  effect?: { state: string; for: string[] };
}

/** Every item, as it stands. */
export async function readItems(client: DynamoDBClient, TableName: string): Promise<LedgerItem[]> {
  const { Items = [] } = await client.send(new ScanCommand({ TableName, ConsistentRead: true }));
  return Items.map((item) => unmarshall(item) as LedgerItem);
}

/** The departure on whose behalf this owner is at work. */
export const claimedBy = (items: readonly LedgerItem[], owner: string) =>
  items.find(({ id, status, lease }) => id.startsWith("res_") && status === "resigning" && lease?.owner === owner)?.id;
