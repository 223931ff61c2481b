import type { Outcome } from "../genauth/genauth.ts";
import { later } from "../resignation/moment.ts";
import { type Resignation, sweepAfterSeconds } from "../resignation/resignation.ts";
import { isFinal } from "../resignation/status.ts";
import { ageMs, ageStart } from "./gates.ts";
import { codesOf, type createRecords } from "./record.ts";
import { hasRunOut, retryDelaySeconds } from "./retry.ts";
import { verdictOf } from "./returns.ts";
import type { Next, TurnParts } from "./turn.ts";

export type Retries = ReturnType<typeof createRetries>;

/** After so many tries people are told that access could not be given back, and `NotGivenBack` is counted, for the alarm. */
const waitsUntilTold = 3;

/** What becomes of a departure that could not be finished now. */
export function createRetries(parts: TurnParts & { readonly records: ReturnType<typeof createRecords> }) {
  const { ledger, queue, settings, log, now, random, records } = parts;
  const { write, deliver } = records;

  return { retry, waitForAnswer, fail, comeBack, keepReturnPlace };

  /**
   * Schedules the next try, after GenAuth did not answer. A departure that is called off is tried for ever; any other
   * has `failed` when `retry.giveUpAfterSeconds` are over, but never while all is stopped.
   */
  async function retry(departure: Resignation, outcome: Outcome<unknown>): Promise<Next> {
    const { id, status } = departure;
    countTry(id, outcome);
    const isOpen = status === "accepted" || status === "resigning" || status === "suspended" || status === "scheduled";
    const stop = await ledger.readStop();
    if (isOpen && !stop.isStopped && hasRunOut(departure, settings.retry.giveUpAfterSeconds, now(), stop)) {
      const { returns } = await ledger.getRelation(departure.userId);
      if (verdictOf(departure, returns) !== "own") return fail(departure, outcome, "Gave up trying");
    }
    const attempts = departure.attempts + 1;
    const delay = retryDelaySeconds(attempts, settings.retry, random(), retryAfterOf(outcome));
    const leftSeconds = settings.retry.giveUpAfterSeconds - ageMs(departure, now(), stop) / 1_000;
    // The last try comes before the time is over. A departure that is called off has no such time.
    const inSeconds = leftSeconds > 0 ? Math.min(delay, Math.ceil(leftSeconds) + 1) : delay;
    // The first turn after the moment was in time: an outage of GenAuth makes no departure stale.
    const isInTime = ageMs(departure, now(), stop) <= settings.maxEventAgeSeconds * 1_000;
    const ageJudgedFor = isInTime ? ageOf(departure) : departure.ageJudgedFor;
    // A finished departure keeps GenAuth's answer to the resignation itself.
    if (isFinal(departure)) return comeBack(departure, inSeconds);
    const waited = isInTime && stop.isStopped ? { stoppedUntil: now().toISOString() } : {};
    return comeBack(departure, inSeconds, { attempts, genauth: outcome.answer, ageJudgedFor, ...waited });
  }

  /** Schedules the next try to give access back or to settle a doubt: for ever; people are told at the third try. */
  async function waitForAnswer(departure: Resignation, why: string, outcome?: Outcome<unknown>): Promise<Next> {
    const { id, source, waits = 0 } = departure;
    if (outcome) countTry(id, outcome);
    const tries = waits + 1;
    const inSeconds = retryDelaySeconds(tries, settings.retry, random(), outcome && retryAfterOf(outcome));
    if (tries >= waitsUntilTold) log.count("NotGivenBack", why, { id, source }, "ERROR");
    const tell = tries === waitsUntilTold ? ("not_given_back" as const) : undefined;
    return comeBack(departure, inSeconds, { waits: tries }, tell && { by: "resigner", why, tell });
  }

  /** Writes the same status with the time of the next try; `resigning` goes back to `accepted`. */
  async function comeBack(
    departure: Resignation,
    inSeconds: number,
    changes: object = {},
    step?: { by: string; why: string; tell: "not_given_back" },
  ): Promise<Next> {
    const status = departure.status === "resigning" ? "accepted" : departure.status;
    const times = { retryAt: later(now(), inSeconds), dueAt: later(now(), inSeconds + sweepAfterSeconds) };
    const saved = await write(departure, status, { ...departure, ...changes, ...times } as never, step);
    if (saved && step) await deliver(saved);
    return saved ? { inSeconds } : { inSeconds: 1 };
  }

  async function fail(departure: Resignation, { answer }: Outcome<unknown>, why: string): Promise<Next> {
    const { id, source, attempts } = departure;
    await queue.bury(id);
    const fields = { genauth: answer, attempts: attempts + 1 };
    const failed = await write(departure, "failed", fields, { by: "resigner", why, tell: "failed" });
    const { statusCode, apiCode } = answer;
    log.count("Failed", why, { id, source, statusCode, apiCode }, "ERROR");
    if (failed) await deliver(failed);
    return "done";
  }

  /** Writes down the place at the returns' brake, so that further tries take no second one. */
  async function keepReturnPlace(departure: Resignation): Promise<Resignation | undefined> {
    const stored = await ledger.get(departure.id);
    if (!departure.hasReturnPlace || stored?.hasReturnPlace) return departure;
    return write(departure, departure.status, { ...departure } as never);
  }

  function countTry(id: string, outcome: Outcome<unknown>): void {
    const facts = { id, ...codesOf(outcome) };
    if (outcome.kind === "token_refused") {
      log.count("TokenRefused", "GenAuth refused the token: renew the secret", facts, "ERROR");
    } else log.count("Retried", "GenAuth did not do it now; it is tried again", facts, "WARN");
  }
}

const retryAfterOf = (outcome: Outcome<unknown>) => (outcome.kind === "busy" ? outcome.retryAfterSeconds : undefined);

/** The moment for which a departure's age is judged. */
const ageOf = (departure: Resignation) => new Date(ageStart(departure)).toISOString();
