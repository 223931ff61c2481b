import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { pullBrake } from "./brake.ts";
import { atFirstCall, clientConfig, type RuntimeSettings, readSettings, readVariable } from "./environment.ts";
import { createGenAuth, type GenAuth, type Outcome, resignUserPath, type User } from "./genauth.ts";
import { type Decision, guard, hasRunOut, retryDelaySeconds } from "./guard.ts";
import { isInquiryId } from "./inquiry.ts";
import { createLedger, type Ledger, type News, type Person } from "./ledger.ts";
import { createLog, type Log, traceOf } from "./log.ts";
import type { Notice } from "./notices.ts";
import { createQueue, type Queue } from "./queue.ts";
import { answerInquiry, tellOutcome } from "./reply.ts";
import {
  type GenAuthAnswer,
  later,
  moveTo,
  type Resignation,
  type SyncRelation,
  sweepAfterSeconds,
} from "./resignation.ts";
import { cachedSecret, parseToken } from "./secrets.ts";

export interface ResignerParts {
  readonly ledger: Ledger;
  readonly queue: Pick<Queue, "delay" | "bury">;
  readonly notices: Pick<Queue, "send">;
  readonly genauth: GenAuth;
  readonly settings: RuntimeSettings;
  readonly log: Log;
  readonly now: () => Date;
  readonly random: () => number;
  readonly newOwner: () => string;
  readonly sleep: (ms: number) => Promise<unknown>;
}

type Claimed = Extract<Resignation, { status: "resigning" }>;

/** Our turn with a person: ours alone until the lease runs out or is laid down. */
interface Turn {
  readonly owner: string;
  readonly until: string;
  /** Lays the lease down, once. */
  readonly leave: (news?: News) => Promise<void>;
}

/** What is to become of the message: gone, or back in so many seconds. */
type Next = "done" | { inSeconds: number };

/** Outlasts every call made under it: the function's time is up well before. */
const leaseSeconds = 120;

