/** Every row of the table of decisions, every combination of its inputs, and what must be impossible. */

import { describe, expect, test } from "vitest";
import { type Decision, decide, type Facts, type Gate } from "../../../lambda/departure/decide.ts";
import { type Effect, isAsWanted, isDoubt, isOurs, settledAtMs } from "../../../lambda/departure/effect.ts";
import { verdictOf } from "../../../lambda/departure/returns.ts";
import { holds, type Status } from "../../../lambda/resignation/resignation.ts";
import { statuses } from "../../../lambda/resignation/status.ts";
import { fc, fewer } from "../../fast-check.ts";
import * as given from "./given.ts";

const { departure, dueSuspension, doubt, facts, other, own, release, resignation, seen, self, suspension, unclear } =
  given;

/** What is expected of a decision; `effect` stands for the one that went in where it is left out. */
type Expected = { row: string; do: Decision["do"]; effect?: Partial<Effect> } & Record<string, unknown>;
type Case = [sentence: string, given: Partial<Facts>, expected: Expected];

const none = { state: "none", for: [] } as const;
const both = [other, self];
const closed = (row: string, as: string, more: object = {}) => ({ row, do: "close" as const, as, ...more });
const held = (row: string, heldFor: string, more: object = {}) => ({ row, do: "hold" as const, heldFor, ...more });
const waits = (row: string, reason: string, more: object = {}) => ({
  ...{ row, do: "wait" as const, for: reason },
  ...more,
});
const calls = (row: string, call: string, takesPlace = false, more: object = {}) => ({
  ...{ row, do: "call" as const, call, takesPlace },
  ...more,
});
const placed = { hasReturnPlace: true };
const cancelled = departure("cancelled");
const toCome = { leavesAt: given.at(3_600) };
const gate: Gate = { heldFor: "protected", why: "The person is protected" };
const byAnother = seen("Suspended", { statusChangedAt: given.theirMark });

function check(cases: readonly Case[]) {
  test.each(cases)("%s", (_, more, { row, effect, ...step }) => {
    const before = facts(more);
    const decision = decide(before);
    expect(decision).toMatchObject({ row, ...step, effect: effect ?? before.effect });
    if (!("tell" in step)) expect(decision).not.toHaveProperty("tell");
  });
}

describe("before its day", () => {
  check([
    [
      "a return of its own source asks for a place",
      { departure: departure("scheduled", toCome), returns: own, seen: seen("blind") },
      { row: "8 before", do: "take return place" },
    ],
    [
      "a return of its own source closes what has a place",
      { departure: departure("scheduled", { ...toCome, ...placed }), returns: own, seen: seen("blind") },
      closed("8 before", "cancelled", { tell: "called_off" }),
    ],
    [
      "an order that may mean several people is held",
      { departure: departure("scheduled", toCome), gate: { heldFor: "ambiguous", why: "two" }, seen: seen("blind") },
      held("13 before", "ambiguous"),
    ],
    [
      "a return of its own source counts before the unclear order does",
      {
        departure: departure("held", { ...toCome, ...placed }),
        returns: own,
        gate: { heldFor: "ambiguous", why: "two" },
      },
      closed("8 before", "cancelled", { tell: "called_off" }),
    ],
    [
      "another gate holds nothing yet",
      { departure: departure("scheduled", toCome), gate, seen: seen("blind") },
      waits("11", "moment"),
    ],
    [
      "an unclear return holds nothing yet",
      { departure: departure("scheduled", toCome), returns: unclear, seen: seen("blind") },
      waits("11", "moment"),
    ],
    ["what was approved waits as well", { departure: departure("accepted", toCome) }, waits("11", "moment")],
    [
      "a doubt of another departure is not touched",
      { departure: departure("scheduled", toCome), effect: doubt("resigning", { for: [other], by: other }) },
      waits("11", "moment"),
    ],
    [
      "a cancelled one takes part in the table whatever its day is",
      { departure: departure("cancelled", toCome) },
      closed("8", "cancelled", { tell: "called_off" }),
    ],
    [
      "its day counts from the very moment",
      { departure: departure("scheduled", { leavesAt: given.now.toISOString() }) },
      calls("19", "resign", true),
    ],
  ]);
});

