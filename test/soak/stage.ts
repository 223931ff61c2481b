import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createLedger } from "../../lambda/ledger.ts";
import type { Environment } from "../../lambda/settings/environment.ts";
import { parseSettings } from "../../lib/settings.ts";
import { startAws } from "../../local/aws.ts";
import { simulatorCredentials, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { localSettings, newKeys } from "../../local/stack.ts";
import type { Call, Fate, Targets } from "./fault-proxy.ts";
import { type FastClock, nowOf, startFunction } from "./functions.ts";

/** How long a message stays hidden whose holder died, in seconds of the wall's clock. */
const visibilityTimeoutSeconds = 6;

/** AWS, GenAuth and the real functions in processes of their own, with a fault proxy before each. */
export async function startStage(options: {
  speed: number;
  /** @default speed */
  deadlineSpeed?: number;
  settings: object;
  /** A brake that `lib/settings.ts` would not let pass, for runs that are not about it. */
  brake?: object;
  writeLog: (line: string) => void;
}) {
  const { speed, settings, brake, writeLog } = options;
  const clock: FastClock = { start: Date.now(), speed, deadlineSpeed: options.deadlineSpeed ?? speed };
  const folder = mkdtempSync(`${tmpdir()}/soak-`);
  const aws = await startAws();
  const genauth = await startGenAuthSimulator();
  const targets: Targets = {
    dynamodb: aws.dynamodb.url,
    sqs: aws.sqs.address,
    secretsmanager: aws.secretsManager.url,
    genauth: genauth.url,
  };
  const keys = newKeys();
  const name = `soak-${randomUUID().slice(0, 8)}`;
  await aws.createLedgerTable(name);
  await aws.createQuarantineTable(`${name}-quarantine`);
  const { accessKeyId, accessKeySecret } = simulatorCredentials;
  aws.putSecret(`${name}/keys`, JSON.stringify(keys));
  aws.putSecret(`${name}/token`, JSON.stringify({ accessKeyId, accessKeySecret }));
  const queueUrl = aws.createQueue(name, visibilityTimeoutSeconds);
  const deadLettersUrl = aws.createQueue(`${name}-dead`, 30);
  const noticesUrl = aws.createQueue(`${name}-notices`, 30);
  const parsed = { ...parseSettings(localSettings(settings, genauth)), ...(brake && { brake }) };

  const environment = (proxyUrl: string) => {
    const through = (url: string) => proxyUrl + new URL(url).pathname;
    return {
      RESIGN_SETTINGS: JSON.stringify({ ...parsed, genauth: { ...parsed.genauth, host: proxyUrl } }),
      KEYS_SECRET_ID: `${name}/keys`,
      TOKEN_SECRET_ID: `${name}/token`,
      LEDGER_TABLE: name,
      QUARANTINE_TABLE: `${name}-quarantine`,
      QUEUE_URL: through(queueUrl),
      DEAD_LETTERS_URL: through(deadLettersUrl),
      NOTICES_URL: through(noticesUrl),
    } satisfies Environment;
  };

  return {
    ...{ aws, genauth, keys, queueUrl, deadLettersUrl },
    ledger: createLedger({ client: new DynamoDBClient(), table: name }),
    now: () => nowOf(clock),
    start: (id: "webhook" | "desk" | "resigner" | "sweep", instances: number, fateOf: (call: Call) => Fate) =>
      startFunction({ name: id, ...{ folder, instances, targets, environment, clock, fateOf, writeLog } }),
    async close() {
      rmSync(folder, { recursive: true });
      await Promise.all([aws.close(), genauth.close()]);
    },
  };
}
