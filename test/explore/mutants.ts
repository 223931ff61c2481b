/** The table with one row broken each: the explorer must notice. */
import { type Decision, decide, type Facts, type Step } from "../../lambda/departure/decide.ts";
import { type Effect, noEffect } from "../../lambda/departure/effect.ts";
import { countsOf } from "../../lambda/departure/returns.ts";
import type { Resignation } from "../../lambda/resignation/resignation.ts";
import type { Setup } from "./state.ts";

export interface Mutant {
  readonly row: string;
  readonly what: string;
  /** Scenarios in which it should be noticed soon. */
  readonly scenarios: readonly string[];
  readonly graceDays: readonly (0 | 1)[];
  readonly change: Partial<Setup>;
}

/** What a wrong rule decides. */
type Decided = Step & { readonly row: string; readonly effect: Effect };

type Rule = (facts: Facts, decided: Decision) => Decided;

/** `rule` is asked after the table has decided, and may decide otherwise. */
function mutant(row: string, what: string, names: string[], rule: Rule, graceDays: (0 | 1)[] = [1, 0]): Mutant {
  return {
    row,
    what,
    scenarios: names,
    graceDays,
    change: { decide: (facts) => ({ settled: facts.effect, ...rule(facts, decide(facts)) }) },
  };
}

/** As if the facts were others, wherever this row decides. */
const asIf =
  (rows: string, change: (facts: Facts, decided: Decision) => Partial<Facts>): Rule =>
  (facts, decided) =>
    rows.split(" ").includes(decided.row) || rows === "any" ? decide({ ...facts, ...change(facts, decided) }) : decided;

const withDeparture = (facts: Facts, changes: object) => ({
  departure: { ...facts.departure, ...changes } as Resignation,
});
const released = (facts: Facts, from: string, shown: object) =>
  withDeparture(facts, { released: [...(facts.departure.released ?? []), { from, shown, by: "", at: "" }] });
const shownNow = ({ seen }: Facts) => ({ status: seen.state, changedAt: seen.statusChangedAt ?? seen.updatedAt });
const close = (decided: Decision, as: "resigned" | "cancelled" | "duplicate" | "not_found"): Decided => ({
  ...{ do: "close", as, why: "", row: decided.row, effect: decided.effect },
});
const callInstead = (decided: Decision, call: "resign" | "suspend" | "give back"): Decided => ({
  ...{ do: "call", call, takesPlace: false, row: decided.row, effect: decided.effect },
});

