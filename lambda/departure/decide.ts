import type { HeldFor, Notice, Resignation, Shown } from "../resignation.ts";
import { type Effect, isAsWanted, isDoubt, isOurs, noEffect, type Seen, settledAtMs } from "./effect.ts";
import { countsOf, covers, momentOf, otherClockMs, type Returned, type Verdict, verdictOf } from "./returns.ts";

/** Everything that is known of a departure and its person when a turn decides. */
export interface Facts {
  readonly departure: Resignation;
  readonly effect: Effect;
  /** Of every relation of the person. */
  readonly returns: readonly Returned[];
  readonly seen: Seen;
  /** The first gate that is closed for this departure and not released (`gates.ts`). */
  readonly gate?: Gate | undefined;
  /** The relation leads to somebody else today: what is said at it is not said of this person. */
  readonly isOtherUser?: boolean | undefined;
  /** The id that this person had at their source before, where it was renamed. */
  readonly former?: string | undefined;
  /** The id under which GenAuth knows somebody whose id differs by its case alone. */
  readonly otherCase?: Candidate | undefined;
  readonly isStopped: boolean;
  readonly graceDays: number;
  readonly settleSeconds: number;
  readonly now: Date;
}

export type Candidate = NonNullable<Extract<Resignation, { status: "held" }>["candidates"]>[number];

/** Why an operator must decide, and what the hold shows them. */
export interface Gate {
  readonly heldFor: HeldFor;
  readonly why: string;
  readonly shown?: Shown | undefined;
  readonly candidates?: readonly Candidate[] | undefined;
}

export type Call = "resign" | "suspend" | "give back";

/** One thing to do, and the notice that goes with it. */
export type Step =
  | ({ do: "hold" } & Gate)
  /** `settle`: for a doubt; `look`: for GenAuth to answer; `day`: for `resignAfter`; `moment`: for `leavesAt`. */
  | { do: "wait"; for: "settle" | "look" | "day" | "moment" | "start" }
  | { do: "close"; as: "resigned" | "cancelled" | "duplicate" | "not_found"; why: string; tell?: Notice["about"] }
  /** Suspended without a call of ours. */
  | { do: "suspended"; takesPlace: boolean; why: string }
  | { do: "call"; call: Call; takesPlace: boolean }
  /** It is called off by a return, which takes a place in the returns' brake's log first. */
  | { do: "take return place" };

/**
 * What follows from the facts: the row of the table that decided, the step, and the effect from now on. `settled`: the
 * effect as it is where the step is not done after all.
 */
export type Decision = Step & { readonly row: string; readonly effect: Effect; readonly settled: Effect };

/**
 * Decides what to do with a departure. Pure and total: the first row that fits decides; a row that only changes
 * the effect starts over with the same look. `docs/how-a-person-is-decided.md` is the same table in words.
 */
export function decide(facts: Facts): Decision {
  let { effect } = facts;
  for (let round = 0; round < 5; round += 1) {
    const known = { ...facts, effect, verdict: verdictOfPerson(facts) };
    const fitting = table.find(({ when, seen }) => when(known) && (!seen || seen.includes(facts.seen.state)));
    if (!fitting) throw new Error(`No row for a departure that is ${facts.departure.status}`);
    const step = fitting.step(known);
    if (step.do !== "again") return { ...step, row: fitting.row, effect: step.effect ?? effect, settled: effect };
    effect = step.effect;
  }
  throw new Error("The table of decisions does not end");
}

/** What is said at an id that somebody else has today calls nothing off. */
function verdictOfPerson({ departure, returns, isOtherUser }: Facts): Verdict {
  const verdict = verdictOf(departure, returns);
  return verdict === "own" && isOtherUser ? "unclear" : verdict;
}

type Known = Facts & { readonly verdict: Verdict };

