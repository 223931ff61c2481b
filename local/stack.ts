import { generateKeyPairSync, randomInt, randomUUID } from "node:crypto";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";
import { readJson } from "../cli/files.ts";
import { createLedger } from "../lambda/aws/ledger.ts";
import { variables } from "../lambda/environment.ts";
import { connectForwarder } from "../lambda/forwarder.ts";
import { connectNotifier } from "../lambda/notifier.ts";
import { connectResigner } from "../lambda/resigner.ts";
import { connectReverifier } from "../lambda/reverifier.ts";
import { quarantineRoutes, routes } from "../lambda/sources/index.ts";
import { connectSweep } from "../lambda/sweep.ts";
import { connectWebhook } from "../lambda/webhook.ts";
import { parseSettings } from "../lib/settings.ts";
import type { LocalAws } from "./aws.ts";
import { type GenAuthSimulator, simulatorCredentials } from "./genauth-simulator.ts";
import { startHttpFront } from "./http-front.ts";
import { startPoller } from "./poller.ts";

/** Keys of every source, made anew. */
export const newKeys = () => ({
  lark: { encryptKey: localSecret(32), verificationToken: localSecret(32) },
  wechatwork: { token: localSecret(32), encodingAesKey: localSecret(43), receiveIds: ["wwlocal"] },
  slack: { signingSecret: localSecret(32) },
  api: { zapier: newApiSecret(), ops: newApiSecret(), deputy: newApiSecret() },
});

/** So marked that a search through everything printed and logged shows whether one got out (`.ci/run`). */
const localSecret = (length: number) => `SecretOf${randomText(length - 8)}`;

/** `whsec_` and the base64 of 40 letters and digits: tools that take only a text key get those 40 themselves. */
export const newApiSecret = () => `whsec_${Buffer.from(randomText(40)).toString("base64")}`;

export function randomText(length: number): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join("");
}

/** An Ed25519 pair for scheme `v1a`. */
export function newApiKeyPair() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  return {
    publicKey: `whpk_${raw.toString("base64")}`,
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

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
  const reverifier = connectReverifier(environment, writeLog);
  const resigner = connectResigner(environment, writeLog);
  const notifier = connectNotifier(environment, writeLog);
  const sweep = connectSweep(environment, writeLog);
  const forwarder = connectForwarder(
    { ...environment, [variables.deadLettersUrl]: aws.createQueue(`${name}-forwards-dead.fifo`, 30) },
    writeLog,
  );
  const front = await startHttpFront(
    [
      [routes, webhook],
      [quarantineRoutes, reverifier],
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
  let sweeps: Promise<unknown> = Promise.resolve();
  const sweeping = setInterval(() => {
    sweeps = Promise.all([sweeps, sweep().catch(console.error)]);
  }, sweepEverySeconds * 1000);

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
      await Promise.all([sweeps, ...pollers.map((poller) => poller.close())]);
      client.destroy();
    },
  };
}
