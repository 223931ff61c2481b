import type { Queue } from "../aws/queue.ts";
import { byRelation, byUserId, type GenAuth } from "../genauth/genauth.ts";
import type { Resignation } from "../resignation/resignation.ts";
import { isFinal } from "../resignation/status.ts";
import type { ResignerSettings } from "../settings/by-function.ts";
import { type InTurn, takePlace, takeReturnPlace } from "./brake.ts";
import { type Concluded, createCall } from "./call.ts";
import { createConclusions } from "./conclude.ts";
import { type Decision, decide, type Gate } from "./decide.ts";
import { type Effect, noEffect } from "./effect.ts";
import { type LedgerFacts, readFacts } from "./facts.ts";
import { takeOver } from "./former.ts";
import { closedGate } from "./gates.ts";
import { hasTurn } from "./has-turn.ts";
import { type Looked, look, nameOf } from "./look.ts";
import { absentId, newLease, type Person, personId } from "./people.ts";
import { createRecords, type RecordParts } from "./record.ts";
import { createRetries } from "./retries.ts";
import { countsOf } from "./returns.ts";
import { endSessions } from "./sessions.ts";

export interface TurnParts extends RecordParts {
  readonly queue: Pick<Queue, "bury">;
  readonly genauth: GenAuth;
  readonly settings: ResignerSettings;
  readonly newOwner: () => string;
}

/** What becomes of the message: deleted, or received again in so many seconds. */
export type Next = "done" | { inSeconds: number };

/** One turn with one departure, under the lease of its person. */
export interface Turn {
  readonly departure: Resignation;
  readonly personId: string;
  readonly owner: string;
  readonly until: string;
  /** As it stands in the ledger. */
  readonly effect: Effect;
  readonly facts: LedgerFacts;
  readonly looked: Extract<Looked, { kind: "seen" }>;
}

/** So often a turn takes another user's lease because the relation leads there; then the message comes again. */
const maxUsers = 3;

/**
 * Runs turns with departures: read the facts, look at GenAuth, decide, do one thing, write it down. What woke a turn
 * decides nothing, and a turn too many does no harm.
 */