interface Row {
  readonly row: string;
  readonly when: (known: Known) => boolean;
  /** What GenAuth shows; left out: whatever it shows. */
  readonly seen?: readonly Seen["state"][];
  readonly step: (known: Known) => { do: "again"; effect: Effect } | (Step & { effect?: Effect });
}

const table: readonly Row[] = [
  // Before its day a departure has no turn with a look; only being called off and an unclear order count.
  { row: "8 before", when: (f) => isToCome(f) && f.verdict === "own", step: callOff },
  { row: "13 before", when: (f) => isToCome(f) && f.gate?.heldFor === "ambiguous", step: holdForGate },
  { row: "11", when: isToCome, step: () => ({ do: "wait", for: "moment" }) },

  // A call was begun and its outcome is not known.
  {
    row: "1",
    when: inDoubt,
    seen: ["blind"],
    step: (f) => (isOpen(f) && f.verdict !== "own" ? holdUnseen(f) : { do: "wait", for: "look" }),
  },
  { row: "2", when: (f) => inDoubt(f) || has(f, "suspended"), seen: ["Resigned"], step: becomeResigned },
  {
    row: "2a",
    when: (f) => inDoubt(f) && !isAsWanted(f.effect, f.seen) && !isSettled(f),
    step: () => ({ do: "wait", for: "settle" }),
  },
  { row: "3", when: (f) => has(f, "suspending") || has(f, "restoring"), step: settleSuspension },
  { row: "4", when: (f) => has(f, "resigning"), step: (f) => again(f.effect.prev === "none" ? noEffect : back(f)) },
  { row: "5", when: (f) => has(f, "suspended"), seen: ["absent"], step: () => again(noEffect) },

  // It was carried out.
  { row: "6", when: wasCarriedOut, seen: ["Resigned", "absent"], step: closeCarriedOut },
  { row: "7", when: (f) => f.departure.status === "resigned", step: closeCarriedOut },
  {
    row: "6",
    when: (f) => wasCarriedOut(f) && isCalledOff(f),
    seen: ["blind"],
    step: () => ({ do: "wait", for: "look" }),
  },

  // It is called off: by an operator, or by its own source.
  { row: "8", when: (f) => isCalledOff(f) && !isIn(f), step: callOff },
  { row: "9", when: (f) => isCalledOff(f) && f.effect.for.length > 1, step: callOff },
  { row: "10", when: isCalledOff, step: giveBack },

  // Something speaks against it, and an operator must decide.
  { row: "12", when: (f) => f.verdict === "unclear", step: holdReturned },
  { row: "13", when: (f) => f.gate !== undefined, step: holdForGate },

  // The person was resigned by us before.
  {
    row: "14",
    when: (f) => has(f, "resigned"),
    seen: ["Resigned", "absent"],
    step: () => close("duplicate", alreadyCut),
  },
  { row: "14", when: (f) => has(f, "resigned"), seen: ["blind"], step: holdUnseen },
  {
    row: "14",
    when: (f) => has(f, "resigned") && (isAfterOurCall(f) || isReleasedGivenBack(f)),
    step: () => again(noEffect),
  },
  { row: "14", when: (f) => has(f, "resigned"), step: holdGivenBack },

  // The person is suspended by us, or was.
  { row: "15", when: (f) => has(f, "suspended") && !isIn(f), seen: ["Suspended", "Cut"], step: join },
  { row: "16", when: (f) => isSuspendedWith(f) && !isDayReached(f), step: () => ({ do: "wait", for: "day" }) },
  { row: "15, 17", when: (f) => has(f, "suspended"), seen: ["blind"], step: holdUnseen },
  {
    row: "15, 17",
    when: (f) => has(f, "suspended") && !isReleasedGivenBack(f),
    seen: ["Activated"],
    step: holdGivenBack,
  },
  { row: "15", when: (f) => has(f, "suspended") && !isIn(f), step: (f) => cut(f, call("suspend", false)) },
  { row: "17", when: (f) => has(f, "suspended"), step: (f) => cut(f, call("resign", false)) },

  // Nothing was done to the person yet.
  {
    row: "18",
    when: () => true,
    seen: ["Resigned"],
    step: () => close("resigned", "Resigned already, by somebody else"),
  },
  { row: "18", when: () => true, seen: ["absent"], step: closeAbsent },
  { row: "18", when: () => true, seen: ["blind"], step: holdUnseen },
  { row: "19", when: (f) => f.graceDays === 0, step: (f) => cut(f, call("resign", true)) },
  { row: "20", when: () => true, seen: ["Activated"], step: (f) => cut(f, call("suspend", true)) },
  { row: "20", when: () => true, step: (f) => cut(f, suspendedByOthers(f)) },
];

