/** The way of a departure, against any address (`parts.ts` says which). */
import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import {
  larkDeleted,
  type SignedRequest,
  send,
  signApi,
  signLark,
  signSlack,
  signWechatwork,
  signWechatworkCheck,
  slackClick,
  slackCommand,
  wechatworkDeleted,
} from "../../cli/sign.ts";
import { sourceOf } from "../../cli/sources/index.ts";
import { directoryNames } from "../../lambda/resignation/source-names.ts";
import { startSlackStandIn } from "../../local/slack.ts";
import {
  ask,
  callsFor,
  fail,
  genauth,
  keys,
  lark,
  larkKeys,
  of,
  ops,
  order,
  outcome,
  type Shown,
  signingSecret,
  somebody,
  status,
  url,
  wechatworkKeys,
  zapier,
} from "./parts.ts";

const { receiveId } = wechatworkKeys;

test("the consoles' checks of the URL are answered, within their second", async () => {
  const check = { type: "url_verification", challenge: "abc", token: larkKeys.verificationToken };
  await send(signLark(check, larkKeys, new Date(), false), url);
  const started = performance.now();
  const answer = await send(signLark(check, larkKeys, new Date(), false), url);
  expect([answer.status, await answer.json()]).toEqual([200, { challenge: "abc" }]);
  expect(performance.now() - started).toBeLessThan(1_000);
  const echoed = await send(signWechatworkCheck("94966531020182955848408", wechatworkKeys), url);
  expect([echoed.status, await echoed.text()]).toEqual([200, "94966531020182955848408"]);
});

test("a forgery gets the same 401 from every source, and nobody hears of it", async () => {
  const forgeries = [
    signLark(larkDeleted({ open_id: "x" }, { token: "x" }), { encryptKey: "not the key" }),
    signWechatwork(wechatworkDeleted("x", receiveId), { ...wechatworkKeys, token: "notTheToken" }),
    { ...order("lark:x"), body: '{"userId":"lark:y"}' },
  ];
  const answers = await Promise.all(forgeries.map(async (one) => (await send(one, url)).text()));
  expect(new Set(answers).size).toBe(1);
  expect(JSON.parse(answers[0] ?? "")).toMatchObject({ status: 401, code: "unauthorized" });
});

test("what is no route is 404, and what is too large 413", async () => {
  expect((await fetch(`${url}/nothing`)).status).toBe(404);
  const large = signApi(
    { method: "POST", path: "/resignations", body: { userId: "lark:x", reason: "x".repeat(300_000) } },
    zapier,
  );
  expect(await status(large)).toBe(413);
});

