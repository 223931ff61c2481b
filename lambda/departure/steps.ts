/** The steps of the rows in `decide.ts`, and the words that tell of them. */
import type { Notice } from "../resignation/notice.ts";
import type { Shown } from "../resignation/resignation.ts";
import type { Call, Facts, Gate, Known, Step } from "./decide.ts";
import { type Effect, isDoubt, isOurs, noEffect, type Seen } from "./effect.ts";
import { countsOf, covers } from "./returns.ts";

export const again = (effect: Effect) => ({ do: "again" as const, effect });
export const close = (as: Extract<Step, { do: "close" }>["as"], why: string, tell?: Notice["about"]) => ({
  ...({ do: "close", as, why } as const),
  ...(tell && { tell }),
});
export const call = (name: Call, takesPlace: boolean) => ({ do: "call" as const, call: name, takesPlace });

/** During an emergency stop a step that cuts access waits. */
export const cut = <S extends Step & { effect?: Effect }>({ isStopped }: Known, step: S) =>
  isStopped ? ({ do: "wait", for: "start" } as const) : step;

export function becomeResigned({ effect, seen, now }: Known) {
  if (isDoubt(effect)) return again({ ...effect, state: "resigned" });
  const { by, ...others } = effect;
  return again({ ...others, state: "resigned", calledAt: seen.statusChangedAt ?? now.toISOString() });
}

/** The effect after a look: our own suspension, if GenAuth shows it; otherwise none. */
export function settleSuspension(known: Known) {
  const { effect, seen, settleSeconds } = known;
  if (isOurs(effect, seen, settleSeconds)) return again({ ...back(known), changedAt: seen.statusChangedAt });
  if (effect.state !== "suspending" || effect.prev === "none") return again(noEffect);
  // This try was a second suspension, for one more departure: the other departures still stand on the first.
  const others = effect.for.filter((id) => id !== effect.by);
  return again(others.length > 0 ? { ...back(known), for: others, by: others[0] } : noEffect);
}

export const back = ({ effect }: Known): Effect => ({ ...effect, state: "suspended", prev: "none" });

export function closeCarriedOut(known: Known) {
  const { departure, verdict, seen } = known;
  const isTooLate = departure.status === "cancelled" || verdict !== "no";
  const isAccessBack = seen.state !== "Resigned" && seen.state !== "absent" && seen.state !== "blind";
  const why = isAccessBack
    ? "Somebody said that the person is back, after they were resigned: GenAuth shows that they have access again"
    : "Somebody said that the person is back, or cancelled this, but they are resigned already";
  return isTooLate ? close("resigned", why, "back_after_resigned") : close("resigned", "GenAuth shows it");
}

/** Closes a departure that is called off, if nothing is to be given back: rows 8 and 9. */
export function callOff(known: Known) {
  if (needsReturnPlace(known)) return { do: "take return place" } as const;
  const { effect, departure } = known;
  const others = effect.for.filter((id) => id !== departure.id);
  const stands = isIn(known) ? `; another departure of the person still stands (${others.join(", ")})` : "";
  const closed = close("cancelled", `${whyCalledOff(known)}${stands}`, "called_off");
  return isIn(known) ? { ...closed, effect: { ...effect, for: others } } : closed;
}

/** The departure alone stands on the effect: our own suspension is taken back. Row 10. */
export function giveBack(known: Known) {
  if (needsReturnPlace(known)) return { do: "take return place" } as const;
  const { effect, seen, settleSeconds } = known;
  if (seen.state === "blind") return { do: "wait", for: "look" } as const;
  if (has(known, "suspended") && isOurs(effect, seen, settleSeconds)) return call("give back", false);
  const why = `${whyCalledOff(known)}; nothing to give back: GenAuth shows ${seen.state}`;
  return { ...close("cancelled", why, "called_off"), effect: noEffect };
}

/** An operator's cancel needs no place. A departure keeps the place that it has. */
const needsReturnPlace = ({ departure }: Known) => departure.status !== "cancelled" && !departure.hasReturnPlace;

const whyCalledOff = ({ departure }: Known) =>
  departure.status === "cancelled" ? "Cancelled by an operator" : "The person is back";