const has = ({ effect }: Known, state: Effect["state"]) => effect.state === state;
const isIn = ({ effect, departure }: Known) => effect.for.includes(departure.id);
const isOpen = ({ departure: { status } }: Known) => status !== "cancelled" && status !== "resigned";
const isSuspendedWith = (known: Known) => has(known, "suspended") && isIn(known);
const isSettled = ({ effect, seen, settleSeconds }: Known) =>
  seen.beganAt.getTime() >= settledAtMs(effect, settleSeconds);

function isCalledOff({ departure, verdict }: Known): boolean {
  return departure.status === "cancelled" || verdict === "own";
}

function inDoubt({ effect }: Known): boolean {
  return isDoubt(effect);
}

function isToCome(known: Known): boolean {
  const { leavesAt } = known.departure;
  return isOpen(known) && leavesAt !== undefined && known.now.getTime() < Date.parse(leavesAt);
}

const isDayReached = ({ effect, now }: Known) => now.getTime() >= Date.parse(effect.resignAfter ?? "");

/** This departure's call it was, or it stood on the suspension when somebody else resigned the person. */
function wasCarriedOut(known: Known): boolean {
  const { by } = known.effect;
  return has(known, "resigned") && (by === known.departure.id || (by === undefined && isIn(known)));
}

/** Later than our call, by more than two clocks can differ: the person was given back their access, and left again. */
function isAfterOurCall({ departure, effect }: Known): boolean {
  return momentOf(departure).from.getTime() > Date.parse(effect.calledAt ?? "") + otherClockMs;
}

const again = (effect: Effect) => ({ do: "again" as const, effect });
const close = (as: Extract<Step, { do: "close" }>["as"], why: string, tell?: Notice["about"]) => ({
  ...({ do: "close", as, why } as const),
  ...(tell && { tell }),
});
const call = (name: Call, takesPlace: boolean) => ({ do: "call" as const, call: name, takesPlace });

/** While all is stopped, nobody is cut off. */
const cut = <S extends Step & { effect?: Effect }>({ isStopped }: Known, step: S) =>
  isStopped ? ({ do: "wait", for: "start" } as const) : step;

function becomeResigned({ effect, seen, now }: Known) {
  if (isDoubt(effect)) return again({ ...effect, state: "resigned" });
  const { by, ...others } = effect;
  return again({ ...others, state: "resigned", calledAt: seen.statusChangedAt ?? now.toISOString() });
}

/** A suspension that GenAuth shows and that is ours stands; otherwise nothing of ours does. */
function settleSuspension(known: Known) {
  const { effect, seen, settleSeconds } = known;
  if (isOurs(effect, seen, settleSeconds)) return again({ ...back(known), changedAt: seen.statusChangedAt });
  if (effect.state !== "suspending" || effect.prev === "none") return again(noEffect);
  // It was to be suspended once more, for one more departure: the others stand on what was there before.
  const others = effect.for.filter((id) => id !== effect.by);
  return again(others.length > 0 ? { ...back(known), for: others, by: others[0] } : noEffect);
}

const back = ({ effect }: Known): Effect => ({ ...effect, state: "suspended", prev: "none" });

