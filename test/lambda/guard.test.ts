import { describe, expect, test } from "vitest";
import { askBrake, guard, hasRunOut, isProtected, retryDelaySeconds } from "../../lambda/guard.ts";
import type { Person } from "../../lambda/ledger.ts";
import type { Brake } from "../../lambda/notes.ts";
import { type Resignation, type SyncRelation, toResignation } from "../../lambda/resignation.ts";
import { now } from "../parts.ts";

const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000).toISOString();
const resignation = (changes: object = {}): Resignation =>
  ({
    ...toResignation(
      { source: "lark", eventId: "e", userId: "lark:ou_1" as SyncRelation, occurredAt: now, requestedBy: "lark" },
      now,
    ),
    ...changes,
  }) as Resignation;
const chat = { command: "/resign", replyHosts: [], secondOperator: false };
const settings = { protected: [] as string[], maxEventAgeSeconds: 86_400, dryRun: false, slack: chat };

describe("the guard", () => {
  const released = { by: "alice (ops)", at: ago(10) };
  const protecting = { ...settings, protected: ["lark:ou_1"] };
  const dry = { ...settings, dryRun: true };
  const old = { occurredAt: ago(86_401) };
  const other: Person = { resigned: { by: "res_other", at: ago(3_600) } };
  const itself: Person = { resigned: { by: resignation().id, at: ago(3_600) } };
  const longAgo: Person = { resigned: { by: "res_other", at: ago(86_401) } };

  test.each<[string, object, Person, typeof settings, string]>([
    ["nothing in the way", {}, {}, settings, "go"],
    ["just young enough", { occurredAt: ago(86_400) }, {}, settings, "go"],
    ["too old", old, {}, settings, "stale"],
    ["too old, but released since", { ...old, released }, {}, settings, "go"],
    ["released too long ago", { ...old, released: { by: "a", at: ago(86_401) } }, {}, settings, "stale"],
    [
      "suspended for days, and due",
      { ...old, grace: { suspendedAt: ago(86_401), resignAfter: ago(1) } },
      {},
      settings,
      "go",
    ],
    [
      "suspended, and due too long ago",
      { grace: { suspendedAt: ago(200_000), resignAfter: ago(86_401) } },
      {},
      settings,
      "stale",
    ],
    ["protected", {}, {}, protecting, "protected"],
    ["protected and too old", old, {}, protecting, "protected"],
    ["protected, but released", { released }, {}, protecting, "go"],
    [
      "ordered in Slack, where a second operator is wanted",
      { source: "slack" },
      {},
      { ...settings, slack: { ...chat, secondOperator: true } },
      "protected",
    ],
    [
      "… and one approved",
      { source: "slack", released },
      {},
      { ...settings, slack: { ...chat, secondOperator: true } },
      "go",
    ],
    ["… but of another source", {}, {}, { ...settings, slack: { ...chat, secondOperator: true } }, "go"],
    ["found by a comparison, or verified late", { approvalNeeded: "why" }, {}, settings, "stale"],
    ["… and approved", { approvalNeeded: "why", released }, {}, settings, "go"],
    ["dry run", {}, {}, dry, "dry_run"],
    ["dry run, even if released", { released }, {}, dry, "dry_run"],
    ["dry run and too old", old, {}, dry, "stale"],
    ["the person's other departure was carried out", {}, other, settings, "duplicate of res_other"],
    [
      "… even if this one is protected, old and dry",
      old,
      other,
      { ...protecting, dryRun: true },
      "duplicate of res_other",
    ],
    ["… or released", { released }, other, settings, "duplicate of res_other"],
    ["… more than a day ago", {}, longAgo, settings, "go"],
    ["this one was carried out itself", {}, itself, settings, "go"],
  ])("%s", (_, changes, person, given, expected) => {
    const decision = guard(resignation(changes), person, given, now);
    const told =
      decision.kind === "hold"
        ? decision.heldFor
        : decision.kind === "skip"
          ? `duplicate of ${decision.duplicateOf}`
          : "go";
    expect(told).toBe(expected);
  });

  test.each([
    [{ approvalNeeded: "Proposed" }, settings, "Proposed"],
    [old, settings, `Told of at ${ago(86_401)}, too long ago`],
    [{}, protecting, "The person is protected"],
    [{}, dry, "Dry run: nothing is sent to GenAuth"],
    [
      { source: "slack" },
      { ...settings, slack: { ...chat, secondOperator: true } },
      "Another operator must approve what was ordered in Slack",
    ],
  ])("says why: %j", (changes, given, why) => {
    expect(guard(resignation(changes), {}, given, now)).toMatchObject({ kind: "hold", why });
  });

  test("says go", () => {
    expect(guard(resignation(), {}, settings, now)).toEqual({ kind: "go" });
  });

  test.each([
    ["lark:ou_1", ["lark:ou_1"], true],
    ["lark:ou_12", ["lark:ou_1"], false],
    ["wechatwork:svc-1", ["wechatwork:svc-*"], true],
    ["wechatwork:svc", ["wechatwork:svc-*"], false],
    ["lark:ou_1", ["wechatwork:*", "lark:*"], true],
    ["lark:ou_*", ["lark:ou_1"], false],
  ])("%s is protected by %j: %s", (userId, patterns, expected) => {
    expect(isProtected(userId, patterns)).toBe(expected);
  });
});

