import middy from "@middy/core";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import type * as z from "zod/mini";
import { connectGround, connectQueue, connectSecret, connectTable, type Site } from "../aws/connect.ts";
import { type Answer, answerError, maxEventBytes, problemAnswer, type Request, toRequest } from "../http.ts";
import { createLedger, type Ledger } from "../ledger.ts";
import { traceOf } from "../log.ts";
import { hopeless, Problem } from "../problem.ts";
import { parseKeys } from "../sources/index.ts";
import { type Source, verified } from "../sources/source.ts";
import { createKeysWatch } from "./keys-watch.ts";
import { type PassOnParts, passOn } from "./pass-on.ts";
import { createHearing } from "./pulse.ts";
import { createQuarantine, type Quarantine } from "./quarantine.ts";
import { type ReceiveParts, receive } from "./receive.ts";

export interface FrontParts<S> extends ReceiveParts<S>, Omit<PassOnParts, "settings"> {
  readonly ledger: Pick<Ledger, "readPulse" | "notePulse" | "noteRefusal" | "noteUrlCheck">;
  readonly quarantine: Pick<Quarantine, "keepRefused" | "keepAuthentic">;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** What a verified request means for its source's pulse: a sign of life, one that can be replayed, or none. */
export type Sign = "heard" | "url_check" | "none";

/**
 * What a function behind API Gateway does around its own work: finds the route's source, verifies the request, notes
 * that the source was heard, keeps a refused request that may be a departure, and turns every error into an answer.
 */
export function createFront<R, S extends PassOnParts["settings"]>(
  parts: FrontParts<S>,
  work: {
    readonly routes: ReadonlyMap<string, Source<R, S>>;
    readonly signIn: (said: R) => Sign;
    readonly answer: (said: R, source: Source<R, S>, request: Request) => Promise<Answer>;
  },
) {
  const { keys, quarantine, log, sleep } = parts;
  const { noteHeard, refusals } = createHearing(parts);
  const watchKeys = createKeysWatch(parts);

  return middy({
    timeoutEarlyInMillis: 500,
    timeoutEarlyResponse: () => problemAnswer(new Problem("unavailable")),
  })
    .use({
      onError: (request) => {
        const { event, error } = request as { event: APIGatewayProxyEventV2; error: unknown };
        request.response = answerError(error, event, work.routes.get(event.routeKey)?.section, log);
      },
    })
    .handler(async (event: APIGatewayProxyEventV2) => {
      const source = work.routes.get(event.routeKey);
      // While a version deploys, a route may still lead to the function that had it before: the sender is to come again.
      if (!source) throw new Problem("unavailable");
      const request = await readWhole(source, event);
      const unsigned = source.answerUnsigned?.(request);
      if (unsigned) return answerWhereOn(source, request, unsigned);
      const said = await receive(parts, source, request)
        .catch(async (given) => {
          const error = isStranger(source, request, given) ? hopeless(given.reason ?? "no proof") : given;
          await keepRefused(source, request, error);
          throw error;
        })
        .finally(async () => watchKeys(await keys.read(), source.section));
      const sign = work.signIn(said);
      const noted =
        sign !== "none" &&
        inTime(sideNoteMs, async () => noteHeard(source.section, await keys.read(), sign === "url_check"));
      try {
        return await work.answer(said, source, request);
      } finally {
        await noted;
      }
    });

  /** Answers if the source's keys are there; otherwise the request is refused like any other to it. */
  function answerWhereOn(source: Source<R, S>, request: Request, unsigned: Answer): Promise<Answer> {
    const route = verified({ verify: () => unsigned, read: (answer) => answer });
    return receive(parts, { ...source, routes: { [request.route]: route } }, request);
  }

  /** A sender's event may be as large as the gateway takes. One that is larger is kept without its body, and told. */
  async function readWhole(source: Source<R, S>, event: APIGatewayProxyEventV2): Promise<Request> {
    const isSender = source.kept?.route === event.routeKey && source.tellsEverything === true;
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

  /** Keeps a refused request if corrected keys could verify it; gives up in time, since the sender waits. */
  async function keepRefused(source: Source<R, S>, request: Request, error: unknown): Promise<void> {
    if (!(error instanceof Problem) || source.kept?.route !== request.route) return;
    // The caller of an order sees the 400. A directory's event would be lost after its last try.
    if (error.code === "malformed" && source.tellsEverything) {
      await quarantine.keepAuthentic(source, request, error.code);
      await passOn(parts, source, request);
    }
    if (!keptProblems.has(error.code) || error.isHopeless) return;
    // A request that is too large has no body here, and so perhaps no proof.
    if (error.code !== "too_large" && !source.hasProof(request)) return;
    const reason = error.code === "unauthorized" ? (error.reason ?? "") : error.code;
    await inTime(refusedNoteMs, async () => {
      const facts = { source: source.section, reason };
      const [isKept, hasStarted] = await Promise.all([
        quarantine.keepRefused(source, request, reason),
        error.code === "unauthorized" && refusals.note(source.section),
      ]);
      if (!isKept) log.warn("A refused request was not kept: there is no place for it", facts);
      if (hasStarted) {
        const message = "A source that is usually heard was refused three times in a row; was a key changed?";
        log.count("StartedFailing", message, facts, "ERROR");
      }
    });
  }

  /** Waits for a note no longer than a sender waits; a failure is logged and changes no answer. */
  async function inTime(ms: number, act: () => Promise<void>): Promise<void> {
    const done = act().catch((error) => log.error("A pulse or a refusal could not be written down", traceOf(error)));
    await Promise.race([done, sleep(ms)]);
  }
}

/** The connections of such a function, made from its environment. */
export function connectFront<Part extends z.ZodMiniType>(
  site: Site,
  part: () => Part,
  writeLog?: (line: string) => void,
) {
  const ground = connectGround(site, part, writeLog);
  return {
    ...ground,
    ledger: createLedger(connectTable(site, "LEDGER_TABLE")),
    quarantine: createQuarantine({ ...ground, ...connectTable(site, "QUARANTINE_TABLE") }),
    queue: connectQueue(site, "QUEUE_URL"),
    forwards: site.environment.FORWARDS_URL ? connectQueue(site, "FORWARDS_URL") : undefined,
    keys: connectSecret(site, "KEYS_SECRET_ID", parseKeys),
  };
}

/** Refused, and without the fields of a proof: junk. Its sender sees the same answer as for any refusal. */
const isStranger = (source: Pick<Source, "hasProof">, request: Request, error: unknown): error is Problem =>
  error instanceof Problem && error.code === "unauthorized" && !source.hasProof(request);

/** Refusals that corrected keys, or more room, could turn into a valid event: kept in the quarantine. */
const keptProblems: ReadonlySet<string> = new Set(["unauthorized", "keys_not_filled_in", "too_large"]);

/** Longest that noting the pulse may delay an answer. */
const sideNoteMs = 300;

/** Longest that keeping a refusal may delay its answer: no sender gives up within a second. */
const refusedNoteMs = 1_000;
