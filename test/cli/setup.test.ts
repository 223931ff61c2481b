/** From a deployed stack to one that works, by `npm run setup`; and what GenAuth answers, by `doctor --probe`. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { larkDeleted, send, signApi, signLark, signWechatworkCheck } from "../../cli/sign.ts";
import { parseKeys } from "../../lambda/sources/index.ts";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { type GenAuthSimulator, simulatorCredentials, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { startStack } from "../../local/stack.ts";
import { makeFolder } from "../folder.ts";
import { runCommand } from "./run.ts";

const folder = makeFolder();
const { userPoolId, accessKeyId, accessKeySecret } = simulatorCredentials;
const token = { accessKeyId, accessKeySecret };
const config = `${folder}/cdk.json`;

let aws: LocalAws;
let genauth: GenAuthSimulator;
let stack: Awaited<ReturnType<typeof startStack>>;

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
beforeEach(async () => {
  genauth.reset();
  stack = await startStack({ aws, genauth, keys: { fillMeIn: "see the README" }, token: { fillMeIn: "" } });
  const resignWebhook = { genauth: { host: genauth.url, userPoolId }, lark: { appId: "cli_1" } };
  writeFileSync(config, JSON.stringify({ app: "node lib/app.ts", context: { resignWebhook, other: 1 } }));
  const outputs = {
    KeysSecret: stack.environment.KEYS_SECRET_ID,
    TokenSecret: stack.environment.TOKEN_SECRET_ID,
    LedgerTable: stack.table,
    LarkUrl: `${stack.url}/lark`,
    WechatworkUrl: `${stack.url}/wechatwork`,
    ResignationsUrl: `${stack.url}/resignations`,
  };
  writeFileSync(`${folder}/outputs.json`, JSON.stringify({ ResignWebhook: outputs }));
  return () => stack.close();
});
afterAll(async () => {
  await Promise.all([aws.close(), genauth.close()]);
});

function setUp(answers: object, waitSeconds = 0, ...more: string[]) {
  writeFileSync(`${folder}/answers.json`, JSON.stringify(answers));
  const files = ["--outputs", `${folder}/outputs.json`, "--answers", `${folder}/answers.json`, "--config", config];
  const { AWS_ENDPOINT_URL_DYNAMODB = "", AWS_ENDPOINT_URL_SECRETS_MANAGER = "" } = process.env;
  return runCommand("setup", [...files, "--wait", String(waitSeconds), ...more], {
    ...{ AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SECRETS_MANAGER },
    ...{ AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" },
  });
}
const kept = () => JSON.parse(aws.secret(stack.environment.KEYS_SECRET_ID) ?? "{}");
const lark = { encryptKey: "", verificationToken: "v-token" };
const wechatwork = { token: "", encodingAesKey: "", receiveIds: "ww1" };

test("takes DingTalk's keys, makes what is left empty, and keeps the one corpId", async () => {
  const dingtalk = { token: "", aesKey: "", ownerKey: "dingclient", corpId: "dingcorp" };
  const first = await setUp({ dingtalk, token });
  expect([first.code, first.err]).toEqual([0, ""]);
  const { aesKey } = kept().dingtalk;
  expect(first.out).toContain(aesKey);
  expect(kept().dingtalk).toMatchObject({ ownerKey: "dingclient", corpId: "dingcorp" });
  expect((await setUp({ dingtalk: { ...dingtalk, corpId: "dingother" }, token })).code).toBe(0);
  expect(kept().dingtalk).toMatchObject({ aesKey: [aesKey, expect.any(String)], corpId: "dingother" });
  expect(parseKeys(JSON.stringify(kept())).dingtalk).toHaveProperty("keys");
  const { corpId, ...without } = dingtalk;
  expect((await setUp({ dingtalk: { ...without, aesKey: "short" }, token })).err).toContain(
    "dingtalk.aesKey: must be 43 letters and digits",
  );
});

test("fills in the secrets, makes keys, sets lark's id field, says what to paste, and ticks off who was heard", async () => {
  const person = "lark:ou_demo_1";
  const running = setUp({ lark, wechatwork, api: ["zapier", "ops"], token, person }, 20);
  await expect.poll(() => kept().api?.zapier, { timeout: 10_000 }).toBeDefined();
  await expect.poll(() => aws.secret(stack.environment.TOKEN_SECRET_ID), { timeout: 10_000 }).toContain(accessKeyId);
  const keys = kept();
  for (const section of Object.values(parseKeys(JSON.stringify(keys)))) expect(section).toHaveProperty("keys");

  const check = { type: "url_verification", challenge: "c", token: "v-token" };
  expect((await send(signLark(check, keys.lark, new Date(), false), stack.url)).status).toBe(200);
  const wechatworkKeys = { ...keys.wechatwork, receiveId: "ww1" };
  expect((await send(signWechatworkCheck("1234567", wechatworkKeys), stack.url)).status).toBe(200);
  expect((await send(signApi({ method: "GET", path: "/resignations/x" }, keys.api.ops), stack.url)).status).toBe(404);

  const { code, out, err } = await running;
  expect([code, err]).toEqual([0, ""]);
  for (const told of [`${stack.url}/lark`, keys.lark.encryptKey, keys.wechatwork.encodingAesKey, keys.api.zapier]) {
    expect(out).toContain(told);
  }
  expect(out).toContain(Buffer.from(keys.api.zapier.slice(6), "base64").toString());
  for (const source of ["lark", "wechatwork", "api"]) expect(out).toContain(`✔ ${source} was heard.`);
  const { app, context } = JSON.parse(readFileSync(config, "utf8"));
  expect([app, context.other]).toEqual(["node lib/app.ts", 1]);
  expect(context.resignWebhook.lark).toEqual({ appId: "cli_1", provider: "lark", userIdField: "open_id" });
});

test("leaves the other sections as they were", async () => {
  expect((await setUp({ lark, token })).code).toBe(0);
  const before = kept();
  expect((await setUp({ slack: { signingSecret: "s" }, token })).code).toBe(0);
  expect(kept()).toEqual({ ...before, slack: { signingSecret: "s" } });
});

test("keeps the former keys beside the new ones, until it is told to drop them", async () => {
  const api = ["zapier"];
  expect((await setUp({ lark: { encryptKey: "one", verificationToken: "v" }, api, token })).code).toBe(0);
  const { zapier } = kept().api;
  const second = await setUp({ lark: { encryptKey: "two", verificationToken: "v" }, api, token });
  expect(second.out).toContain("--replace");
  expect(kept().lark).toEqual({ encryptKey: ["one", "two"], verificationToken: "v" });
  expect(kept().api.zapier).toEqual([zapier, expect.not.stringContaining(zapier)]);
  for (const encryptKey of ["one", "two"]) {
    const event = signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: "v" }), { encryptKey });
    expect((await send(event, stack.url)).status).toBe(200);
  }
  const third = await setUp({ lark: { encryptKey: "two", verificationToken: "v" }, token }, 0, "--replace");
  expect([third.code, kept().lark]).toEqual([0, { encryptKey: "two", verificationToken: "v" }]);
  expect(third.out).not.toContain("--replace");
});

const written = () => [kept(), aws.secret(stack.environment.TOKEN_SECRET_ID)];
const signed = async (encryptKey: string) =>
  (await send(signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: "v-token" }), { encryptKey }), stack.url)).status;

// Before: a second run dropped the console's own key for one that nobody had seen, and a typo overwrote the token.
test("a run that fails writes nothing, and no run drops a key that may be the console's", async () => {
  expect((await setUp({ lark: { ...lark, encryptKey: "of the console" }, token })).code).toBe(0);
  const before = written();
  for (const answers of [
    { lark, token: { token: "expired" } },
    { lark, api: ["zapier"], token, person: "nobody" },
  ]) {
    expect((await setUp(answers)).code).toBe(1);
    expect(written()).toEqual(before);
  }
  for (let runs = 1; runs <= 2; runs += 1) expect((await setUp({ lark, token })).code).toBe(0);
  expect(kept().lark.encryptKey).toHaveLength(3);
  expect(await signed("of the console")).toBe(200);
}, 90_000);

test("with a second receive id it asks which corp is ours, before it writes anything", async () => {
  expect((await setUp({ wechatwork, token })).code).toBe(0);
  const before = written();
  const second = { ...wechatwork, receiveIds: "ww2" };
  const unsaid = await setUp({ wechatwork: second, token });
  expect([unsaid.code, written()]).toEqual([1, before]);
  expect(unsaid.err).toContain("wechatwork.corpId");
  expect((await setUp({ wechatwork: { ...second, corpId: "ww1" }, token })).code).toBe(0);
  expect(kept().wechatwork).toMatchObject({ receiveIds: ["ww1", "ww2"], corpId: "ww1" });
  expect(parseKeys(JSON.stringify(kept())).wechatwork).toHaveProperty("keys");
  // The corp of before would make every event of ww3 another corp's.
  const replaced = await setUp({ wechatwork: { ...wechatwork, receiveIds: "ww3" }, token }, 0, "--replace");
  expect([replaced.code, kept().wechatwork.corpId]).toEqual([1, "ww1"]);
  expect(replaced.err).toContain("wechatwork.corpId");
}, 90_000);

// Before: --replace made new keys of empty answers.
test("--replace makes no key where there is one, and --drop-former asks nothing and only drops", async () => {
  const answers = { lark, api: ["zapier"], token };
  for (let runs = 1; runs <= 2; runs += 1) expect((await setUp(answers)).code).toBe(0);
  const { lark: both, api } = kept();
  expect((await setUp(answers, 0, "--replace")).code).toBe(0);
  expect(kept()).toMatchObject({ lark: { encryptKey: both.encryptKey[1] }, api: { zapier: api.zapier[1] } });

  expect((await setUp({ lark: { ...lark, encryptKey: "newest" }, token })).code).toBe(0);
  expect((await setUp({}, 0, "--drop-former", "lark")).code).toBe(0);
  expect(kept()).toEqual({
    lark: { encryptKey: "newest", verificationToken: "v-token" },
    api: { zapier: api.zapier[1] },
  });
  const unknown = await setUp({}, 0, "--drop-former", "larc");
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("no section larc")]);
  // Of a section that no source knows it cannot be told which field is a list: no receive id may be lost.
  const misnamed = { ...kept(), wecom: { receiveIds: ["ww1", "ww2"] } };
  stack.putKeys(misnamed);
  const dropped = await setUp({}, 0, "--drop-former", "wecom");
  expect([dropped.code, dropped.err]).toEqual([1, expect.stringContaining("No source is called wecom")]);
  expect(kept()).toEqual(misnamed);
}, 90_000);

describe("a wrong answer is named, and nothing is written", () => {
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
    ["a caller with a space", { api: ["with space"], token }, "a caller's name is 1 to 32 letters"],
    ["a section that there is not", { larc: {} }, "larc"],
    ["no answer", {}, "nobody is there to be asked"],
  ])("%s", async (_, answers, expected) => {
    const { code, err } = await setUp(answers);
    expect(code).toBe(1);
    expect(err).toContain(expected);
    expect(kept()).toHaveProperty("fillMeIn");
  });
});

test("a token that GenAuth refuses, and a sender that is not heard, are told", async () => {
  const refused = await setUp({ lark, token: { token: "expired" } });
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("token_refused")]);
  const unheard = await setUp({ lark, token }, 1);
  expect([unheard.code, unheard.err]).toEqual([1, expect.stringContaining("Nothing came from lark yet")]);
});

describe("doctor --probe", () => {
  const probe = (...more: string[]) =>
    runCommand("doctor", ["--probe", "--genauth", genauth.url, "--person", "lark:ou_demo_1", ...more]);

  test("tells the forms of GenAuth's answers, and changes nothing", async () => {
    const { code, out } = await probe();
    expect(code).toBe(0);
    expect(out).toContain("sync relations of the person: done");
    expect(out).toContain('get-user of nobody: not_found {"statusCode":404,"apiCode":2004');
    expect(out).toContain("get-user with a damaged token: token_refused");
    expect(out).not.toContain("Demo Lark");
    expect(genauth.calls()).toEqual([]);
  });

  test("resigns a test person twice, only when told to", async () => {
    const { out } = await probe("--resign", "lark:ou_demo_2");
    expect(genauth.calls().map(({ userId }) => userId)).toEqual(["lark:ou_demo_2", "lark:ou_demo_2"]);
    expect(out).toMatch(/get-user by GenAuth's id afterwards: done .*"status":"Resigned"/);
  });
});
