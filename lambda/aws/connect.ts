/** A function's connections to AWS, made from its environment. */
import { setTimeout as wait } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import type * as z from "zod/mini";
import { createLog } from "../log.ts";
import { readVariable, type Variable } from "../settings/environment.ts";
import { createQueue } from "./queue.ts";
import { cachedSecret } from "./secret.ts";

/** The function whose connections are made. */
export interface Site {
  /** Its name in AWS's own trail and in its log lines. */
  readonly name: string;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * What every function has: its part of the settings, a log, a clock and chance. The settings are in a deployed bundle,
 * which has their text in place of `process.env.RESIGN_SETTINGS`; without one they are in the environment.
 */
export const connectGround = <Part extends z.ZodMiniType>(
  { name, environment }: Site,
  part: () => Part,
  writeLog?: (line: string) => void,
) => ({
  settings: part().parse(JSON.parse(process.env.RESIGN_SETTINGS ?? readVariable(environment, "RESIGN_SETTINGS"))),
  log: createLog(name, writeLog, undefined, environment["STACK_NAME" satisfies Variable]),
  now: () => new Date(),
  random: Math.random,
  sleep: (ms: number) => wait(ms),
});

/** A table's client and name, for the files that read and write its items. */
export const connectTable = (site: Site, variable: Variable) => ({
  client: dynamoOf(site),
  table: readVariable(site.environment, variable),
});

export const connectQueue = (site: Site, variable: Variable, deadLetters?: Variable) =>
  createQueue({
    client: sqsOf(site),
    url: readVariable(site.environment, variable),
    ...(deadLetters && { deadLettersUrl: readVariable(site.environment, deadLetters) }),
  });

export const connectSecret = <T>(site: Site, variable: Variable, parse: (text: string) => T) =>
  cachedSecret({
    client: new SecretsManagerClient(clientConfig(site)),
    secretId: readVariable(site.environment, variable),
    parse,
    now: () => new Date(),
  });

/** A handler whose function is built at its first call: a mistake in the environment is that call's error. */
export function atFirstCall<Given extends unknown[], Result>(
  build: () => (...given: Given) => Result,
): (...given: Given) => Result {
  let built: ((...given: Given) => Result) | undefined;
  return (...given) => {
    built ??= build();
    return built(...given);
  };
}

/** One client of a kind serves all tables or queues of a function. */
const once = <C>(make: (site: Site) => C) => {
  const made = new WeakMap<Site, C>();
  return (site: Site): C => {
    const client = made.get(site) ?? make(site);
    made.set(site, client);
    return client;
  };
};
const dynamoOf = /* @__PURE__ */ once((site) => new DynamoDBClient(clientConfig(site)));
const sqsOf = /* @__PURE__ */ once((site) => new SQSClient(clientConfig(site)));

/**
 * A call that hangs is given up in time to say 503 before the sender gives up on us (Lark waits 3 s). The function's
 * name stands in AWS's own trail.
 */
const clientConfig = ({ name }: Site) => ({
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 700, requestTimeout: 1_400, throwOnRequestTimeout: true },
  customUserAgent: `resign-webhook-${name}`,
});
