import { describe, expect, test } from "vitest";
import {
  ageMs,
  ageStart,
  closedGate,
  type GateSettings,
  isProtected,
  type Names,
} from "../../../lambda/departure/gates.ts";
import { parseStop } from "../../../lambda/departure/stop.ts";
import { type Departure, toResignation } from "../../../lambda/resignation/departure.ts";
import { later } from "../../../lambda/resignation/moment.ts";
import { parseResignation, type Resignation } from "../../../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../../../lambda/resignation/sync-relation.ts";
import { now } from "../../parts.ts";

const ago = (seconds: number) => later(now, -seconds);
const told: Departure = {
  ...{ source: "lark", eventId: "e", userId: "lark:ou_1" as SyncRelation, requestedBy: "lark", occurredAt: now },
};
/** A departure as it is read from the ledger. `agoSeconds`: it happened so long ago. */
const departure = (changes: object = {}, agoSeconds = 0): Resignation => {
  const occurredAt = new Date(ago(agoSeconds));
  return parseResignation({ ...toResignation({ ...told, occurredAt }, now), ...changes });
};
const released = (from: string, shown?: object, at = ago(10)) => ({
  released: [{ from, by: "alice (ops)", at, ...(shown && { shown }) }],
});

const open: GateSettings = {
  protected: [],
  maxEventAgeSeconds: 86_400,
  dryRun: false,
  slack: { secondOperator: false },
};
const protecting = { ...open, protected: ["lark:ou_1"] };
const secondOperator = { ...open, slack: { secondOperator: true } };
const dry = { ...open, dryRun: true };
const all = { ...protecting, slack: { secondOperator: true }, dryRun: true };
const nobodyElse: Names = { relations: ["lark:ou_1"] };
const others: Names = { relations: ["lark:ou_1"], leadsTo: { genauthUserId: "u2", name: "Somebody else" } };
const proposed = { approvalNeeded: { heldFor: "proposed", why: "Proposed by a comparison" } };
const reverified = { approvalNeeded: { heldFor: "reverified", why: "Verified late" } };

/** An item of stops that have ended, each from so many seconds ago until so many. */
function ended(...seconds: number[]) {
  const history = seconds.map((at, index) => ({ at: ago(at), by: "a", status: index % 2 ? "started" : "stopped" }));
  return { since: ago(seconds.at(-2) ?? 0), startedAt: ago(seconds.at(-1) ?? 0), history };
}

const gateOf = (given: Resignation, settings = open, names = nobodyElse) => closedGate(given, names, settings, now);

