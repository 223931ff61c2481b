import { randomUUID } from "node:crypto";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";
import { simulatorCredentials } from "../cli/defaults.ts";
import { readJson } from "../cli/files.ts";
import { connectDesk, routes as deskRoutes } from "../lambda/desk.ts";
import { connectForwarder } from "../lambda/forwarder.ts";
import { createLedger } from "../lambda/ledger.ts";
import { maxTries } from "../lambda/notices/message.ts";
import { connectNotifier } from "../lambda/notifier.ts";
import { connectResigner } from "../lambda/resigner.ts";
import type { RuntimeSettings } from "../lambda/settings/settings.ts";
import { connectSweep } from "../lambda/sweep.ts";
import { connectWebhook, routes as webhookRoutes } from "../lambda/webhook.ts";
import { parseLocalSettings } from "../lib/settings.ts";
import type { LocalAws } from "./aws.ts";
import type { GenAuthSimulator } from "./genauth-simulator.ts";
import { startHttpFront } from "./http-front.ts";
import { startPoller } from "./poller.ts";

export { newKeys } from "../cli/sources/index.ts";
export { newApiKeyPair, newApiSecret } from "../cli/sources/orders.ts";

/** What is printed of where senders send: every directory's path, and the desk's. */
export const senderPaths = [
  ...new Set([...webhookRoutes.keys()].map((route) => route.slice(route.indexOf("/")))),
  ...["/slack/commands", "/resignations"],
].join("  ");

/** The settings of a stack on this machine: those given over our own, with the simulator for GenAuth. */
export const localSettings = (
  settings: { operators?: object; slack?: object; genauth?: object },
  genauth: { url: string },
) => ({
  ...settings,
  operators: { api: ["ops", "deputy"], slack: ["T0LOCAL/U0ALICE", "T0LOCAL/U0BOB"], ...settings.operators },
  slack: { replyHosts: ["127.0.0.1", "localhost", "hooks.slack.com", "hooks.slack-gov.com"], ...settings.slack },
  genauth: { ...settings.genauth, host: genauth.url, userPoolId: simulatorCredentials.userPoolId },
});

/** The settings file that `LOCAL_SETTINGS` names. Throws an error that names it, and each wrong setting. */
export function readLocalSettings(file = process.env.LOCAL_SETTINGS): object {
  if (!file) return {};
  const settings = readJson(file, "settings");
  parseLocalSettings(localSettings(settings, { url: "http://127.0.0.1" }), file);
  return settings;
}

/** The settings with a second listener behind Lark's address, where they name none. */
export function withSecondListener<S extends { lark?: object; wechatwork?: object }>(settings: S, address: string): S {
  const isNamed = [settings.lark, settings.wechatwork].some((source) => source && "forwardTo" in source);
  return isNamed ? settings : { ...settings, lark: { ...settings.lark, forwardTo: address } };
}

export interface StackOptions {
  readonly aws: LocalAws;
  readonly genauth: Pick<GenAuthSimulator, "url">;
  readonly keys: object;
  readonly settings?: object;
  /** A brake for mass events, wider than an administrator may set. @default - that of the settings */
  readonly brake?: RuntimeSettings["brake"];
  /** What stands in the secret *notice targets*. @default none */
  readonly targets?: object;
  /** What stands in the secret *GenAuth token*. @default the simulator's */
  readonly token?: object;
  /** Those of a stack before this one. @default new ones */
  readonly tables?: { ledger: string; quarantine: string };
  /** @default 0, any free port */
  readonly port?: number;
  /** @default 5 */
  readonly sweepEverySeconds?: number;
  /** `false`: start no resigner, for tests that call it themselves. @default true */
  readonly isPolling?: boolean;
  /** How many resigners there may be at once. @default 4 */
  readonly resigners?: number;
  /** Takes the functions' log lines. */
  readonly writeLog?: (line: string) => void;
}

