import { setTimeout as wait } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import middy from "@middy/core";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { type AcceptParts, accept, noteReturn, settleInquiry } from "./accept.ts";
import { putBrakeOn } from "./departure/brake.ts";
import {
  atFirstCall,
  clientConfig,
  type RuntimeSettings,
  readSettings,
  readVariable,
  variables,
} from "./environment.ts";
import { toForward } from "./forward.ts";
import { type Answer, answerError, maxEventBytes, problemAnswer, type Request, toRequest } from "./http.ts";
import { createLedger } from "./ledger.ts";
import { createHearing, createKeysWatch, startsToFail, talkative } from "./life.ts";
import { countUnreadable, createLog, traceOf } from "./log.ts";
import { findOrThrow, list, operate } from "./operate.ts";
import { Problem } from "./problem.ts";
import { createQuarantine, type Quarantine } from "./quarantine.ts";
import { createQueue, type Queue } from "./queue.ts";
import { receive } from "./receive.ts";
import { postReply } from "./reply.ts";
import { isUnderWay, type Resignation } from "./resignation.ts";
import { type CachedSecret, cachedSecret, type KeyRing, parseKeys } from "./secrets.ts";
import { type Notice, type Received, routes, type Source } from "./sources/index.ts";

export interface WebhookParts extends AcceptParts {
  readonly keys: CachedSecret<KeyRing>;
  readonly quarantine: Pick<Quarantine, "keepRefused" | "keepAuthentic">;
  /** Where a source's second listener is served from; absent where there is none. */
  readonly forwards: Pick<Queue, "sendInOrder"> | undefined;
  readonly settings: RuntimeSettings;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** HTTP in: route → source → accept → answer. */
export function createWebhook(parts: WebhookParts) {
  const { ledger, keys, quarantine, forwards, settings, log, now, sleep } = parts;
  const hear = createHearing(parts);
  const watchKeys = createKeysWatch(parts);

  return middy({
    timeoutEarlyInMillis: 500,
    timeoutEarlyResponse: () => problemAnswer(new Problem("unavailable")),
  })
    .use({
      onError: (request) => {
        const { event, error } = request as { event: APIGatewayProxyEventV2; error: unknown };
        request.response = answerError(error, event, routes.get(event.routeKey)?.section, log);
      },
    })
    .handler(async (event: APIGatewayProxyEventV2) => {
      const source = routes.get(event.routeKey);
      if (!source) throw new Problem("not_found");
      const request = await readWhole(source, event);
      const received = await receive(parts, source, request)
        .catch(async (error) => {
          await keepRefused(source, request, error);
          throw error;
        })
        .finally(async () => watchKeys(await keys.read()));
      const isUrlCheck = received.kind === "answer" && received.isUrlCheck === true;
      const isUnproven = received.kind === "answer" && received.isUnproven === true;
      const noted = isUnproven ? undefined : inTime(async () => hear(source.section, await keys.read(), isUrlCheck));
      try {
        const answer = await respond(received, source, request);
        // After our own is durable. Where this fails the sender comes again, and both hear it.
        if (!isUrlCheck) await passOn(source, request);
        return answer;
      } catch (error) {
        const onProblem = "onProblem" in received ? received.onProblem : undefined;
        if (error instanceof Problem && onProblem) return onProblem(error);
        throw error;
      } finally {
        await noted;
      }
    });

  /** A sender's event may be as large as the gateway takes. One that is larger is kept without its body, and told. */
  async function readWhole(source: Source, event: APIGatewayProxyEventV2): Promise<Request> {
    const isSender = source.kept?.route === event.routeKey && talkative.some((name) => name === source.section);
    try {
      return toRequest(event, isSender ? maxEventBytes : undefined);
    } catch (error) {
      if (isSender) {
        const facts = { source: source.section };
        log.count("TooLarge", "A sender's request is too large: a departure may be in it", facts, "ERROR");
        await keepRefused(source, toRequest({ ...event, body: "" }), error);
      }
      throw error;
    }
  }

  /** Keeps what was refused, if other keys may make a proof of it. In time, or not at all: the sender waits. */
  async function keepRefused(source: Source, request: Request, error: unknown): Promise<void> {
    if (!(error instanceof Problem) || source.kept?.route !== request.route) return;
    // Whoever orders by hand sees the 400; Lark's own event would be gone after its last try.
    if (error.code === "malformed" && source.section === "lark") {
      await quarantine.keepAuthentic(source, request, error.code);
      await passOn(source, request);
    }
    if (!keptProblems.has(error.code) || error.isHopeless) return;
    const reason = error.code === "unauthorized" ? (error.reason ?? "") : error.code;
    await inTime(async () => {
      const nthOfHour = await quarantine.keepRefused(source, request, reason);
      const facts = { source: source.section, reason };
      if (nthOfHour === undefined) log.warn("A refused request was one too many to be kept", facts);
      if (error.code !== "too_large" && (await startsToFail(parts, source.section, nthOfHour))) {
        const message = "A source that worked until lately is refused: its keys were changed in its console";
        log.count("StartedFailing", message, facts, "ERROR");
      }
    });
  }

  /** Queues a verified request for the second listener of its source, where there is one. */
  async function passOn({ section }: Source, request: Request): Promise<void> {
    if ((section !== "lark" && section !== "wechatwork") || !settings[section].forwardTo) return;
    const message = JSON.stringify(toForward(section, request, now()));
    if (message.length < maxMessageBytes) await forwards?.sendInOrder(message, section);
    else log.count("ForwardFailed", "A request is too large to be passed on", { source: section }, "ERROR");
  }

  /** Waits no longer than a sender can; what fails here is told in the log. */
  async function inTime(act: () => Promise<void>): Promise<void> {
    const done = act().catch((error) => log.error("A note could not be written", traceOf(error)));
    await Promise.race([done, sleep(sideNoteMs)]);
  }

  async function respond(received: Received, source: Source, request: Request): Promise<Answer> {
    switch (received.kind) {
      case "answer":
        tell(received.notices);
        if (received.keepAs) await quarantine.keepAuthentic(source, request, received.keepAs);
        if (received.renamed) await ledger.noteRename(received.renamed.former, received.renamed.next, now());
        if (received.brakeOn) await putBrakeOn(parts, received.brakeOn);
        if (received.reply) await postReply(parts, received.reply.url, received.reply.message);
        return received.answer;
      case "departures": {
        await Promise.all((received.returns ?? []).map((back) => noteReturn(parts, back)));
        const taken = await Promise.all(received.departures.map((departure) => accept(parts, departure)));
        if (received.renamed) await ledger.noteRename(received.renamed.former, received.renamed.next, now());
        tell(received.notices);
        return received.answer(await Promise.all(taken.map((one) => outcomeOf(one, received.waitSeconds ?? 0))));
      }
      case "find":
        return received.answer(await findOrThrow(ledger, received.id));
      case "list":
        return listReadable(received);
      case "act":
        return received.answer(await actAndTell(received));
      case "ask":
        await ledger.enterInquiry(received.inquiry);
        await parts.queue.send(received.inquiry.id);
        return received.answer;
      case "settle":
        if (!(await settleInquiry(parts, received))) await postReply(parts, received.replyUrl, received.settledBefore);
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

  async function listReadable({ query, cursor, answer }: Extract<Received, { kind: "list" }>): Promise<Answer> {
    const { items, nextCursor, unreadable } = await list(ledger, { ...query, now: now() }, cursor);
    for (const id of unreadable) countUnreadable(log, id);
    return answer(items, nextCursor, unreadable);
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

/** Other keys, none that are wrong, or more room may make an event of these. */
const keptProblems: ReadonlySet<string> = new Set(["unauthorized", "keys_not_filled_in", "too_large"]);

/** SQS took no longer message for many years. */
const maxMessageBytes = 256 * 1024;

/** What notes on the side may add to an answer. */
const sideNoteMs = 300;

/** Builds the function from its environment. */
export function connectWebhook(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const now = () => new Date();
  const client = new DynamoDBClient(clientConfig("webhook"));
  const sqs = new SQSClient(clientConfig("webhook"));
  return createWebhook({
    ledger: createLedger({ client, table: readVariable(environment, "ledgerTable") }),
    quarantine: createQuarantine({
      client,
      table: readVariable(environment, "quarantineTable"),
      now,
      random: Math.random,
    }),
    queue: createQueue({ client: sqs, url: readVariable(environment, "queueUrl") }),
    forwards: environment[variables.forwardsUrl]
      ? createQueue({ client: sqs, url: readVariable(environment, "forwardsUrl") })
      : undefined,
    keys: cachedSecret({
      client: new SecretsManagerClient(clientConfig("webhook")),
      secretId: readVariable(environment, "keysSecretId"),
      parse: parseKeys,
      now,
    }),
    settings: readSettings(environment),
    log: createLog("webhook", writeLog),
    now,
    random: Math.random,
    sleep: wait,
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectWebhook(process.env));
