import { resignUserPath } from "../genauth/genauth.ts";
import { later } from "../resignation/moment.ts";
import { type Resignation, sweepAfterSeconds } from "../resignation/resignation.ts";
import type { createCall } from "./call.ts";
import type { Decision, Gate } from "./decide.ts";
import { type Effect, settledAtMs } from "./effect.ts";
import type { createRecords } from "./record.ts";
import type { Retries } from "./retries.ts";
import { countsOf, covers, verdictOf } from "./returns.ts";
import type { Next, Turn, TurnParts } from "./turn.ts";

export interface ConcludeParts extends TurnParts {
  readonly records: ReturnType<typeof createRecords>;
  readonly retries: Retries;
  readonly saveEffect: ReturnType<typeof createCall>["saveEffect"];
}

type Closing = Extract<Decision, { do: "close" }>;

/** Writes down a decision that needs no call: first the effect, then the departure with its notice. */
export function createConclusions(parts: ConcludeParts) {
  const { ledger, settings, log, now, records, retries, saveEffect } = parts;
  const { write, deliver } = records;

  return { hold, wait, close, suspend };

  async function hold(
    turn: Turn,
    effect: Effect,
    { heldFor, why, shown, candidates }: Gate,
    more: { brakeId?: string; returnsHeld?: Resignation["returnsHeld"] } = {},
  ): Promise<Next> {
    const { departure, looked } = turn;
    if (!(await saveEffect(turn, effect))) return { inSeconds: 1 };
    const fields = {
      ...{ heldFor, ...(shown && { shown }), ...(candidates && { candidates: [...candidates] }), ...more },
      ...(heldFor === "dry_run" && { wouldSend: { path: resignUserPath, ...looked.callAs } }),
    };
    // A brake event has one alert, and no notice for each departure that it holds.
    const tell = more.brakeId === undefined ? "held" : undefined;
    const held = await write(departure, "held", fields, { by: "guard", why, tell });
    if (!held) return { inSeconds: 1 };
    const { id, source } = departure;
    log.count("Held", "A resignation waits for an operator", { id, source, heldFor }, "WARN");
    await deliver(held);
    return "done";
  }

  /** The person was cut off already: no call, and the same day. */
  async function suspend(turn: Turn, decision: Extract<Decision, { do: "suspended" }>): Promise<Next> {
    if (!(await saveEffect(turn, decision.effect))) return { inSeconds: 1 };
    const { resignAfter = now().toISOString() } = decision.effect;
    const step = { by: "resigner", why: decision.why, tell: "suspended" } as const;
    const saved = await write(turn.departure, "suspended", { resignAfter, dueAt: resignAfter }, step);
    if (saved) await deliver(saved);
    return saved ? "done" : { inSeconds: 1 };
  }

  /** Nothing is to be done now: writes the departure's status again, with the time of its next turn. */
  async function wait(turn: Turn, decision: Extract<Decision, { do: "wait" }>): Promise<Next> {
    const { departure } = turn;
    if (!(await saveEffect(turn, decision.effect))) return { inSeconds: 1 };
    switch (decision.for) {
      case "day": {
        const { resignAfter = now().toISOString() } = decision.effect;
        const saved = await write(departure, "suspended", { resignAfter, dueAt: resignAfter });
        return saved ? "done" : { inSeconds: 1 };
      }
      case "moment":
        return waitForMoment(turn);
      case "settle": {
        const atMs = settledAtMs(decision.effect, settings.genauth.settleSeconds);
        return retries.comeBack(departure, Math.max(1, Math.ceil((atMs - now().getTime()) / 1_000)));
      }
      case "start":
        return waitForStart(turn);
      case "look":
        return retries.waitForAnswer(
          departure,
          "GenAuth refuses to show the person: their access may not be as it should",
        );
    }
  }

  /**
   * Waits for the emergency stop to end, for as long as it lasts: the sweep brings it again every few minutes. The
   * message ends here, since one that is received for days goes to the dead letters. Who stopped it stands in the
   * history, once for each stop.
   */
  async function waitForStart({ departure, facts: { stop } }: Turn): Promise<Next> {
    const since = stop.since === undefined ? "" : ` since ${stop.since}`;
    const why = `Waits: all is stopped${since}${stop.why ? `: ${stop.why.slice(0, 500)}` : ""}`;
    const isNoted = departure.history.some((step) => step.why === why);
    const status = departure.status === "resigning" ? "accepted" : departure.status;
    const times = { stoppedUntil: now().toISOString(), retryAt: undefined, dueAt: later(now(), sweepAfterSeconds) };
    const step = isNoted ? undefined : { by: stop.by?.slice(0, 100) ?? "hand", why };
    const saved = await write(departure, status, { ...departure, ...times } as never, step);
    if (saved) await deliver(saved);
    return saved ? "done" : { inSeconds: 1 };
  }

  /** A return that came after the order is told at once, and decided on the day of departure. */
  async function waitForMoment({ departure, facts }: Turn): Promise<Next> {
    const against = facts.returns.filter((one) => verdictOf(departure, [one]) !== "no");
    const told = departure.status === "scheduled" ? departure.shown?.returns : undefined;
    const isNew = !covers(told ?? {}, against);
    const why = "Somebody said that the person is back, after their departure was ordered for a later day";
    const fields = { dueAt: departure.leavesAt, shown: { returns: isNew ? countsOf(against) : (told ?? {}) } };
    const step = isNew ? ({ by: "resigner", why, tell: "returned_scheduled" } as const) : undefined;
    const saved = await write(departure, "scheduled", fields, step);
    if (saved) await deliver(saved);
    return saved ? "done" : { inSeconds: 1 };
  }

  async function close(turn: Turn, decision: Closing): Promise<Next> {
    // If nothing of ours is left, no sessions are to be ended any more.
    const sessions = decision.as === "cancelled" && decision.effect.state === "none" ? "drop" : undefined;
    if (!(await saveEffect(turn, decision.effect, sessions))) return { inSeconds: 1 };
    const closed = await writeClosed(turn, decision);
    if (!closed) return { inSeconds: 1 };
    await deliver(closed);
    return "done";
  }

  async function writeClosed(turn: Turn, closing: Closing): Promise<Resignation | undefined> {
    const { departure, effect } = turn;
    const { id, source } = departure;
    const { why, tell, row } = closing;
    switch (closing.as) {
      case "resigned":
        return closeResigned(turn, closing);
      case "duplicate": {
        const fields = effect.by === undefined ? {} : { duplicateOf: effect.by };
        log.count("Duplicate", "The person's other departure was carried out", { id, source });
        return write(departure, "duplicate", fields, { by: "resigner", why, tell });
      }
      case "cancelled":
        log.info("A departure was called off", { id, source, row });
        return write(departure, "cancelled", { resignAfter: undefined }, { by: source, why, tell });
      case "not_found":
        return closeNotFound(departure, closing);
    }
  }

  async function closeNotFound(departure: Resignation, { why, tell }: Closing): Promise<Resignation | undefined> {
    const { id, source } = departure;
    const closed = await write(departure, "not_found", {}, { by: "resigner", why, tell });
    log.count("NotFound", why, { id, source }, "WARN");
    const inARow = closed ? await ledger.countMiss(source) : 0;
    if (inARow >= settings.notFoundInARow) {
      const message = "GenAuth knew nobody for several departures in a row: are the source's ids those that it stored?";
      log.count("WrongMapping", message, { source, inARow }, "ERROR");
    }
    return closed;
  }

  async function closeResigned({ departure, facts }: Turn, { why, tell }: Closing): Promise<Resignation | undefined> {
    const at = now().toISOString();
    const { id, source, status } = departure;
    const step = { by: "resigner", why };
    if (tell) {
      log.count("BackAfterResigned", "Somebody who is said to be back was resigned", { id, source }, "ERROR");
      const resignedAt = status === "resigned" ? departure.resignedAt : at;
      const backAfterResigned = { at, returns: countsOf(facts.returns) };
      const fields = { resignedAt, backAfterResigned, acknowledged: undefined };
      return write(departure, "resigned", fields, { ...step, tell });
    }
    const genauth = { ...departure.genauth, message: "Resigned already" };
    const closed = await write(departure, "resigned", { resignedAt: at, genauth }, { ...step, tell: "resigned" });
    if (closed) records.countResigned(closed, at);
    return closed;
  }
}