describe("the brake", () => {
  const limits = { perHour: 3, perDay: 5, percentPerDay: 10, headcount: "ask" as const };
  const brake = (...agesSeconds: number[]): Brake => ({
    version: 7,
    passed: agesSeconds.map((age, index) => ({ id: `res_${index}`, at: ago(age) })),
  });
  const ask = (log: Brake, headcount?: number, given = limits) =>
    askBrake(log, { id: "res_new" }, given, headcount, now);

  test("lets through up to each limit, and notes it", () => {
    expect(ask(brake())).toMatchObject({
      decision: { kind: "go" },
      brake: { version: 7, passed: [{ id: "res_new", at: ago(0) }] },
    });
    expect(ask(brake(1, 2)).decision.kind).toBe("go");
    expect(ask(brake(1, 2, 3)).decision).toMatchObject({
      kind: "hold",
      heldFor: "brake",
      why: "More than 3 in an hour",
    });
    expect(ask(brake(1, 2, 4_000, 4_001, 4_002)).decision).toMatchObject({ why: "More than 5 in a day" });
  });

  test("holds by the share of the headcount, of at least 3", () => {
    const loose = { ...limits, perHour: 100, perDay: 100 };
    expect(ask(brake(1, 2), 10, loose).decision.kind).toBe("go");
    expect(ask(brake(1, 2, 3), 10, loose).decision).toMatchObject({ why: "More than 10 % of 10 people in a day" });
    expect(ask(brake(1, 2, 3), 40, loose).decision.kind).toBe("go");
    expect(ask(brake(1, 2, 3, 4), 40, loose).decision.kind).toBe("hold");
    expect(ask(brake(1, 2, 3, 4), 49, loose).decision.kind).toBe("hold");
    expect(ask(brake(1, 2, 3, 4), undefined, loose).decision.kind).toBe("go");
  });

  test("counts to the edge of its windows", () => {
    expect(ask(brake(3_599, 3_599, 3_599)).decision.kind).toBe("hold");
    expect(ask(brake(3_600, 3_599, 3_599)).decision.kind).toBe("go");
    expect(ask(brake(86_399, 80_000, 80_000, 80_000, 80_000)).decision.kind).toBe("hold");
    const free = ask(brake(86_400, 80_000, 80_000, 80_000, 80_000));
    expect(free.decision.kind).toBe("go");
    expect(free.brake?.passed).toHaveLength(5);
  });

  test("lets the same one through again without a second place", () => {
    const full = { ...brake(1, 2), passed: [...brake(1, 2).passed, { id: "res_new", at: ago(5) }] };
    expect(ask(full)).toEqual({ decision: { kind: "go" } });
  });

  test("trips once, keeps its name while it is on, and is free after the next that goes", () => {
    const tripped = ask(brake(1, 2, 3));
    expect(tripped).toMatchObject({
      hasTripped: true,
      brakeId: "brake_20261124T020000Z",
      brake: { brakeId: "brake_20261124T020000Z" },
    });
    const again = ask(tripped.brake ?? brake());
    expect(again).toEqual({ decision: expect.objectContaining({ kind: "hold" }), brakeId: "brake_20261124T020000Z" });
    expect(ask({ ...brake(1), brakeId: "brake_1" }).brake).not.toHaveProperty("brakeId");
  });

  test("that is put on holds whoever comes, until its time is over", () => {
    const putOn = (seconds: number) => ({ ...brake(), putOn: { until: ago(-seconds), why: "The scope narrowed" } });
    expect(ask(putOn(1))).toMatchObject({ decision: { kind: "hold", why: "The scope narrowed" }, hasTripped: true });
    const free = ask(putOn(0));
    expect(free).toMatchObject({ decision: { kind: "go" }, brake: { passed: [{ id: "res_new" }] } });
    expect(free.brake).not.toHaveProperty("putOn");
  });

  test("of 0 lets nobody through", () => {
    expect(ask(brake(), undefined, { ...limits, perHour: 0 }).decision.kind).toBe("hold");
  });
});

describe("trying again", () => {
  const retry = { firstDelaySeconds: 5, maxDelaySeconds: 900, giveUpAfterSeconds: 172_800 };

  test("doubles, half of it by chance, and heeds GenAuth", () => {
    expect([1, 2, 3, 8, 9, 1_000].map((attempts) => retryDelaySeconds(attempts, retry, 1))).toEqual([
      5, 10, 20, 640, 900, 900,
    ]);
    expect(retryDelaySeconds(3, retry, 0)).toBe(10);
    expect(retryDelaySeconds(1, retry, 1, 60)).toBe(60);
    expect(retryDelaySeconds(9, retry, 1, 60)).toBe(900);
  });

  test("runs out after 48 hours from when it could begin", () => {
    expect(hasRunOut(resignation({ acceptedAt: ago(172_800) }), 172_800, now)).toBe(false);
    expect(hasRunOut(resignation({ acceptedAt: ago(172_801) }), 172_800, now)).toBe(true);
    expect(hasRunOut(resignation({ acceptedAt: ago(200_000), released: { by: "a", at: ago(10) } }), 172_800, now)).toBe(
      false,
    );
    const grace = { suspendedAt: ago(400_000), resignAfter: ago(10) };
    expect(hasRunOut(resignation({ acceptedAt: ago(400_000), grace }), 172_800, now)).toBe(false);
  });
});
