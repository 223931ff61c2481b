import { randomUUID } from "node:crypto";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";
import { simulatorCredentials } from "../cli/defaults.ts";
import { readJson } from "../cli/files.ts";
import { connectDesk, routes as deskRoutes } from "../lambda/desk.ts";
import { connectForwarder } from "../lambda/forwarder.ts";
import { createLedger } from "../lambda/ledger.ts";
import { connectNotifier } from "../lambda/notifier.ts";
import { connectResigner } from "../lambda/resigner.ts";
import { variables } from "../lambda/settings.ts";
import { connectSweep } from "../lambda/sweep.ts";
import { connectWebhook, routes as webhookRoutes } from "../lambda/webhook.ts";
import { parseSettings } from "../lib/settings.ts";
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
  parseSettings(localSettings(settings, { url: "http://127.0.0.1" }), file);
  return settings;
}

/** The settings with a second listener behind Lark's address, where they name none. */
export function withSecondListener<S extends { lark?: object; wechatwork?: object }>(settings: S, address: string): S {
  const isNamed = [settings.lark, settings.wechatwork].some((source) => source && "forwardTo" in source);
  return isNamed ? settings : { ...settings, forwardToPrivate: true, lark: { ...settings.lark, forwardTo: address } };
}

/** Runs the real functions against local AWS endpoints and a GenAuth simulator. */
export async function startStack(options: {
  aws: LocalAws;
  genauth: Pick<GenAuthSimulator, "url">;
  keys: object;
  settings?: object;
  /** What stands in the secret *notice targets*. */
  targets?: object;
  /** What stands in the secret *GenAuth token*. */
  token?: object;
  /** Those of a stack before this one. */
  tables?: { ledger: string; quarantine: string };
  port?: number;
  sweepEverySeconds?: number;
  /** Start no resigner: for tests that call it themselves. */
  isPolling?: boolean;
  /** How many resigners there may be at once. */
  resigners?: number;
  /** Takes the functions' log lines. */
  writeLog?: (line: string) => void;
}) {
  const {
    aws,
    genauth,
    keys,
    settings = {},
    port = 0,
    sweepEverySeconds = 5,
    isPolling = true,
    resigners = 4,
    writeLog = () => {},
  } = options;
  const { accessKeyId, accessKeySecret } = simulatorCredentials;
  const { token = { accessKeyId, accessKeySecret } } = options;
  const name = `resign-webhook-${randomUUID().slice(0, 8)}`;
  const parsed = parseSettings(localSettings(settings, genauth));

  const { tables = { ledger: name, quarantine: `${name}-quarantine` } } = options;
  if (!options.tables) {
    await aws.createLedgerTable(tables.ledger);
    await aws.createQuarantineTable(tables.quarantine);
  }
  aws.putSecret(`${name}/keys`, JSON.stringify(keys));
  aws.putSecret(`${name}/token`, JSON.stringify(token));
  aws.putSecret(`${name}/targets`, JSON.stringify(options.targets ?? {}));
  const deadLettersUrl = aws.createQueue(`${name}-dead`, 30);
  const queueUrl = aws.createQueue(name, 120);
  const noticesUrl = aws.createQueue(`${name}-notices`, 120);
  const forwardsUrl = aws.createQueue(`${name}-forwards.fifo`, 120);
  const environment = {
    [variables.settings]: JSON.stringify(parsed),
    [variables.keysSecretId]: `${name}/keys`,
    [variables.tokenSecretId]: `${name}/token`,
    [variables.ledgerTable]: tables.ledger,
    [variables.quarantineTable]: tables.quarantine,
    [variables.queueUrl]: queueUrl,
    [variables.deadLettersUrl]: deadLettersUrl,
    [variables.noticesUrl]: noticesUrl,
    [variables.targetsSecretId]: `${name}/targets`,
    [variables.forwardsUrl]: forwardsUrl,
  };

  const webhook = connectWebhook(environment, writeLog);
  const desk = connectDesk(environment, writeLog);
  const resigner = connectResigner(environment, writeLog);
  const notifier = connectNotifier(environment, writeLog);
  const sweep = connectSweep(environment, writeLog);
  const forwarder = connectForwarder(
    { ...environment, [variables.deadLettersUrl]: aws.createQueue(`${name}-forwards-dead.fifo`, 30) },
    writeLog,
  );
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
        startPoller(client, queueUrl, resigner, { concurrency: resigners }),
        startPoller(client, noticesUrl, notifier, { concurrency: 1 }),
        startPoller(client, forwardsUrl, forwarder, { concurrency: 2, batchSize: 1 }),
      ]
    : [];
  const sweeping = setInterval(() => void sweep().catch(console.error), sweepEverySeconds * 1000);

  return {
    url: front.url,
    table: tables.ledger,
    queueUrl,
    deadLettersUrl,
    environment,
    settings: parsed,
    ledger: createLedger({ client: new DynamoDBClient(), table: tables.ledger }),
    resigner,
    sweep,
    putKeys: (next: object) => aws.putSecret(`${name}/keys`, JSON.stringify(next)),
    putToken: (next: object) => aws.putSecret(`${name}/token`, JSON.stringify(next)),
    async close(): Promise<void> {
      clearInterval(sweeping);
      await front.close();
      await Promise.all(pollers.map((poller) => poller.close()));
      client.destroy();
    },
  };
}