describe("rows 1 to 4: a call was begun and its outcome is not known", () => {
  for (const state of ["suspending", "resigning", "restoring"] as const) {
    check([
      [
        `an open departure is held where nobody may look (${state})`,
        { effect: doubt(state), seen: seen("blind") },
        held("1", "unseen"),
      ],
      [
        `a cancelled one waits for ever where nobody may look (${state})`,
        { effect: doubt(state), seen: seen("blind"), departure: cancelled },
        waits("1", "look"),
      ],
      [
        `a returned one waits for ever where nobody may look (${state})`,
        { effect: doubt(state), seen: seen("blind"), returns: own },
        waits("1", "look"),
      ],
      [
        `a resigned one waits where nobody may look (${state})`,
        { effect: doubt(state), seen: seen("blind"), departure: departure("resigned") },
        waits("1", "look"),
      ],
      [
        `an unclear return holds like any open departure where nobody may look (${state})`,
        { effect: doubt(state), seen: seen("blind"), returns: unclear },
        held("1", "unseen"),
      ],
      [
        `a person who is Resigned was resigned by it (${state})`,
        { effect: doubt(state), seen: seen("Resigned") },
        closed("6", "resigned", { effect: { state: "resigned", by: self, for: [self] } }),
      ],
    ]);
  }
  const young = { triedUntil: given.at(-29) };
  const before: readonly [Effect["state"], readonly (typeof given.states)[number][]][] = [
    ["suspending", ["Activated", "Cut", "absent"]],
    ["resigning", ["Activated", "Suspended", "Cut", "absent"]],
    ["restoring", ["Suspended", "Cut", "absent"]],
  ];
  for (const [state, looks] of before) {
    for (const look of looks) {
      check([
        [
          `a look that shows ${look} settles no ${state} call that may still arrive`,
          { effect: doubt(state, young), seen: seen(look) },
          waits("2a", "settle"),
        ],
      ]);
    }
  }
  check([
    [
      "a look that was begun too early settles nothing, however late it is now",
      { effect: doubt("suspending"), seen: seen("Activated", { beganAt: new Date(given.at(-161)) }) },
      waits("2a", "settle"),
    ],
    [
      "a look that was begun at the very end settles it",
      { effect: doubt("suspending"), seen: seen("Activated", { beganAt: new Date(given.at(-160)) }), graceDays: 1 },
      calls("20", "suspend", true, { effect: none }),
    ],
    [
      "a suspension that is there counts at once",
      {
        effect: doubt("suspending", { ...young, calledAt: given.at(-31) }),
        seen: seen("Suspended", { statusChangedAt: given.at(-30) }),
      },
      waits("16", "day", { effect: { state: "suspended", prev: "none", changedAt: given.at(-30), for: [self] } }),
    ],
    [
      "access that is back counts at once",
      { effect: doubt("restoring", young), seen: seen("Activated"), departure: cancelled },
      closed("8", "cancelled", { effect: none, tell: "called_off" }),
    ],
  ]);
  check([
    [
      "a suspension outside the try's time is somebody else's",
      {
        effect: doubt("suspending"),
        seen: seen("Suspended", { statusChangedAt: given.at(-100) }),
        departure: cancelled,
      },
      closed("8", "cancelled", { effect: none, tell: "called_off" }),
    ],
    [
      "a suspension that never came is tried again",
      { effect: doubt("suspending"), seen: seen("Activated"), graceDays: 1 },
      calls("20", "suspend", true, { effect: none }),
    ],
    [
      "a suspension that came is given back when it is cancelled",
      {
        effect: doubt("suspending"),
        seen: seen("Suspended", { statusChangedAt: given.at(-195) }),
        departure: cancelled,
      },
      calls("10", "give back", false, { effect: { state: "suspended", changedAt: given.at(-195) } }),
    ],
    [
      "access that was not given back is tried again",
      { effect: doubt("restoring"), seen: seen("Suspended"), departure: cancelled },
      calls("10", "give back", false, { effect: { state: "suspended", changedAt: given.ourMark, prev: "none" } }),
    ],
    [
      "a suspension that somebody else put in its place is not given back",
      { effect: doubt("restoring"), seen: byAnother, departure: cancelled },
      closed("8", "cancelled", { effect: none, tell: "called_off" }),
    ],
    [
      "a deactivation that somebody put in its place is not given back",
      { effect: doubt("restoring"), seen: seen("Cut"), departure: cancelled },
      closed("8", "cancelled", { effect: none, tell: "called_off" }),
    ],
    [
      "a deleted person ends a give-back",
      { effect: doubt("restoring"), seen: seen("absent"), departure: cancelled },
      closed("8", "cancelled", { effect: none, tell: "called_off" }),
    ],
    [
      "a resign that did not come is tried again",
      { effect: doubt("resigning"), seen: seen("Activated") },
      calls("19", "resign", true, { effect: none }),
    ],
    [
      "a resign of the suspended that did not come leaves them suspended",
      { effect: { ...dueSuspension(), state: "resigning", prev: "suspended" }, seen: seen("Suspended") },
      calls("17", "resign", false, { effect: { state: "suspended", prev: "none", changedAt: given.ourMark } }),
    ],
    [
      "a resign of the suspended whom somebody gave access back is held",
      { effect: { ...dueSuspension(), state: "resigning", prev: "suspended" }, seen: seen("Activated") },
      held("15, 17", "given_back", { effect: { state: "suspended" } }),
    ],
    [
      "a deleted person ends a resign of the suspended as not found",
      { effect: { ...dueSuspension(), state: "resigning", prev: "suspended" }, seen: seen("absent") },
      closed("18", "not_found", { tell: "not_found", effect: none }),
    ],
  ]);
  test("row 2 keeps the departure whose call was under way", () => {
    const { effect } = decide(
      facts({ effect: doubt("resigning", { by: other, for: both }), seen: seen("Resigned"), departure: cancelled }),
    );
    expect(effect).toMatchObject({ state: "resigned", by: other, for: [other] });
  });
});