export function holdReturned({ returns, departure }: Known) {
  const isBraked = departure.returnsHeld !== undefined && covers(departure.returnsHeld, returns);
  const why = isBraked
    ? "More people came back than may within the hour: does this one stay?"
    : "Somebody said that the person is back, and it is not clear that this was before";
  return { do: "hold", heldFor: "returned", why, shown: { returns: countsOf(returns) } } as const;
}

export function holdForGate({ gate }: Known) {
  return { do: "hold" as const, ...(gate as Gate) };
}

export function holdUnseen(_: Known) {
  const why = "GenAuth refuses to show the person: grant the token the right to read users, then approve";
  return { do: "hold", heldFor: "unseen", why } as const;
}

export function holdGivenBack({ seen }: Known) {
  const why = "Somebody gave the person their access back in GenAuth after our call";
  return { do: "hold", heldFor: "given_back", why, shown: statusShown(seen) } as const;
}

const statusShown = ({ state, statusChangedAt, updatedAt }: Seen): Shown => {
  const changedAt = statusChangedAt ?? updatedAt;
  return { status: state, ...(changedAt !== undefined && { changedAt }) };
};

/** An operator released it, and GenAuth shows the same as they were shown. */
export function isReleasedGivenBack({ departure, seen }: Known): boolean {
  const { status, changedAt } = statusShown(seen);
  return (departure.released ?? []).some(
    ({ from, shown }) => from === "given_back" && shown?.status === status && shown?.changedAt === changedAt,
  );
}

/** Another departure of the suspended: no call, no place at the brake, the same day. */
export function join(known: Known) {
  const { effect, departure } = known;
  const { resignAfter } = isDayReached(known) ? suspendedFrom(known) : effect;
  const joined: Effect = { ...effect, resignAfter, for: [...effect.for, departure.id].toSorted() };
  return { do: "suspended", takesPlace: false, why: alreadyCut, effect: joined } as const;
}

export const alreadyCut = "The person's other departure was carried out";

export function closeAbsent({ departure, former, otherCase }: Known) {
  const isReleased = (from: string, is: (shown: Shown) => boolean) =>
    (departure.released ?? []).some((release) => release.from === from && is(release.shown ?? {}));
  if (former !== undefined && !isReleased("renamed", (shown) => shown.former === former)) {
    const why = `GenAuth knows nobody as ${departure.userId}, who was ${former} before: if that is the person, order their resignation, and cancel this one`;
    return { do: "hold", heldFor: "renamed", why, shown: { former } } as const;
  }
  if (otherCase && !isReleased("ambiguous", (shown) => shown.genauthUserId === otherCase.genauthUserId)) {
    const why = `GenAuth knows nobody as ${departure.userId}, but somebody as ${otherCase.userId}`;
    const { genauthUserId } = otherCase;
    const shown = genauthUserId === undefined ? {} : { genauthUserId };
    return { do: "hold", heldFor: "ambiguous", why, shown, candidates: [otherCase] } as const;
  }
  return close("not_found", "GenAuth knows nobody by this sync relation", "not_found");
}

/** With a grace period, a person who was cut off already waits like the suspended; a cancel gives nothing back. */
export function suspendedByOthers({ departure, now, graceDays }: Known) {
  const effect: Effect = { ...noEffect, ...suspendedFrom({ now, graceDays }), state: "suspended", for: [departure.id] };
  const why = "The person was cut off already";
  const by = { by: departure.id, calledAt: now.toISOString() };
  return { do: "suspended", takesPlace: true, why, effect: { ...effect, ...by } } as const;
}

/** The day of a suspension that begins now. */
const suspendedFrom = ({ now, graceDays }: Pick<Facts, "now" | "graceDays">) => ({
  resignAfter: new Date(now.getTime() + graceDays * 86_400_000).toISOString(),
});

export const has = ({ effect }: Known, state: Effect["state"]) => effect.state === state;
export const isIn = ({ effect, departure }: Known) => effect.for.includes(departure.id);
export const isDayReached = ({ effect, now }: Known) => now.getTime() >= Date.parse(effect.resignAfter ?? "");