export const mutants: readonly Mutant[] = [
  mutant(
    "1",
    "calls blind where a call is in doubt",
    ["cancelled blind, small", "doubts", "blind"],
    (facts, decided) =>
      decided.row === "1" && facts.effect.state !== "restoring"
        ? callInstead({ ...decided, effect: noEffect }, "resign")
        : decided,
    [0],
  ),
  mutant(
    "1",
    "holds what is called off where nobody may look",
    ["cancelled blind, small", "give-back refused", "blind"],
    (_, decided) =>
      decided.row === "1" && decided.do === "wait"
        ? { do: "hold", heldFor: "unseen", why: "", row: "1", effect: decided.effect }
        : decided,
  ),
  mutant(
    "2",
    "a person who is Resigned was not resigned by it",
    ["cancelled blind, small", "operator cancels", "return"],
    (facts, decided) =>
      facts.seen.state === "Resigned" && facts.effect.state === "resigning"
        ? decide({ ...facts, effect: noEffect })
        : decided,
  ),
  mutant(
    "2a",
    "a doubt settles at once",
    ["cancelled blind, small", "return", "operator cancels", "doubts"],
    asIf("2a", () => ({ settleSeconds: -1e9 })),
  ),
  mutant(
    "3",
    "a suspension that is there is always ours",
    ["lost, suspended by hand, small", "doubts, administrator", "administrator"],
    (facts, decided) =>
      facts.effect.state === "suspending" && facts.seen.state === "Suspended"
        ? decide({ ...facts, effect: { ...facts.effect, state: "suspended", changedAt: facts.seen.statusChangedAt } })
        : decided,
  ),
  mutant(
    "3",
    "a suspension that is there is never ours",
    ["cancelled blind, small", "return", "doubts"],
    (facts, decided) =>
      facts.effect.state === "suspending" && facts.seen.state === "Suspended"
        ? decide({ ...facts, effect: noEffect })
        : decided,
    [1],
  ),
  mutant(
    "3",
    "a give-back that did not arrive is forgotten",
    ["cancelled blind, small", "return", "doubts"],
    (facts, decided) =>
      facts.effect.state === "restoring" && facts.seen.state === "Suspended" && decided.row !== "2a"
        ? decide({ ...facts, effect: noEffect })
        : decided,
    [1],
  ),
  mutant(
    "4",
    "a resign in doubt was carried out",
    ["suspended without its moment, small", "return", "doubts"],
    (facts, decided) =>
      facts.effect.state === "resigning" && decided.row !== "2a" && decided.row !== "1"
        ? close(decided, "resigned")
        : decided,
    [0],
  ),
  mutant(
    "4",
    "a resign of the suspended that did not arrive leaves nothing of ours",
    ["cancelled blind, small", "return", "doubts"],
    (facts, decided) =>
      facts.effect.state === "resigning" && facts.seen.state === "Suspended" && decided.row !== "2a"
        ? decide({ ...facts, effect: noEffect })
        : decided,
    [1],
  ),
  mutant(
    "5",
    "a deleted person stays suspended",
    ["deleted by hand, small", "two, deleted, small", "deleted by hand"],
    (facts, decided) =>
      facts.effect.state === "suspended" && facts.seen.state === "absent"
        ? decide({ ...facts, seen: { ...facts.seen, state: "Cut" } })
        : decided,
    [1],
  ),
  mutant(
    "6",
    "what was carried out is not known as such",
    ["cancelled, crash, small", "return", "two, cancel, small", "operator cancels"],
    (facts, decided) =>
      decided.row === "6" ? decide({ ...facts, effect: { ...decided.effect, by: "nobody" } }) : decided,
  ),
  mutant(
    "6",
    "that it came too late is not told",
    ["cancelled, crash, small", "return", "operator cancels"],
    (_, decided) => (decided.row === "6" ? close(decided, "resigned") : decided),
  ),
  mutant(
    "7",
    "ends the effect of what is resigned",
    ["two, deleted, small", "two, given back by hand, small", "rehired by hand, leaves again"],
    (_, decided) => (decided.row === "7" ? { ...decided, effect: noEffect } : decided),
  ),
  mutant("8", "a return of its own source is not heard", ["return"], (facts, decided) =>
    /^(8|9|10)/.test(decided.row) && facts.departure.status !== "cancelled"
      ? decide({ ...facts, returns: [] })
      : decided,
  ),
  mutant(
    "8 to 10",
    "takes no place at the returns' brake",
    ["failed, no place for a return, small", "returns' brake, small", "returns' brake, none free"],
    (facts, decided) =>
      decided.do === "take return place"
        ? decide({ ...facts, ...withDeparture(facts, { hasReturnPlace: true }) })
        : decided,
  ),
  mutant(
    "8 before",
    "a return before its day is not heard",
    ["leaves on a later day"],
    asIf("8 before", () => ({ returns: [] })),
  ),
  mutant(
    "9",
    "others in for are not asked",
    ["two, cancel, small"],
    (facts, decided) =>
      decided.row === "9" && decided.do === "close"
        ? decide({ ...facts, effect: { ...facts.effect, for: [facts.departure.id] } })
        : decided,
    [1],
  ),
  mutant(
    "9",
    "leaves itself in for",
    ["two, cancel, small"],
    (facts, decided) =>
      decided.row === "9" && decided.do === "close" ? { ...decided, effect: facts.effect } : decided,
    [1],
  ),
  mutant(
    "10",
    "gives back what is not ours",
    ["administrator", "suspended by hand meanwhile"],
    (facts, decided) =>
      decided.row === "10" && decided.do === "close" && facts.seen.state === "Suspended"
        ? callInstead({ ...decided, effect: facts.effect }, "give back")
        : decided,
    [1],
  ),
  mutant(
    "10",
    "gives nothing back",
    ["cancelled, crash, small", "return", "two, cancel, small"],
    (_, decided) =>
      decided.do === "call" && decided.call === "give back"
        ? { ...close(decided, "cancelled"), effect: noEffect }
        : decided,
    [1],
  ),
  mutant(
    "10",
    "closes blind",
    ["blind"],
    (_, decided) =>
      decided.row === "10" && decided.do === "wait" ? { ...close(decided, "cancelled"), effect: noEffect } : decided,
    [1],
  ),
  mutant(
    "11",
    "its day is not waited for",
    ["a later day, small", "leaves on a later day", "scheduled"],
    asIf("11", (facts) => withDeparture(facts, { leavesAt: undefined })),
  ),
  mutant(
    "12",
    "an unclear return is not heard",
    ["untimed return", "two sources"],
    asIf("12", (facts) => released(facts, "returned", { returns: countsOf(facts.returns) })),
  ),
  mutant("13", "a gate is not asked", ["protected later", "unclear order"], (facts) =>
    decide({ ...facts, gate: undefined }),
  ),
  mutant("14", "always a duplicate", ["rehired by hand, leaves again"], (_, decided) =>
    decided.row === "14" ? close(decided, "duplicate") : decided,
  ),
  mutant(
    "14",
    "our call's moment is not asked",
    ["two, given back by hand, small", "rehired by hand, leaves again"],
    asIf("14", (facts) => released(facts, "given_back", shownNow(facts))),
  ),
  mutant("14", "a later departure is held for ever", ["rehired by hand, leaves again"], (facts, decided) =>
    facts.effect.state === "resigned" &&
    (decided.row === "19" || decided.row === "20") &&
    facts.seen.state === "Activated"
      ? { do: "hold", heldFor: "given_back", why: "", row: "14", effect: facts.effect }
      : decided,
  ),
  mutant("14", "a blind look makes a duplicate", ["blind, two"], (facts, decided) =>
    decided.row === "14" && facts.seen.state === "blind" ? close(decided, "duplicate") : decided,
  ),
  mutant(
    "15",
    "joins without being written in for",
    ["two, cancel, small"],
    (facts, decided) =>
      decided.row === "15" && decided.do === "suspended" ? { ...decided, effect: facts.effect } : decided,
    [1],
  ),
  mutant(
    "15",
    "suspends once more instead of joining",
    ["administrator, two departures", "two, cancel, small"],
    (_, decided) =>
      decided.row === "15" && decided.do === "suspended"
        ? { ...callInstead(decided, "suspend"), effect: decided.effect }
        : decided,
    [1],
  ),
  mutant(
    "15, 17",
    "somebody's giving access back is not asked",
    ["suspended by hand meanwhile", "administrator", "two, given back by hand, small"],
    (facts, decided) =>
      decided.row === "15, 17" ? decide({ ...facts, ...released(facts, "given_back", shownNow(facts)) }) : decided,
    [1],
  ),
  mutant(
    "16",
    "resigns before the day",
    ["cancelled blind, small", "two workers read, small", "return"],
    (_, decided) => (decided.row === "16" ? callInstead(decided, "resign") : decided),
    [1],
  ),
  mutant(
    "17",
    "never resigns the suspended",
    ["two workers read, small", "return", "two, cancel, small"],
    (_, decided) => (decided.row === "17" ? { do: "wait", for: "day", row: "17", effect: decided.effect } : decided),
    [1],
  ),
  mutant(
    "17",
    "calls blind",
    ["blind, given back by hand, small", "blind"],
    (_, decided) =>
      decided.row === "15, 17" && decided.do === "hold" && decided.heldFor === "unseen"
        ? callInstead(decided, "resign")
        : decided,
    [1],
  ),
  mutant("18", "nobody may look, so nobody is there", ["cancelled blind, small", "blind"], (facts, decided) =>
    decided.row === "18" && facts.seen.state === "blind" ? close(decided, "not_found") : decided,
  ),
  mutant(
    "18",
    "somebody who is not there is resigned",
    ["resigned by hand, small", "two, deleted, small"],
    (facts, decided) =>
      decided.row === "18" && facts.seen.state === "Resigned" ? callInstead(decided, "resign") : decided,
  ),
  mutant(
    "19",
    "resigns at once in spite of the grace period",
    ["return"],
    (facts) => decide({ ...facts, graceDays: 0 }),
    [1],
  ),
  mutant(
    "20",
    "a suspension without a call counts as ours",
    ["administrator", "suspended by hand meanwhile"],
    (facts, decided) =>
      decided.row === "20" && decided.do === "suspended"
        ? { ...decided, effect: { ...decided.effect, hadCall: true, changedAt: facts.seen.statusChangedAt } }
        : decided,
    [1],
  ),
  mutant(
    "19, 20",
    "takes no place at the brake",
    ["suspended by hand, no place, small", "brake"],
    (_, decided) => (decided.do === "call" || decided.do === "suspended" ? { ...decided, takesPlace: false } : decided),
    [0, 1],
  ),
  turnMutant("15 to 20", "the stop is not asked", ["stop, small"], { stop: true }),
  turnMutant("call", "the returns are not read once more", ["return"], { rereading: true }),
  turnMutant(
    "turn",
    "nobody wakes those who stand on it",
    ["two leave, deleted by hand, small", "two, deleted, small"],
    { waking: true },
    [1],
  ),
  turnMutant("turn", "every status has a turn", ["returns' brake, small", "two, refused, small"], { gate: true }),
];

function turnMutant(
  row: string,
  what: string,
  names: string[],
  isBroken: Setup["isBroken"],
  graceDays: (0 | 1)[] = [0, 1],
): Mutant {
  return { row, what, scenarios: names, graceDays, change: { isBroken } };
}
