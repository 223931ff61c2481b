import type { RuntimeSettings } from "./environment.ts";
import { type GenAuth, type Outcome, resignUserPath } from "./genauth.ts";
import { type Decision, hasRunOut, retryDelaySeconds } from "./guard.ts";
import type { Ledger, News } from "./ledger.ts";
import { type Log, traceOf } from "./log.ts";
import type { Notice } from "./notices.ts";
import type { Queue } from "./queue.ts";
import { type GenAuthAnswer, later, moveTo, type Resignation, sweepAfterSeconds } from "./resignation.ts";

export interface OutcomeParts {
  readonly ledger: Ledger;
  readonly queue: Pick<Queue, "bury">;
  readonly notices: Pick<Queue, "send">;
  readonly genauth: GenAuth;
  readonly settings: RuntimeSettings;
  readonly log: Log;
  readonly now: () => Date;
  readonly random: () => number;
}

/** A resignation whose lease we hold. */
export type Claimed = Extract<Resignation, { status: "resigning" }>;

/** Our turn with a person: ours alone until the lease runs out or is laid down. */
export interface Turn {
  readonly owner: string;
  readonly until: string;
  /** Lays the lease down, once. */
  readonly leave: (news?: News) => Promise<void>;
}

/** What is to become of the message: gone, or back in so many seconds. */
export type Next = "done" | { inSeconds: number };