describe("rows 2 and 5: somebody's hand ends our suspension", () => {
  check([
    [
      "row 2: a suspended person who was resigned by hand was resigned by nobody of ours",
      { effect: suspension(), seen: seen("Resigned") },
      closed("6", "resigned", { effect: { state: "resigned", calledAt: given.theirMark } }),
    ],
    [
      "row 2: without a moment from GenAuth it counts from now",
      { effect: suspension(), seen: seen("Resigned", { statusChangedAt: undefined }) },
      closed("6", "resigned", { effect: { state: "resigned", calledAt: given.now.toISOString() } }),
    ],
    [
      "row 2: for another departure it is a duplicate",
      { effect: suspension({ for: [other], by: other }), seen: seen("Resigned") },
      closed("14", "duplicate", { effect: { state: "resigned" } }),
    ],
    [
      "row 5: a suspended person who was deleted is not found",
      { effect: suspension(), seen: seen("absent") },
      closed("18", "not_found", { tell: "not_found", effect: none }),
    ],
    [
      "row 5: a cancelled one closes when the person was deleted",
      { effect: suspension(), seen: seen("absent"), departure: cancelled },
      closed("8", "cancelled", { tell: "called_off", effect: none }),
    ],
  ]);
  test("row 2 leaves out by whom", () => {
    expect(decide(facts({ effect: suspension(), seen: seen("Resigned") })).effect).not.toHaveProperty("by");
  });
});

describe("rows 6 and 7: it was carried out", () => {
  const late = { tell: "back_after_resigned" };
  for (const look of ["Resigned", "absent"] as const) {
    check([
      [
        `row 6: it closes as resigned (${look})`,
        { effect: resignation(), seen: seen(look) },
        closed("6", "resigned", { why: "GenAuth shows it" }),
      ],
      [
        `row 6: a cancel came too late, and that is told (${look})`,
        { effect: resignation(), seen: seen(look), departure: cancelled },
        closed("6", "resigned", late),
      ],
      [
        `row 6: a return came too late, and that is told (${look})`,
        { effect: resignation(), seen: seen(look), returns: own },
        closed("6", "resigned", late),
      ],
      [
        `row 6: an unclear return is told as well (${look})`,
        { effect: resignation(), seen: seen(look), returns: unclear },
        closed("6", "resigned", late),
      ],
      [
        `row 6: a departure that stood on it when somebody else resigned them is carried out (${look})`,
        { effect: resignation({ by: undefined, for: both }), seen: seen(look) },
        closed("6", "resigned"),
      ],
      [
        `row 6: a departure that did not stand on it is a duplicate (${look})`,
        { effect: resignation({ by: undefined, for: [other] }), seen: seen(look) },
        closed("14", "duplicate"),
      ],
      [
        `row 6: a return after it was resigned is told (${look})`,
        { effect: resignation(), seen: seen(look), returns: own, departure: departure("resigned") },
        closed("6", "resigned", late),
      ],
      [
        `row 6: neither a gate nor the stop keeps it from closing (${look})`,
        { effect: resignation(), seen: seen(look), gate, isStopped: true },
        closed("6", "resigned"),
      ],
    ]);
  }
  for (const look of ["Activated", "Suspended", "Cut", "blind"] as const) {
    check([
      [
        `row 7: what is resigned stays so, and its effect does (${look})`,
        { effect: resignation(), seen: seen(look), returns: own, departure: departure("resigned") },
        closed("7", "resigned", late),
      ],
    ]);
  }
  test("row 7 says that the person has access again where GenAuth shows it", () => {
    const back = { effect: resignation(), returns: own, departure: departure("resigned") };
    expect(decide(facts({ ...back, seen: seen("Activated") }))).toMatchObject({
      why: expect.stringContaining("access again"),
    });
    expect(decide(facts({ ...back, seen: seen("blind") }))).toMatchObject({
      why: expect.not.stringContaining("access again"),
    });
  });
});

