/** What Slack is sent, to the letter. */
import { describe, expect, test } from "vitest";
import { escapeText } from "../../../lambda/notices/text.ts";
import { toInquiry } from "../../../lambda/operators/inquiry.ts";
import {
  card,
  decided,
  ephemeralNote,
  expired,
  explain,
  failedLookUp,
  help,
  line,
  lines,
  outcome,
  removal,
} from "../../../lambda/operators/slack-messages.ts";
import { Problem } from "../../../lambda/problem.ts";
import { toResignation } from "../../../lambda/resignation/departure.ts";
import type { Resignation } from "../../../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../../../lambda/resignation/sync-relation.ts";
import { now } from "../../parts.ts";

const userId = "lark:ou_<1>" as SyncRelation;
const asked = { key: "k", userId, requestedBy: "T0/U0ALICE", replyUrl: "https://hooks.slack.com/x" };
const inquiry = toInquiry({ ...asked, reason: "left & gone" }, now);
const user = {
  userId: "g1",
  status: "Activated",
  name: "A & B",
  email: "ann@example.com",
  departmentIds: ["d1", "d2"],
};
const departure = { source: "slack", eventId: "e", userId, occurredAt: now, requestedBy: "T0/U0ALICE" } as const;
const accepted = toResignation(departure, now);
const ofPerson = { ...accepted, person: { genauthUserId: "g1", name: "A & B" } } as Resignation;

const button = (text: string) => ({ type: "button", text: { type: "plain_text", text } });
const dismiss = { ...button("Cancel"), action_id: "dismiss", value: inquiry.id };
const resign = {
  ...button("Resign"),
  ...{ style: "danger", action_id: "resign", value: inquiry.id },
  confirm: {
    title: { type: "plain_text", text: "Resign this person?" },
    text: {
      type: "plain_text",
      text: "Authorisations, departments, roles, groups and posts are deleted and the account is disabled. This cannot be undone.",
    },
    confirm: { type: "plain_text", text: "Resign" },
    deny: { type: "plain_text", text: "Back" },
    style: "danger",
  },
};

describe("the card", () => {
  const shown = (section: string, text: string, elements: object[]) => ({
    ...{ response_type: "ephemeral", replace_original: true, text },
    blocks: [
      { type: "section", text: { type: "mrkdwn", text: section } },
      { type: "actions", elements },
    ],
  });

  test("of somebody whom GenAuth knows", () => {
    const section =
      "*A &amp; B*, a***@example.com, Activated\n`lark:ou_&lt;1&gt;`\nDepartments: d1, d2\nReason: left &amp; gone";
    expect(card(inquiry, user)).toEqual(shown(section, "Resign this person?", [resign, dismiss]));
  });

  test("of somebody of whom GenAuth knows little", () => {
    const section = "*(no name)*, Suspended\n`lark:ou_&lt;1&gt;`";
    const bare = { ...{ userId: "g1", status: "Suspended" }, name: null, email: null, departmentIds: null };
    const silent = toInquiry(asked, now);
    const elements = [resign, dismiss].map((one) => ({ ...one, value: silent.id }));
    for (const one of [bare, { ...bare, departmentIds: [] }, { userId: "g1", status: "Suspended" }]) {
      expect(card(silent, one)).toEqual(shown(section, "Resign this person?", elements));
    }
  });

  test("of nobody, and of somebody resigned", () => {
    const nobody = "GenAuth knows nobody by that id.\n`lark:ou_&lt;1&gt;`\nReason: left &amp; gone";
    expect(card(inquiry, undefined)).toEqual(shown(nobody, nobody, [dismiss]));
    const gone = card(inquiry, { ...user, status: "Resigned" }) as { text: string };
    expect(gone).toEqual(shown(gone.text, gone.text, [dismiss]));
    expect(gone.text).toContain("*A &amp; B*, a***@example.com, Resigned");
  });

  test("is cut where names, departments or reasons are long", () => {
    const of = (one: typeof user, reason = "r") => {
      const { blocks } = card({ ...inquiry, reason }, one) as { blocks: { text: { text: string } }[] };
      return blocks[0]?.text.text.split("\n") ?? [];
    };
    expect(of({ ...user, name: "n".repeat(300) })[0]).toBe(`*${"n".repeat(80)}*, a***@example.com, Activated`);
    expect(of({ ...user, departmentIds: ["d".repeat(600)] })[2]).toBe(`Departments: ${"d".repeat(500)}`);
    expect(of(user, "r".repeat(4_000)).join("\n")).toHaveLength(2_900);
    const none = card({ ...inquiry, reason: "r".repeat(4_000) }, undefined) as { text: string };
    expect(none.text).toHaveLength(2_900);
  });
});