/** Writes down what came of a turn with a person, and tells whoever has to hear of it. */
export function createOutcomes(parts: OutcomeParts) {
  const { ledger, queue, notices, genauth, settings, log, now, random } = parts;

  return { settle, hold, skip, record, endSessions, notify };

  /** Writes down what came of a call to GenAuth. */
  async function settle(claimed: Claimed, outcome: Outcome<unknown>, turn: Turn): Promise<Next> {
    const { id } = claimed;
    const { answer } = outcome;
    switch (outcome.kind) {
      case "done":
        return succeed(claimed, outcome, turn);
      case "not_found":
        return miss(claimed, answer);
      case "refused": {
        const isResigned = await isResignedAlready(claimed);
        return isResigned ? succeed(claimed, outcome, turn) : fail(claimed, outcome, "GenAuth refused it for good");
      }
      case "token_refused":
        log.count("TokenRefused", "GenAuth refused the token: renew the secret", { id, ...codesOf(outcome) }, "ERROR");
        return retry(claimed, outcome, turn);
      case "busy":
        log.count("Retried", "GenAuth could not do it now", { id, ...codesOf(outcome) }, "WARN");
        return retry(claimed, outcome, turn);
    }
  }

  /** The person first: whoever takes their other departure must find that this one was carried out. */
  async function succeed(claimed: Claimed, { answer }: Outcome<unknown>, turn: Turn): Promise<Next> {
    const at = now().toISOString();
    await turn.leave({ by: claimed.id, at });
    const resigned = await record(claimed, "resigned", { resignedAt: at, genauth: answer }, answer.message);
    // Whoever wrote in between looks before they call, and finds the person resigned.
    if (!resigned) return "done";
    const sinceEventSeconds = Math.round((Date.parse(at) - Date.parse(claimed.occurredAt)) / 1000);
    log.count("Resigned", "A person was resigned", { id: claimed.id, source: claimed.source, sinceEventSeconds });
    log.measure("SinceEventSeconds", sinceEventSeconds, { id: claimed.id });
    await notify({ about: "resigned", id: claimed.id });
    await afterwards(resigned);
    await ledger.countMisses(claimed.source, false);
    return "done";
  }

  /** GenAuth knows nobody by this id: perhaps by the one that they had before, or the ids are of the wrong kind. */
  async function miss(claimed: Claimed, answer: GenAuthAnswer): Promise<Next> {
    const { id, source, userId, released } = claimed;
    const former = released ? undefined : await ledger.formerId(userId);
    if (former !== undefined) {
      const why = `GenAuth knows nobody as ${userId}, who was ${former} before: if that is the person, order their resignation, and cancel this one`;
      return hold(claimed, { kind: "hold", heldFor: "stale", why });
    }
    await record(claimed, "not_found", { genauth: answer }, "GenAuth knows nobody by this sync relation");
    log.count("NotFound", "GenAuth knows nobody by this sync relation", { id, source }, "WARN");
    const inARow = await ledger.countMisses(source, true);
    if (inARow >= settings.notFoundInARow) {
      const message = "GenAuth knew nobody for several departures in a row: are the source's ids those that it stored?";
      log.count("WrongMapping", message, { source, inARow }, "ERROR");
    }
    return "done";
  }

  /** Nothing of this can undo the outcome, which is written down by now. */
  async function afterwards(resigned: Extract<Resignation, { status: "resigned" }>): Promise<void> {
    if (!resigned.grace) await endSessions(resigned);
    if (!settings.lookUp) return;
    const looked = await genauth.look(resigned.userId);
    const isConfirmed = looked.kind === "done" && looked.data.status === "Resigned";
    if (isConfirmed) {
      const { resignedAt } = resigned;
      await ledger.save(moveTo(resigned, "resigned", { resignedAt, confirmedAt: now().toISOString() }));
      return;
    }
    const facts = { id: resigned.id, looked: looked.kind };
    log.count("Unconfirmed", "GenAuth does not show the person as resigned", facts, "ERROR");
  }

  async function endSessions({ id, userId }: Resignation): Promise<Outcome<unknown> | undefined> {
    if (settings.endSessionsIn.length === 0) return undefined;
    const outcome = await genauth.endSessions(userId, settings.endSessionsIn);
    if (outcome.kind !== "done") log.error("The person's sessions could not be ended", { id, outcome: outcome.kind });
    return outcome;
  }

  /** The same again later; back to the safe state in between, which for the suspended is to stay so. */
  async function retry(claimed: Claimed, outcome: Outcome<unknown>, turn: Turn): Promise<Next> {
    if (hasRunOut(claimed, settings.retry.giveUpAfterSeconds, now())) return fail(claimed, outcome, "Gave up trying");
    const attempts = claimed.attempts + 1;
    const inSeconds = retryDelaySeconds(attempts, settings.retry, random(), readRetryAfter(outcome));
    const inDoubt = claimed.inDoubt === true || (outcome.kind === "busy" && outcome.inDoubt);
    if (inDoubt) await turn.leave("in doubt");
    const retryAt = later(now(), inSeconds);
    const dueAt = later(now(), inSeconds + sweepAfterSeconds);
    const fields = { attempts, inDoubt, retryAt, dueAt, genauth: outcome.answer };
    await ledger.save(moveTo(claimed, claimed.grace ? "suspended" : "accepted", fields), claimed.lease.owner);
    return { inSeconds };
  }

  async function fail(claimed: Claimed, { answer }: Outcome<unknown>, why: string): Promise<Next> {
    await queue.bury(claimed.id);
    await record(claimed, "failed", { genauth: answer }, why);
    await notify({ about: "failed", id: claimed.id, why });
    log.count(
      "Failed",
      why,
      { id: claimed.id, source: claimed.source, statusCode: answer.statusCode, apiCode: answer.apiCode },
      "ERROR",
    );
    return "done";
  }

  async function hold(
    claimed: Claimed,
    decision: Extract<Decision, { kind: "hold" }>,
    brakeId?: string,
  ): Promise<Next> {
    const { heldFor, why } = decision;
    const step = { at: now(), by: "guard", why };
    const wouldSend = { path: resignUserPath, userId: claimed.userId, userIdType: "sync_relation" };
    const fields = { heldFor, ...(brakeId && { brakeId }), ...(heldFor === "dry_run" && { wouldSend }) };
    await ledger.save(moveTo(claimed, "held", fields, step), claimed.lease.owner);
    // Of a brake event people hear once.
    if (heldFor !== "brake") await notify({ about: "held", id: claimed.id, why });
    log.count(
      "Held",
      "A resignation waits for an operator",
      { id: claimed.id, source: claimed.source, heldFor },
      "WARN",
    );
    return "done";
  }

  async function skip(resignation: Resignation, duplicateOf: string): Promise<Next> {
    const step = {
      at: now(),
      by: "guard",
      why: "The same person's other departure was carried out within the day",
    };
    await ledger.save(moveTo(resignation, "duplicate", { duplicateOf }, step));
    log.count("Duplicate", "The person's other departure was carried out", {
      id: resignation.id,
      source: resignation.source,
      duplicateOf,
    });
    return "done";
  }

  /** Best effort, and never in the way of resigning. */
  async function notify(notice: Notice): Promise<void> {
    if (!settings.notices.about.includes(notice.about)) return;
    await notices.send(JSON.stringify(notice)).catch((error) => {
      log.warn("A notice could not be queued", { id: notice.id, ...traceOf(error) });
    });
  }

  async function isResignedAlready({ userId }: Claimed): Promise<boolean> {
    const looked = await genauth.look(userId);
    return looked.kind === "done" && looked.data.status === "Resigned";
  }

  /** The outcome of a try, written by the holder of the lease alone. */
  function record<S extends "resigned" | "not_found" | "failed" | "suspended">(
    claimed: Claimed,
    status: S,
    fields: Parameters<typeof moveTo<S>>[2],
    why?: string,
  ) {
    const step = { at: now(), by: "resigner", ...(why !== undefined && { why }) };
    const tried = { ...fields, attempts: claimed.attempts + 1, inDoubt: false };
    return ledger.save(moveTo(claimed, status, tried, step), claimed.lease.owner);
  }
}

const readRetryAfter = (outcome: Outcome<unknown>) => (outcome.kind === "busy" ? outcome.retryAfterSeconds : undefined);

export const codesOf = ({ answer: { statusCode, apiCode, requestId } }: Outcome<unknown>) => ({
  statusCode,
  apiCode,
  requestId,
});