describe.skipIf(!genauth)("with the simulator", () => {
  beforeEach(() => fail({ mode: "none" }));

  test("a departure of each source ends in one call, and its repeat in none", async () => {
    const ordered = `lark:${await somebody("lark")}`;
    const requests: [SignedRequest, string][] = [[order(ordered), ordered]];
    for (const name of directoryNames) {
      const id = await somebody(name);
      const sends = sourceOf(name)?.sends;
      const section = keys[name];
      if (section && sends && "sign" in sends) requests.push([sends.sign(section, id, {}), `${name}:${id}`]);
    }
    for (const [request, userId] of requests) {
      expect([200, 202]).toContain(await status(request));
      await outcome(userId, "resigned");
      expect([200, 202]).toContain(await status(request));
    }
    for (const [, userId] of requests) expect(await callsFor(userId)).toEqual([200]);
  });

  test("an order that waits is answered with its outcome", async () => {
    const userId = `lark:${await somebody("lark")}`;
    const response = await send(order(userId, { prefer: "wait=20" }), url);
    expect([response.status, response.headers.get("preference-applied")]).toEqual([200, "wait=20"]);
    const resigned = (await response.json()) as Shown;
    expect(resigned).toMatchObject({ userId, status: "resigned", attempts: 1 });
    expect(response.headers.get("location")).toBe(`/resignations/${resigned.id}`);
    expect(await ask("GET", `/resignations/${resigned.id}`)).toMatchObject({
      id: resigned.id,
      person: { name: "End To End" },
    });
  });

  test("nobody known is not_found", async () => {
    const id = `ou_e2e${randomUUID().slice(0, 8)}`;
    expect(await status(lark(id))).toBe(200);
    await outcome(`lark:${id}`, "not_found");
  });

  test("GenAuth down and up again: one outcome", async () => {
    const id = await somebody("lark");
    // Throttled is surely not done: after any other failure nobody is called for again within half a minute.
    await fail({ mode: "429", count: 2 });
    expect(await status(lark(id))).toBe(200);
    await outcome(`lark:${id}`, "resigned");
    expect(await callsFor(`lark:${id}`)).toEqual([429, 429, 200]);
  });

  test("what is stale is held, until an operator lets it go or refuses it", async () => {
    const [one, other] = [await somebody("lark"), await somebody("lark")];
    const yesterday = new Date(Date.now() - 90_000_000);
    for (const id of [one, other]) {
      const event = larkDeleted({ open_id: id }, { token: larkKeys.verificationToken, now: yesterday });
      expect(await status(signLark(event, larkKeys))).toBe(200);
      await outcome(`lark:${id}`, "held");
    }
    const [[first], [second]] = [await of(`lark:${one}`), await of(`lark:${other}`)];
    expect(first).toMatchObject({ heldFor: "stale", person: { name: "End To End" } });
    expect(await ask("POST", `/resignations/${first?.id}/approve`, { operator: "alice" })).toMatchObject({
      status: "accepted",
    });
    expect(await ask("POST", `/resignations/${second?.id}/cancel`, { operator: "alice" })).toMatchObject({
      status: "cancelled",
    });
    await outcome(`lark:${one}`, "resigned");
    expect(await callsFor(`lark:${other}`)).toEqual([]);
    expect(await ask("POST", `/resignations/${second?.id}/approve`, { operator: "alice" })).toMatchObject({
      code: "conflict",
    });
  });

  test("what an operator proposes is held until it is approved", async () => {
    const userId = `lark:${await somebody("lark")}`;
    const body = { userId, propose: true };
    expect(await status(signApi({ method: "POST", path: "/resignations", body }, zapier))).toBe(403);
    expect(await status(signApi({ method: "POST", path: "/resignations", body }, ops))).toBe(202);
    await outcome(userId, "held");
    const [proposed] = await of(userId);
    expect(proposed).toMatchObject({ source: "reconcile", heldFor: "proposed" });
    expect(await callsFor(userId)).toEqual([]);
    await ask("POST", `/resignations/${proposed?.id}/approve`, { operator: "alice" });
    await outcome(userId, "resigned");
    expect(await callsFor(userId)).toEqual([200]);
  });

  test("what is refused and what cannot be read is kept, counted, and verified again", async () => {
    const forged = signLark(larkDeleted({ open_id: "x" }, { token: "x" }), { encryptKey: "not the key" });
    expect(await status(forged)).toBe(401);
    const withoutId = signLark(larkDeleted({}, { token: larkKeys.verificationToken }), larkKeys);
    expect(await status(withoutId)).toBe(200);
    const { items } = await ask<{ items: { source: string; reasons: object }[] }>("GET", "/quarantine");
    const reasons = Object.assign({}, ...items.filter(({ source }) => source === "lark").map((one) => one.reasons));
    expect(reasons).toMatchObject({ signature: expect.any(Number), "no open_id": expect.any(Number) });
    const page = await ask<object>("POST", "/quarantine/reverify", {});
    expect(page).toMatchObject({ source: "lark", verified: 0, departures: 0, next: expect.any(String) });
    expect(await status(signApi({ method: "GET", path: "/quarantine" }, zapier))).toBe(403);
  });

  test.skipIf(!signingSecret)("ordered in Slack: looked up, confirmed, resigned, told", async () => {
    const id = await somebody("lark");
    const slack = await startSlackStandIn();
    const who = { team: "T0LOCAL", user: "U0ALICE" };
    const typed = signSlack(
      "/slack/commands",
      slackCommand(`/resign lark:${id} left today`, who, slack.replyUrl),
      signingSecret,
    );
    expect(await (await send(typed, url)).text()).toContain("Looking up");
    const card = await slack.next();
    expect(card?.blocks?.[0]?.text?.text).toContain("End To End");
    const value = card?.blocks?.[1]?.elements?.[0]?.value ?? "";
    expect(
      await status(signSlack("/slack/interactions", slackClick("resign", value, who, slack.replyUrl), signingSecret)),
    ).toBe(200);
    expect((await slack.next())?.text).toContain("*resigned*: End To End");
    expect(await callsFor(`lark:${id}`)).toEqual([200]);
    await slack.close();
  });

  test("five at once for one person are one call", async () => {
    const userId = `lark:${await somebody("lark")}`;
    await Promise.all(Array.from({ length: 5 }, () => send(order(userId), url)));
    await expect
      .poll(async () => (await of(userId)).map((one) => one.status).sort(), { timeout: 40_000, interval: 500 })
      .toEqual([...Array(4).fill("duplicate"), "resigned"]);
    expect(await callsFor(userId)).toEqual([200]);
  });
});
