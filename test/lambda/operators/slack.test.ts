import { AwsLambdaReceiver } from "@slack/bolt";
import { describe, expect, test } from "vitest";
import { type SignedRequest, signSlack, slackClick, slackCommand } from "../../../cli/sign.ts";
import type { Answer } from "../../../lambda/http.ts";
import { toInquiry } from "../../../lambda/operators/inquiry.ts";
import { isReplyUrl, sign, slack } from "../../../lambda/operators/slack.ts";
import { card, decided, ephemeralNote, explain, line } from "../../../lambda/operators/slack-messages.ts";
import { Problem } from "../../../lambda/problem.ts";
import { type Resignation, type SyncRelation, statuses, toResignation } from "../../../lambda/resignation.ts";
import type { Received } from "../../../lambda/sources/index.ts";
import { now, problemOf, settings, toRequest } from "../../parts.ts";
import { readVectors } from "../../vectors.ts";

const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5";
const alice = { team: "T0", user: "U0ALICE" };
const replyUrl = "https://hooks.slack.com/commands/T0/1/secret";

function receive(request: SignedRequest, { at = now, changes = {}, secrets = [signingSecret] } = {}) {
  const given = settings({ operators: { slack: ["T0/U0ALICE"] }, ...changes });
  return slack.routes[`POST ${request.path}`]?.(toRequest(request), {
    keys: { signingSecret: secrets },
    settings: given,
    now: at,
  });
}
const type = (command: string, who = alice, reply = replyUrl) =>
  receive(signSlack("/slack/commands", slackCommand(command, who, reply), signingSecret, now));
const click = (action: string, value: string, who = alice, reply = replyUrl) =>
  receive(signSlack("/slack/interactions", slackClick(action, value, who, reply), signingSecret, now));
const accepted = toResignation(
  {
    ...{ source: "slack", eventId: "e", userId: "lark:ou_1" as SyncRelation, occurredAt: now },
    requestedBy: "T0/U0ALICE",
  },
  now,
);
const said = (received: ReturnType<typeof type>) =>
  received?.kind === "answer" ? (JSON.parse(received.answer.body ?? "") as { text: string }).text : "";

