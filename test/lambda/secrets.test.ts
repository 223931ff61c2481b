import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cachedSecret, parseKeys, parseToken } from "../../lambda/secrets.ts";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { newApiKeyPair, newApiSecret } from "../../local/stack.ts";

describe("keys", () => {
  const whole = {
    lark: { encryptKey: "k", verificationToken: ["old", "new"] },
    wechatwork: { token: "t", encodingAesKey: "a".repeat(43), receiveIds: ["ww1", ""], corpId: "ww1" },
    slack: { signingSecret: "s" },
    api: { zapier: [newApiSecret(), newApiKeyPair().publicKey], ops: newApiSecret() },
  };
  const wrong = (section: string, value: unknown) => {
    const parsed = parseKeys(JSON.stringify({ ...whole, [section]: value }));
    return (parsed as Record<string, { wrong?: string }>)[section]?.wrong;
  };

  test("may each be one or a list", () => {
    expect(parseKeys(JSON.stringify(whole))).toMatchObject({
      lark: { keys: { encryptKey: ["k"], verificationToken: ["old", "new"] } },
      wechatwork: { keys: { token: ["t"], receiveIds: ["ww1", ""] } },
      slack: { keys: { signingSecret: ["s"] } },
      api: { keys: { ops: [whole.api.ops] } },
    });
  });

  test("of an absent section switch the source off", () => {
    expect(parseKeys("{}")).toEqual({});
    expect(Object.keys(parseKeys(JSON.stringify({ lark: whole.lark, other: 1 })))).toEqual(["lark"]);
  });

  test("that are wrong are told by name, and leave the other sections working", () => {
    const ring = parseKeys(
      JSON.stringify({ ...whole, wechatwork: { ...whole.wechatwork, encodingAesKey: "ShortSecret" } }),
    );
    expect(ring.wechatwork).toEqual({ wrong: "wechatwork.encodingAesKey: must be 43 letters and digits" });
    expect(ring.lark).toHaveProperty("keys");
    expect(wrong("lark", {})).toBe("lark: needs encryptKey or verificationToken");
    expect(wrong("lark", { encryptKey: "" })).toContain("lark.encryptKey");
    expect(wrong("wechatwork", { token: "t", encodingAesKey: "a".repeat(43) })).toContain("wechatwork.receiveIds");
    const { corpId, ...withoutCorp } = whole.wechatwork;
    expect(wrong("wechatwork", withoutCorp)).toBe("wechatwork: needs corpId, which of the receiveIds' corps is yours");
    for (const receiveIds of ["ww1", ["ww1"], ["ww1", "ww1"], ""]) {
      expect(wrong("wechatwork", { ...withoutCorp, receiveIds })).toBeUndefined();
    }
    expect(wrong("wechatwork", { ...withoutCorp, receiveIds: "ww1", corpId: "" })).toContain("wechatwork.corpId");
    expect(wrong("wechatwork", { ...withoutCorp, corpId: ["ww1"] })).toContain("wechatwork.corpId");
    expect(wrong("api", { zapier: "short" })).toContain("api.zapier: must be whsec_");
    expect(wrong("api", { zapier: `whsec_${Buffer.alloc(3).toString("base64")}` })).toContain("api.zapier");
    expect(wrong("api", { zapier: `whsec_${Buffer.alloc(65).toString("base64")}` })).toContain("api.zapier");
    expect(wrong("api", { zapier: `whpk_${Buffer.alloc(31).toString("base64")}` })).toContain("api.zapier");
    expect(wrong("api", { "a/b": newApiSecret() })).toBe(
      "api.a/b: a caller's name is 1 to 32 letters, digits, _ and -",
    );
    expect(wrong("api", { a: whole.api.ops, b: [whole.api.ops] })).toContain("two callers must not share a key");
    expect(wrong("api", [])).toBeDefined();
  });

  test("that are no JSON, or the placeholder, are wrong in every section", () => {
    expect(parseKeys("not json").lark).toEqual({ wrong: "the secret is not a JSON object" });
    expect(parseKeys('{"fillMeIn":"…"}').api).toEqual({ wrong: "the secret still holds the placeholder" });
  });
});

test("a token comes in either form", () => {
  expect(parseToken('{"token":"t"}')).toEqual({ token: "t" });
  expect(parseToken('{"accessKeyId":"i","accessKeySecret":"s"}')).toEqual({ accessKeyId: "i", accessKeySecret: "s" });
  expect(parseToken('{"accessKeyId":"i"}')).toHaveProperty("wrong");
  expect(parseToken('{"fillMeIn":"…"}')).toEqual({ wrong: "the secret still holds the placeholder" });
  expect(parseToken("[]")).toEqual({ wrong: "the secret is not a JSON object" });
});

describe("a cached secret", () => {
  let aws: LocalAws;
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws.close());

  const start = (name: string) => {
    let nowMs = 1_000_000;
    const before = aws.secretsManager.calls();
    const secret = cachedSecret({
      client: new SecretsManagerClient({ maxAttempts: 1 }),
      secretId: name,
      parse: (text) => text,
      now: () => new Date(nowMs),
    });
    const pass = (seconds: number) => {
      nowMs += seconds * 1000;
    };
    return { secret, pass, calls: () => aws.secretsManager.calls() - before };
  };

  test("is read once in 5 minutes, however many ask", async () => {
    aws.putSecret("a", "one");
    const { secret, pass, calls } = start("a");
    expect(await Promise.all([secret.read(), secret.read(), secret.read()])).toEqual(["one", "one", "one"]);
    expect(calls()).toBe(1);
    aws.putSecret("a", "two");
    pass(299);
    expect(await secret.read()).toBe("one");
    pass(2);
    expect(await secret.read()).toBe("two");
    expect(calls()).toBe(2);
  });

  test("is read afresh when it did not serve, but never more than once in 30 s", async () => {
    aws.putSecret("b", "one");
    const { secret, pass, calls } = start("b");
    await secret.read();
    aws.putSecret("b", "two");
    expect(await secret.refresh()).toBe(false);
    pass(31);
    expect(await Promise.all([secret.refresh(), secret.refresh()])).toContain(true);
    expect(await secret.read()).toBe("two");
    for (let flood = 0; flood < 1_000; flood += 1) expect(await secret.refresh()).toBe(false);
    expect(calls()).toBe(2);
  });

  test("that was read once serves on when Secrets Manager does not answer", async () => {
    aws.putSecret("c", "one");
    const { secret, pass } = start("c");
    await secret.read();
    const gone = start("missing");
    await expect(gone.secret.read()).rejects.toThrow();
    pass(301);
    expect(await secret.read()).toBe("one");
  });
});