describe("rows 8 to 10: it is called off", () => {
  for (const look of given.states) {
    check([
      [
        `row 8: a cancelled one that stands on nothing closes (${look})`,
        { departure: cancelled, seen: seen(look) },
        closed("8", "cancelled", { tell: "called_off" }),
      ],
      [
        `row 8: a return asks for a place first (${look})`,
        { returns: own, seen: seen(look) },
        { row: "8", do: "take return place" },
      ],
      [
        `row 8: a returned one with a place closes (${look})`,
        { returns: own, departure: departure("accepted", placed), seen: seen(look) },
        closed("8", "cancelled", { tell: "called_off" }),
      ],
      [
        `row 8: the effect of another departure is left alone (${look})`,
        { departure: cancelled, seen: seen(look), effect: resignation({ for: [other], by: other }) },
        closed("8", "cancelled", { tell: "called_off" }),
      ],
      [
        `row 9: another departure's resignation stands (${look})`,
        { departure: cancelled, seen: seen(look), effect: resignation({ for: both, by: other }) },
        closed("9", "cancelled", { tell: "called_off", effect: { state: "resigned", for: [other], by: other } }),
      ],
    ]);
  }
  for (const look of ["Activated", "Suspended", "Cut", "blind"] as const) {
    check([
      [
        `row 9: the other departure still stands on the suspension (${look})`,
        { departure: cancelled, seen: seen(look), effect: suspension({ for: both }) },
        closed("9", "cancelled", {
          tell: "called_off",
          why: expect.stringContaining(other),
          effect: { state: "suspended", for: [other] },
        }),
      ],
      [
        `row 9: a return asks for a place first (${look})`,
        { returns: own, seen: seen(look), effect: suspension({ for: both }) },
        { row: "9", do: "take return place" },
      ],
      [
        `row 9: a returned one with a place leaves the other standing (${look})`,
        {
          returns: own,
          departure: departure("suspended", placed),
          seen: seen(look),
          effect: suspension({ for: both }),
        },
        closed("9", "cancelled", { tell: "called_off", effect: { state: "suspended", for: [other] } }),
      ],
      [
        `row 10: a return asks for a place first (${look})`,
        { returns: own, seen: seen(look), effect: suspension() },
        { row: "10", do: "take return place" },
      ],
    ]);
  }
  const nothing = { tell: "called_off", why: expect.stringContaining("nothing to give back"), effect: none };
  check([
    [
      "row 10: our suspension is given back to a cancelled one",
      { departure: cancelled, seen: seen("Suspended"), effect: suspension() },
      calls("10", "give back"),
    ],
    [
      "row 10: our suspension is given back to a returned one with a place",
      { departure: departure("suspended", placed), returns: own, seen: seen("Suspended"), effect: suspension() },
      calls("10", "give back"),
    ],
    [
      "row 10: neither a gate nor the stop keeps it from being given back",
      { departure: cancelled, seen: seen("Suspended"), effect: suspension(), gate, isStopped: true },
      calls("10", "give back"),
    ],
    [
      "row 10: a suspension that is somebody else's is left",
      { departure: cancelled, seen: byAnother, effect: suspension() },
      closed("10", "cancelled", nothing),
    ],
    [
      "row 10: a suspension of somebody who was cut off before is left",
      { departure: cancelled, seen: seen("Suspended"), effect: suspension({ hadCall: false }) },
      closed("10", "cancelled", nothing),
    ],
    [
      "row 10: an active person needs nothing",
      { departure: cancelled, seen: seen("Activated"), effect: suspension() },
      closed("10", "cancelled", nothing),
    ],
    [
      "row 10: a deactivated person is left so",
      { departure: cancelled, seen: seen("Cut"), effect: suspension() },
      closed("10", "cancelled", nothing),
    ],
    [
      "row 10: it waits where nobody may look",
      { departure: cancelled, seen: seen("blind"), effect: suspension() },
      waits("10", "look"),
    ],
    [
      "row 10: a failed one with a return is given back as well",
      { departure: departure("failed", placed), returns: own, seen: seen("Suspended"), effect: dueSuspension() },
      calls("10", "give back"),
    ],
  ]);
});