describe("the gates", () => {
  test.each<[string, Resignation, GateSettings, Names, string | undefined]>([
    ["nothing in the way", departure(), open, nobodyElse, undefined],
    ["just young enough", departure({}, 86_400), open, nobodyElse, undefined],
    ["too old", departure({}, 86_401), open, nobodyElse, "stale"],
    ["protected", departure(), protecting, nobodyElse, "protected"],
    [
      "protected through another relation of the person",
      departure(),
      { ...open, protected: ["wechatwork:boss"] },
      { relations: ["lark:ou_1", "wechatwork:boss"] },
      "protected",
    ],
    [
      "protected through the departure's own relation, which GenAuth does not list",
      departure(),
      protecting,
      { relations: [] },
      "protected",
    ],
    ["protected and too old", departure({}, 86_401), protecting, nobodyElse, "protected"],
    [
      "ordered in Slack, where a second operator is wanted",
      departure({ source: "slack" }),
      secondOperator,
      nobodyElse,
      "approval",
    ],
    ["… and the person is protected", departure({ source: "slack" }), all, nobodyElse, "protected"],
    ["… but of another source", departure(), secondOperator, nobodyElse, undefined],
    ["ordered in Slack, where one operator is enough", departure({ source: "slack" }), open, nobodyElse, undefined],
    ["the relation leads to another user today", departure(), open, others, "ambiguous"],
    ["… and it is too old", departure({}, 86_401), open, others, "ambiguous"],
    ["found by a comparison", departure(proposed), open, nobodyElse, "proposed"],
    ["verified late", departure(reverified), open, nobodyElse, "reverified"],
    ["verified late, and too old", departure(reverified, 86_401), open, nobodyElse, "stale"],
    ["dry run", departure(), dry, nobodyElse, "dry_run"],
    ["dry run and too old", departure({}, 86_401), dry, nobodyElse, "stale"],
    ["dry run, of what was found by a comparison", departure(proposed), dry, nobodyElse, "proposed"],
  ])("%s", (_, given, settings, names, expected) => {
    expect(gateOf(given, settings, names)?.heldFor).toBe(expected);
  });

  test.each<[string, Resignation, GateSettings, Names]>([
    ["protected", departure(), protecting, nobodyElse],
    ["approval", departure({ source: "slack" }), secondOperator, nobodyElse],
    ["stale", departure({}, 86_401), open, nobodyElse],
    ["proposed", departure(proposed), open, nobodyElse],
    ["reverified", departure(reverified), open, nobodyElse],
  ])("a release from %s opens that gate, and a release from another does not", (from, given, settings, names) => {
    expect(gateOf(given, settings, names)?.heldFor).toBe(from);
    expect(gateOf({ ...given, ...released(from) } as Resignation, settings, names)).toBeUndefined();
    const other = from === "protected" ? "approval" : "protected";
    // Any release makes a departure young again: what is stale is released from that by each of them.
    const left = from === "stale" ? undefined : from;
    expect(gateOf({ ...given, ...released(other) } as Resignation, settings, names)?.heldFor).toBe(left);
  });

  test("each gate is released by itself", () => {
    const given = (...from: string[]) =>
      departure({ source: "slack", ...proposed, released: from.flatMap((one) => released(one).released) });
    expect(gateOf(given(), all)?.heldFor).toBe("protected");
    expect(gateOf(given("protected"), all)?.heldFor).toBe("approval");
    expect(gateOf(given("protected", "approval"), all)?.heldFor).toBe("proposed");
    expect(gateOf(given("protected", "approval", "proposed"), all)?.heldFor).toBe("dry_run");
  });

  test("a dry run is never released", () => {
    expect(gateOf(departure(released("dry_run")), dry)?.heldFor).toBe("dry_run");
  });

  test("a release of the version before, which names nothing, opens every gate that there was", () => {
    const former = { released: { by: "alice (ops)", at: ago(10) } };
    for (const one of [{ source: "slack" }, proposed, reverified]) {
      expect(gateOf(departure({ ...one, ...former }, 86_401), { ...all, dryRun: false })).toBeUndefined();
    }
    expect(gateOf(departure(former), open, others)?.heldFor).toBe("ambiguous");
    expect(gateOf(departure(former), dry)?.heldFor).toBe("dry_run");
  });

  test("another user is released as it was shown, and not the next one", () => {
    const shown = (genauthUserId: string) => departure(released("ambiguous", { genauthUserId }));
    expect(gateOf(shown("u2"), open, others)).toBeUndefined();
    expect(gateOf(shown("u3"), open, others)?.heldFor).toBe("ambiguous");
    expect(gateOf(departure(released("ambiguous")), open, others)?.heldFor).toBe("ambiguous");
  });

  test("another user is shown beside the one that was meant", () => {
    const given = departure({ person: { genauthUserId: "u1", name: "The one who left" } });
    expect(gateOf(given, open, others)).toEqual({
      heldFor: "ambiguous",
      why: "lark:ou_1 belongs to another user in GenAuth than when the departure came",
      shown: { genauthUserId: "u2" },
      candidates: [
        { genauthUserId: "u1", name: "The one who left" },
        { userId: "lark:ou_1", genauthUserId: "u2", name: "Somebody else" },
      ],
    });
  });

  test.each([
    [{ approvalNeeded: "Proposed by a comparison", source: "reconcile" }, "proposed"],
    [{ approvalNeeded: "Proposed by a comparison", source: "lark" }, "reverified"],
  ])("a reason that the version before wrote down is read: %j", (changes, heldFor) => {
    expect(gateOf(departure(changes))).toEqual({ heldFor, why: "Proposed by a comparison" });
    expect(gateOf(departure({ ...changes, ...released(heldFor) }))).toBeUndefined();
  });

  test.each<[Resignation, GateSettings, string]>([
    [departure(proposed), open, "Proposed by a comparison"],
    [departure({}, 86_401), open, `Too long ago: ${ago(86_401)}`],
    [departure(), protecting, "The person is protected"],
    [departure(), dry, "Dry run: nothing is sent to GenAuth"],
    [departure({ source: "slack" }), secondOperator, "Another operator must approve what was ordered in Slack"],
  ])("a gate says why: %#", (given, settings, why) => {
    expect(gateOf(given, settings)?.why).toBe(why);
  });

  test.each([
    ["lark:ou_1", ["lark:ou_1"], true],
    ["lark:ou_12", ["lark:ou_1"], false],
    ["wechatwork:svc-1", ["wechatwork:svc-*"], true],
    ["wechatwork:svc", ["wechatwork:svc-*"], false],
    ["lark:ou_1", ["wechatwork:*", "lark:*"], true],
    ["lark:ou_*", ["lark:ou_1"], false],
    // Before: WeCom's ids, which do not differ by case, protected in one case only.
    ["wechatwork:zhangsan", ["wechatwork:ZhangSan"], true],
    ["wechatwork:SVC-1", ["wechatwork:svc-*"], true],
    ["lark:OU_1", ["lark:ou_1"], false],
  ])("%s is protected by %j: %s", (userId, patterns, expected) => {
    expect(isProtected(userId, patterns)).toBe(expected);
  });
});

