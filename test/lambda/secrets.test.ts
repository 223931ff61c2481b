import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cachedSecret } from "../../lambda/aws/secret.ts";
import { parseToken } from "../../lambda/genauth/token.ts";
import { parseTargets } from "../../lambda/notices/targets.ts";
import { directoryNames } from "../../lambda/resignation/source-names.ts";
import { apiKeyBytes } from "../../lambda/settings/secret-text.ts";
import { parseKeys } from "../../lambda/sources/index.ts";
import { type KeyRing, whatIsWrong } from "../../lambda/sources/keys.ts";
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

  test("of an absent section are absent, and a section that nobody knows is told by name", () => {
    expect(parseKeys("{}")).toEqual({});
    for (const name of ["wecom", "Lark", "other", "__proto__"]) {
      const ring = parseKeys(`{"lark":${JSON.stringify(whole.lark)},"${name}":${JSON.stringify(whole.wechatwork)}}`);
      expect(Object.keys(ring)).toEqual(["lark", name]);
      expect(ring.lark).toHaveProperty("keys");
      expect(whatIsWrong(ring)).toEqual([
        `${name}: no source is called so, there are ${[...directoryNames, "slack", "api"].join(", ")}`,
      ]);
    }
    const long = "AKeyThatStandsInTheNamesPlaceByMistake";
    expect(JSON.stringify(parseKeys(JSON.stringify({ [long]: 1 })))).not.toContain(long);
  });

  describe.each(Object.entries(whole))("of the section %s", (name, section) => {
    const others = Object.keys(whole).filter((other) => other !== name);
    const read = (value: unknown) => parseKeys(JSON.stringify({ ...whole, [name]: value }));
    const othersServe = (ring: KeyRing) =>
      expect(others.map((other) => "keys" in (ring[other] ?? {}))).toEqual(others.map(() => true));

    test.each(Object.keys(section).flatMap((field) => ["\n", " ", "\r\n", "\t", "\u00a0"].map((end) => [field, end])))(
      "%s serves with %j at its ends",
      (field, end) => {
        const given = [(section as Record<string, string | string[]>)[field] as string | string[]].flat();
        const blank = { ...section, [field]: given.map((key) => `${end}${key}${end}`) };
        expect(read(blank)).toEqual(read({ ...section, [field]: given }));
        if (given.length === 1) {
          expect(read({ ...section, [field]: `${given[0]}${end}` })).toEqual(read({ ...section, [field]: given[0] }));
        }
      },
    );

    test("null switches it off, absent it is absent, wrong it is told by name; the others serve", () => {
      othersServe(read(null));
      expect(read(null)[name]).toEqual({ isOff: true });
      expect(read(undefined)).not.toHaveProperty(name);
      othersServe(read(undefined));
      for (const value of [{ [Object.keys(section)[0] as string]: 7 }, [], 7, "text", true]) {
        const ring = read(value);
        othersServe(ring);
        expect(whatIsWrong(ring).join()).toMatch(new RegExp(`^${name}(\\.|:)`));
        expect(ring[name]).toHaveProperty("wrong");
      }
    });

    test("a field that nobody knows is told by name, and the section serves", () => {
      if (name === "api") return;
      const ring = read({ ...section, verifcationToken: "x" });
      expect(ring[name]).toHaveProperty("keys");
      expect(whatIsWrong(ring)).toEqual([
        expect.stringContaining(`${name}.verifcationToken: nobody knows this field, there are `),
      ]);
    });
  });

  test("of callers are judged one by one: a wrong one is off, by name, and stops nobody else", () => {
    const { zapier, ops } = whole.api;
    const wrongKeys = [
      "short",
      `v1,${ops}`,
      7,
      { key: ops },
      [],
      ["short"],
      `whsec_${Buffer.alloc(3).toString("base64")}`,
    ];
    for (const value of wrongKeys) {
      const ring = parseKeys(JSON.stringify({ api: { zapier, ops, n8n: value } }));
      expect(ring.api).toMatchObject({ keys: { zapier, ops: [ops] } });
      expect(ring.api).not.toHaveProperty("keys.n8n");
      expect(whatIsWrong(ring)).toEqual([expect.stringMatching(/^api\.n8n(\.0)?: /)]);
    }
    expect(whatIsWrong(parseKeys(JSON.stringify({ api: { ops, n8n: `v1,${ops}` } })))).toEqual([
      "api.n8n: must stand without `v1,` in front of it",
    ]);
    expect(parseKeys(JSON.stringify({ api: { ops, n8n: null } })).api).toEqual({ keys: { ops: [ops] } });
    const shared = parseKeys(JSON.stringify({ api: { a: zapier, b: ops, c: ops.replace(/=+$/, "") } }));
    expect(shared.api).toMatchObject({ keys: { a: zapier } });
    expect(shared.api).not.toHaveProperty("keys.b");
    expect(whatIsWrong(shared)).toHaveLength(2);
  });

  test("serve without the `=` at their end, and give the same bytes", () => {
    for (const length of [24, 25, 26, 40]) {
      const bytes = Buffer.alloc(length, 7);
      const padded = `whsec_${bytes.toString("base64")}`;
      const bare = padded.replace(/=+$/, "");
      expect(parseKeys(JSON.stringify({ api: { ops: bare } })).api).toEqual({ keys: { ops: [bare] } });
      expect(apiKeyBytes(bare)).toEqual(bytes);
    }
    expect(apiKeyBytes("whsec_a b")).toHaveLength(0);
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

test.each(["\n", "\r\n", "\u00a0", "\ufeff", "\u200b", "\u2060", "\u200e", "\u0000"])(
  "a key with %j at its ends serves, in every section",
  (odd) => {
    const around = (text: string) => `${odd}${text}${odd}`;
    const given = {
      lark: { encryptKey: around("k"), verificationToken: [around("t")] },
      wechatwork: { token: around("t"), encodingAesKey: around("a".repeat(43)), receiveIds: around("ww1") },
      slack: { signingSecret: around("s") },
      api: { zapier: around(`whsec_${"A".repeat(40)}`) },
    };
    expect(parseKeys(JSON.stringify(given))).toEqual({
      lark: { keys: { encryptKey: ["k"], verificationToken: ["t"] } },
      wechatwork: { keys: { token: ["t"], encodingAesKey: ["a".repeat(43)], receiveIds: ["ww1"] } },
      slack: { keys: { signingSecret: ["s"] } },
      api: { keys: { zapier: [`whsec_${"A".repeat(40)}`] } },
    });
  },
);

test("a secret that begins with a byte-order mark is read", () => {
  expect(parseKeys('\ufeff{"slack":{"signingSecret":"s"}}')).toEqual({ slack: { keys: { signingSecret: ["s"] } } });
  expect(parseToken('\ufeff{"token":"t"}')).toEqual({ token: "t" });
});

test("a token comes in either form", () => {
  expect(parseToken('{"token":"t"}')).toEqual({ token: "t" });
  expect(parseToken('{"accessKeyId":"i","accessKeySecret":"s"}')).toEqual({ accessKeyId: "i", accessKeySecret: "s" });
  expect(parseToken('{"accessKeyId":"i"}')).toHaveProperty("wrong");
  expect(parseToken('{"fillMeIn":"…"}')).toEqual({ wrong: "the secret still holds the placeholder" });
  expect(parseToken('{"token":"t\\n"}')).toEqual({ token: "t" });
  expect(parseTargets('{"slack":{"url":"https://hooks.example/x\\n"}}')).toEqual({
    slack: { url: "https://hooks.example/x" },
  });
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