describe("rows 12 and 13: an operator must decide", () => {
  const counts = { "wechatwork:ada wechatwork": 1 };
  for (const look of given.states.filter((one) => one !== "Resigned" && one !== "absent")) {
    check([
      [
        `row 12: an unclear return holds, and shows the counts (${look})`,
        { returns: unclear, seen: seen(look) },
        held("12", "returned", { shown: { returns: counts } }),
      ],
      [
        `row 12: a suspended one is held in its place (${look})`,
        { returns: unclear, seen: seen(look), effect: suspension(), departure: departure("suspended") },
        held("12", "returned", { effect: { state: "suspended", for: [self] } }),
      ],
      [
        `row 13: a closed gate holds as it says (${look})`,
        { gate, seen: seen(look) },
        held("13", "protected", { why: gate.why }),
      ],
      [
        `row 13: a suspended one is held in its place (${look})`,
        { gate, seen: seen(look), effect: dueSuspension(), departure: departure("suspended") },
        held("13", "protected", { effect: { state: "suspended", for: [self] } }),
      ],
    ]);
  }
  for (const heldFor of holds) {
    check([
      [
        `row 13: the gate ${heldFor} holds before a resigned effect is asked`,
        { gate: { heldFor, why: "?" }, effect: resignation({ for: [other], by: other }), seen: seen("Activated") },
        held("13", heldFor),
      ],
    ]);
  }
  check([
    [
      "row 12: an unclear return counts before a gate does",
      { returns: unclear, gate, seen: seen("Activated") },
      held("12", "returned"),
    ],
    [
      "row 12: a release answers for the counts that it showed",
      {
        returns: unclear,
        departure: departure("accepted", { released: [release("returned", { returns: counts })] }),
      },
      calls("19", "resign", true),
    ],
    [
      "row 12: one return more than shown holds again",
      {
        returns: unclear.map((one) => ({ ...one, count: 2 })),
        departure: departure("accepted", { released: [release("returned", { returns: counts })] }),
      },
      held("12", "returned"),
    ],
    [
      "row 12: a return of its own source that the brake held says so",
      { returns: own, departure: departure("accepted", { returnsHeld: { "lark:ada lark": 1 } }) },
      held("12", "returned", { why: expect.stringContaining("within the hour") }),
    ],
    [
      "row 12: a return of its own source that the brake held and an operator saw is carried out",
      {
        returns: own,
        departure: departure("accepted", {
          returnsHeld: { "lark:ada lark": 1 },
          released: [release("returned", { returns: { "lark:ada lark": 1 } })],
        }),
      },
      calls("19", "resign", true),
    ],
    [
      "row 12: a return beyond what the brake held asks for a place",
      {
        returns: own.map((one) => ({ ...one, count: 2 })),
        departure: departure("accepted", { returnsHeld: { "lark:ada lark": 1 } }),
      },
      { row: "8", do: "take return place" },
    ],
  ]);
});

describe("row 14: the person was resigned before", () => {
  const before = resignation({ for: [other], by: other });
  const shown = { status: "Activated", changedAt: given.theirMark };
  const justAfter = (seconds: number) => {
    const leftAt = given.at(-400 + 300 + seconds);
    return departure("accepted", { moment: { from: leftAt, to: leftAt } });
  };
  for (const look of ["Resigned", "absent"] as const) {
    check([
      [`it is a duplicate (${look})`, { effect: before, seen: seen(look) }, closed("14", "duplicate")],
      [
        `the stop does not keep it from closing (${look})`,
        { effect: before, seen: seen(look), isStopped: true },
        closed("14", "duplicate"),
      ],
    ]);
  }
  check([["it is held where nobody may look", { effect: before, seen: seen("blind") }, held("14", "unseen")]]);
  for (const look of ["Activated", "Suspended", "Cut"] as const) {
    const isSeen = seen(look);
    const isShown = { status: look, changedAt: isSeen.statusChangedAt };
    check([
      [
        `somebody brought them back after our call (${look})`,
        { effect: before, seen: isSeen },
        held("14", "given_back", { shown: isShown }),
      ],
      [
        `a departure within five minutes of our call is not later (${look})`,
        { effect: before, seen: isSeen, departure: justAfter(0) },
        held("14", "given_back"),
      ],
      [
        `a later departure is carried out (${look})`,
        { effect: before, seen: isSeen, departure: justAfter(1) },
        calls("19", "resign", true, { effect: none }),
      ],
      [
        `a released one is carried out (${look})`,
        {
          effect: before,
          seen: isSeen,
          departure: departure("accepted", { released: [release("given_back", isShown)] }),
        },
        calls("19", "resign", true, { effect: none }),
      ],
      [
        `a later departure waits while all is stopped (${look})`,
        { effect: before, seen: isSeen, departure: justAfter(1), isStopped: true },
        waits("19", "start", { effect: none }),
      ],
    ]);
  }
  check([
    [
      "a release for another moment opens nothing",
      {
        effect: before,
        departure: departure("accepted", { released: [release("given_back", { ...shown, changedAt: given.ourMark })] }),
      },
      held("14", "given_back"),
    ],
    [
      "a release from another hold opens nothing",
      { effect: before, departure: departure("accepted", { released: [release("protected", shown)] }) },
      held("14", "given_back"),
    ],
    [
      "GenAuth's last update stands in where it tells no change of the status",
      { effect: before, seen: seen("Activated", { statusChangedAt: undefined, updatedAt: given.at(-50) }) },
      held("14", "given_back", { shown: { status: "Activated", changedAt: given.at(-50) } }),
    ],
    [
      "with a grace period the later departure is suspended first",
      { effect: before, departure: justAfter(1), graceDays: 1 },
      calls("20", "suspend", true, { effect: none }),
    ],
    [
      "without the moment of our call nothing is later",
      { effect: resignation({ for: [other], by: other, calledAt: undefined }), departure: justAfter(9_000) },
      held("14", "given_back"),
    ],
    [
      "its own call that somebody undid is held",
      { effect: resignation(), seen: seen("Activated") },
      held("14", "given_back"),
    ],
  ]);
});