test("a resignation in a line, and several", () => {
  const { id } = accepted;
  expect(line(accepted)).toBe(`*accepted*: \`lark:ou_&lt;1&gt;\` (${id})`);
  expect(line(ofPerson)).toBe(`*accepted*: A &amp; B \`lark:ou_&lt;1&gt;\` (${id})`);
  expect(lines([accepted, ofPerson], "none")).toBe(`${line(accepted)}\n${line(ofPerson)}`);
  expect(lines([], "none")).toBe("none");
  expect(lines(Array(200).fill(ofPerson), "none")).toHaveLength(2_900);
});

test("what came of it, in the place of the card or the notice", () => {
  const replacing = { response_type: "ephemeral", replace_original: true };
  expect(outcome(ofPerson)).toEqual({ ...replacing, text: `${line(ofPerson)}\nOrdered by <@U0ALICE>.` });
  expect(decided(ofPerson, "T0/U0BOB")).toEqual({
    replace_original: true,
    text: `${line(ofPerson)}\nDecided by <@U0BOB>.`,
  });
  expect(ephemeralNote("t")).toEqual({ response_type: "ephemeral", replace_original: false, text: "t" });
  expect(failedLookUp("lark:<1>")).toEqual({
    ...replacing,
    text: "GenAuth did not answer for `lark:&lt;1&gt;`. Nothing was done: ask again in a minute.",
  });
  expect(expired).toEqual({ ...replacing, text: "That was more than half an hour ago. Nothing was done: ask again." });
  expect(removal).toEqual({ delete_original: true });
});

test("help, and what a problem means", () => {
  expect(help("/resign").split("\n")).toEqual([
    "*/resign <sync relation> [reason]*  look somebody up, then resign them: `/resign lark:ou_… left today`",
    "*/resign list [held|failed|…]*  who waits",
    "*/resign status <id or sync relation>*  what came of it",
    "*/resign approve|cancel|retry <id>*  decide",
    "*/resign stop [reason]*  stop everything at once: nobody is cut off until */resign start*",
  ]);
  expect(explain(new Problem("conflict"))).toBe("The resignation's status does not allow this.");
  expect(explain(new Problem("not_found", { detail: "There is none" }))).toBe("Not found. There is none.");
});

test("a name writes no line of its own, and no link", () => {
  const name = `Bob\n*resigned*: Alice \`lark:ou_ceo\`\r\n\u2028see http://evil.example/${"x".repeat(200)}\u202e`;
  const named = { ...ofPerson, person: { genauthUserId: "g1", name } } as Resignation;
  const told = [
    line(named),
    lines([named], "none"),
    JSON.stringify(outcome(named)),
    JSON.stringify(decided(named, "T/U")),
  ];
  const shown = card(toInquiry(asked, now), { ...user, name }) as {
    blocks: [{ text: { text: string } }];
  };
  expect(shown.blocks[0].text.text.split("\n")).toHaveLength(3);
  expect(lines([named, named], "none").split("\n")).toHaveLength(2);
  for (const text of [...told, shown.blocks[0].text.text])
    expect(text).not.toMatch(/:\/\/|evil\.example|\u2028|\u202e/);
});

test("nothing of a text becomes a link, a mention or a channel", () => {
  expect(escapeText("<@U1> & <!here> &lt;")).toBe("&lt;@U1&gt; &amp; &lt;!here&gt; &amp;lt;");
});
