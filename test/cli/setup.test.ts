/** From a deployed stack to one that works, by `npm run setup`; and what GenAuth answers, by `doctor --probe`. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { larkDeleted, send, signApi, signLark, signWechatworkCheck } from "../../cli/sign.ts";
import { parseKeys } from "../../lambda/sources/index.ts";
import { isLong, longTest } from "../long.ts";
import { lark, startDeployments, token, wechatwork } from "./deployments.ts";
import { runCommand } from "./run.ts";

const { config, genauth, keptKeys, keptToken, setUp, url } = startDeployments();

test("takes DingTalk's keys, makes what is left empty, and keeps the one corpId", async () => {
  const dingtalk = { token: "", aesKey: "", ownerKey: "dingclient", corpId: "dingcorp" };
  const first = await setUp({ dingtalk, token });
  expect([first.code, first.err]).toEqual([0, ""]);
  const { aesKey } = keptKeys().dingtalk;
  expect(first.out).toContain(aesKey);
  expect(keptKeys().dingtalk).toMatchObject({ ownerKey: "dingclient", corpId: "dingcorp" });
  expect((await setUp({ dingtalk: { ...dingtalk, corpId: "dingother" }, token })).code).toBe(0);
  expect(keptKeys().dingtalk).toMatchObject({ aesKey: [aesKey, expect.any(String)], corpId: "dingother" });
  expect(parseKeys(JSON.stringify(keptKeys())).dingtalk).toHaveProperty("keys");
  const { corpId, ...without } = dingtalk;
  expect((await setUp({ dingtalk: { ...without, aesKey: "short" }, token })).err).toContain(
    "dingtalk.aesKey: must be 43 letters and digits",
  );
});

test("fills in the secrets, makes keys, sets lark's id field, says what to paste, and ticks off who was heard", async () => {
  const person = "lark:ou_demo_1";
  const running = setUp({ lark, wechatwork, api: ["zapier", "ops"], token, person }, 20);
  await expect.poll(() => keptKeys().api?.zapier, { timeout: 10_000 }).toBeDefined();
  await expect.poll(() => keptToken(), { timeout: 10_000 }).toContain(token.accessKeyId);
  const keys = keptKeys();
  for (const section of Object.values(parseKeys(JSON.stringify(keys)))) expect(section).toHaveProperty("keys");

  const check = { type: "url_verification", challenge: "c", token: "v-token" };
  expect((await send(signLark(check, keys.lark, new Date(), false), url())).status).toBe(200);
  const wechatworkKeys = { ...keys.wechatwork, receiveId: "ww1" };
  expect((await send(signWechatworkCheck("1234567", wechatworkKeys), url())).status).toBe(200);
  expect((await send(signApi({ method: "GET", path: "/resignations/x" }, keys.api.ops), url())).status).toBe(404);

  const { code, out, err } = await running;
  expect([code, err]).toEqual([0, ""]);
  for (const told of [`${url()}/lark`, keys.lark.encryptKey, keys.wechatwork.encodingAesKey, keys.api.zapier]) {
    expect(out).toContain(told);
  }
  expect(out).toContain(Buffer.from(keys.api.zapier.slice(6), "base64").toString());
  for (const source of ["lark", "wechatwork", "api"]) expect(out).toContain(`✔ ${source} was heard.`);
  const { app, context } = JSON.parse(readFileSync(config, "utf8"));
  expect([app, context.other]).toEqual(["node lib/app.ts", 1]);
  expect(context.resignWebhook.lark).toEqual({ appId: "cli_1", provider: "lark", userIdField: "open_id" });
});

longTest("leaves the other sections as they were", async () => {
  expect((await setUp({ lark, token })).code).toBe(0);
  const before = keptKeys();
  expect((await setUp({ slack: { signingSecret: "s" }, token })).code).toBe(0);
  expect(keptKeys()).toEqual({ ...before, slack: { signingSecret: "s" } });
});

longTest("keeps the former keys beside the new ones, until it is told to drop them", async () => {
  const api = ["zapier"];
  expect((await setUp({ lark: { encryptKey: "one", verificationToken: "v" }, api, token })).code).toBe(0);
  const { zapier } = keptKeys().api;
  const second = await setUp({ lark: { encryptKey: "two", verificationToken: "v" }, api, token });
  expect(second.out).toContain("--replace");
  expect(keptKeys().lark).toEqual({ encryptKey: ["one", "two"], verificationToken: "v" });
  expect(keptKeys().api.zapier).toEqual([zapier, expect.not.stringContaining(zapier)]);
  for (const encryptKey of ["one", "two"]) {
    const event = signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: "v" }), { encryptKey });
    expect((await send(event, url())).status).toBe(200);
  }
  const third = await setUp({ lark: { encryptKey: "two", verificationToken: "v" }, token }, 0, "--replace");
  expect([third.code, keptKeys().lark]).toEqual([0, { encryptKey: "two", verificationToken: "v" }]);
  expect(third.out).not.toContain("--replace");
});

describe("a wrong answer is named, and nothing is written", () => {
  const more: [string, object, string][] = [
    ["a caller with a space", { api: ["with space"], token }, "a caller's name is 1 to 32 letters"],
    ["a section that there is not", { larc: {} }, "larc"],
    ["no answer", {}, "nobody is there to be asked"],
  ];
  test.each([
    [
      "a key that is too short",
      { wechatwork: { ...wechatwork, encodingAesKey: "short" }, token },
      "wechatwork.encodingAesKey: must be 43 letters and digits",
    ],
    [
      "a token with spaces around it",
      { lark: { ...lark, verificationToken: " v " }, token },
      "lark.verificationToken: must not be empty, nor have spaces",
    ],
    ...(isLong ? more : []),
  ])("%s", async (_, answers, expected) => {
    const { code, err } = await setUp(answers);
    expect(code).toBe(1);
    expect(err).toContain(expected);
    expect(keptKeys()).toHaveProperty("fillMeIn");
  });
});

longTest("a token that GenAuth refuses, and a sender that is not heard, are told", async () => {
  const refused = await setUp({ lark, token: { token: "expired" } });
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("token_refused")]);
  const unheard = await setUp({ lark, token }, 1);
  expect([unheard.code, unheard.err]).toEqual([1, expect.stringContaining("Nothing came from lark yet")]);
});

describe("doctor --probe", () => {
  const probe = (...more: string[]) =>
    runCommand("doctor", ["--probe", "--genauth", genauth().url, "--person", "lark:ou_demo_1", ...more]);

  test("tells the forms of GenAuth's answers, and changes nothing", async () => {
    const { code, out } = await probe();
    expect(code).toBe(0);
    expect(out).toContain("sync relations of the person: done");
    expect(out).toContain('get-user of nobody: not_found {"statusCode":404,"apiCode":2004');
    expect(out).toContain("get-user with a damaged token: token_refused");
    expect(out).not.toContain("Demo Lark");
    expect(genauth().calls()).toEqual([]);
  });

  longTest("resigns a test person twice, only when told to", async () => {
    const { out } = await probe("--resign", "lark:ou_demo_2");
    expect(
      genauth()
        .calls()
        .map(({ userId }) => userId),
    ).toEqual(["lark:ou_demo_2", "lark:ou_demo_2"]);
    expect(out).toMatch(/get-user by GenAuth's id afterwards: done .*"status":"Resigned"/);
  });
});