describe("rows 15 to 17: the person is suspended by us, or was", () => {
  const others = suspension({ for: [other], by: other });
  const shown = { status: "Activated", changedAt: given.theirMark };
  const released = departure("accepted", { released: [release("given_back", shown)] });
  for (const look of ["Suspended", "Cut"] as const) {
    const joined = { effect: { ...others, for: both } };
    check([
      [
        `row 15: another departure joins without a place (${look})`,
        { effect: others, seen: seen(look) },
        { row: "15", do: "suspended", takesPlace: false, ...joined },
      ],
      [
        `row 15: it joins while all is stopped, since nothing is called (${look})`,
        { effect: others, seen: seen(look), isStopped: true },
        { row: "15", do: "suspended", takesPlace: false, ...joined },
      ],
      [
        `row 17: on its day it is resigned without a place (${look})`,
        { effect: dueSuspension(), seen: seen(look), departure: departure("suspended") },
        calls("17", "resign"),
      ],
      [
        `row 17: it waits while all is stopped (${look})`,
        { effect: dueSuspension(), seen: seen(look), departure: departure("suspended"), isStopped: true },
        waits("17", "start"),
      ],
    ]);
  }
  for (const look of ["Activated", "Suspended", "Cut", "blind"] as const) {
    check([
      [
        `row 16: it waits for its day (${look})`,
        { effect: suspension(), seen: seen(look), departure: departure("suspended") },
        waits("16", "day"),
      ],
    ]);
  }
  check([
    [
      "row 15: somebody gave access back, so another departure is held",
      { effect: others, seen: seen("Activated") },
      held("15, 17", "given_back", { shown }),
    ],
    [
      "row 15: a released one suspends again without a place",
      { effect: others, seen: seen("Activated"), departure: released },
      calls("15", "suspend"),
    ],
    [
      "row 15: a released one waits while all is stopped",
      { effect: others, seen: seen("Activated"), departure: released, isStopped: true },
      waits("15", "start"),
    ],
    ["row 15: it is held where nobody may look", { effect: others, seen: seen("blind") }, held("15, 17", "unseen")],
    [
      "row 16: the day counts from the very moment",
      { effect: suspension({ resignAfter: given.now.toISOString() }), seen: seen("Suspended") },
      calls("17", "resign"),
    ],
    [
      "row 17: somebody gave access back, so it is held on its day",
      { effect: dueSuspension(), seen: seen("Activated"), departure: departure("suspended") },
      held("15, 17", "given_back", { shown }),
    ],
    [
      "row 17: a released one is resigned",
      { effect: dueSuspension(), seen: seen("Activated"), departure: released },
      calls("17", "resign"),
    ],
    [
      "row 17: it is held where nobody may look",
      { effect: dueSuspension(), seen: seen("blind"), departure: departure("suspended") },
      held("15, 17", "unseen"),
    ],
  ]);
});

describe("rows 18 to 20: nothing was done yet", () => {
  const otherCase = { userId: "wechatwork:ada" as never, genauthUserId: "u1" };
  for (const graceDays of [0, 1]) {
    check([
      [
        `row 18: somebody else resigned them (grace ${graceDays})`,
        { seen: seen("Resigned"), graceDays },
        closed("18", "resigned", { why: expect.stringContaining("somebody else") }),
      ],
      [
        `row 18: nobody is there (grace ${graceDays})`,
        { seen: seen("absent"), graceDays },
        closed("18", "not_found", { tell: "not_found" }),
      ],
      [
        `row 18: it is held where nobody may look (grace ${graceDays})`,
        { seen: seen("blind"), graceDays },
        held("18", "unseen"),
      ],
    ]);
  }
  check([
    [
      "row 18: somebody who was renamed is held",
      { seen: seen("absent"), former: "lark:old" },
      held("18", "renamed", { shown: { former: "lark:old" } }),
    ],
    [
      "row 18: a released renamed one is not found",
      {
        seen: seen("absent"),
        former: "lark:old",
        departure: departure("accepted", { released: [release("renamed", { former: "lark:old" })] }),
      },
      closed("18", "not_found", { tell: "not_found" }),
    ],
    [
      "row 18: a release for another former id opens nothing",
      {
        seen: seen("absent"),
        former: "lark:old",
        departure: departure("accepted", { released: [release("renamed", { former: "lark:older" })] }),
      },
      held("18", "renamed"),
    ],
    [
      "row 18: somebody in another case is named",
      { seen: seen("absent"), otherCase },
      held("18", "ambiguous", { candidates: [otherCase], shown: { genauthUserId: "u1" } }),
    ],
    [
      "row 18: a released other case is not found",
      {
        seen: seen("absent"),
        otherCase,
        departure: departure("accepted", { released: [release("ambiguous", { genauthUserId: "u1" })] }),
      },
      closed("18", "not_found", { tell: "not_found" }),
    ],
    [
      "row 18: a rename counts before another case does",
      { seen: seen("absent"), otherCase, former: "lark:old" },
      held("18", "renamed"),
    ],
    [
      "row 20: without a call the suspension has nothing to give back",
      { seen: seen("Cut"), graceDays: 1 },
      {
        ...{ row: "20", do: "suspended", takesPlace: true },
        effect: {
          ...{ state: "suspended", for: [self], by: self, hadCall: false, calledAt: given.now.toISOString() },
          resignAfter: given.at(86_400),
        },
      },
    ],
    [
      "row 20: somebody else's suspension has nothing to give back either",
      { seen: seen("Suspended"), graceDays: 1 },
      { row: "20", do: "suspended", takesPlace: true, effect: { state: "suspended", hadCall: false } },
    ],
    [
      "row 20: with a grace period an active person is suspended",
      { graceDays: 1 },
      calls("20", "suspend", true, { effect: none }),
    ],
    [
      "row 20: an active person waits while all is stopped",
      { graceDays: 1, isStopped: true },
      waits("20", "start", { effect: none }),
    ],
    [
      "row 20: somebody who is cut off already waits while all is stopped",
      { graceDays: 1, isStopped: true, seen: seen("Cut") },
      waits("20", "start", { effect: none }),
    ],
  ]);
  for (const look of ["Activated", "Suspended", "Cut"] as const) {
    check([
      [
        `row 19: without a grace period the person is resigned (${look})`,
        { seen: seen(look) },
        calls("19", "resign", true),
      ],
      [`row 19: they wait while all is stopped (${look})`, { seen: seen(look), isStopped: true }, waits("19", "start")],
    ]);
  }
});

