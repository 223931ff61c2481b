import { describe, expect, test } from "vitest";
import { abouts } from "../../lambda/settings/settings.ts";
import { parseLocalSettings, parseSettings } from "../../lib/settings.ts";
import { warningsOf } from "../../lib/warnings.ts";

const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };
const wrong = (props: unknown) => {
  try {
    parseSettings(props);
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing";
};

test("everything but genauth has a default", () => {
  expect(parseSettings({ genauth })).toEqual({
    genauth: { ...genauth, settleSeconds: 30 },
    lark: { provider: "lark", userIdField: "open_id", strictTimestamp: true },
    wechatwork: {},
    allowedProviders: ["lark", "lark-international", "wechatwork"],
    operators: { api: [], slack: [] },
    slack: { command: "/resign", replyHosts: ["hooks.slack.com", "hooks.slack-gov.com"], secondOperator: false },
    notices: { about: abouts, language: "en" },
    protected: [],
    brake: { perHour: 20, perDay: 50, percentPerDay: 10, headcount: "ask" },
    maxEventAgeSeconds: 86_400,
    silenceDays: 14,
    notFoundInARow: 3,
    dryRun: false,
    graceDays: 0,
    endSessionsIn: [],
    retry: { firstDelaySeconds: 5, maxDelaySeconds: 900, giveUpAfterSeconds: 172_800 },
    concurrency: { webhookProvisioned: 0, webhookReserved: 50, resignerMax: 5 },
    xRay: false,
    logRetentionDays: 365,
    throttle: { ratePerSecond: 50, burst: 100 },
  });
});

test("a part of a section leaves the rest of it", () => {
  expect(parseSettings({ genauth, brake: { perHour: 3 } }).brake).toEqual({
    perHour: 3,
    perDay: 50,
    percentPerDay: 10,
    headcount: "ask",
  });
});

test("people are told of everything unless the settings say less", () => {
  expect(abouts.toSorted()).toEqual([
    ...["alive", "back_after_resigned", "brake_tripped", "called_off", "failed", "given_back", "held"],
    ...["not_found", "not_given_back", "resigned", "returned_scheduled", "suspended"],
  ]);
  expect(parseSettings({ genauth, notices: { about: ["failed"] } }).notices.about).toEqual(["failed"]);
});

test("how long a call may still arrive can be set, from not at all to ten minutes", () => {
  for (const settleSeconds of [0, 30, 600]) {
    expect(parseSettings({ genauth: { ...genauth, settleSeconds } }).genauth.settleSeconds).toBe(settleSeconds);
  }
});

describe("a wrong setting is named, with what is wrong", () => {
  test.each([
    [undefined, "resignWebhook"],
    [{}, "resignWebhook.genauth"],
    [{ genauth: { ...genauth, host: "http://api.genauth.ai" } }, "resignWebhook.genauth.host: must be https://…"],
    [{ genauth: { ...genauth, host: "https://api.genauth.ai/api/v3" } }, "resignWebhook.genauth.host"],
    [{ genauth: { ...genauth, settleSeconds: -1 } }, "resignWebhook.genauth.settleSeconds"],
    [{ genauth: { ...genauth, settleSeconds: 601 } }, "resignWebhook.genauth.settleSeconds"],
    [{ genauth, notices: { about: ["everything"] } }, "resignWebhook.notices.about.0"],
    [{ genauth, brake: { perhour: 3 } }, "perhour"],
    [{ genauth, brake: { perDay: 501 } }, "resignWebhook.brake.perDay: must be 500 or less: each departure writes"],
    [{ genauth, brake: { headcount: "many" } }, 'resignWebhook.brake.headcount: must be a number of people, or "ask"'],
    [{ genauth, lark: { userIdField: "openid" } }, "resignWebhook.lark.userIdField"],
    [{ genauth, protected: ["ou_1"] }, "resignWebhook.protected.0: must begin with a provider"],
    // Before: each of these was taken, and protected nobody.
    [
      { genauth, protected: ["wecom:ceo"] },
      "protected.0: can never match: wecom is none of lark, lark-international, w",
    ],
    [
      { genauth, protected: ["lark:ou_1", "feishu:ou_1"] },
      "resignWebhook.protected.1: can never match: feishu is none",
    ],
    [{ genauth, protected: ["larks:ou_1"] }, "resignWebhook.protected.0: can never match: larks is none of"],
    [{ genauth, protected: ["wechatwork:*-svc"] }, "resignWebhook.protected.0: can never match: * stands for the rest"],
    [{ genauth, protected: ["lark:svc-*-prod"] }, "resignWebhook.protected.0: can never match: * stands for the rest"],
    [
      { genauth, protected: ["wechatwork:ceo "] },
      "resignWebhook.protected.0: can never match: no id holds white space",
    ],
    [{ genauth, protected: ["lark: ou_1"] }, "resignWebhook.protected.0: can never match: no id holds white space"],
    [{ genauth, protected: ["lark:"] }, "resignWebhook.protected.0: can never match: it names no id"],
    [{ genauth, protected: ["lark:on_1"] }, "resignWebhook.protected.0: can never match: that is Lark's union_id, and"],
    [
      { genauth, lark: { userIdField: "union_id" }, protected: ["lark:ou_*"] },
      "can never match: that is Lark's open_id",
    ],
    [{ genauth, protected: ["lark:ou_1,lark:ou_2"] }, "protected.0: can never match: it names a provider twice"],
    [{ genauth, protected: ["lark:lark:ou_1"] }, "resignWebhook.protected.0: can never match: it names a provider"],
    // Before: taken, and equal to nothing that ever comes. With the first every departure was another tenant's.
    [{ genauth, lark: { tenantKey: "2ed263bf32cf1651\n" } }, "resignWebhook.lark.tenantKey: must hold no white space"],
    [{ genauth, lark: { appId: " cli_1" } }, "resignWebhook.lark.appId: must hold no white space"],
    [{ genauth, slack: { appId: "A0 " } }, "resignWebhook.slack.appId: must hold no white space"],
    [{ genauth: { ...genauth, userPoolId: "pool " } }, "resignWebhook.genauth.userPoolId: must hold no white space"],
    [{ genauth: { ...genauth, host: "https://api.genauth.ai " } }, "resignWebhook.genauth.host: must hold no white"],
    [{ genauth, endSessionsIn: ["app\u00a01"] }, "resignWebhook.endSessionsIn.0: must hold no white space"],
    [{ genauth, operators: { api: ["ops/alice"] } }, "resignWebhook.operators.api.0: must be the name of a caller"],
    [{ genauth, slack: { command: "/resign now" } }, "resignWebhook.slack.command: must "],
    [{ genauth, slack: { command: "/Resign" } }, "resignWebhook.slack.command: must be / and one word in small"],
    [{ genauth, slack: { command: "/" } }, "resignWebhook.slack.command: must be / and one word in small letters"],
    ...["https://hooks.slack.com", "*.slack.com", "Hooks.slack.com", "hooks.slack.com:443", "hooks.slack.com/"].map(
      (host): [object, string] => [
        { genauth, slack: { replyHosts: [host] } },
        "resignWebhook.slack.replyHosts.0: must be a host's bare name",
      ],
    ),
    // Before: milliseconds were taken for seconds, and a wait of none for a wait.
    [
      { genauth, maxEventAgeSeconds: 86_400_000 },
      "resignWebhook.maxEventAgeSeconds: must be 30 days (2592000) or less",
    ],
    [{ genauth, retry: { firstDelaySeconds: 0 } }, "resignWebhook.retry.firstDelaySeconds"],
    [{ genauth, retry: { maxDelaySeconds: 4 } }, "resignWebhook.retry.maxDelaySeconds: must not be less than"],
    [{ genauth, logRetentionDays: 8 }, "resignWebhook.logRetentionDays: must be one of 1, 3, 5"],
    [{ genauth, alarmEmail: "nobody" }, "resignWebhook.alarmEmail"],
    [{ genauth, dryrun: true }, "dryrun"],
    [{ genauth, lark: { forwardTo: "http://sync.example.com" } }, "resignWebhook.lark.forwardTo: must be https://…"],
    // Before: "Invalid URL", and nothing of where.
    [{ genauth, lark: { forwardTo: "sync.example.com" } }, "resignWebhook.lark.forwardTo: must be https://…"],
    ...[
      ...["https://10.0.0.1/hook", "https://8.8.8.8", "https://127.1", "https://0x7f000001/", "https://2130706433"],
      ...["https://[::1]:8443/x", "https://[2001:db8::1]/", "https://localhost:8443/lark", "https://LocalHost."],
      ...["https://a.localhost/", "https://intranet/lark", "https://intranet./lark", "http://127.0.0.1:3000/lark"],
    ].flatMap((forwardTo): [object, string][] => [
      [{ genauth, lark: { forwardTo } }, "resignWebhook.lark.forwardTo: must be https://… on a host's public name"],
      [
        { genauth, wechatwork: { forwardTo } },
        "resignWebhook.wechatwork.forwardTo: must be https://… on a host's public",
      ],
    ]),
    ...["https://hook.example.com/lark", "https://HOOK.example.com.:443/x"].map((forwardTo): [object, string] => [
      {
        ...{ genauth, lark: { forwardTo } },
        domain: { name: "hook.example.com", hostedZone: { id: "Z1", name: "example.com" } },
      },
      "resignWebhook.lark.forwardTo: is our own address",
    ]),
    [{ genauth, domain: { name: "hook.example.com" } }, "resignWebhook.domain: needs certificateArn, or hostedZone"],
    [{ genauth, concurrency: { resignerMax: 1 } }, "resignWebhook.concurrency.resignerMax"],
    [
      { genauth, concurrency: { webhookProvisioned: 2, webhookReserved: 1 } },
      "resignWebhook.concurrency: webhookProvisioned",
    ],
    [{ genauth, kmsKeyArn: "alias/mine" }, "resignWebhook.kmsKeyArn: must be a KMS key's ARN"],
    [{ genauth, operators: { slack: ["alice"] } }, "resignWebhook.operators.slack.0: must be team id and user id"],
  ])("%j", (props, expected) => {
    expect(wrong(props)).toContain(expected);
  });
});

test.each([
  [["lark:ou_1", "lark:*", "wechatwork:svc-*", "wechatwork:ZhangSan", "lark-international:on_1"], {}],
  [["lark:on_1"], { userIdField: "union_id" }],
  [["lark:7c1e"], { userIdField: "user_id" }],
  [["dingtalk:boss"], {}, ["lark", "dingtalk"]],
])("%j can match", (patterns, lark, allowedProviders = ["lark", "lark-international"]) => {
  const settings = { genauth, protected: patterns, lark, allowedProviders };
  expect(parseSettings(settings).protected).toEqual(patterns);
});

const domain = (changes: object) => ({
  genauth,
  domain: { name: "hook.example.com", hostedZone: { id: "Z1", name: "example.com" }, ...changes },
});
const network = (changes: object) => ({
  genauth,
  network: { vpcId: "vpc-0a1b2c3d", subnetIds: ["subnet-0a1b2c3d"], ...changes },
});
const many = (count: number, kind: string) =>
  Array.from({ length: count }, (_, index) => `${kind}-0a1b2c${index + 10}`);

describe("what AWS would refuse is refused here, with its limit", () => {
  test.each([
    [domain({ name: "Hook.example.com" }), "resignWebhook.domain.name: must be a host's name in small letters"],
    [domain({ name: "https://hook.example.com" }), "resignWebhook.domain.name: must be a host's name"],
    [domain({ name: "*.example.com" }), "resignWebhook.domain.name: must be a host's name"],
    [domain({ name: "example" }), "resignWebhook.domain.name: must be a host's name"],
    [domain({ name: `${"a".repeat(53)}.example.com` }), "resignWebhook.domain.name: has more than the 64 letters"],
    [domain({ name: "hook.example.org" }), "resignWebhook.domain.hostedZone.name: must be the end of domain.name"],
    [domain({ certificateArn: "arn:aws:iam::1:server-certificate/x" }), "domain.certificateArn: must be a certificate"],
    [domain({ only: "yes" }), "resignWebhook.domain.only"],
    [{ genauth, kmsKeyArn: "arn:aws:kms:us-east-1:123456789012:alias/mine" }, "kmsKeyArn: must be a KMS key's ARN"],
    [network({ vpcId: "10.0.0.0/16" }), "resignWebhook.network.vpcId: must be an id as in vpc-0a1b2c3d4e5f67890"],
    [network({ subnetIds: [] }), "resignWebhook.network.subnetIds"],
    [network({ subnetIds: ["sg-0a1b2c3d"] }), "resignWebhook.network.subnetIds.0: must be an id as in subnet-"],
    [network({ subnetIds: many(17, "subnet") }), "resignWebhook.network.subnetIds: AWS takes 16 or fewer"],
    [network({ securityGroupIds: many(6, "sg") }), "resignWebhook.network.securityGroupIds: AWS takes 5 or fewer"],
    [network({ securityGroupIds: [] }), "resignWebhook.network.securityGroupIds"],
  ])("%j", (props, expected) => expect(wrong(props)).toContain(expected));

  test.each([
    domain({}),
    domain({ name: "example.com", only: true }),
    network({ subnetIds: many(16, "subnet"), securityGroupIds: many(5, "sg") }),
  ])("%j is taken", (props) => expect(wrong(props)).toBe("nothing"));
});

test("an error names the place that the settings stand in", () => {
  expect(wrong({ genauth, dryrun: true })).toContain('The settings (cdk.json, context "resignWebhook") are wrong');
  expect(() => parseSettings({ genauth, dryrun: true }, "mine.json")).toThrow("The settings (mine.json) are wrong");
});

describe("what leaves a safeguard practically off, or holds everybody, is warned of", () => {
  const warnings = (changes: object) => warningsOf(parseSettings({ genauth, ...changes }));
  const domain = { name: "hook.example.com", certificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/1" };
  test("the defaults are not", () => expect(warnings({})).toEqual([]));
  test.each([
    [{ brake: { perHour: 0 } }, "everybody is held"],
    [{ brake: { perDay: 0 } }, "everybody is held"],
    [{ brake: { percentPerDay: 0 } }, "no more than 3 people a day"],
    [{ brake: { percentPerDay: 100, perDay: 500 } }, "the brake of a day is practically off"],
    [{ brake: { perHour: 5_000 } }, "the brake of an hour is off"],
    [{ domain }, "the address that AWS gave works beside the new one. Put the new one into the consoles of lark"],
    [{ domain: { ...domain, only: true } }, "the address that AWS gave is off. hook.example.com must stand in the"],
    [{ brake: { headcount: 5, percentPerDay: 10 } }, "less than one person"],
    [{ maxEventAgeSeconds: 2_592_000 }, "more than a week"],
    [{ maxEventAgeSeconds: 1 }, "nearly everybody is held"],
    [{ protected: ["lark:*"] }, "names a whole provider"],
    [{ concurrency: { webhookReserved: 0 } }, "a new account has about ten in all"],
    [{ concurrency: { webhookReserved: 0, webhookProvisioned: 2 } }, "webhookReserved is 0"],
    [{ dryRun: true }, "dryRun is on"],
    [{ retry: { giveUpAfterSeconds: 60 } }, "a short outage"],
  ])("%j", (changes, expected) => {
    expect(warnings(changes)).toEqual([expect.stringContaining(expected)]);
  });
});

test.each([true, false])("forwardToPrivate: %s is refused with its reason", (forwardToPrivate) => {
  expect(wrong({ genauth, forwardToPrivate })).toContain(
    "resignWebhook.forwardToPrivate: is gone: a function reaches no private network",
  );
});

test("a second listener may be anywhere under a public name, and on this machine for a stack that runs there", () => {
  for (const forwardTo of [
    "https://sync.example.com/lark?pool=1",
    "https://sync.example.com:8443",
    "https://飞书.cn/",
  ]) {
    expect(parseSettings({ genauth, lark: { forwardTo } }).lark.forwardTo).toBe(forwardTo);
  }
  const lark = { forwardTo: "http://127.0.0.1:3000/lark" };
  expect(parseLocalSettings({ genauth, lark }, "mine.json").lark).toMatchObject(lark);
  const elsewhere = { genauth, lark: { forwardTo: "http://sync.example.com/" } };
  expect(() => parseLocalSettings(elsewhere, "mine.json")).toThrow("resignWebhook.lark.forwardTo: must be https://…");
});

test.each([true, false])("lookUp: %s is refused with its reason", (lookUp) => {
  expect(wrong({ genauth, lookUp })).toContain(
    "resignWebhook.lookUp: is gone: there is always a look, without which one person could be resigned twice",
  );
});