/** Runs the real functions against local AWS endpoints and a GenAuth simulator. */
export async function startStack(options: StackOptions) {
  const { aws, genauth, port = 0, isPolling = true, sweepEverySeconds = 5, writeLog = () => {} } = options;
  const parsed = parseLocalSettings(localSettings(options.settings ?? {}, genauth));
  const settings = { ...parsed, ...(options.brake && { brake: options.brake }) };
  const { name, tables, environment, forwardsDeadUrl } = await createResources(options, settings);

  const webhook = connectWebhook(environment, writeLog);
  const desk = connectDesk(environment, writeLog);
  const resigner = connectResigner(environment, writeLog);
  const notifier = connectNotifier(environment, writeLog);
  const sweep = connectSweep(environment, writeLog);
  const forwarder = connectForwarder({ ...environment, DEAD_LETTERS_URL: forwardsDeadUrl }, writeLog);
  const front = await startHttpFront(
    [
      [webhookRoutes, webhook],
      [deskRoutes, desk],
    ],
    port,
  );
  const client = new SQSClient();
  const pollers = isPolling
    ? [
        startPoller(client, environment.QUEUE_URL, resigner, { concurrency: options.resigners ?? 4 }),
        startPoller(client, environment.NOTICES_URL, notifier, { concurrency: 1 }),
        startPoller(client, environment.FORWARDS_URL, forwarder, { concurrency: 2, batchSize: 1 }),
      ]
    : [];
  let sweeps: Promise<unknown> = Promise.resolve();
  const sweeping = setInterval(() => {
    sweeps = Promise.all([sweeps, sweep().catch(console.error)]);
  }, sweepEverySeconds * 1000);

  return {
    url: front.url,
    table: tables.ledger,
    queueUrl: environment.QUEUE_URL,
    deadLettersUrl: environment.DEAD_LETTERS_URL,
    environment,
    settings,
    ledger: createLedger({ client: new DynamoDBClient(), table: tables.ledger }),
    resigner,
    sweep,
    putKeys: (next: object) => aws.putSecret(`${name}/keys`, JSON.stringify(next)),
    putToken: (next: object) => aws.putSecret(`${name}/token`, JSON.stringify(next)),
    async close(): Promise<void> {
      clearInterval(sweeping);
      await front.close();
      await Promise.all([sweeps, ...pollers.map((poller) => poller.close())]);
      client.destroy();
    },
  };
}

/** Creates what the functions find in AWS, and the environment that tells them where. */
async function createResources({ aws, keys, targets = {}, ...options }: StackOptions, settings: object) {
  const name = `resign-webhook-${randomUUID().slice(0, 8)}`;
  const { accessKeyId, accessKeySecret } = simulatorCredentials;
  const { token = { accessKeyId, accessKeySecret } } = options;
  const { tables = { ledger: name, quarantine: `${name}-quarantine` } } = options;
  if (!options.tables) {
    await aws.createLedgerTable(tables.ledger);
    await aws.createQuarantineTable(tables.quarantine);
  }
  aws.putSecret(`${name}/keys`, JSON.stringify(keys));
  aws.putSecret(`${name}/token`, JSON.stringify(token));
  aws.putSecret(`${name}/targets`, JSON.stringify(targets));
  const deadLetters = `${name}-notices-dead`;
  aws.createQueue(deadLetters, 30);
  const environment = {
    RESIGN_SETTINGS: JSON.stringify(settings),
    STACK_NAME: "local",
    KEYS_SECRET_ID: `${name}/keys`,
    TOKEN_SECRET_ID: `${name}/token`,
    LEDGER_TABLE: tables.ledger,
    QUARANTINE_TABLE: tables.quarantine,
    QUEUE_URL: aws.createQueue(name, 120),
    DEAD_LETTERS_URL: aws.createQueue(`${name}-dead`, 30),
    NOTICES_URL: aws.createQueue(`${name}-notices`, 120, { deadLetters, maxReceiveCount: maxTries }),
    TARGETS_SECRET_ID: `${name}/targets`,
    FORWARDS_URL: aws.createQueue(`${name}-forwards.fifo`, 120),
  };
  return { name, tables, environment, forwardsDeadUrl: aws.createQueue(`${name}-forwards-dead.fifo`, 30) };
}