describe("what must be impossible", () => {
  check([
    [
      "resigned people are not given back, whoever cancels",
      { effect: resignation(), departure: cancelled, seen: seen("Resigned") },
      closed("6", "resigned", { tell: "back_after_resigned" }),
    ],
    [
      "an approved departure ahead of its day is scheduled again",
      { departure: departure("accepted", { ...toCome, released: [release("ambiguous")] }) },
      waits("11", "moment"),
    ],
    [
      "a cancel in doubt calls nothing before GenAuth was looked at",
      { departure: cancelled, effect: doubt("resigning", { triedUntil: given.at(-1) }), seen: seen("Activated") },
      waits("2a", "settle"),
    ],
    [
      "a cancelled departure opens again only as resigned, and that is told",
      { departure: cancelled, effect: doubt("resigning"), seen: seen("Resigned") },
      closed("6", "resigned", { tell: "back_after_resigned", effect: { state: "resigned" } }),
    ],
  ]);

  test("a call under way lets no other departure call", () => {
    for (const state of ["suspending", "resigning", "restoring"] as const) {
      for (const look of given.states) {
        const effect = doubt(state, { for: [other], by: other, triedUntil: given.at(0) });
        const decision = decide(facts({ effect, seen: seen(look), graceDays: 1 }));
        const isSettled = isAsWanted(effect, seen(look)) || look === "Resigned";
        if (!isSettled) expect(decision.do, `${state} ${look}`).not.toBe("call");
      }
    }
  });

  test("a suspension that nobody stands on is never left", () => {
    for (const more of [{}, { for: both }, { hadCall: false }]) {
      for (const look of given.states) {
        const { effect } = decide(facts({ effect: suspension(more), seen: seen(look), departure: cancelled }));
        expect(effect.state === "suspended" && effect.for.length === 0, look).toBe(false);
      }
    }
  });
});

const subsets: readonly string[][] = [[], [self], [other], both];
const effects = fc.record({
  state: fc.constantFrom(
    ...(["none", "suspending", "suspended", "resigning", "resigned", "restoring"] satisfies Effect["state"][]),
  ),
  for: fc.constantFrom(...subsets),
  by: fc.constantFrom(self, other, undefined),
  calledAt: fc.constantFrom(undefined, given.at(-4_000), given.at(-401), given.at(-5)),
  triedUntil: fc.constantFrom(undefined, given.at(-399), given.at(-5), given.at(100)),
  answeredAt: fc.constantFrom(undefined, given.at(-399)),
  changedAt: fc.constantFrom(undefined, given.ourMark),
  hadCall: fc.boolean(),
  prev: fc.constantFrom("none" as const, "suspended" as const),
  resignAfter: fc.constantFrom(undefined, given.at(-1), given.at(86_000)),
});
const looks = fc.record({
  state: fc.constantFrom(...given.states),
  statusChangedAt: fc.constantFrom(undefined, given.ourMark, given.theirMark),
  beganAt: fc.constant(given.now),
  serverAheadMs: fc.constantFrom(0, 7_000),
});
const someReturns = fc.constantFrom([], own, unclear, [...own, ...unclear], [given.returned(-900)]);
const someDepartures = fc.record(
  {
    leavesAt: fc.constantFrom(given.at(-1), given.at(3_600)),
    hasReturnPlace: fc.constant(true),
    returnsHeld: fc.constantFrom({}, { "lark:ada lark": 1 }),
    released: fc.constantFrom(
      [],
      [release("given_back", { status: "Activated", changedAt: given.theirMark })],
      [release("returned", { returns: { "lark:ada lark": 1, "wechatwork:ada wechatwork": 1 } })],
    ),
  },
  { requiredKeys: [] },
);
const everything: fc.Arbitrary<Facts> = fc
  .record({
    status: fc.constantFrom<Status>(...statuses),
    more: someDepartures,
    effect: effects as fc.Arbitrary<Effect>,
    returns: someReturns,
    seen: looks,
    gate: fc.constantFrom(undefined, gate, { heldFor: "ambiguous" as const, why: "two" }),
    isStopped: fc.boolean(),
    graceDays: fc.constantFrom(0, 1),
  })
  .map(({ status, more, ...rest }) => facts({ ...rest, departure: departure(status, more) }));

