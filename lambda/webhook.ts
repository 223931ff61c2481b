import middy from "@middy/core";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { atFirstCall, connectGround, connectQueue, connectSecret, connectTable, type Site } from "./aws/connect.ts";
import { createLedger } from "./aws/ledger.ts";
import type { CachedSecret } from "./aws/secret.ts";
import { answerError, maxEventBytes, problemAnswer, type Request, toRequest } from "./http.ts";
import { createKeysWatch } from "./intake/keys-watch.ts";
import { createHearing, talkative } from "./intake/pulse.ts";
import { createQuarantine, type Quarantine } from "./intake/quarantine.ts";
import { receive } from "./intake/receive.ts";
import { createRespond, type RespondParts } from "./intake/respond.ts";
import { traceOf } from "./log.ts";
import { Problem, unreadable } from "./problem.ts";
import * as settingsOf from "./settings-of.ts";
import { routes, type Source } from "./sources/index.ts";
import { type KeyRing, parseKeys } from "./sources/keys.ts";

export interface WebhookParts extends RespondParts {
  readonly keys: CachedSecret<KeyRing>;
  readonly quarantine: Pick<Quarantine, "keepRefused" | "keepAuthentic">;
}

/** HTTP in: route → source → accept → answer. */
export function createWebhook(parts: WebhookParts) {
  const { keys, quarantine, log, sleep } = parts;
  const { respond, passOn } = createRespond(parts);
  const { hear, refusals } = createHearing(parts);
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
        .catch(async (given) => {
          const error = isStranger(source, request, given) ? unreadable(given.reason ?? "no proof") : given;
          await keepRefused(source, request, error);
          throw error;
        })
        .finally(async () => watchKeys(await keys.read(), source.section));
      const isUrlCheck = received.kind === "answer" && received.isUrlCheck === true;
      const isNoLife = received.kind === "answer" && received.isNoLife === true;
      const noted = isNoLife
        ? undefined
        : inTime(sideNoteMs, async () => hear(source.section, await keys.read(), isUrlCheck));
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
    // What is too large comes without its body, and with it may be without its proof.
    if (error.code !== "too_large" && !source.hasProof(request)) return;
    const reason = error.code === "unauthorized" ? (error.reason ?? "") : error.code;
    await inTime(refusedNoteMs, async () => {
      const facts = { source: source.section, reason };
      const [isKept, hasStarted] = await Promise.all([
        quarantine.keepRefused(source, request, reason),
        error.code === "unauthorized" && refusals.note(source.section),
      ]);
      if (!isKept) log.warn("A refused request was one too many to be kept", facts);
      if (hasStarted) {
        const message = "A source that is usually heard was refused three times in a row; was a key changed?";
        log.count("StartedFailing", message, facts, "ERROR");
      }
    });
  }

  /** Waits no longer than a sender can; what fails here is told in the log. */
  async function inTime(ms: number, act: () => Promise<void>): Promise<void> {
    const done = act().catch((error) => log.error("A note could not be written", traceOf(error)));
    await Promise.race([done, sleep(ms)]);
  }
}

/** Refused, and without so much as the fields of a proof: junk, that looks to its sender like any other refusal. */
const isStranger = (source: Source, request: Request, error: unknown): error is Problem =>
  error instanceof Problem && error.code === "unauthorized" && !source.hasProof(request);

/** Other keys, none that are wrong, or more room may make an event of these. */
const keptProblems: ReadonlySet<string> = new Set(["unauthorized", "keys_not_filled_in", "too_large"]);

/** What notes on the side may add to an answer. */
const sideNoteMs = 300;

/** Who is refused can wait: what may be a departure is kept first, and no sender gives up within a second. */
const refusedNoteMs = 1_000;

/** Builds the function from its environment. */
export function connectWebhook(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const site: Site = { name: "webhook", environment };
  const ground = connectGround(site, settingsOf.webhook, writeLog);
  return createWebhook({
    ...ground,
    ledger: createLedger(connectTable(site, "LEDGER_TABLE")),
    quarantine: createQuarantine({ ...ground, ...connectTable(site, "QUARANTINE_TABLE") }),
    queue: connectQueue(site, "QUEUE_URL"),
    forwards: environment.FORWARDS_URL ? connectQueue(site, "FORWARDS_URL") : undefined,
    keys: connectSecret(site, "KEYS_SECRET_ID", parseKeys),
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectWebhook(process.env));
