/** A corpus of requests that must be refused, each by the check that is there for it. */
import { describe, expect, test } from "vitest";
import type { Request } from "../../../lambda/http.ts";
import { routes } from "../../../lambda/sources/index.ts";
import type { Keys } from "../../../lambda/sources/keys.ts";
import { now, problemOf, settings } from "../../parts.ts";
import * as api from "./hostile/api.ts";
import * as lark from "./hostile/lark.ts";
import type { Hostile } from "./hostile/parts.ts";
import * as slack from "./hostile/slack.ts";
import * as wechatwork from "./hostile/wechatwork.ts";

const operators = { api: ["ops"], slack: ["T0/U0ALICE"] };

/** The problem, or what the request was taken for. */
function verdict(request: Request, keys: Keys[keyof Keys], { changes = {}, at = now }: Partial<Hostile> = {}): string {
  let taken = "";
  const problem = problemOf(() => {
    const given = { keys, settings: settings({ operators, ...changes }), now: at };
    const received = routes.get(request.route)?.routes[request.route]?.(request, given);
    if (received?.kind !== "answer") taken = `taken: ${received?.kind}`;
    else if (received.keepAs) taken = `kept: ${received.keepAs}`;
    else taken = `answer: ${received.notices?.[0]?.metric}`;
  });
  return problem === "none" ? taken : problem;
}

describe.each([
  ["lark", lark],
  ["wechatwork", wechatwork],
  ["slack", slack],
  ["api", api],
])("%s", (_, { keys, cases, accepted }) => {
  test("takes what the cases were made from", () => {
    for (const request of accepted) expect(verdict(request, keys)).toMatch(/^taken: |^answer: undefined$/);
  });

  test("has 300 different cases and more", () => {
    const different = new Set(cases.map(({ request, changes, at }) => JSON.stringify([request, changes, at])));
    expect(different.size).toBeGreaterThanOrEqual(300);
  });

  test.each(cases.map((one) => [one.name, one] as const))("%s", (_, one) => {
    const found = verdict(one.request, keys, one);
    if (typeof one.expected === "string") expect(found).toBe(one.expected);
    else expect(found).toMatch(one.expected);
  });
});
