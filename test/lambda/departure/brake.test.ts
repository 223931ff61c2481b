import { describe, expect, test } from "vitest";
import type { Brake } from "../../../lambda/departure/brake.ts";
import { askBrake, type BrakeAnswer, type Limits } from "../../../lambda/departure/brake.ts";
import { later } from "../../../lambda/resignation/moment.ts";
import { now } from "../../parts.ts";

const ago = (seconds: number) => later(now, -seconds);
const limits: Limits = { perHour: 3, perDay: 5, percentPerDay: 10 };
const brake = (...agesSeconds: number[]): Brake => ({
  version: 7,
  passed: agesSeconds.map((age, index) => ({ id: `res_${index}`, at: ago(age) })),
});
const ask = (log: Brake, given = limits, at = now) => askBrake(log, { id: "res_new" }, given, at);
const whyOf = (answer: BrakeAnswer) => (answer.kind === "hold" ? answer.why : answer.kind);
const alert = { about: "brake_tripped", id: "brake_20261124T020000Z", why: "More than 3 in an hour" };

describe("the brake", () => {
  test("lets through up to each limit, and notes it", () => {
    expect(ask(brake())).toEqual({
      answer: { kind: "go" },
      brake: { version: 7, passed: [{ id: "res_new", at: ago(0) }] },
    });
    expect(whyOf(ask(brake(1, 2)).answer)).toBe("go");
    expect(whyOf(ask(brake(1, 2, 3)).answer)).toBe("More than 3 in an hour");
    expect(whyOf(ask(brake(1, 2, 4_000, 4_001, 4_002)).answer)).toBe("More than 5 in a day");
  });

  test("holds by the share of the headcount, of at least 3", () => {
    const loose = (headcount?: number) => ({ ...limits, perHour: 100, perDay: 100, headcount });
    expect(whyOf(ask(brake(1, 2), loose(10)).answer)).toBe("go");
    expect(whyOf(ask(brake(1, 2, 3), loose(10)).answer)).toBe("More than 10 % of 10 people in a day");
    expect(whyOf(ask(brake(1, 2, 3), loose(40)).answer)).toBe("go");
    expect(ask(brake(1, 2, 3, 4), loose(40)).answer.kind).toBe("hold");
    expect(ask(brake(1, 2, 3, 4), loose(49)).answer.kind).toBe("hold");
    expect(whyOf(ask(brake(1, 2, 3, 4), loose()).answer)).toBe("go");
  });

  test("counts to the edge of its windows", () => {
    expect(ask(brake(3_599, 3_599, 3_599)).answer.kind).toBe("hold");
    expect(ask(brake(3_600, 3_599, 3_599)).answer.kind).toBe("go");
    expect(ask(brake(86_399, 80_000, 80_000, 80_000, 80_000)).answer.kind).toBe("hold");
    const free = ask(brake(86_400, 80_000, 80_000, 80_000, 80_000));
    expect(free.answer.kind).toBe("go");
    expect(free.brake?.passed).toHaveLength(5);
  });

  test("lets the same one through again without a second place", () => {
    const full = { ...brake(1, 2), passed: [...brake(1, 2).passed, { id: "res_new", at: ago(5) }] };
    expect(ask(full)).toEqual({ answer: { kind: "go" } });
  });

  test("trips once, keeps its name while it is on, and is free after the next that goes", () => {
    const tripped = ask(brake(1, 2, 3));
    const brakeId = "brake_20261124T020000Z";
    expect(tripped.answer).toEqual({ kind: "hold", why: "More than 3 in an hour", brakeId, hasTripped: true });
    expect(tripped.brake?.brakeId).toBe(brakeId);
    const again = ask(tripped.brake ?? brake());
    expect(again).toEqual({ answer: { kind: "hold", why: "More than 3 in an hour", brakeId, hasTripped: false } });
    const free = ask({ ...brake(1), brakeId: "brake_1" });
    expect(free.answer.kind).toBe("go");
    expect(free.brake).not.toHaveProperty("brakeId");
  });

  test("owes its alert in the write that trips it, and the sweep looks after it", () => {
    const tripped = ask(brake(1, 2, 3)).brake;
    expect(tripped).toMatchObject({ version: 7, tell: [alert], dueAt: later(now, 180) });
    expect(tripped?.passed).toHaveLength(3);
  });

  test("owes an alert that was not sent yet beside the next one, and keeps it while others go through", () => {
    const owed = { about: "brake_tripped" as const, id: "brake_1", why: "why" };
    const before = { ...brake(1, 2, 3), tell: [owed], dueAt: ago(-60) };
    expect(ask(before).brake?.tell).toEqual([owed, alert]);
    const free = ask({ ...brake(1), brakeId: "brake_1", tell: [owed], dueAt: ago(-60) }).brake;
    expect(free).toMatchObject({ tell: [owed], dueAt: ago(-60) });
  });

  test("that is put on holds whoever comes, until its time is over", () => {
    const putOn = (seconds: number) => ({ ...brake(), putOn: { until: ago(-seconds), why: "The scope narrowed" } });
    const held = ask(putOn(1));
    expect(held.answer).toMatchObject({ kind: "hold", why: "The scope narrowed", hasTripped: true });
    expect(held.brake).toMatchObject({ putOn: { why: "The scope narrowed" }, tell: [{ why: "The scope narrowed" }] });
    const free = ask(putOn(0));
    expect(free).toMatchObject({ answer: { kind: "go" }, brake: { passed: [{ id: "res_new" }] } });
    expect(free.brake).not.toHaveProperty("putOn");
  });

  test("of 0 lets nobody through", () => {
    expect(ask(brake(), { ...limits, perHour: 0 }).answer.kind).toBe("hold");
  });
});

describe("the brake of the returns", () => {
  const returns: Limits = { perHour: 3, what: "people came back" };

  test("holds by the hour alone, and says that it is about returns", () => {
    expect(whyOf(ask(brake(1, 2), returns).answer)).toBe("go");
    expect(whyOf(ask(brake(1, 2, 3), returns).answer)).toBe("More people came back than 3 in an hour");
    const many = brake(...Array.from({ length: 500 }, (_, index) => 3_600 + index));
    expect(whyOf(ask(many, returns).answer)).toBe("go");
  });

  test("owes its alert too, and gives nobody a second place", () => {
    const tripped = ask(brake(1, 2, 3), returns);
    expect(tripped).toMatchObject({
      answer: { hasTripped: true, brakeId: alert.id },
      brake: { tell: [{ ...alert, why: "More people came back than 3 in an hour" }], dueAt: later(now, 180) },
    });
    const placed = { ...brake(1, 2), passed: [{ id: "res_new", at: ago(80_000) }, ...brake(1, 2, 3).passed] };
    expect(ask(placed, returns)).toEqual({ answer: { kind: "go" } });
  });
});
