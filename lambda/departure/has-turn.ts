import type { Resignation } from "../resignation/resignation.ts";
import { type Effect, isDoubt } from "./effect.ts";
import { covers, type Returned, verdictOf } from "./returns.ts";

/**
 * Whether a departure has a turn, by its status and what the ledger knows of its person. Without one the message ends
 * without a look. Pure.
 */
export function hasTurn(departure: Resignation, effect: Effect, returns: readonly Returned[], now: Date): boolean {
  const { id, status, backAfterResigned, resignAfter } = departure;
  const isIn = effect.for.includes(id);
  const isCarriedOut = effect.state === "resigned" && effect.by === id;
  switch (status) {
    case "scheduled":
    case "accepted":
    case "resigning":
      return true;
    case "held":
    case "failed":
      return verdictOf(departure, returns) === "own";
    case "suspended": {
      const isDayReached = now.getTime() >= Date.parse(effect.resignAfter ?? "");
      return effect.state !== "suspended" || !isIn || isDayReached || verdictOf(departure, returns) !== "no";
    }
    case "cancelled":
      // `resignAfter` is removed with the last write: if it is still there, a worker died before.
      return (isIn && (isDoubt(effect) || effect.state === "suspended")) || isCarriedOut || resignAfter !== undefined;
    case "resigned": {
      const against = returns.filter((one) => verdictOf(departure, [one]) !== "no");
      return isCarriedOut && !covers(backAfterResigned?.returns ?? {}, against);
    }
    case "duplicate":
    case "not_found":
    case "restored":
      return false;
  }
}
