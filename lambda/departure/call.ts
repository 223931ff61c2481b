import { isDeepStrictEqual } from "node:util";
import { byUserId, type Outcome } from "../genauth/genauth.ts";
import { later } from "../resignation/moment.ts";
import { moveTo, type Resignation, sweepAfterSeconds } from "../resignation/resignation.ts";
import type { Call, Decision } from "./decide.ts";
import { type Effect, isDoubt, isOurs, noEffect } from "./effect.ts";
import { readFacts } from "./facts.ts";
import type { createRecords } from "./record.ts";
import type { Retries } from "./retries.ts";
import { verdictOf } from "./returns.ts";
import type { Next, Turn, TurnParts } from "./turn.ts";

export interface CallParts extends TurnParts {
  readonly records: ReturnType<typeof createRecords>;
  readonly retries: Retries;
}

/** What follows a call: as for any turn, or `sessions`: the person's sessions are to be ended now. */
export type Concluded = Next | "sessions";

/** If less of the lease is left, the worker must not call any more: the next worker may be calling soon. */
const leaseMarginMs = 60_000;

/** Calls GenAuth: claim the departure, write the effect's `-ing`, read once more, call, write the outcome. */
export function createCall(parts: CallParts) {
  const { ledger, genauth, settings, log, now, records, retries } = parts;
  const { write, deliver } = records;

  return { make, saveEffect };

  /**
   * Writes the effect, if it differs from the ledger's. The other departures that stand on it are made due first, so
   * that none is forgotten if this worker dies. Returns whether the lease was still ours: without it nothing of the
   * departure may be written either.
   */
  async function saveEffect(turn: Turn, next: Effect, sessions?: "owe" | "drop"): Promise<boolean> {
    const { effect, departure, personId, owner, facts } = turn;
    if (now().getTime() > Date.parse(turn.until)) return false;
    if (isDeepStrictEqual(plain(effect), plain(next))) return true;
    const hasEnded = effect.state !== next.state && !isDoubt(next);
    const others = effect.for.filter((id) => id !== departure.id && (hasEnded || !next.for.includes(id)));
    await Promise.all(others.map((id) => ledger.wake(id, now())));
    return ledger.saveEffect(personId, owner, next, facts.relations, now(), sessions);
  }

  async function make(turn: Turn, { call, effect }: Extract<Decision, { do: "call" }>): Promise<Concluded> {
    // Fetch the token first, so that one try sends one request with an effect.
    const ready = await genauth.ready();
    if (ready.kind !== "done") return retries.retry(turn.departure, ready);
    const claimed = await claim(turn, call);
    if (!claimed) return { inSeconds: 1 };
    const meant = { ...turn, departure: claimed };
    const trying = toTry(call, effect, turn);
    if (!(await saveEffect(turn, trying))) return { inSeconds: 1 };
    const tried = { ...meant, effect: trying };

    if (call !== "give back" && (await isSpokenAgainst(tried))) return undo(tried, effect);
    if (now().getTime() > Date.parse(turn.until) - leaseMarginMs) return undo(tried, effect);
    return conclude(tried, call, effect, await send(turn, call));
  }

  /** Claims the departure: status `resigning`. Giving access back claims nothing: the status stays until it is done. */
  async function claim(turn: Turn, call: Call): Promise<Resignation | undefined> {
    const { departure, owner, until } = turn;
    if (call === "give back") return retries.keepReturnPlace(departure);
    return write(departure, "resigning", { lease: { owner, until }, dueAt: until });
  }

  function toTry(call: Call, effect: Effect, { departure: { id }, until, looked: { seen } }: Turn): Effect {
    const at = now();
    // Only this try's time may decide whose suspension it is: a later try has a time of its own.
    const isFound = effect.changedAt === undefined && isOurs(effect, seen, settings.genauth.settleSeconds);
    const mark = isFound && seen.statusChangedAt ? { changedAt: seen.statusChangedAt } : {};
    const begun = { ...effect, ...mark, calledAt: at.toISOString(), triedUntil: until };
    const prev = effect.state === "suspended" ? ("suspended" as const) : ("none" as const);
    const standing = [...new Set([...effect.for, id])].toSorted();
    switch (call) {
      case "resign":
        return { ...begun, state: "resigning", for: standing, by: id, prev };
      case "suspend": {
        const { answeredAt, changedAt, ...fresh } = begun;
        const anew = later(at, settings.graceDays * 86_400);
        // A day that is over is no grace period.
        const isToCome = effect.resignAfter !== undefined && Date.parse(effect.resignAfter) > at.getTime();
        const resignAfter = isToCome ? effect.resignAfter : anew;
        return { ...fresh, state: "suspending", for: standing, by: id, hadCall: true, prev, resignAfter };
      }
      case "give back":
        return { ...begun, state: "restoring", prev };
    }
  }

  /** Reads the returns and the stop once more, right before the call. */
  async function isSpokenAgainst({ departure, effect, facts }: Turn): Promise<boolean> {
    const { returns, stop } = await readFacts(ledger, departure, effect, facts.relations);
    return stop.isStopped || verdictOf(departure, returns) !== "no";
  }

  /** Puts the effect back without a call; the next turn decides. */
  async function undo(turn: Turn, before: Effect, changes: object = {}): Promise<Next> {
    if (!(await saveEffect(turn, before))) return { inSeconds: 1 };
    const { departure } = turn;
    if (departure.status !== "resigning") return { inSeconds: 1 };
    await write(departure, "accepted", { ...changes, dueAt: later(now(), sweepAfterSeconds) });
    return { inSeconds: 0 };
  }

  function send({ looked, departure, personId }: Turn, call: Call): Promise<Outcome<object>> {
    const userId = looked.user?.userId ?? departure.person?.genauthUserId ?? personId;
    switch (call) {
      case "resign":
        return genauth.resign(looked.callAs);
      case "suspend":
        return genauth.setStatus(userId, "Suspended");
      case "give back":
        return genauth.setStatus(userId, "Activated");
    }
  }

  async function conclude(turn: Turn, call: Call, before: Effect, outcome: Outcome<object>): Promise<Concluded> {
    const { departure } = turn;
    const giveUp = () =>
      call === "give back"
        ? retries.waitForAnswer(departure, "GenAuth does not take the suspension back", outcome)
        : retries.fail(departure, outcome, "GenAuth refused it for good");
    switch (outcome.kind) {
      case "done":
        return done(turn, call, outcome, true);
      case "refused": {
        const userId = turn.looked.user?.userId ?? "";
        const looked = await genauth.look(byUserId(userId));
        const isThere = looked.kind === "done" && looked.data.status === wanted[call];
        // If our suspension was refused and the person is suspended, an administrator did it.
        if (isThere) return done(turn, call, outcome, call !== "suspend");
        return (await saveEffect(turn, before)) ? giveUp() : { inSeconds: 1 };
      }
      case "not_found":
        if (call === "give back") return (await saveEffect(turn, before)) ? giveUp() : { inSeconds: 1 };
        // The next turn looks afresh, by the user's id too.
        if (departure.attempts === 0) return undo(turn, before, { attempts: 1, genauth: outcome.answer });
        return (await saveEffect(turn, before)) ? retries.retry(departure, outcome) : { inSeconds: 1 };
      case "token_refused":
      case "busy": {
        const isUnknown = outcome.kind === "busy" && outcome.inDoubt;
        const left = isUnknown ? { ...turn.effect, triedUntil: now().toISOString() } : before;
        if (!(await saveEffect(turn, left))) return { inSeconds: 1 };
        return call === "give back" ? giveUp() : retries.retry(departure, outcome);
      }
    }
  }

  async function done(turn: Turn, call: Call, outcome: Outcome<object>, isOurs: boolean): Promise<Concluded> {
    if (turn.facts.hasMisses) await ledger.endMisses(turn.departure.source);
    switch (call) {
      case "suspend":
        return suspended(turn, outcome, isOurs);
      case "resign":
        return resigned(turn, outcome);
      case "give back":
        return givenBack(turn, outcome);
    }
  }

  async function suspended(turn: Turn, { answer, ...outcome }: Outcome<object>, isOurs: boolean): Promise<Concluded> {
    const { departure, looked } = turn;
    const at = now().toISOString();
    const told = "data" in outcome ? (outcome.data as { statusChangedAt?: string | null }).statusChangedAt : undefined;
    const changedAt = isOurs ? (told ?? (await changedAtOf(looked.user?.userId ?? ""))) : undefined;
    const mark = isOurs
      ? { hadCall: true, answeredAt: at, triedUntil: at, ...(changedAt && { changedAt }) }
      : { hadCall: false };
    const isOwed = settings.endSessionsIn.length > 0;
    const effect: Effect = { ...turn.effect, ...mark, state: "suspended", prev: "none" };
    if (!(await saveEffect(turn, effect, isOwed ? "owe" : undefined))) return { inSeconds: 1 };

    const { resignAfter = at } = effect;
    const fields = { resignAfter, dueAt: resignAfter, genauth: answer, attempts: departure.attempts + 1 };
    const step = { by: "resigner", why: `Access is cut; resigned after ${resignAfter}`, tell: "suspended" as const };
    const saved = await write(departure, "suspended", fields, { ...step, owner: turn.owner });
    log.count("Suspended", "Access was cut; resigning waits for its day", {
      ...{ id: departure.id, source: departure.source, resignAfter },
    });
    if (saved) await deliver(saved);
    return isOwed ? "sessions" : "done";
  }

  async function changedAtOf(userId: string): Promise<string | undefined> {
    const looked = await genauth.look(byUserId(userId));
    return looked.kind === "done" ? (looked.data.statusChangedAt ?? undefined) : undefined;
  }

  async function resigned(turn: Turn, { answer }: Outcome<object>): Promise<Concluded> {
    const { departure, owner } = turn;
    const at = now().toISOString();
    // With a grace period their sessions were ended when they were suspended.
    const isOwed = settings.endSessionsIn.length > 0 && turn.effect.prev === "none";
    const effect: Effect = { ...turn.effect, state: "resigned", by: departure.id };
    if (!(await saveEffect(turn, effect, isOwed ? "owe" : undefined))) return { inSeconds: 1 };

    const fields = { resignedAt: at, genauth: answer, attempts: departure.attempts + 1 };
    const why = answer.message;
    const saved = await write(departure, "resigned", fields, { by: "resigner", why, tell: "resigned", owner });
    if (saved) {
      records.countResigned(saved, at);
      await confirm(turn, saved);
    }
    return isOwed ? "sessions" : "done";
  }

  /** Looks once more, after the outcome was written: nothing here changes it. */
  async function confirm({ looked }: Turn, saved: Extract<Resignation, { status: "resigned" }>): Promise<void> {
    const isSent = await records.send(saved.tell ?? []);
    const after = await genauth.look(byUserId(looked.user?.userId ?? ""));
    const isConfirmed = after.kind === "done" && after.data.status === "Resigned";
    if (!isConfirmed) {
      const facts = { id: saved.id, looked: after.kind };
      log.count("Unconfirmed", "GenAuth does not show the person as resigned", facts, "ERROR");
    }
    if (!isConfirmed && !saved.tell) return;
    const left = isSent ? { tell: undefined } : { tell: saved.tell, dueAt: saved.dueAt };
    const confirmed = isConfirmed ? { confirmedAt: now().toISOString() } : {};
    await ledger.save(moveTo(saved, "resigned", { resignedAt: saved.resignedAt, ...confirmed, ...left }));
  }

  async function givenBack(turn: Turn, { answer }: Outcome<object>): Promise<Concluded> {
    const { departure } = turn;
    if (!(await saveEffect(turn, noEffect, "drop"))) return { inSeconds: 1 };
    const step = { by: "resigner", why: "The person has their access back", tell: "given_back" as const };
    const saved = await write(departure, "cancelled", { genauth: answer, resignAfter: undefined }, step);
    log.info("A suspension was taken back", { id: departure.id });
    if (saved) await deliver(saved);
    return saved ? "done" : { inSeconds: 1 };
  }
}

const wanted = { resign: "Resigned", suspend: "Suspended", "give back": "Activated" } as const;

/** The effect without undefined fields, as the ledger returns it: for comparison. */
const plain = (effect: Effect): unknown => JSON.parse(JSON.stringify(effect));
