import { describe, expect, test } from "vitest";
import { type Effect, isAsWanted, isDoubt, isOurs, noEffect, settledAtMs } from "../../../lambda/departure/effect.ts";
import { at, doubt, ourMark, seen, states, suspension, theirMark } from "./given.ts";

const settleSeconds = 30;
const ours = (effect: Effect, look = seen("Suspended")) => isOurs(effect, look, settleSeconds);
const shownAt = (statusChangedAt: string | undefined, serverAheadMs = 0) =>
  seen("Suspended", { statusChangedAt, serverAheadMs });

test("an effect in -ing is a doubt, and no other", () => {
  const doubts = ["suspending", "resigning", "restoring"] as const;
  const ends = ["none", "suspended", "resigned"] as const;
  expect(doubts.every((state) => isDoubt({ ...noEffect, state }))).toBe(true);
  expect(ends.some((state) => isDoubt({ ...noEffect, state }))).toBe(false);
});

test.each([
  ["suspending", "Suspended"],
  ["resigning", "Resigned"],
  ["restoring", "Activated"],
  ["none", undefined],
  ["suspended", undefined],
  ["resigned", undefined],
] as const)("an effect that is %s wants to see %s, and nothing else", (state, wanted) => {
  expect(states.filter((one) => isAsWanted({ ...noEffect, state }, seen(one)))).toEqual(wanted ? [wanted] : []);
});

describe("a doubt", () => {
  test("settles so many seconds after the end of its try", () => {
    expect(settledAtMs(doubt("resigning", { triedUntil: at(-10) }), 30)).toBe(Date.parse(at(20)));
  });
  test("settles after its beginning where nobody wrote the end", () => {
    expect(settledAtMs(doubt("resigning", { triedUntil: undefined, calledAt: at(-50) }), 30)).toBe(Date.parse(at(-20)));
  });
  test("that says nothing of its time is settled", () => {
    expect(settledAtMs({ ...noEffect, state: "resigning" }, 30)).toBe(30_000);
  });
});

describe("a suspension whose answer came", () => {
  test("is ours by the very moment that it left", () => {
    expect(ours(suspension())).toBe(true);
    expect(ours(suspension(), shownAt(theirMark))).toBe(false);
  });
  test("is not ours a millisecond later, whatever the clocks are", () => {
    const later = new Date(Date.parse(ourMark) + 1).toISOString();
    expect(ours(suspension(), shownAt(later))).toBe(false);
    expect(ours(suspension(), shownAt(ourMark, 3_600_000))).toBe(true);
  });
  test("is ours where GenAuth tells no moments", () => {
    expect(ours(suspension({ changedAt: undefined }), shownAt(undefined))).toBe(true);
    expect(ours(suspension(), shownAt(undefined))).toBe(true);
  });
  test("stays ours by its moment while a later try is in doubt", () => {
    expect(ours({ ...suspension(), state: "restoring", calledAt: at(-9), triedUntil: at(-8) })).toBe(true);
    expect(ours({ ...suspension(), state: "resigning", calledAt: at(-9), triedUntil: at(-8) })).toBe(true);
  });
  test("is nobody's of ours where the person was cut off before", () => {
    expect(ours(suspension({ hadCall: false }))).toBe(false);
    expect(ours(suspension({ hadCall: false }), shownAt(undefined))).toBe(false);
  });
  test.each(states.filter((one) => one !== "Suspended"))("is not there where GenAuth shows %s", (state) => {
    expect(ours(suspension(), seen(state, { statusChangedAt: ourMark }))).toBe(false);
  });
});

describe("a suspension whose answer was lost", () => {
  const lost = doubt("suspending", { calledAt: at(-200), triedUntil: at(-190) });
  test.each([
    ["is ours from 5 s before the call", -205, true],
    ["is not ours before that", -205.001, false],
    ["is ours until 5 s after it has settled", -155, true],
    ["is not ours after that", -154.999, false],
  ])("%s", (_, seconds, expected) => {
    expect(ours(lost, shownAt(at(seconds)))).toBe(expected);
  });
  test("is judged by our clock where GenAuth's is ahead or behind", () => {
    expect(ours(lost, shownAt(at(-100), 60_000))).toBe(true);
    expect(ours(lost, shownAt(at(-195), 60_000))).toBe(false);
    expect(ours(lost, shownAt(at(-255), -60_000))).toBe(true);
  });
  test("is not ours where GenAuth tells no moments", () => {
    expect(ours(lost, shownAt(undefined))).toBe(false);
  });
  test("is not ours where nobody knows when it was called", () => {
    expect(ours({ ...lost, calledAt: undefined }, shownAt(at(-195)))).toBe(false);
  });
});
