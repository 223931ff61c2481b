/** A corpus of requests that must be refused, each by the check that is there for it. */
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Request } from "../../../lambda/http.ts";
import type { Work } from "../../../lambda/operators/work.ts";
import { Problem } from "../../../lambda/problem.ts";
import type { RuntimeSettings } from "../../../lambda/settings/settings.ts";
import type { Told } from "../../../lambda/sources/source.ts";
import { gist, now, problemOf, routes, settings } from "../../parts.ts";
import * as api from "./hostile/api.ts";
import * as dingtalk from "./hostile/dingtalk.ts";
import * as lark from "./hostile/lark.ts";
import type { Hostile } from "./hostile/parts.ts";
import * as slack from "./hostile/slack.ts";
import * as wechatwork from "./hostile/wechatwork.ts";

// Slack's own answer to what is told it.
beforeEach(() => void vi.stubGlobal("fetch", async () => new Response("ok")));
afterAll(() => void vi.unstubAllGlobals());

const operators = { api: ["ops"], slack: ["T0/U0ALICE"] };

/** The problem, or what the request was taken for. */
async function verdict(
  request: Request,
  keys: unknown,
  { changes = {}, at = now }: Partial<Hostile> = {},
): Promise<string> {
  let said: Told | Work | undefined;
  const given = { keys, settings: settings({ operators, ...changes }), now: at };
  const problem = problemOf(() => {
    said = routes.get(request.route)?.routes[request.route]?.(request, given);
  });
  if (problem !== "none" || !said) return problem;
  if (typeof said === "function") return verdictOfWork(said, given.settings);
  const received = gist(said);
  if (received.kind !== "answer") return `taken: ${received.kind}`;
  return received.keepAs ? `kept: ${received.keepAs}` : `answer: ${received.notices?.[0]?.metric}`;
}

/** What an operator's request does: it asks for something, or is answered with nothing done. */
async function verdictOfWork(work: Work, given: RuntimeSettings): Promise<string> {
  let counted: string | undefined;
  const untouched = new Proxy({}, { get: () => () => Promise.reject(new Error("taken")) });
  const log = { count: (metric: string) => (counted ??= metric), info() {}, warn() {}, error() {} };
  const desk = { ledger: untouched, queue: untouched, reverify: untouched, settings: given, log, now: () => now };
  return work(desk as never).then(
    () => `answer: ${counted}`,
    (error: Error) => (error.message === "taken" || error instanceof Problem ? "taken: work" : Promise.reject(error)),
  );
}

describe.each([
  ["lark", lark],
  ["wechatwork", wechatwork],
  ["dingtalk", dingtalk],
  ["slack", slack],
  ["api", api],
])("%s", (_, { keys, cases, accepted }) => {
  test("takes what the cases were made from", async () => {
    for (const request of accepted) expect(await verdict(request, keys)).toMatch(/^taken: |^answer: undefined$/);
  });

  test("has 300 different cases and more", () => {
    const different = new Set(cases.map(({ request, changes, at }) => JSON.stringify([request, changes, at])));
    expect(different.size).toBeGreaterThanOrEqual(300);
  });

  test.each(cases.map((one) => [one.name, one] as const))("%s", async (_, one) => {
    const found = await verdict(one.request, keys, one);
    if (typeof one.expected === "string") expect(found).toBe(one.expected);
    else expect(found).toMatch(one.expected);
  });
});