function closeCarriedOut(known: Known) {
  const { departure, verdict, seen } = known;
  const isTooLate = departure.status === "cancelled" || verdict !== "no";
  const isAccessBack = seen.state !== "Resigned" && seen.state !== "absent" && seen.state !== "blind";
  const why = isAccessBack
    ? "Somebody said that the person is back, after they were resigned: GenAuth shows that they have access again"
    : "Somebody said that the person is back, or cancelled this, but they are resigned already";
  return isTooLate ? close("resigned", why, "back_after_resigned") : close("resigned", "GenAuth shows it");
}

/** Closes what is called off where nothing is to be given back: rows 8 and 9. */
function callOff(known: Known) {
  if (needsReturnPlace(known)) return { do: "take return place" } as const;
  const { effect, departure } = known;
  const others = effect.for.filter((id) => id !== departure.id);
  const stands = isIn(known) ? `; another departure of the person still stands (${others.join(", ")})` : "";
  const closed = close("cancelled", `${whyCalledOff(known)}${stands}`, "called_off");
  return isIn(known) ? { ...closed, effect: { ...effect, for: others } } : closed;
}

/** It alone stands on the effect: what is ours is given back. Row 10. */
function giveBack(known: Known) {
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

function holdReturned({ returns, departure }: Known) {
  const isBraked = departure.returnsHeld !== undefined && covers(departure.returnsHeld, returns);
  const why = isBraked
    ? "More people came back than may within the hour: does this one stay?"
    : "Somebody said that the person is back, and it is not clear that this was before";
  return { do: "hold", heldFor: "returned", why, shown: { returns: countsOf(returns) } } as const;
}

function holdForGate({ gate }: Known) {
  return { do: "hold" as const, ...(gate as Gate) };
}

function holdUnseen(_: Known) {
  const why = "GenAuth refuses to show the person: grant the token the right to read users, then approve";
  return { do: "hold", heldFor: "unseen", why } as const;
}

function holdGivenBack({ seen }: Known) {
  const why = "Somebody gave the person their access back in GenAuth after our call";
  return { do: "hold", heldFor: "given_back", why, shown: statusShown(seen) } as const;
}

const statusShown = ({ state, statusChangedAt, updatedAt }: Seen): Shown => {
  const changedAt = statusChangedAt ?? updatedAt;
  return { status: state, ...(changedAt !== undefined && { changedAt }) };
};

/** An operator released it, and GenAuth shows the same as they were shown. */
function isReleasedGivenBack({ departure, seen }: Known): boolean {
  const { status, changedAt } = statusShown(seen);
  return (departure.released ?? []).some(
    ({ from, shown }) => from === "given_back" && shown?.status === status && shown?.changedAt === changedAt,
  );
}

/** Another departure of the suspended: no call, no place at the brake, the same day. */
function join(known: Known) {
  const { effect, departure } = known;
  const { resignAfter } = isDayReached(known) ? suspendedFrom(known) : effect;
  const joined: Effect = { ...effect, resignAfter, for: [...effect.for, departure.id].toSorted() };
  return { do: "suspended", takesPlace: false, why: alreadyCut, effect: joined } as const;
}

const alreadyCut = "The person's other departure was carried out";

function closeAbsent({ departure, former, otherCase }: Known) {
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

/** With a grace period, somebody who is cut off already waits like the suspended, and is given nothing back. */
function suspendedByOthers({ departure, now, graceDays }: Known) {
  const effect: Effect = { ...noEffect, ...suspendedFrom({ now, graceDays }), state: "suspended", for: [departure.id] };
  const why = "The person was cut off already";
  const by = { by: departure.id, calledAt: now.toISOString() };
  return { do: "suspended", takesPlace: true, why, effect: { ...effect, ...by } } as const;
}

/** The day of a suspension that begins now. */
const suspendedFrom = ({ now, graceDays }: Pick<Facts, "now" | "graceDays">) => ({
  resignAfter: new Date(now.getTime() + graceDays * 86_400_000).toISOString(),
});