export function createTurn(parts: TurnParts) {
  const { ledger, genauth, settings, now, random, sleep } = parts;
  const records = createRecords(parts);
  const retries = createRetries({ ...parts, records });
  const call = createCall({ ...parts, records, retries });
  const conclusions = createConclusions({ ...parts, records, retries, saveEffect: call.saveEffect });
  // The turns of one batch write a brake's log one after the other: in parallel their writes would refuse each other.
  const inTurn = oneAtATime();

  return { run, records };

  /** `isSaid`: a return woke the departure, so every fact is read before the turn is denied. */
  async function run(departure: Resignation, isSaid = false): Promise<Next> {
    if (!(await mayHaveTurn(departure, isSaid))) return endWithoutTurn(departure);
    let known = departure.person?.genauthUserId ?? (await ledger.getRelation(departure.userId)).user;
    for (let users = 0; users < maxUsers; users += 1) {
      if (known === undefined) {
        const first = await genauth.look(byRelation(departure.resolvedAs ?? departure.userId));
        if (first.kind === "busy" || first.kind === "token_refused") return retries.retry(departure, first);
        if (first.kind === "done") known = first.data.userId;
      }
      const next = await runUnderLease(departure, known);
      if (typeof next !== "object" || !("genauthUserId" in next)) return next;
      known = next.genauthUserId;
    }
    return { inSeconds: 1 };
  }

  /** Whether the departure has a turn, as far as that is known before the lease. */
  async function mayHaveTurn(departure: Resignation, isSaid: boolean): Promise<boolean> {
    const { retryAt, person, status } = departure;
    if (status === "resigning") return now().getTime() > Date.parse(departure.lease.until);
    if (retryAt !== undefined && now().getTime() < Date.parse(retryAt) - 1_000) return false;
    if (status === "duplicate" || status === "not_found" || status === "restored") return false;
    if (isSaid || status === "accepted" || status === "scheduled") return true;
    // Before 0.1.0 no effect was written: only a look at the former items tells.
    const isFormer = departure.moment === undefined && (departure.grace || departure.inDoubt);
    if (isFormer && !isFinalForGood(departure)) return true;
    const { user, returns } = await ledger.getRelation(departure.userId);
    // A worker that died may have written the effect, and not yet the user on the departure.
    const known = person?.genauthUserId ?? user;
    const { effect = noEffect } = known === undefined ? {} : await ledger.getPerson(personId(known));
    return hasTurn(departure, effect, returns, now());
  }

  /** Takes the departure off the list of what is due. One that came too early has a later message of its own. */
  async function endWithoutTurn(departure: Resignation): Promise<Next> {
    if (departure.status === "resigning") {
      return { inSeconds: Math.max(1, Math.ceil((Date.parse(departure.lease.until) - now().getTime()) / 1_000) + 1) };
    }
    await records.deliver(departure);
    const { status, retryAt, tell, resignAfter, dueAt = "" } = departure;
    const isEarly = retryAt !== undefined && now().getTime() < Date.parse(retryAt) - 1_000;
    if (tell || isEarly) return "done";
    if (isFinal(departure) || status === "held") await ledger.rest(departure);
    if (status === "suspended" && resignAfter && dueAt < resignAfter)
      await ledger.postpone({ ...departure, dueAt }, resignAfter);
    return "done";
  }

  async function runUnderLease(
    { id, userId }: Resignation,
    known: string | undefined,
  ): Promise<Next | { genauthUserId: string }> {
    const lease = newLease(parts);
    const key = known === undefined ? absentId(userId) : personId(known);
    const person = await waitForPerson(key, lease);
    if (!person) return { inSeconds: 2 + random() * 4 };
    try {
      const next = await take({ id, key, known, person, lease });
      if (person.sessionsOwed || next === "sessions") await endSessions(parts, key, lease.owner);
      return next === "sessions" ? "done" : next;
    } finally {
      await ledger.leavePerson(key, lease.owner);
    }
  }

  /** Waits a second or two for the lease: another worker is mostly done by then. */
  async function waitForPerson(key: string, { owner, until }: { owner: string; until: string }) {
    for (let tries = 0; tries < 8; tries += 1) {
      const person = await ledger.takePerson(key, owner, now(), until);
      if (person) return person;
      await sleep(50 + random() * 250);
    }
    return undefined;
  }

  async function take(given: {
    id: string;
    key: string;
    known: string | undefined;
    person: Person;
    lease: { owner: string; until: string };
  }): Promise<Concluded | { genauthUserId: string }> {
    const { id, key, known, person, lease } = given;
    // Read again under the lease: another writer may have changed it.
    const departure = await ledger.get(id);
    if (!departure) return "done";
    const at = now();
    const isToCome = departure.leavesAt !== undefined && at.getTime() < Date.parse(departure.leavesAt);
    const looked = isToCome ? notLooked(departure, at) : await look(parts, departure, known);
    if (looked.kind === "other user") return looked;
    if (looked.kind === "unanswered") return retries.retry(departure, looked.outcome);

    const former =
      person.effect === undefined
        ? await takeOver(ledger, departure, looked.relations, settings.graceDays, now())
        : { effect: person.effect };
    if ("leasedUntil" in former) return { inSeconds: secondsUntil(former.leasedUntil) + 1 };
    const relations = [...looked.relations, ...(person.relations ?? [])];
    const facts = await readFacts(ledger, departure, former.effect, relations);
    if (!hasTurn(departure, former.effect, facts.returns, now())) return endWithoutTurn(departure);
    if (known !== undefined && known === looked.user?.userId && !looked.leadsTo)
      await noteRelations(known, looked, facts);
    const named = nameDeparture(departure, looked);
    const turn: Turn = { departure: named, personId: key, ...lease, effect: person.effect ?? noEffect, facts, looked };
    return carryOut(turn, decideOn(turn, former.effect, isToCome ? at : now()));
  }

  /** Notes the user at each relation, so that a return at any of them wakes the user's departures. */
  async function noteRelations(known: string, { relations }: Turn["looked"], facts: LedgerFacts): Promise<void> {
    const theirs = facts.known.filter(({ relation }) => relation === facts.own || relations.includes(relation));
    const unnoted = theirs.filter(({ user }) => user !== known);
    await Promise.all(unnoted.map(({ relation }) => ledger.noteUser(relation, known, now())));
  }

  /** The departure with the user that it was first resolved to. */
  function nameDeparture(departure: Resignation, { user, leadsTo }: Turn["looked"]): Resignation {
    if (!user || leadsTo || departure.person?.genauthUserId) return departure;
    return { ...departure, person: { genauthUserId: user.userId, ...nameOf(user) } };
  }

  function decideOn({ departure, facts, looked }: Turn, effect: Effect, at: Date): Decision {
    const { relations, leadsTo, seen, otherCase } = looked;
    const gate = closedGate(departure, { relations, leadsTo }, settings, at, facts.stop);
    return decide({
      ...{ departure, effect, seen, gate, otherCase, isOtherUser: leadsTo !== undefined },
      ...{ returns: facts.returns, former: facts.relation.former, isStopped: facts.stop.isStopped },
      ...{ graceDays: settings.graceDays, settleSeconds: settings.genauth.settleSeconds, now: at },
    });
  }

  async function carryOut(turn: Turn, decision: Decision): Promise<Concluded> {
    if ((decision.do === "call" || decision.do === "suspended") && decision.takesPlace) {
      const held = await askBrake(turn, decision);
      if (held) return held;
    }
    switch (decision.do) {
      case "take return place":
        return askReturnsBrake(turn, decision);
      case "hold":
        return conclusions.hold(turn, decision.effect, decision);
      case "wait":
        return conclusions.wait(turn, decision);
      case "close":
        return conclusions.close(turn, decision);
      case "suspended":
        return conclusions.suspend(turn, decision);
      case "call":
        return call.make(turn, decision);
    }
  }

  async function askBrake(turn: Turn, decision: Decision): Promise<Next | undefined> {
    const { departure } = turn;
    if ((departure.released ?? []).some(({ from }) => from === "brake")) return undefined;
    const answer = await takePlace(parts, departure, inTurn);
    if (answer.kind === "go") return undefined;
    if (answer.kind === "unasked") return retries.retry(departure, answer.outcome);
    if (answer.hasTripped) await records.deliverAlerts("brake");
    return conclusions.hold(turn, decision.settled, { heldFor: "brake", why: answer.why }, { brakeId: answer.brakeId });
  }

  /** A departure that its own source calls off takes a place at the returns' brake, once, and keeps it. */
  async function askReturnsBrake(turn: Turn, decision: Decision): Promise<Concluded> {
    const { departure, facts } = turn;
    const answer = await takeReturnPlace(parts, departure, inTurn);
    if (answer.kind === "unasked") throw new Error("The returns' brake asks for no headcount");
    if (answer.kind === "go") {
      const placed = { ...turn, departure: { ...departure, hasReturnPlace: true } };
      return carryOut(placed, decideOn(placed, decision.effect, now()));
    }
    if (answer.hasTripped) await records.deliverAlerts("brake|returns");
    const returns = countsOf(facts.returns);
    const gate: Gate = { heldFor: "returned", why: answer.why, shown: { returns } };
    return conclusions.hold(turn, decision.effect, gate, { brakeId: answer.brakeId, returnsHeld: returns });
  }

  function secondsUntil(until: string): number {
    return Math.max(0, Math.ceil((Date.parse(until) - now().getTime()) / 1_000));
  }
}

/** Cancelled by the version before, with everything given back. */
const isFinalForGood = ({ status, reactivation }: Resignation) =>
  status === "resigned" || (status === "cancelled" && reactivation === "done");

/** What a turn before the day works with: no look. */
function notLooked({ userId, person }: Resignation, now: Date): Extract<Looked, { kind: "seen" }> {
  const seen = { state: "blind", beganAt: now, serverAheadMs: 0 } as const;
  return { kind: "seen", seen, relations: [], callAs: person ? byUserId(person.genauthUserId) : byRelation(userId) };
}

/** Runs acts one after the other, however the one before ended. */
function oneAtATime(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (act) => {
    const next = last.then(act);
    last = next.catch(() => {});
    return next;
  };
}
