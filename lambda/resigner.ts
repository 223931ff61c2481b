import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { pullBrake } from "./brake.ts";
import { atFirstCall, clientConfig, readSettings, readVariable } from "./environment.ts";
import { createGenAuth, type User } from "./genauth.ts";
import { guard } from "./guard.ts";
import { isInquiryId } from "./inquiry.ts";
import { createLedger, type Person } from "./ledger.ts";
import { createLog, traceOf } from "./log.ts";
import { type Claimed, codesOf, createOutcomes, type Next, type OutcomeParts, type Turn } from "./outcomes.ts";
import { createQueue, type Queue } from "./queue.ts";
import { answerInquiry, tellOutcome } from "./reply.ts";
import { later, moveTo, type Resignation, type SyncRelation } from "./resignation.ts";
import { cachedSecret, parseToken } from "./secrets.ts";

export interface ResignerParts extends OutcomeParts {
  readonly queue: Pick<Queue, "delay" | "bury">;
  readonly newOwner: () => string;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** Outlasts every call made under it: the function's time is up well before. */
const leaseSeconds = 120;

/** Queue in: guard → resign → record. */
export function createResigner(parts: ResignerParts) {
  const { ledger, queue, genauth, settings, log, now, random, newOwner, sleep } = parts;
  const { settle, hold, skip, record, endSessions, notify } = createOutcomes(parts);
  // The brake's log is written by one at a time: those of one batch would only be in each other's way.
  const inTurn = oneAtATime();

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

  async function passBrake(claimed: Claimed, turn: Turn): Promise<Next | "go"> {
    // A suspension was counted when it was made.
    if (claimed.released || claimed.grace) return "go";
    const answer = await pullBrake(parts, claimed, inTurn);
    if (answer.kind === "go") return "go";
    if (answer.kind === "unasked") return settle(claimed, answer.outcome, turn);
    const { brakeId, why } = answer;
    if (answer.hasTripped) {
      log.count("BrakeTripped", `The brake is on: ${why}. The rest are held`, { brakeId }, "ERROR");
      await notify({ about: "brake_tripped", id: brakeId, why });
    }
    return hold(claimed, { kind: "hold", heldFor: "brake", why }, brakeId);
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

/** Runs acts one after the other, however the one before ended. */
function oneAtATime(): <T>(act: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (act) => {
    const next = last.then(act);
    last = next.catch(() => {});
    return next;
  };
}

/** Suspended by us and active again, though no operator has answered for it since. */
function isUnexpectedlyBack({ grace, released }: Claimed, { status }: User): boolean {
  const isAnswered = grace && released && released.at > grace.suspendedAt;
  return grace !== undefined && !isAnswered && status === "Activated";
}

const toPerson = ({ userId, name }: User) => ({ genauthUserId: userId, ...(name && { name }) });

/** Builds the function from its environment. */
export function connectResigner(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const now = () => new Date();
  const settings = readSettings(environment);
  const client = new DynamoDBClient(clientConfig("resigner"));
  const sqs = new SQSClient(clientConfig("resigner"));
  const secret = cachedSecret({
    client: new SecretsManagerClient(clientConfig("resigner")),
    secretId: readVariable(environment, "tokenSecretId"),
    parse: parseToken,
    now,
  });
  return createResigner({
    ledger: createLedger({ client, table: readVariable(environment, "ledgerTable") }),
    queue: createQueue({
      client: sqs,
      url: readVariable(environment, "queueUrl"),
      deadLettersUrl: readVariable(environment, "deadLettersUrl"),
    }),
    notices: createQueue({ client: sqs, url: readVariable(environment, "noticesUrl") }),
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