describe("the command", () => {
  test("asks who it is, and answers at once", () => {
    const received = type("/resign lark:ou_1 left today");
    expect(received).toMatchObject({
      kind: "ask",
      inquiry: { userId: "lark:ou_1", reason: "left today", requestedBy: "T0/U0ALICE", replyUrl, state: "open" },
      answer: { statusCode: 200 },
    });
  });

  test.each(["", "help", "bla", "status", "approve", "lark:", "okta:1", "HELP me"])("%s gets help", (text) => {
    expect(said(type(`/resign ${text}`))).toContain("look somebody up");
  });

  test("of another name gets help: commands are not namespaced in Slack", () => {
    expect(said(type("/fire lark:ou_1"))).toContain("look somebody up");
  });

  test("lists, tells the status, and acts", () => {
    expect(type("/resign list")).toMatchObject({ kind: "list", query: { status: "held" } });
    expect(type("/resign list failed")).toMatchObject({ kind: "list", query: { status: "failed" } });
    expect(type("/resign status lark:ou_1")).toMatchObject({ kind: "list", query: { userId: "lark:ou_1" } });
    expect(type("/resign status res_1")).toMatchObject({ kind: "find", id: "res_1" });
    for (const name of ["approve", "cancel", "retry"]) {
      expect(type(`/resign ${name} res_1`)).toMatchObject({
        kind: "act",
        act: { name, id: "res_1", caller: "slack", operator: "T0/U0ALICE" },
      });
    }
  });

  test("is answered in its own words", () => {
    const told = (command: string, ...given: unknown[]) => {
      const { answer } = type(command) as { answer: (...all: unknown[]) => Answer };
      const { statusCode, body } = answer(...given);
      return [statusCode, JSON.parse(body ?? "")];
    };
    const say = (text: unknown) => [200, { response_type: "ephemeral", text }];
    expect(told("/resign list", [])).toEqual(say("Nobody is held."));
    expect(told("/resign status lark:ou_1", [])).toEqual(say("The ledger has nothing of that person."));
    expect(told("/resign list", [accepted])).toEqual(say(expect.stringContaining(line(accepted))));
    expect(told("/resign status res_1", accepted)).toEqual(say(line(accepted)));
    expect(told("/resign approve res_1", accepted)).toEqual(say(`Done. ${line(accepted)}`));
    expect(type("/resign lark:ou_1")).toMatchObject({
      answer: { body: expect.stringContaining("Looking up `lark:ou_1` in GenAuth …") },
    });
    const { onProblem } = type("/resign approve res_1") as { onProblem: (problem: Problem) => Answer };
    expect(JSON.parse(onProblem(new Problem("not_found")).body ?? "").response_type).toBe("ephemeral");
  });

  test("may have white space in it, and a reason of 500 characters", () => {
    expect(type("/resign   lark:ou_1   left   today ")).toMatchObject({ inquiry: { reason: "left today" } });
    expect(type("/resign \t status \t lark:ou_1")).toMatchObject({ kind: "list", query: { userId: "lark:ou_1" } });
    const long = type(`/resign lark:ou_1 ${"x".repeat(600)}`) as { inquiry: { reason: string } };
    expect(long.inquiry.reason).toHaveLength(500);
    expect((type("/resign lark:ou_1") as { inquiry: object }).inquiry).not.toHaveProperty("reason");
  });

  test("is one request, whose id is its own", () => {
    const ids = ["/resign approve res_1", "/resign approve res_1"].map((command) => {
      const { act } = type(command) as { act: { requestId: string } };
      expect(act.requestId).toMatch(/^slack\/[0-9a-f]{32}$/);
      return act.requestId;
    });
    expect(new Set(ids).size).toBe(2);
  });

  test("of a stranger is refused politely, and counted", () => {
    for (const who of [
      { team: "T0", user: "U0EVE" },
      { team: "T1", user: "U0ALICE" },
    ]) {
      const received = type("/resign lark:ou_1", who);
      expect(said(received)).toContain("not among the operators");
      const message = "Somebody in Slack who is no operator was refused";
      expect(received).toMatchObject({ notices: [{ metric: "StrangerRefused", message, level: "WARN" }] });
    }
  });

  test("of another app is refused where the app is configured", () => {
    const request = signSlack("/slack/commands", slackCommand("/resign list", alice, replyUrl), signingSecret, now);
    expect(
      problemOf(() => receive(request, { changes: { operators: { slack: ["T0/U0ALICE"] }, slack: { appId: "A9" } } })),
    ).toBe("unauthorized: app id");
  });

  test.each(["/slack/commands", "/slack/interactions"] as const)("answers Slack's certificate check at %s", (path) => {
    const empty = { kind: "answer", answer: { statusCode: 200, body: "" } };
    expect(receive(signSlack(path, { ssl_check: "1" }, signingSecret, now))).toMatchObject(empty);
    const check = { method: "POST" as const, path, headers: {}, body: "ssl_check=1&token=abc" };
    expect(receive(check)).toMatchObject({ ...empty, isNoLife: true });
    for (const body of [
      "ssl_check=0",
      "ssl_check=11",
      "ssl_check=true",
      "ssl_check=",
      "ssl_check=1&ssl_check=1",
      "xssl_check=1",
      "command=/resign&text=list",
      "",
      `ssl_check=1&x=${"x".repeat(5000)}`,
    ]) {
      expect(problemOf(() => receive({ ...check, body }))).toBe("unauthorized: signature form");
    }
    for (const signature of ["", "v0=", `v0=${"0".repeat(64)}`]) {
      const headers = { "x-slack-signature": signature, "x-slack-request-timestamp": "1" };
      expect(problemOf(() => receive({ ...check, headers }))).toMatch(/^unauthorized/);
    }
  });

  const a = "lark:ou_205";
  const b = "lark:ou_206";
  const res = (digit: string) => `res_${digit.repeat(32)}`;
  test.each([
    `${a}\n${b}`,
    `${a} ${b}`,
    `${a},${b}`,
    `${a}、${b}`,
    `${a} and ${b} left`,
    `${a} left with (${b})`,
    `${a} Lark:ou_206`,
    `${a} \`${b}\``,
    `${a} ou_206`,
    `${a};ou_206`,
    `${a} wechatwork:zhang`,
    `${a} feishu:ou_206`,
    `${a} left with larksuite：ou_206`,
    `${a} lark:"ou_206"`,
    'wechatwork:zhang wechatwork:"li"',
    `${a} ${res("1")}`,
    `${a} ${a}`,
    `cancel ${res("1")} ${res("2")}`,
    `cancel ${res("1")}\n${res("2")}`,
    `approve ${res("1")},${res("2")}`,
    `retry ${res("1")} because ${res("2")}`,
    `cancel res_A res_B`,
    `cancel ${res("1")} ${a}`,
    `status ${a} ${b}`,
  ])("two ids, and nothing is done: %j", (text) => {
    expect(said(type(`/resign ${text}`))).toBe("I read two ids. Give me one at a time: nothing was done.");
  });

  test.each(["left, was on_call", "R&amp;D: closed", "lark: she said", "http://lark.example/x", "resigned res. team"])(
    "words that are no ids are a reason: %s",
    (reason) => {
      expect(type(`/resign ${a} ${reason}`)).toMatchObject({ kind: "ask", inquiry: { userId: a } });
    },
  );

  test("Slack's escapes are read once", () => {
    expect(type("/resign lark:ou_1 R&amp;D closed, last day &lt; 1 week &amp;lt;")).toMatchObject({
      inquiry: { reason: "R&D closed, last day < 1 week &lt;" },
    });
    expect(type("/resign lark:a&amp;b")).toMatchObject({ inquiry: { userId: "lark:a&b" } });
  });

  test.each(["approve", "cancel", "retry"])("%s keeps the reason after the id", (name) => {
    expect(type(`/resign ${name} res_1 rehired  from Monday`)).toMatchObject({
      act: { name, id: "res_1", reason: "rehired from Monday" },
    });
    expect((type(`/resign ${name} res_1`) as { act: object }).act).not.toHaveProperty("reason");
  });

  test.each([
    ["`lark:ou_1` left", "left"],
    ["`lark:ou_1 left`", "left"],
    ['"lark:ou_1" left', "left"],
    ["\u201clark:ou_1\u201d left", "left"],
    ["\u300clark:ou_1\u300d left", "left"],
    ["*lark:ou_1* left", "left"],
    ["Lark:ou_1 left", "left"],
    ["LARK:ou_1 left", "left"],
    ["lark\uff1aou_1 left", "left"],
    ['lark:ou_1 said "left"', 'said "left"'],
  ])("pasted back, %s is taken", (text, reason) => {
    expect(type(`/resign ${text}`)).toMatchObject({ kind: "ask", inquiry: { userId: "lark:ou_1", reason } });
  });

  test("so is an id of a resignation, and of a person whose status is asked", () => {
    expect(type("/resign approve `res_1` known")).toMatchObject({ act: { id: "res_1", reason: "known" } });
    expect(type("/resign Cancel Res_1")).toMatchObject({ act: { id: "res_1" } });
    expect(type("/resign STATUS `Lark:ou_1`")).toMatchObject({ query: { userId: "lark:ou_1" } });
    expect(type("/resign `status` res_1")).toMatchObject({ kind: "find", id: "res_1" });
  });

  test.each([
    ["okta:1", "okta:1: the provider is none of those allowed"],
    ["lark:", "the id is empty"],
    ["zhangsan@example.com left", "zhangsan@example.com: has no provider before its id"],
    ["ou_123 left", "ou_123: has no provider before its id"],
    ["bla", "bla: has no provider before its id"],
    ["lark:lark:ou_1", "begins with a provider once more"],
    ["lark:ou_1\u200b left", "control or invisible character at an end"],
    ["lark:undefined left", "the id is the text undefined: the trigger lacks the field"],
    ["lark:{{openId}}", "the id is the text {{: the trigger lacks the field"],
    ["wechatwork:None", "the id is the text None"],
    ["undefined", "the id is the text undefined"],
    ["status", "status of whom? It needs an id"],
    ["approve", "approve of whom? It needs an id"],
    ["<@U123|zhang> left", "&lt;@U123|zhang&gt;: has no provider"],
  ])("%s is not done, and the help says why: %s", (text, why) => {
    const answer = said(type(`/resign ${text}`));
    expect(answer).toContain(why);
    expect(answer).toContain("look somebody up");
  });

  test.each([
    ["list faild", "There is no status `faild`. There are: "],
    ["list held now", "I do not know what `now` is for."],
    ["status res_1 now", "I do not know what `now` is for."],
    ["status nobody", "has no provider before its id"],
    ["status lark:null", "the id is the text null"],
    ["approve lark:ou_1", "`lark:ou_1` is no id of a resignation"],
    ["cancel everything", "`everything` is no id of a resignation"],
    ["retry <!channel>", "`&lt;!channel&gt;` is no id of a resignation"],
  ])("%s: %s", (text, why) => {
    expect(said(type(`/resign ${text}`))).toContain(why);
  });

  test("every status is listed, however it is written", () => {
    for (const status of statuses) {
      for (const written of [status, status.toUpperCase(), status[0]?.toUpperCase() + status.slice(1)]) {
        expect(type(`/resign List ${written}`)).toMatchObject({ kind: "list", query: { status } });
      }
      expect(said(type("/resign list faild"))).toContain(status);
    }
  });

  test("a reason is cut at a whole character", () => {
    const { inquiry } = type(`/resign lark:ou_1 ${"x".repeat(499)}😀`) as { inquiry: { reason: string } };
    expect(inquiry.reason).toBe("x".repeat(499));
  });

  test.each([
    "http://hooks.slack.com/x",
    "https://hooks.slack.com.evil.com/x",
    "https://evil.com/hooks.slack.com",
    "https://user@hooks.slack.com/x",
    "https://hooks.slack.com:8443/x",
    "http://127.0.0.1:80/x",
    "nonsense",
  ])("whose response_url is %s is not answered there", (reply) => {
    expect(isReplyUrl(reply, ["hooks.slack.com", "hooks.slack-gov.com"])).toBe(false);
    expect(problemOf(() => type("/resign lark:ou_1", alice, reply))).toBe("malformed");
  });
});

