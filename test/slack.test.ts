/** Slack, the whole way: command, card, click, outcome. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { send, signApi, signSlack, slackClick, slackCommand } from "../cli/sign.ts";
import { isUnderWay } from "../lambda/resignation/status.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { startSlackStandIn } from "../local/slack.ts";
import { newKeys, startStack } from "../local/stack.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
let slack: Awaited<ReturnType<typeof startSlackStandIn>>;
let stack: Awaited<ReturnType<typeof startStack>>;
let lines: string[] = [];
const keys = newKeys();
const alice = { team: "T0LOCAL", user: "U0ALICE" };
const bob = { team: "T0LOCAL", user: "U0BOB" };
const eve = { team: "T0LOCAL", user: "U0EVE" };

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
beforeEach(async () => {
  genauth.reset();
  lines = [];
  slack = await startSlackStandIn();
});
afterEach(async () => {
  expect(lines.join("\n")).not.toMatch(/commands\/T0LOCAL|Demo Lark/);
  await stack.close();
  await slack.close();
});
afterAll(() => Promise.all([aws.close(), genauth.close()]));

const start = async (settings: object = {}) => {
  stack = await startStack({ aws, genauth, keys, settings, writeLog: (line) => lines.push(line) });
};
async function type(command: string, who = alice): Promise<string> {
  const response = await send(
    signSlack("/slack/commands", slackCommand(command, who, slack.replyUrl), keys.slack.signingSecret),
    stack.url,
  );
  expect(response.status).toBe(200);
  return ((await response.json()) as { text: string }).text;
}
async function click(action: string, value: string, who = alice): Promise<void> {
  const response = await send(
    signSlack("/slack/interactions", slackClick(action, value, who, slack.replyUrl), keys.slack.signingSecret),
    stack.url,
  );
  expect(response.status).toBe(200);
}
async function ask(command: string): Promise<string> {
  await type(command);
  const card = await slack.next();
  return card?.blocks?.[1]?.elements?.[0]?.value ?? "";
}
const ofPerson = async (userId: string) => (await stack.ledger.list({ userId, now: new Date(), limit: 20 })).items;
const settled = (userId: string) =>
  expect.poll(async () => (await ofPerson(userId)).every((one) => !isUnderWay(one)), { timeout: 10_000 }).toBe(true);

test("ordered, confirmed, resigned, and told", async () => {
  await start();
  expect(await type("/resign lark:ou_demo_1 昨天离职 ✓")).toContain("Looking up");
  const card = await slack.next();
  expect(card?.blocks?.[0]?.text?.text).toContain("Demo Lark 1");
  const [resign] = card?.blocks?.[1]?.elements ?? [];
  expect(genauth.calls()).toEqual([]);
  await click("resign", resign?.value ?? "");
  expect((await slack.next())?.text).toMatch(/^\*resigned\*: Demo Lark 1 `lark:ou_demo_1`.*\nOrdered by <@U0ALICE>\.$/);
  expect((await ofPerson("lark:ou_demo_1"))[0]).toMatchObject({
    source: "slack",
    requestedBy: "T0LOCAL/U0ALICE",
    reason: "昨天离职 ✓",
  });
  expect(genauth.calls()).toHaveLength(1);
});

describe("buttons act once", () => {
  test("five clicks, two operators: one effect", async () => {
    await start();
    const id = await ask("/resign lark:ou_demo_1");
    await Promise.all([
      click("resign", id),
      click("resign", id, bob),
      click("resign", id),
      click("resign", id, bob),
      click("resign", id),
    ]);
    await settled("lark:ou_demo_1");
    expect(await ofPerson("lark:ou_demo_1")).toHaveLength(1);
    expect(genauth.calls()).toHaveLength(1);
  });

  test("who clicks Cancel first wins, and the card is gone", async () => {
    await start();
    const id = await ask("/resign lark:ou_demo_1");
    await click("dismiss", id);
    expect(await slack.next()).toEqual({ delete_original: true });
    await click("resign", id, bob);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await ofPerson("lark:ou_demo_1")).toEqual([]);
  });

  test("a stranger's click, and one on nothing, do nothing", async () => {
    await start();
    const id = await ask("/resign lark:ou_demo_1");
    await click("resign", id, eve);
    await click("resign", "ask_none");
    await click("resign", "brake");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await ofPerson("lark:ou_demo_1")).toEqual([]);
  });

  test("two orders for one person within the hour are one", async () => {
    await start({ dryRun: true });
    const ids = [await ask("/resign lark:ou_demo_1"), await ask("/resign lark:ou_demo_1")];
    for (const id of ids) {
      await click("resign", id);
      expect((await slack.next())?.text).toContain("*held* for dry_run");
    }
    expect(await ofPerson("lark:ou_demo_1")).toHaveLength(1);
  });
});

test("nobody by that id, and GenAuth that does not answer, are said", async () => {
  await start();
  await type("/resign lark:ou_nobody");
  expect((await slack.next())?.blocks?.[0]?.text?.text).toContain("GenAuth knows nobody by that id");
  genauth.fail({ mode: "500", path: "/api/v3/get-user" });
  await type("/resign lark:ou_demo_1");
  expect((await slack.next())?.text).toContain("did not answer");
});

describe("Slack refuses an answer for a moment", () => {
  test("the card and the outcome come all the same, no sooner than it wants them", async () => {
    await start();
    slack.refuse({ status: 429, retryAfter: 1 }, { status: 503 });
    const id = await ask("/resign lark:ou_demo_1");
    expect([id, slack.refusalsLeft()]).toEqual([expect.stringMatching(/^ask_/), 0]);
    slack.refuse({ status: 429, retryAfter: 1 });
    await click("resign", id);
    expect((await slack.next())?.text).toContain("*resigned*: Demo Lark 1");
    expect(genauth.calls()).toHaveLength(1);
  });

  test("a failed look-up is told, or looked up again", async () => {
    await start();
    genauth.fail({ mode: "500", path: "/api/v3/get-user", count: 1 });
    slack.refuse({ status: 500 });
    await type("/resign lark:ou_demo_1");
    expect((await slack.next())?.blocks?.[0]?.text?.text).toContain("Demo Lark 1");
  });

  test("what a click did not do is told all the same, later", async () => {
    await start();
    const id = await ask("/resign lark:ou_demo_1");
    slack.refuse({ status: 429, retryAfter: 1 }, { status: 503 });
    await click("resign", id, eve);
    const told = { response_type: "ephemeral", text: expect.stringContaining("not among the operators") as unknown };
    expect(await slack.next()).toMatchObject(told);
    expect(slack.refusalsLeft()).toBe(0);
  });

  test("what it refuses for good is not tried again", async () => {
    await start();
    slack.refuse({ status: 404 });
    await type("/resign lark:ou_demo_1");
    await expect.poll(() => slack.refusalsLeft()).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(slack.messages()).toEqual([]);
  });
});

test("a click that does nothing says why, to whoever clicked alone", async () => {
  await start();
  const id = await ask("/resign lark:ou_demo_1");
  const note = (text: string) => ({ response_type: "ephemeral", replace_original: false, text });
  await click("resign", id, eve);
  expect(await slack.next()).toEqual(note(expect.stringContaining("not among the operators") as unknown as string));
  await click("dismiss", id);
  expect(await slack.next()).toEqual({ delete_original: true });
  await click("resign", id, bob);
  expect(await slack.next()).toEqual(note(expect.stringContaining("clicked on this before") as unknown as string));
  await click("other", id);
  expect(await slack.next()).toEqual(note(expect.stringContaining("do not know this button") as unknown as string));
});

test("Slack's check of the certificate is answered, and counts as nothing", async () => {
  await start();
  for (const path of ["/slack/commands", "/slack/interactions"]) {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const response = await fetch(`${stack.url}${path}`, { method: "POST", headers, body: "ssl_check=1&token=x" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  }
  expect(lines.join("\n")).not.toMatch(/Refused|Malformed/);
  expect(await stack.ledger.readPulse("slack")).toBeUndefined();
});

test("a decision's reason is kept in the trail, as it was written", async () => {
  await start({ protected: ["lark:ou_demo_1"] });
  await click("resign", await ask("/resign lark:ou_demo_1 R&amp;D closed"));
  await slack.next();
  const [held] = await ofPerson("lark:ou_demo_1");
  expect(held).toMatchObject({ reason: "R&D closed" });
  expect(await type(`/resign cancel ${held?.id} rehired from Monday`)).toContain("Done. *cancelled*");
  const [cancelled] = await ofPerson("lark:ou_demo_1");
  expect(cancelled).toMatchObject({ cancelled: { why: "rehired from Monday" } });
});

test("one person of a grid, under its name or a team's, is no second operator", async () => {
  const inTeam = { team: "T0LOCAL", user: "U0ALICE" };
  const inGrid = { team: "E0GRID", user: "U0ALICE" };
  await start({
    operators: { slack: ["T0LOCAL/U0ALICE", "E0GRID/U0ALICE", "T0LOCAL/U0BOB"], api: ["ops"] },
    slack: { secondOperator: true, replyHosts: ["127.0.0.1"] },
  });
  await type("/resign lark:ou_demo_1", inTeam);
  await click("resign", (await slack.next())?.blocks?.[1]?.elements?.[0]?.value ?? "", inTeam);
  expect((await slack.next())?.text).toContain("*held* for approval");
  const [held] = await ofPerson("lark:ou_demo_1");
  expect(await type(`/resign approve ${held?.id}`, inGrid)).toContain("A second operator must approve this one");
  const mentions = ["slack:U0ALICE", "@U0ALICE", "<@U0ALICE|alice>", "Alice (U0ALICE)", "T0LOCAL-U0ALICE", "U0ALICE/"];
  const disguised = ["\u200bU0ALICE", "U0\u00adALICE", "\uff350ALICE"];
  for (const operator of ["U0ALICE", "<@U0ALICE>", "u0alice", "E0GRID/U0ALICE", ...mentions, ...disguised]) {
    const request = signApi(
      { method: "POST", path: `/resignations/${held?.id}/approve`, body: { operator } },
      keys.api.ops,
    );
    expect((await send(request, stack.url)).status).toBe(403);
  }
  expect(await type(`/resign approve ${held?.id}`, bob)).toContain("Done. *accepted*");
});

test("list, status, approve and cancel; a protected person ordered by one needs another", async () => {
  await start({ protected: ["lark:ou_demo_1"] });
  await click("resign", await ask("/resign lark:ou_demo_1"));
  expect((await slack.next())?.text).toContain("*held* for protected");
  const [held] = await ofPerson("lark:ou_demo_1");
  expect(await type("/resign list")).toContain(held?.id);
  expect(await type("/resign status lark:ou_demo_1")).toContain("*held*");
  expect(await type(`/resign approve ${held?.id}`)).toContain("A second operator must approve this one");
  expect(await type(`/resign approve ${held?.id}`, eve)).toContain("not among the operators");
  expect(await type(`/resign approve ${held?.id}`, bob)).toContain("Done. *accepted*");
  await settled("lark:ou_demo_1");
  expect(await type(`/resign cancel ${held?.id}`)).toContain("The resignation is resigned");
  expect(await type("/resign status res_none")).toContain("Not found");
  expect(await type("/resign list")).toBe("Nobody is held.");
});

test("the inquiry and its secret address are shown nowhere", async () => {
  await start();
  await click("resign", await ask("/resign lark:ou_demo_1"));
  await slack.next();
  const response = await send(signApi({ method: "GET", path: "/resignations" }, keys.api.ops), stack.url);
  const shown = await response.text();
  expect(shown).toContain("lark:ou_demo_1");
  expect(shown).not.toMatch(/127\.0\.0\.1|ask_|replyUrl|inquiryId/);
});
