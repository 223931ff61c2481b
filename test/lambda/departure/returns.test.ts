import { describe, expect, test } from "vitest";
import { countsOf, covers, momentOf, type Returned, verdictOf } from "../../../lambda/departure/returns.ts";
import { untimed, withinSecond } from "../../../lambda/resignation/moment.ts";
import { at, departure, now, own, release, returned, unclear } from "./given.ts";

const iso = ({ from, to }: { from: Date; to: Date }) => ({ from: from.toISOString(), to: to.toISOString() });
const judge = (one: Returned | Returned[], more: object = {}) => verdictOf(departure("accepted", more), [one].flat());
const second = iso(withinSecond(new Date(at(-600))));
const fromWeCom = { source: "wechatwork", userId: "wechatwork:ada" };
const atWeCom = { source: "wechatwork", relation: "wechatwork:ada" };

describe("a return of its own source", () => {
  test.each([
    ["is own when it is surely after", -599.999, "own"],
    ["is unclear at the very moment", -600, "unclear"],
    ["counts for nothing when it is surely before", -600.001, "no"],
  ])("%s", (_, seconds, expected) => {
    expect(judge(returned(seconds))).toBe(expected);
  });

  test("within the same second is unclear, and in the next one own", () => {
    const told = { ...fromWeCom, moment: second };
    expect(judge({ ...returned(0, atWeCom), ...second }, told)).toBe("unclear");
    const next = iso(withinSecond(new Date(at(-599))));
    expect(judge({ ...returned(0, atWeCom), ...next }, told)).toBe("own");
    const before = iso(withinSecond(new Date(at(-601))));
    expect(judge({ ...returned(0, atWeCom), ...before }, told)).toBe("no");
  });

  test("without a time is unclear for eight hours back, and own for what is older", () => {
    const one = { ...returned(0), ...iso(untimed(now)) };
    expect(judge(one)).toBe("unclear");
    const long = at(-8 * 3_600 - 1);
    expect(judge(one, { moment: { from: long, to: long } })).toBe("own");
    const before = iso(untimed(new Date(at(-601))));
    expect(judge({ ...returned(0), ...before })).toBe("no");
  });

  test("is own for a departure whose own time is uncertain only after its end", () => {
    const moment = iso(untimed(now));
    expect(judge(returned(0), { moment })).toBe("unclear");
    expect(judge(returned(1), { moment })).toBe("own");
  });

  test("at another relation counts as another source's", () => {
    expect(judge(returned(-300, { relation: "lark:second" }))).toBe("unclear");
  });

  test("wins over what is unclear", () => {
    expect(judge([...unclear, ...own])).toBe("own");
  });
});

describe("a return of another source", () => {
  test.each([
    ["is never own", 9_000, "unclear"],
    ["is unclear within five minutes before", -900, "unclear"],
    ["counts for nothing earlier than that", -900.001, "no"],
  ])("%s", (_, seconds, expected) => {
    expect(judge(returned(seconds, atWeCom))).toBe(expected);
  });
});

describe("an operator's return", () => {
  const byOperator = { source: "operator", relation: "wechatwork:ada" };
  test("is own for every departure before it", () => {
    expect(judge(returned(-599, byOperator))).toBe("own");
    expect(judge(returned(-599, byOperator), { source: "slack", userId: "lark:second" })).toBe("own");
  });
  test("is judged without five minutes", () => {
    expect(judge(returned(-601, byOperator))).toBe("no");
    expect(judge(returned(-600, byOperator))).toBe("unclear");
  });
});

describe("a release from returned", () => {
  const shown = { returns: countsOf(unclear) };
  test("answers for the counts that it showed", () => {
    expect(judge(unclear, { released: [release("returned", shown)] })).toBe("no");
  });
  test("does not answer for one more", () => {
    const more = unclear.map((one) => ({ ...one, count: 2 }));
    expect(judge(more, { released: [release("returned", shown)] })).toBe("unclear");
  });
  test("does not answer for another source", () => {
    const both = [...unclear, returned(-600)];
    expect(judge(both, { released: [release("returned", shown)] })).toBe("unclear");
  });
  test("answers together with another release", () => {
    const both = [...unclear, returned(-600)];
    const released = [release("returned", shown), release("returned", { returns: { "lark:ada lark": 1 } })];
    expect(judge(both, { released })).toBe("no");
  });
  test("never answers for a return of its own source after it", () => {
    expect(judge(own, { released: [release("returned", { returns: countsOf(own) })] })).toBe("own");
  });
  test.each(["failed", "protected", "given_back"])("is another one than from %s", (from) => {
    expect(judge(unclear, { released: [release(from, shown)] })).toBe("unclear");
  });
});

describe("the returns' brake", () => {
  const returnsHeld = countsOf(own);
  test("makes what it held unclear", () => {
    expect(judge(own, { returnsHeld })).toBe("unclear");
  });
  test("leaves what came since own", () => {
    expect(judge([{ ...(own[0] as Returned), count: 2 }], { returnsHeld })).toBe("own");
    // One that calls nothing off itself brings nothing back that was held.
    expect(judge([...own, ...unclear], { returnsHeld })).toBe("unclear");
  });
  test("leaves what an operator released to be carried out", () => {
    const released = [release("returned", { returns: returnsHeld })];
    expect(judge(own, { returnsHeld, released })).toBe("no");
  });
  test("counts for a second return after the release", () => {
    const released = [release("returned", { returns: returnsHeld })];
    expect(judge([{ ...(own[0] as Returned), count: 2 }], { returnsHeld, released })).toBe("own");
  });
});

describe("a departure", () => {
  test("that was ordered for a later day is judged by when it was ordered", () => {
    const more = { orderedAt: at(-100), leavesAt: at(9_000) };
    expect(judge(returned(-300), more)).toBe("no");
    expect(judge(returned(-99), more)).toBe("own");
    expect(iso(momentOf(departure("scheduled", more)))).toEqual({ from: at(-100), to: at(-100) });
  });
  test("without a moment happened when it says", () => {
    const { moment, ...former } = departure();
    expect(moment).toBeDefined();
    expect(iso(momentOf(former as never))).toEqual({ from: at(-600), to: at(-600) });
  });
  test("without a moment of WeCom happened within that second", () => {
    const { moment, ...former } = departure("accepted", fromWeCom);
    expect(moment).toBeDefined();
    expect(iso(momentOf(former as never))).toEqual(second);
  });
  test("of WeCom with a moment is taken at its word", () => {
    expect(iso(momentOf(departure("accepted", fromWeCom)))).toEqual({ from: at(-600), to: at(-600) });
  });
});

describe("counts", () => {
  test("name the relation and the source", () => {
    expect(countsOf([...own, ...unclear])).toEqual({ "lark:ada lark": 1, "wechatwork:ada wechatwork": 1 });
    expect(countsOf([])).toEqual({});
  });
  test("cover what was there, and nothing more", () => {
    expect(covers({}, [])).toBe(true);
    expect(covers({}, own)).toBe(false);
    expect(covers({ "lark:ada lark": 2 }, own)).toBe(true);
    expect(covers({ "lark:ada wechatwork": 2 }, own)).toBe(false);
  });
});