describe("a click", () => {
  const inquiry = toInquiry(
    { key: "k", userId: "lark:ou_1" as SyncRelation, reason: "left", requestedBy: "T0/U0ALICE", replyUrl },
    now,
  );

  test("orders the departure of the inquiry", () => {
    const received = click("resign", inquiry.id);
    expect(received).toMatchObject({ kind: "settle", inquiryId: inquiry.id, state: "ordered", replyUrl });
    const departure = received?.kind === "settle" ? received.toDeparture(inquiry) : undefined;
    expect(departure).toEqual({
      ...{ source: "slack", eventId: inquiry.id, userId: "lark:ou_1", occurredAt: now, requestedBy: "T0/U0ALICE" },
      ...{ reason: "left", inquiryId: inquiry.id },
    });
    const old = { ...inquiry, askedAt: new Date(now.getTime() - 1_801_000).toISOString() };
    expect(received?.kind === "settle" && received.toDeparture(old)).toBeUndefined();
  });

  test.each(["approve", "cancel"])("on a notice's %s acts on the resignation", (name) => {
    const received = click(name, "res_1");
    expect(received).toMatchObject({
      kind: "act",
      act: { name, id: "res_1", caller: "slack", operator: "T0/U0ALICE", requestId: expect.stringMatching(/^slack\//) },
      reply: { url: replyUrl },
    });
    const { answer, onProblem, reply } = received as Extract<Received, { kind: "act" }>;
    expect(answer(accepted)).toMatchObject({ statusCode: 200, body: "" });
    expect(onProblem?.(new Problem("conflict"))).toMatchObject({ statusCode: 200, body: "" });
    expect(reply?.message(accepted)).toMatchObject(decided(accepted, "T0/U0ALICE"));
    expect(reply?.problem(new Problem("conflict"))).toEqual(ephemeralNote(explain(new Problem("conflict"))));
    expect(problemOf(() => click(name, "res_1", alice, "https://evil.example/x"))).toBe("malformed");
    expect(click(name, "")).toMatchObject({ kind: "answer" });
  });

  test("of another form than a button's is none of ours", () => {
    const form = slackClick("resign", inquiry.id, alice, replyUrl);
    const changed = (changes: object) => {
      const payload = JSON.stringify({ ...JSON.parse(form.payload ?? ""), ...changes });
      return receive(signSlack("/slack/interactions", { payload }, signingSecret, now));
    };
    // Before: 400 and an error, because a button of ours has more than these.
    for (const other of [
      { type: "interactive_message", actions: [{ name: "x", type: "button", value: "1" }] },
      { type: "workflow_step_execute", user: undefined, team: undefined },
      { type: "view_closed", user: "U0ALICE", actions: {}, response_url: null },
      { type: "block_suggestion", api_app_id: 5, user: { id: "U0EVE" } },
    ]) {
      expect(changed(other)).toEqual({
        kind: "answer",
        answer: expect.objectContaining({ statusCode: 200, body: "" }),
      });
    }
    for (const action_id of ["resign", "approve"]) {
      const actions = [{ action_id, value: "x" }];
      expect(changed({ type: "view_submission", actions })).toMatchObject({ kind: "answer", answer: { body: "" } });
      expect(changed({ actions, response_url: undefined })).toMatchObject({ kind: "answer" });
    }
    expect(changed({ actions: [] })).toMatchObject({ kind: "answer" });
    expect(changed({ actions: undefined })).toMatchObject({ kind: "answer" });
    expect(changed({ user: { id: "U0ALICE" }, team: { id: "T0" } })).toMatchObject({ kind: "settle" });
    expect(changed({ user: { id: "U0ALICE" }, team: null })).toMatchObject({
      notices: [{ metric: "StrangerRefused" }],
    });
  });

  test("of another app is refused where the app is configured", () => {
    const request = signSlack(
      "/slack/interactions",
      slackClick("resign", "ask_1", alice, replyUrl),
      signingSecret,
      now,
    );
    const operators = { slack: ["T0/U0ALICE"] };
    const act = (appId: string) => () => receive(request, { changes: { operators, slack: { appId } } });
    expect(problemOf(act("A9"))).toBe("unauthorized: app id");
    expect(act("A0LOCAL")()).toMatchObject({ kind: "settle" });
  });

  test("dismisses, or is none of ours", () => {
    expect(click("dismiss", inquiry.id)).toMatchObject({ kind: "settle", state: "dismissed" });
    expect(click("other", inquiry.id)).toMatchObject({ kind: "answer", answer: { statusCode: 200, body: "" } });
  });

  test.each(["resign", "dismiss", "approve", "cancel", "other"])(
    "of a stranger on %s is told so, and does nothing",
    (name) => {
      const eve = { team: "T0", user: "U0EVE" };
      const received = click(name, inquiry.id, eve);
      expect(received).toMatchObject({
        ...{ kind: "answer", notices: [{ metric: "StrangerRefused" }], answer: { statusCode: 200, body: "" } },
        reply: {
          url: replyUrl,
          message: {
            ...{ response_type: "ephemeral", replace_original: false },
            text: expect.stringContaining("not among the operators"),
          },
        },
      });
      expect(click(name, inquiry.id, eve, "https://evil.example/x")).not.toHaveProperty("reply");
    },
  );

  test("may have null for what is not needed, or be without a value", () => {
    const { payload = "" } = slackClick("approve", "res_1", alice, replyUrl);
    const changed = (changes: object) => {
      const body = JSON.stringify({ ...JSON.parse(payload), ...changes });
      return receive(signSlack("/slack/interactions", { payload: body }, signingSecret, now));
    };
    const user = { id: "U0ALICE", team_id: null };
    expect(changed({ user, api_app_id: null })).toMatchObject({ kind: "act", act: { operator: "T0/U0ALICE" } });
    for (const value of [null, undefined]) {
      const told = { reply: { message: { text: "This button names nobody. Nothing was done." } } };
      expect(changed({ actions: [{ action_id: "approve", value }] })).toMatchObject(told);
    }
    expect(changed({ actions: null })).toMatchObject({
      reply: { message: { text: expect.stringMatching(/^I do not/) } },
    });
    expect(changed({ response_url: null })).toEqual({ kind: "answer", answer: expect.objectContaining({ body: "" }) });
  });

  test("every branch of an operator's click tells what came of it", () => {
    const note = (text: string) => ({ reply: { url: replyUrl, message: ephemeralNote(text) } });
    expect(click("other", "x")).toMatchObject(note("I do not know this button. Nothing was done."));
    expect(click("resign", "")).toMatchObject(note("This button names nobody. Nothing was done."));
    expect(click("approve", "")).toMatchObject(note("This button names nobody. Nothing was done."));
    const before = ephemeralNote(
      "Somebody has clicked on this before, or it is no longer known. Nothing more was done.",
    );
    expect(click("resign", inquiry.id)).toMatchObject({ kind: "settle", settledBefore: before });
  });

  test("of a payload that gives a name twice is refused", () => {
    const { payload = "" } = slackClick("resign", inquiry.id, alice, replyUrl);
    for (const twice of [
      payload.replace('"type":"block_actions"', '"type":"block_actions","type":"block_actions"'),
      payload.replace('"action_id":"resign"', '"action_id":"dismiss","action_id":"resign"'),
      payload.replace('"id":"U0ALICE"', '"id":"U0EVE","id":"U0ALICE"'),
    ]) {
      expect(twice).not.toBe(payload);
      const act = () => receive(signSlack("/slack/interactions", { payload: twice }, signingSecret, now));
      expect(act).toThrow(
        expect.objectContaining({ detail: expect.stringMatching(/^(type|action_id|id) is given twice/) }),
      );
    }
  });

  test("without a readable payload is malformed", () => {
    for (const payload of ["", "{", "{}", '{"type":1}']) {
      expect(problemOf(() => receive(signSlack("/slack/interactions", { payload }, signingSecret, now)))).toBe(
        "malformed",
      );
    }
  });
});

describe("a proof", () => {
  const good = signSlack("/slack/commands", slackCommand("/resign list", alice, replyUrl), signingSecret, now);
  const signature = good.headers["x-slack-signature"] ?? "";
  const changed = (headers: Record<string, string>) => () =>
    receive({ ...good, headers: { ...good.headers, ...headers } });
  const signedAt = (timestamp: string) =>
    changed({
      "x-slack-request-timestamp": timestamp,
      "x-slack-signature": sign(signingSecret, timestamp, Buffer.from(good.body)),
    });
  const seconds = now.getTime() / 1000;

  // What @slack/bolt 5.1.0's Lambda receiver accepts or throws on stands here among the refused.
  test.each([
    ["of the future", signedAt(String(seconds + 301)), "unauthorized: timestamp"],
    ["6 minutes old", signedAt(String(seconds - 301)), "unauthorized: timestamp"],
    ["a timestamp with a fraction", signedAt(`${seconds}.0`), "unauthorized: timestamp form"],
    [
      "another version",
      changed({ "x-slack-signature": signature.replace("v0=", "v1=") }),
      "unauthorized: signature form",
    ],
    [
      "in capitals",
      changed({ "x-slack-signature": signature.replace(/[0-9a-f]{64}/, (hex) => hex.toUpperCase()) }),
      "unauthorized: signature form",
    ],
    ["no signature", () => receive({ ...good, headers: {} }), "unauthorized: signature form"],
    ["no timestamp", changed({ "x-slack-request-timestamp": "" }), "unauthorized: timestamp form"],
    ["another secret", () => receive(good, { secrets: ["other"] }), "unauthorized: signature"],
    ["another body", () => receive({ ...good, body: `${good.body}&x=1` }), "unauthorized: signature"],
    ["a field given twice", () => receive(signSlackBody(`${good.body}&text=x`)), "malformed"],
  ])("is not %s", (_, act, expected) => {
    expect(problemOf(act)).toBe(expected);
  });

  test("that is right over what cannot be read says what is wrong", () => {
    const detail = (text: string) => expect.objectContaining({ detail: text });
    expect(() => receive(signSlackBody(`${good.body}&text=x`))).toThrow(detail("A form field is given twice"));
    expect(() => type("/resign lark:ou_1", alice, "https://evil.example")).toThrow(
      detail("The response_url is not Slack's"),
    );
    const payload = JSON.stringify({ type: "block_actions", user: { id: 1 } });
    expect(() => receive(signSlack("/slack/interactions", { payload }, signingSecret, now))).toThrow(
      detail("Slack sent an unexpected form at user.id"),
    );
  });

  test("holds for five minutes, either way", () => {
    for (const ms of [-300_000, 300_000]) {
      expect(receive(good, { at: new Date(now.getTime() + ms) })).toMatchObject({ kind: "list" });
    }
  });

  test("may be made with the old or the new secret", () => {
    expect(receive(good, { secrets: ["new", signingSecret] })).toMatchObject({ kind: "list" });
  });

  test("takes UTF-8", () => {
    expect(type("/resign lark:ou_1 昨天离职 ✓")).toMatchObject({ kind: "ask", inquiry: { reason: "昨天离职 ✓" } });
  });

  function signSlackBody(body: string): SignedRequest {
    const headers = { ...good.headers, "x-slack-signature": sign(signingSecret, String(seconds), Buffer.from(body)) };
    return { ...good, body, headers };
  }
});

test.each([
  ["http://127.0.0.1:9/x", true],
  ["http://localhost:9/x", true],
  ["https://hooks.slack.com/x", true],
  ["http://hooks.slack.com/x", false],
  ["https://hooks.slack.com:9/x", false],
])("with this machine among the hosts, %s is taken: %s", (url, expected) => {
  expect(isReplyUrl(url, ["127.0.0.1", "localhost", "hooks.slack.com"])).toBe(expected);
});

describe("messages", () => {
  const inquiry = toInquiry(
    {
      key: "k",
      userId: "lark:<!channel>" as SyncRelation,
      reason: "<@U1> & <http://evil|here>",
      requestedBy: "T0/U0ALICE",
      replyUrl,
    },
    now,
  );
  const user = {
    userId: "g1",
    status: "Activated",
    name: "<!here> Zhang",
    email: "zhangsan@example.com",
    departmentIds: ["d1", "<d2>"],
  };

  test("show whom GenAuth knows, with the mail masked and nothing that Slack would act on", () => {
    const text = JSON.stringify(card(inquiry, user));
    expect(text).toContain("z***@example.com");
    expect(text).toContain("Departments: d1, &lt;d2&gt;");
    expect(text).toContain("&lt;!here&gt; Zhang");
    expect(text).not.toMatch(/<[!@h]/);
    expect(text).toContain('"action_id":"resign"');
  });

  test("offer no Resign for nobody, nor for somebody resigned", () => {
    expect(JSON.stringify(card(inquiry, undefined))).toContain("GenAuth knows nobody by that id");
    for (const nobody of [undefined, { ...user, status: "Resigned" }]) {
      expect(JSON.stringify(card(inquiry, nobody))).not.toContain('"action_id":"resign"');
    }
  });

  test("keep to Block Kit's limits", () => {
    const long = { ...inquiry, reason: "x".repeat(5_000), userId: `lark:${"y".repeat(128)}` as SyncRelation };
    const { blocks } = card(long, { ...user, name: "z".repeat(5_000) }) as {
      blocks: { text?: { text: string }; elements?: { value: string }[] }[];
    };
    expect(blocks.length).toBeLessThanOrEqual(50);
    for (const { text, elements = [] } of blocks) {
      expect(text?.text.length ?? 0).toBeLessThanOrEqual(3_000);
      for (const { value } of elements) expect(value.length).toBeLessThanOrEqual(2_000);
    }
  });

  test("tell a resignation in a line", () => {
    const departure = {
      source: "slack" as const,
      eventId: "e",
      userId: "lark:ou_1" as SyncRelation,
      occurredAt: now,
      requestedBy: "T0/U0ALICE",
    };
    const held = { ...toResignation(departure, now), status: "held", heldFor: "brake" } as Resignation;
    expect(line(held)).toMatch(/^\*held\* for brake: `lark:ou_1` \(res_/);
  });
});

const published = readVectors<{
  slack: { signingSecret: string; timestamp: string; body: string; signature: string }[];
}>("others.json");
test.skipIf(!published)("Slack's documented example verifies", () => {
  for (const vector of published?.slack ?? []) {
    const headers = { "x-slack-request-timestamp": vector.timestamp, "x-slack-signature": vector.signature };
    const request = { method: "POST" as const, path: "/slack/commands", headers, body: vector.body };
    const at = new Date(Number(vector.timestamp) * 1000);
    expect(receive(request, { at, secrets: [vector.signingSecret] })).toMatchObject({
      kind: "answer",
      answer: { statusCode: 200 },
    });
    const forged = { ...request, body: vector.body.replace("roadrunner", "coyote") };
    expect(problemOf(() => receive(forged, { at, secrets: [vector.signingSecret] }))).toBe("unauthorized: signature");
  }
});

test("@slack/bolt's receiver takes what send slack makes", async () => {
  const receiver = new AwsLambdaReceiver({ signingSecret });
  let seen = "";
  const handler = await receiver.start();
  receiver.init({
    processEvent: async (event: { body: Record<string, string>; ack: (text: string) => Promise<void> }) => {
      seen = event.body.text ?? "";
      await event.ack("");
    },
  } as never);
  const { headers, body } = signSlack(
    "/slack/commands",
    slackCommand("/resign lark:ou_1 left", alice, replyUrl),
    signingSecret,
  );
  const event = { body, headers, isBase64Encoded: false, httpMethod: "POST", path: "/slack/commands" };
  const answer = await handler(event as never, {});
  expect([answer.statusCode, seen]).toEqual([200, "lark:ou_1 left"]);
});
