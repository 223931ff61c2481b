/** `npm run setup` again and again: no run drops a key that may be the console's. */
import { expect, test } from "vitest";
import { larkDeleted, send, signLark } from "../../cli/sign.ts";
import { parseKeys } from "../../lambda/sources/index.ts";
import { lark, startDeployments, token, wechatwork } from "./deployments.ts";

const { keptKeys, keptToken, putKeys, setUp, url } = startDeployments();

const written = () => [keptKeys(), keptToken()];
const signed = async (encryptKey: string) =>
  (await send(signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: "v-token" }), { encryptKey }), url())).status;

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
  expect(keptKeys().lark.encryptKey).toHaveLength(3);
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
  expect(keptKeys().wechatwork).toMatchObject({ receiveIds: ["ww1", "ww2"], corpId: "ww1" });
  expect(parseKeys(JSON.stringify(keptKeys())).wechatwork).toHaveProperty("keys");
  // The corp of before would make every event of ww3 another corp's.
  const replaced = await setUp({ wechatwork: { ...wechatwork, receiveIds: "ww3" }, token }, 0, "--replace");
  expect([replaced.code, keptKeys().wechatwork.corpId]).toEqual([1, "ww1"]);
  expect(replaced.err).toContain("wechatwork.corpId");
}, 90_000);

// Before: --replace made new keys of empty answers.
test("--replace makes no key where there is one, and --drop-former asks nothing and only drops", async () => {
  const answers = { lark, api: ["zapier"], token };
  for (let runs = 1; runs <= 2; runs += 1) expect((await setUp(answers)).code).toBe(0);
  const { lark: both, api } = keptKeys();
  expect((await setUp(answers, 0, "--replace")).code).toBe(0);
  expect(keptKeys()).toMatchObject({ lark: { encryptKey: both.encryptKey[1] }, api: { zapier: api.zapier[1] } });

  expect((await setUp({ lark: { ...lark, encryptKey: "newest" }, token })).code).toBe(0);
  expect((await setUp({}, 0, "--drop-former", "lark")).code).toBe(0);
  expect(keptKeys()).toEqual({
    lark: { encryptKey: "newest", verificationToken: "v-token" },
    api: { zapier: api.zapier[1] },
  });
  const unknown = await setUp({}, 0, "--drop-former", "larc");
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("no section larc")]);
  // Of a section that no source knows it cannot be told which field is a list: no receive id may be lost.
  const misnamed = { ...keptKeys(), wecom: { receiveIds: ["ww1", "ww2"] } };
  putKeys(misnamed);
  const dropped = await setUp({}, 0, "--drop-former", "wecom");
  expect([dropped.code, dropped.err]).toEqual([1, expect.stringContaining("No source is called wecom")]);
  expect(keptKeys()).toEqual(misnamed);
}, 90_000);
