import { setTimeout as wait } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import middy from "@middy/core";
import type { APIGatewayProxyEventV2, Context } from "aws-lambda";
import { type AcceptParts, accept, callOff, settleInquiry } from "./accept.ts";
import { clientConfig, type RuntimeSettings, readSettings, readVariable } from "./environment.ts";
import { type Answer, problemAnswer, type Request, toRequest } from "./http.ts";
import { createLedger } from "./ledger.ts";
import { createLog, type Log, traceOf } from "./log.ts";
import { findOrThrow, list, operate } from "./operate.ts";
import { Problem } from "./problem.ts";
import { createQueue } from "./queue.ts";
import { postReply } from "./reply.ts";
import { isUnderWay, type Resignation } from "./resignation.ts";
import { type CachedSecret, cachedSecret, type KeyRing, parseKeys } from "./secrets.ts";
import { type Notice, type Received, routes, type Source } from "./sources/index.ts";

export interface WebhookParts extends AcceptParts {
  readonly keys: CachedSecret<KeyRing>;
  readonly settings: RuntimeSettings;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** HTTP in: route → source → accept → answer. */
export function createWebhook(parts: WebhookParts) {
  const { ledger, keys, settings, log, now, sleep } = parts;

  return middy({
    timeoutEarlyInMillis: 500,
    timeoutEarlyResponse: () => problemAnswer(new Problem("unavailable")),
  })
    .use({
      onError: (request) => {
        const { event, error } = request as { event: APIGatewayProxyEventV2; error: unknown };
        request.response = answerError(error, event.routeKey, log);
      },
    })
    .handler(async (event: APIGatewayProxyEventV2) => {
      const request = toRequest(event);
      const source = routes.get(request.route);
      if (!source) throw new Problem("not_found");
      const received = await receive(source, request);
      try {
        return await respond(received);
      } catch (error) {
        const onProblem = "onProblem" in received ? received.onProblem : undefined;
        if (error instanceof Problem && onProblem) return onProblem(error);
        throw error;
      }
    });

  /** Where a proof fails or keys are missing, they may have just been changed: reads them afresh, once. */
  async function receive(source: Source, request: Request): Promise<Received> {
    const ring = await keys.read();
    try {
      return receiveWith(ring, source, request);
    } catch (error) {
      const mayBeOldKeys = error instanceof Problem && keyProblems.has(error.code);
      if (!mayBeOldKeys || !(await keys.refresh())) throw error;
      return receiveWith(await keys.read(), source, request);
    }
  }

  function receiveWith(ring: KeyRing, source: Source, request: Request): Received {
    const section = ring[source.section];
    const receiveRequest = source.routes[request.route];
    if (!section || !receiveRequest) throw new Problem("not_found");
    if ("wrong" in section) {
      throw new Problem("keys_not_filled_in", {
        reason: `The webhook keys are not filled in: ${section.wrong}`,
      });
    }
    return receiveRequest(request, { keys: section.keys, settings, now: now() });
  }

  async function respond(received: Received): Promise<Answer> {
    switch (received.kind) {
      case "answer":
        tell(received.notices);
        return received.answer;
      case "departures": {
        const taken = await Promise.all(received.departures.map((departure) => accept(parts, departure)));
        await Promise.all((received.returns ?? []).map((back) => callOff(parts, back)));
        tell(received.notices);
        return received.answer(await Promise.all(taken.map((one) => outcomeOf(one, received.waitSeconds ?? 0))));
      }
      case "find":
        return received.answer(await findOrThrow(ledger, received.id));
      case "list":
        return list(ledger, { ...received.query, now: now() }, received.cursor).then(({ items, nextCursor }) =>
          received.answer(items, nextCursor),
        );
      case "act":
        return received.answer(await actAndTell(received));
      case "ask":
        await ledger.enterInquiry(received.inquiry);
        await parts.queue.send(received.inquiry.id);
        return received.answer;
      case "settle":
        await settleInquiry(parts, received);
        return received.answer;
    }
  }

  async function actAndTell({ act, reply }: Extract<Received, { kind: "act" }>): Promise<Resignation> {
    try {
      const changed = await operate(parts, act);
      if (reply) await postReply(parts, reply.url, reply.message(changed));
      return changed;
    } catch (error) {
      if (reply && error instanceof Problem) await postReply(parts, reply.url, reply.problem(error));
      throw error;
    }
  }

  /** The resignation as it is when something came of it, or when the time is over. */
  async function outcomeOf(taken: Resignation, waitSeconds: number): Promise<Resignation> {
    const until = now().getTime() + waitSeconds * 1000;
    let latest = taken;
    while (isUnderWay(latest) && now().getTime() < until) {
      await sleep(200);
      latest = (await ledger.get(taken.id)) ?? latest;
    }
    return latest;
  }

  function tell(notices: readonly Notice[] = []): void {
    for (const { metric, message, facts, level = "ERROR" } of notices) log.count(metric, message, facts, level);
  }
}

const keyProblems: ReadonlySet<string> = new Set(["unauthorized", "not_found", "keys_not_filled_in"]);

/** The one place where an error becomes an answer. What nobody expected is a 503: the sender comes again. */
function answerError(error: unknown, route: string, log: Log): Answer {
  if (!(error instanceof Problem)) {
    log.count("Unavailable", "A request could not be served", { route, ...traceOf(error) }, "ERROR");
    return problemAnswer(new Problem("unavailable"));
  }
  const facts = { route, code: error.code, reason: error.reason ?? error.detail };
  if (error.code === "unauthorized") log.count("Refused", "A request could not be verified", facts, "WARN");
  else if (error.code === "keys_not_filled_in") log.count("KeysNotFilledIn", "A source is not set up", facts, "ERROR");
  else if (error.code === "malformed") log.count("Malformed", "A verified request could not be read", facts, "ERROR");
  else log.info("A request was turned away", facts);
  return problemAnswer(error);
}

/** Builds the function from its environment. */
export function connectWebhook(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const now = () => new Date();
  const sqs = new SQSClient(clientConfig("webhook"));
  return createWebhook({
    ledger: createLedger({
      client: new DynamoDBClient(clientConfig("webhook")),
      table: readVariable(environment, "ledgerTable"),
    }),
    queue: createQueue({ client: sqs, url: readVariable(environment, "queueUrl") }),
    keys: cachedSecret({
      client: new SecretsManagerClient(clientConfig("webhook")),
      secretId: readVariable(environment, "keysSecretId"),
      parse: parseKeys,
      now,
    }),
    settings: readSettings(environment),
    log: createLog("webhook", writeLog),
    now,
    sleep: wait,
  });
}

let connected: ReturnType<typeof connectWebhook> | undefined;

/** What Lambda calls. */
export const handler = (event: APIGatewayProxyEventV2, context: Context): Promise<Answer> => {
  connected ??= connectWebhook(process.env);
  return connected(event, context);
};