/** Queue in: guard → resign → record. */
export function createResigner(parts: ResignerParts) {
  const { ledger, queue, notices, genauth, settings, log, now, random, newOwner, sleep } = parts;

  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const failures = await Promise.all(Records.map(process));
    return { batchItemFailures: failures.flatMap((id) => (id ? [{ itemIdentifier: id }] : [])) };
  };

  /** Gives back the message's id where it has to come again. */
  async function process({ body: id, messageId, receiptHandle }: SQSRecord): Promise<string | undefined> {
    try {
      const next = await take(id);
      if (next === "done") return undefined;
      await queue.delay(receiptHandle, next.inSeconds);
    } catch (error) {
      log.error("A resignation could not be worked on; it comes again", { id, ...traceOf(error) });
    }
    return messageId;
  }

  async function take(id: string): Promise<Next> {
    if (isInquiryId(id)) return answerInquiry({ ledger, genauth, settings, log, now }, id);
    const resignation = await ledger.get(id);
    if (!resignation) {
      log.error("A message names a resignation that is not in the ledger", { id });
      return "done";
    }
    const isOurs = isReady(resignation, now());
    if (isOurs !== true) return isOurs;

    const turn = startTurn(resignation.userId);
    const person = await waitForPerson(resignation.userId, turn);
    if (!person) return { inSeconds: 2 + random() * 4 };
    // Where this throws, the lease is left to run out: whoever is next finds a doubt, and looks before calling.
    const next =
      resignation.status === "cancelled" ? await giveBack(resignation, turn) : await resign(resignation, person, turn);
    await turn.leave();
    if (resignation.inquiryId) await tellOutcome({ ledger, settings, log, now }, id, resignation.inquiryId);
    return next;
  }

  /** Another holder is mostly done in no time: worth a short wait before the message goes back. */
  async function waitForPerson(userId: SyncRelation, { owner, until }: Turn): Promise<Person | undefined> {
    for (let tries = 0; tries < 8; tries += 1) {
      const person = await ledger.takePerson(userId, owner, now(), until);
      if (person) return person;
      await sleep(50 + random() * 250);
    }
    return undefined;
  }

  function startTurn(userId: SyncRelation): Turn {
    const owner = newOwner();
    let hasLeft = false;
    return {
      owner,
      until: later(now(), leaseSeconds),
      leave: async (news) => {
        if (!hasLeft) await ledger.leavePerson(userId, owner, news);
        hasLeft = true;
      },
    };
  }

  async function resign(resignation: Resignation, person: Person, turn: Turn): Promise<Next> {
    const decision = guard(resignation, person, settings, now());
    if (decision.kind === "skip") return skip(resignation, decision.duplicateOf);

    // Someone's call may have gone out before us without its outcome being known: then we look in any case.
    const inDoubt = resignation.inDoubt || person.inDoubt || resignation.status === "resigning";
    const lease = { owner: turn.owner, until: turn.until };
    const claimed = await ledger.save(moveTo(resignation, "resigning", { lease, dueAt: lease.until, inDoubt }));
    if (!claimed) return { inSeconds: 1 };

    const looked = settings.lookUp || inDoubt ? await genauth.look(claimed.userId) : undefined;
    const known: Claimed = looked?.kind === "done" ? { ...claimed, person: toPerson(looked.data) } : claimed;
    if (decision.kind === "hold") return hold(known, decision);
    if (looked && looked.kind !== "done" && looked.kind !== "refused") return settle(known, looked, turn);
    if (looked?.kind === "done" && looked.data.status === "Resigned") {
      return settle(known, { ...looked, answer: { ...looked.answer, message: "Resigned already" } }, turn);
    }
    if (looked?.kind === "done" && isUnexpectedlyBack(known, looked.data)) {
      return hold(known, {
        kind: "hold",
        heldFor: "stale",
        why: "Someone gave the person their access back in GenAuth",
      });
    }

    const braked = await passBrake(known, turn);
    if (braked !== "go") return braked;
    // A holder that was kept from its work for so long must not call any more: the next one may be calling.
    if (now().getTime() > Date.parse(turn.until) - 60_000) return { inSeconds: leaseSeconds };
    if (settings.graceDays > 0 && !known.grace) return suspend(known, turn);
    return settle(known, await genauth.resign(known.userId), turn);
  }

  /** Cuts the person off in a way that can be taken back; the day of what cannot stands in the ledger. */
  async function suspend(claimed: Claimed, turn: Turn): Promise<Next> {
    const outcome = await genauth.setStatus(claimed.userId, "Suspended");
    if (outcome.kind !== "done") return settle(claimed, outcome, turn);
    const ended = await endSessions(claimed);
    if (ended?.kind === "busy") return settle(claimed, ended, turn);

    const at = now();
    const resignAfter = later(at, settings.graceDays * 86_400);
    const grace = { suspendedAt: at.toISOString(), resignAfter };
    await turn.leave({ by: claimed.id, at: grace.suspendedAt });
    const suspended = await record(claimed, "suspended", { grace, dueAt: resignAfter, genauth: outcome.answer });
    log.count("Suspended", "Access was cut; resigning waits for its day", {
      id: claimed.id,
      source: claimed.source,
      resignAfter,
    });
    if (suspended) await notify({ about: "suspended", id: claimed.id });
    await ledger.countMisses(claimed.source, false);
    return "done";
  }

  /** Takes a suspension back, after it was cancelled; never from whoever is not suspended, a resigned leaver above all. */
  async function giveBack(cancelled: Extract<Resignation, { status: "cancelled" }>, turn: Turn): Promise<Next> {
    const looked = await genauth.look(cancelled.userId);
    const isSuspended = looked.kind === "done" && looked.data.status === "Suspended";
    const outcome = isSuspended ? await genauth.setStatus(cancelled.userId, "Activated") : looked;
    const facts = { id: cancelled.id, outcome: outcome.kind };
    if (outcome.kind !== "done" && outcome.kind !== "not_found") {
      // The sweep brings it again every few minutes: a message of its own besides would only add to its own kind.
      log.error("A suspension could not be taken back yet", { ...facts, ...codesOf(outcome) });
      return "done";
    }
    const found = looked.kind === "done" ? looked.data.status : "nobody";
    const why = isSuspended ? "The person has their access back" : `Nothing to take back: GenAuth shows ${found}`;
    log.info(isSuspended ? "A suspension was taken back" : "There was no suspension to take back", facts);
    const step = { at: now(), by: "resigner", why };
    await ledger.save(moveTo(cancelled, "cancelled", { reactivation: "done", genauth: outcome.answer }, step));
    await turn.leave(isSuspended ? "forget" : undefined);
    return "done";
  }

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

  async function passBrake(claimed: Claimed, turn: Turn): Promise<Next | "go"> {
    // A suspension was counted when it was made.
    if (claimed.released || claimed.grace) return "go";
    const answer = await pullBrake(parts, claimed);
    if (answer.kind === "go") return "go";
    if (answer.kind === "unasked") return settle(claimed, answer.outcome, turn);
    const { brakeId, why } = answer;
    if (answer.hasTripped) {
      log.count("BrakeTripped", `The brake is on: ${why}. The rest are held`, { brakeId }, "ERROR");
      await notify({ about: "brake_tripped", id: brakeId, why });
    }
    return hold(claimed, { kind: "hold", heldFor: "brake", why }, brakeId);
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

/** Whether the message finds something to do, or else what is to become of it. */
function isReady(resignation: Resignation, now: Date): true | Next {
  const nowMs = now.getTime();
  const isEarly = resignation.retryAt !== undefined && nowMs < Date.parse(resignation.retryAt) - 1000;
  switch (resignation.status) {
    case "accepted":
      // Its own message comes when it is time: this is one too many.
      return isEarly ? "done" : true;
    case "suspended":
      return isEarly || nowMs < Date.parse(resignation.grace?.resignAfter ?? "") ? "done" : true;
    case "resigning": {
      const leftMs = Date.parse(resignation.lease.until) - nowMs;
      return leftMs < 0 ? true : { inSeconds: Math.ceil(leftMs / 1000) + 1 };
    }
    case "cancelled":
      return resignation.reactivation === "pending" ? true : "done";
    default:
      return "done";
  }
}

/** Suspended by us and active again, though no operator has answered for it since. */
function isUnexpectedlyBack({ grace, released }: Claimed, { status }: User): boolean {
  const isAnswered = grace && released && released.at > grace.suspendedAt;
  return grace !== undefined && !isAnswered && status === "Activated";
}

const toPerson = ({ userId, name }: User) => ({ genauthUserId: userId, ...(name && { name }) });

const readRetryAfter = (outcome: Outcome<unknown>) => (outcome.kind === "busy" ? outcome.retryAfterSeconds : undefined);

const codesOf = ({ answer: { statusCode, apiCode, requestId } }: Outcome<unknown>) => ({
  statusCode,
  apiCode,
  requestId,
});

/** Builds the function from its environment. */
export function connectResigner(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const now = () => new Date();
  const settings = readSettings(environment);
  const client = new DynamoDBClient(clientConfig("resigner"));
  const secret = cachedSecret({
    client: new SecretsManagerClient(clientConfig("resigner")),
    secretId: readVariable(environment, "tokenSecretId"),
    parse: parseToken,
    now,
  });
  return createResigner({
    ledger: createLedger({ client, table: readVariable(environment, "ledgerTable") }),
    queue: createQueue({
      client: new SQSClient(clientConfig("resigner")),
      url: readVariable(environment, "queueUrl"),
      deadLettersUrl: readVariable(environment, "deadLettersUrl"),
    }),
    notices: createQueue({
      client: new SQSClient(clientConfig("resigner")),
      url: readVariable(environment, "noticesUrl"),
    }),
    genauth: createGenAuth({ ...settings.genauth, secret, now }),
    settings,
    log: createLog("resigner", writeLog),
    now,
    random: Math.random,
    newOwner: randomUUID,
    sleep: wait,
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectResigner(process.env));
