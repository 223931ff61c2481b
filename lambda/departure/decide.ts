import type { Notice } from "../resignation/notice.ts";
import type { HeldFor, Resignation, Shown } from "../resignation/resignation.ts";
import { type Effect, isAsWanted, isDoubt, noEffect, type Seen, settledAtMs } from "./effect.ts";
import { momentOf, otherClockMs, type Returned, type Verdict, verdictOf } from "./returns.ts";
import {
  again,
  alreadyCut,
  back,
  becomeResigned,
  call,
  callOff,
  close,
  closeAbsent,
  closeCarriedOut,
  cut,
  giveBack,
  has,
  holdForGate,
  holdGivenBack,
  holdReturned,
  holdUnseen,
  isDayReached,
  isIn,
  isReleasedGivenBack,
  join,
  settleSuspension,
  suspendedByOthers,
} from "./steps.ts";

/** Everything that is known of a departure and its person when a turn decides. */
export interface Facts {
  readonly departure: Resignation;
  readonly effect: Effect;
  /** Of every relation of the person. */
  readonly returns: readonly Returned[];
  readonly seen: Seen;
  /** The first gate that is closed for this departure and not released (`gates.ts`). */
  readonly gate?: Gate | undefined;
  /** The relation belongs to another user today: returns at it are not this person's. */
  readonly isOtherUser?: boolean | undefined;
  /** The id that this person had at their source before, where it was renamed. */
  readonly former?: string | undefined;
  /** The user whom GenAuth knows by the same WeCom id in another case. */
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
 * effect that stands if the step is not taken after all.
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

/** A return at an id that another user has today calls nothing off. */
function verdictOfPerson({ departure, returns, isOtherUser }: Facts): Verdict {
  const verdict = verdictOf(departure, returns);
  return verdict === "own" && isOtherUser ? "unclear" : verdict;
}

export type Known = Facts & { readonly verdict: Verdict };

interface Row {
  readonly row: string;
  readonly when: (known: Known) => boolean;
  /** The states of the person that the row is for; absent: all of them. */
  readonly seen?: readonly Seen["state"][];
  readonly step: (known: Known) => { do: "again"; effect: Effect } | (Step & { effect?: Effect });
}

const table: readonly Row[] = [
  // Before its day a departure has a turn without a look: only a return and an unclear order count.
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

/** It was this departure's call, or the departure stood on the suspension when an administrator resigned the person. */
function wasCarriedOut(known: Known): boolean {
  const { by } = known.effect;
  return has(known, "resigned") && (by === known.departure.id || (by === undefined && isIn(known)));
}

/** Later than our call by more than two clocks can differ: the person got their access back, and left again. */
function isAfterOurCall({ departure, effect }: Known): boolean {
  return momentOf(departure).from.getTime() > Date.parse(effect.calledAt ?? "") + otherClockMs;
}