describe("whatever the facts are", () => {
  const holdsFor = (rule: (before: Facts, decision: Decision) => boolean) =>
    fc.assert(
      fc.property(everything, (before) => rule(before, decide(before))),
      { seed: 20261124, numRuns: fewer(6_000) },
    );
  const isCut = (decision: Decision) => decision.do === "call" && decision.call !== "give back";

  test("it decides, and names the row", () => {
    holdsFor((_, { row }) => /^\d+a?(, \d+)?( before)?$/.test(row));
  });

  test("it decides alike twice", () => {
    holdsFor((before, decision) => {
      expect(decide(before)).toEqual(decision);
      return true;
    });
  });

  test("it cuts nobody off while all is stopped", () => {
    holdsFor(({ isStopped }, decision) => !(isStopped && isCut(decision)));
  });

  test("it cuts nobody off behind a closed gate", () => {
    holdsFor(({ gate: closedGate }, decision) => !(closedGate && isCut(decision)));
  });

  test("it cuts nobody off against a return", () => {
    holdsFor(({ departure: one, returns }, decision) => verdictOf(one, returns) === "no" || !isCut(decision));
  });

  test("it calls nothing blind", () => {
    holdsFor(({ seen: { state } }, decision) => state !== "blind" || decision.do !== "call");
  });

  test("it cuts nobody off for a departure that is cancelled or resigned, or before its day", () => {
    holdsFor(({ departure: { status, leavesAt }, now }, decision) => {
      const isToCome = leavesAt !== undefined && now.getTime() < Date.parse(leavesAt);
      return !isCut(decision) || !(status === "cancelled" || status === "resigned" || isToCome);
    });
  });

  test("it gives back what is ours, and only where the departure stands alone", () => {
    holdsFor((before, decision) => {
      if (decision.do !== "call" || decision.call !== "give back") return true;
      const { effect } = decision;
      const isOff = before.departure.status === "cancelled" || verdictOf(before.departure, before.returns) === "own";
      return isOff && effect.for.join() === self && isOurs(effect, before.seen, before.settleSeconds);
    });
  });

  test("it calls for nobody who is Resigned, or not there", () => {
    holdsFor(({ seen: { state } }, decision) => (state !== "Resigned" && state !== "absent") || decision.do !== "call");
  });

  test("it suspends nobody who is cut off already", () => {
    holdsFor(
      ({ seen: { state } }, decision) => decision.do !== "call" || decision.call !== "suspend" || state === "Activated",
    );
  });

  test("it calls nothing while a call may still arrive", () => {
    holdsFor(({ effect, seen: look, settleSeconds }, decision) => {
      const mayArrive = isDoubt(effect) && look.beganAt.getTime() < settledAtMs(effect, settleSeconds);
      return !mayArrive || isAsWanted(effect, look) || decision.do !== "call";
    });
  });

  test("it resigns nobody before the day of their suspension", () => {
    holdsFor(({ now }, decision) => {
      const isSuspended = decision.effect.state === "suspended" && decision.effect.for.includes(self);
      if (decision.do !== "call" || decision.call !== "resign" || !isSuspended) return true;
      return now.getTime() >= Date.parse(decision.effect.resignAfter ?? "");
    });
  });

  test("it takes a place at the brake where the person was not cut off by us before", () => {
    holdsFor((_, decision) => {
      if (decision.do !== "call" || decision.call === "give back") return true;
      return decision.takesPlace === (decision.effect.state === "none");
    });
  });

  test("it leaves no effect under way but the one that is waited or held for", () => {
    holdsFor(
      (_, { effect, ...decision }) =>
        !isDoubt(effect) || decision.do === "wait" || decision.do === "hold" || decision.row === "8 before",
    );
  });

  test("it calls off nothing without a place, but by an operator", () => {
    holdsFor(({ departure: one }, decision) => {
      const isOff = decision.do === "close" && decision.as === "cancelled";
      return !isOff || one.status === "cancelled" || one.hasReturnPlace === true;
    });
  });
});