describe("the age", () => {
  const longAgo = { moment: { from: ago(400_000), to: ago(300_000) } };

  test.each<[string, object, string]>([
    ["the end of its moment", longAgo, ago(300_000)],
    ["when it happened, where the version before wrote no moment", { moment: undefined, occurredAt: ago(7) }, ago(7)],
    [
      "the end of the second that WeCom told the version before",
      { moment: undefined, source: "wechatwork", occurredAt: ago(7) },
      later(now, -6.001),
    ],
    ["when it was ordered for a later day", { ...longAgo, orderedAt: ago(200_000) }, ago(200_000)],
    ["its day", { ...longAgo, orderedAt: ago(200_000), leavesAt: ago(100) }, ago(100)],
    ["the day on which the suspended are resigned", { ...longAgo, resignAfter: ago(50) }, ago(50)],
    ["the last release", { ...longAgo, resignAfter: ago(50), ...released("brake") }, ago(10)],
    [
      "the last release that there was, be it an earlier one",
      { ...longAgo, resignAfter: ago(5), ...released("brake") },
      ago(5),
    ],
    ["the end of the emergency stop", { ...longAgo, stoppedUntil: ago(20) }, ago(20)],
    ["a retry", { ...longAgo, ...released("failed") }, ago(10)],
  ])("of a departure counts from %s", (_, changes, expected) => {
    expect(new Date(ageStart(departure(changes))).toISOString()).toBe(expected);
  });

  test.each<[string, Resignation, string | undefined]>([
    ["suspended for days, and due", departure({ ...longAgo, resignAfter: ago(1) }), undefined],
    ["suspended, and due too long ago", departure({ ...longAgo, resignAfter: ago(86_401) }), "stale"],
    ["ordered for a day that has come", departure({ ...longAgo, leavesAt: ago(86_400) }), undefined],
    ["too old, but released since", departure({ ...longAgo, ...released("stale") }), undefined],
    ["released too long ago", departure({ ...longAgo, ...released("stale", undefined, ago(86_401)) }), "stale"],
  ])("decides on %s", (_, given, expected) => {
    expect(gateOf(given)?.heldFor).toBe(expected);
  });

  test.each<[string, Resignation, object | undefined, number]>([
    ["nothing was ever stopped", departure({ acceptedAt: ago(900) }, 1_000), undefined, 1_000],
    ["all is stopped", departure({ acceptedAt: ago(900) }, 1_000), { since: ago(600) }, 400],
    ["it came while all was stopped", departure({ acceptedAt: ago(100) }, 1_000), { since: ago(600) }, 900],
    ["the stop has ended", departure({ acceptedAt: ago(900) }, 1_000), ended(600, 200), 600],
    ["the stop was before it came", departure({ acceptedAt: ago(100) }, 1_000), ended(600, 200), 1_000],
    [
      "it was released while all was stopped",
      departure({ acceptedAt: ago(900), ...released("brake", {}, ago(300)) }, 1_000),
      ended(600, 200),
      200,
    ],
    [
      "there were several stops",
      departure({ acceptedAt: ago(900) }, 1_000),
      { ...ended(800, 700, 500, 300), since: ago(100), startedAt: undefined },
      600,
    ],
    ["the stop cannot be read", departure({ acceptedAt: ago(900) }, 1_000), { since: "?" }, 1_000],
    ["the stop is to come", departure({ acceptedAt: ago(900) }, 1_000), { since: ago(-600) }, 1_000],
  ])("leaves out what was stopped: %s", (_, given, item, expectedSeconds) => {
    expect(ageMs(given, now, parseStop(item as never)) / 1_000).toBe(expectedSeconds);
  });

  test("is judged once for each moment", () => {
    const judged = { ...longAgo, ageJudgedFor: ago(300_000) };
    expect(gateOf(departure(judged))).toBeUndefined();
    expect(gateOf(departure({ ...judged, ageJudgedFor: ago(300_001) }))?.heldFor).toBe("stale");
    // With its day another moment begins.
    expect(gateOf(departure({ ...judged, resignAfter: ago(86_401) }))?.heldFor).toBe("stale");
    expect(gateOf(departure({ ...judged, resignAfter: ago(86_401), ageJudgedFor: ago(86_401) }))).toBeUndefined();
  });
});
