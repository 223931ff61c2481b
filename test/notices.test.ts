/** Who is told, in all four forms, by targets that answer well, badly, or not at all. */
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { larkDeleted, send, signLark, signSlack, slackClick } from "../cli/sign.ts";
import { createLog } from "../lambda/log.ts";
import { isTaken, type Told, toPosts } from "../lambda/notices/notices.ts";
import { parseTargets } from "../lambda/notices/targets.ts";
import { createNotifier } from "../lambda/notifier.ts";
import { toResignation } from "../lambda/resignation/departure.ts";
import type { Resignation } from "../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../lambda/resignation/sync-relation.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { startNoticeStandIns, toLine } from "../local/notice-stand-ins.ts";
import { startSlackStandIn } from "../local/slack.ts";
import { newApiSecret, newKeys, startStack } from "../local/stack.ts";
import { now, settings } from "./parts.ts";

let standIns: Awaited<ReturnType<typeof startNoticeStandIns>>;
beforeEach(async () => {
  standIns = await startNoticeStandIns();
});
afterEach(() => standIns.close());

const resignation = (index: number, changes: object = {}) =>
  ({
    ...toResignation(
      {
        source: "lark",
        eventId: `e${index}`,
        userId: `lark:ou_${index}` as SyncRelation,
        occurredAt: now,
        requestedBy: "lark",
      },
      now,
    ),
    person: { genauthUserId: "g", name: `<at user_id="all">Zhang ${index}` },
    ...changes,
  }) as Resignation;
const told = (about: Told["about"], index = 1): Told => ({
  about,
  id: resignation(index).id,
  resignation: resignation(index),
});

describe("a message", () => {
  const targets = {
    slack: { url: "https://hooks.slack.com/services/1" },
    lark: { url: "https://open.feishu.cn/open-apis/bot/v2/hook/1", secret: "robot" },
    wechatwork: { url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1" },
    webhook: { url: "https://siem.example/in", secret: newApiSecret() },
  };
  const bodies = (name: keyof typeof targets, all: Told[], language: "en" | "zh" = "en") =>
    toPosts(name, targets, all, language, now).map(({ body }) => JSON.parse(body) as Record<string, never>);

  test("pages nobody by a name", () => {
    for (const name of ["slack", "lark", "wechatwork"] as const) {
      expect(JSON.stringify(bodies(name, [told("resigned")]))).not.toMatch(/<[a-z!@]/);
    }
  });

  test("of many is one, within each robot's size", () => {
    const many = Array.from({ length: 100 }, (_, index) => told("resigned", index));
    for (const name of ["slack", "lark", "wechatwork"] as const) expect(bodies(name, many)).toHaveLength(1);
    const [wechatwork] = bodies("wechatwork", many) as unknown as { text: { content: string } }[];
    expect(Buffer.byteLength(wechatwork?.text.content ?? "")).toBeLessThanOrEqual(2_048);
    const [slack] = bodies("slack", many) as unknown as { text: string }[];
    expect(slack?.text).toContain("… and 80 more");
    expect(slack?.text.length).toBeLessThanOrEqual(3_000);
    expect(bodies("webhook", many)).toHaveLength(100);
  });

  const textOf = (name: "slack" | "lark" | "wechatwork", all: Told[], language: "en" | "zh" = "en"): string => {
    const [body] = bodies(name, all, language) as never as { text: never; content: { text: string } }[];
    if (name === "lark") return body?.content.text ?? "";
    return name === "slack" ? (body?.text ?? "") : ((body?.text as { content: string } | undefined)?.content ?? "");
  };
  const tripped: Told = { about: "brake_tripped", id: "brake_1", why: "More than 20 in an hour" };

  // Before: of twenty who were resigned and the brake, nobody heard of the brake.
  describe.each(["en", "zh"] as const)("in %s", (language) => {
    const [brake, decide] = language === "en" ? ["The brake is on", "Decide:"] : ["刹车已触发", "处理："];
    const held = (n: number) => Array.from({ length: n }, (_, index) => told("held", index));
    const resigned = (n: number) => Array.from({ length: n }, (_, index) => told("resigned", 1_000 + index));
    test.each([
      ["the brake behind twenty who were resigned", [...resigned(20), tripped]],
      ["the brake between hundreds", [...resigned(99), tripped, ...held(99), told("failed", 7)]],
      ["the brake alone", [tripped]],
    ])("%s stands first, and then what to do", (_, all) => {
      for (const name of ["slack", "lark", "wechatwork"] as const) {
        const text = textOf(name, all, language);
        expect(text.split("\n")[0]).toContain(brake);
        expect(text).toContain(decide);
        const lines = text.split("\n");
        const last = (title: string) => lines.findLastIndex((line) => line.includes(title));
        expect(last(language === "en" ? "Held for an operator" : "已搁置，等待操作员")).toBeLessThan(last(decide));
        if (all.length > 1) expect(last(language === "en" ? "Resigned:" : "已离职:")).not.toBe(0);
      }
    });

    test("how many are held, and what to do, stand whatever is cut", () => {
      for (const name of ["slack", "lark", "wechatwork"] as const) {
        const text = textOf(name, held(20), language);
        expect(text).toContain(language === "en" ? "Held for an operator: 20 people" : "已搁置，等待操作员：20 人");
        expect(text).toContain(decide);
      }
      const text = textOf("wechatwork", [tripped, ...held(60), ...resigned(60)], language);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2_048);
      expect(text).toMatch(language === "en" ? /… and \d+ more\nDecide/ : /… 另有 \d+ 条\n处理/);
    });
  });

  // Before: a name wrote lines of its own into the message that carries the buttons.
  test("takes no line and no link from a name", () => {
    const name = `Bob\nResigned: Alice lark:ou_ceo (res_0)\r\n\u2028http://evil.example/${"x".repeat(200)}\u202e`;
    const one: Told = { ...told("held"), resignation: resignation(1, { person: { genauthUserId: "g", name } }) };
    for (const target of ["slack", "lark", "wechatwork"] as const) {
      const text = textOf(target, [one]);
      expect(text.split("\n")).toHaveLength(2);
      expect(text).not.toMatch(/:\/\/|evil\.example|\u2028|\u202e|x{60}/);
      expect(text).toContain("Bob Resigned: Alice");
    }
    expect(JSON.stringify(bodies("slack", [one]))).toContain('"verbatim":true');
  });

  test("speaks Chinese where it is set", () => {
    expect(JSON.stringify(bodies("lark", [told("failed")], "zh"))).toContain("失败，可能仍有访问权限");
  });

  test("to Lark's robot is signed as its document says", () => {
    const [body] = bodies("lark", [told("resigned")]) as unknown as { timestamp: string; sign: string }[];
    expect(body?.sign).toBe(createHmac("sha256", `${body?.timestamp}\nrobot`).digest("base64"));
  });

  test("to programs is a Standard Webhook that standardwebhooks verifies", () => {
    const [post] = toPosts("webhook", targets, [told("resigned")], "en", new Date());
    expect(new Webhook(targets.webhook.secret).verify(post?.body ?? "", post?.headers ?? {})).toMatchObject({
      type: "resignation.resigned",
      data: { userId: "lark:ou_1" },
    });
    expect(post?.headers["webhook-id"]).toBe(`evt_resigned_${resignation(1).id}`);
    expect(post?.body).not.toContain("Zhang");
  });

  test("of few that are held comes with buttons", () => {
    const buttons = (all: Told[]) => JSON.stringify(bodies("slack", all)).match(/"action_id":"approve"/g)?.length ?? 0;
    expect(buttons([told("held", 1), told("held", 2), told("resigned", 3)])).toBe(2);
    expect(buttons(Array.from({ length: 6 }, (_, index) => told("held", index)))).toBe(0);
  });
});

test.each([
  ["slack", 200, "ok", "taken"],
  ["slack", 404, "no_service", "failed"],
  ["lark", 200, '{"code":0,"msg":"success"}', "taken"],
  ["lark", 200, '{"code":19021,"msg":"sign match fail"}', "failed"],
  ["lark", 200, "<html>", "failed"],
  ["wechatwork", 200, '{"errcode":0,"errmsg":"ok"}', "taken"],
  ["wechatwork", 200, '{"errcode":45009,"errmsg":"api freq out of limit"}', "failed"],
  ["webhook", 204, "", "taken"],
  ["webhook", 410, "", "gone"],
  ["webhook", 503, "", "failed"],
] as const)("%s answering %i %s has %s it", (name, status, body, expected) => {
  expect(isTaken(name, status, body)).toBe(expected);
});

test("targets are told what is wrong with them, by name", () => {
  expect(parseTargets("{}")).toEqual({});
  expect(parseTargets('{"fillMeIn":"…"}')).toEqual({ isUnfilled: true });
  const slack = { url: "https://hooks.slack.com/x" };
  // Before: one wrong section silenced the others.
  expect(parseTargets(JSON.stringify({ slack, lark: { url: "http://hooks.example/x" } }))).toEqual({
    slack,
    wrong: { lark: "secret.lark.url: must be an https address" },
  });
  expect(parseTargets(JSON.stringify({ slack, webhook: { url: "https://x.example", secret: "short" } }))).toEqual({
    slack,
    wrong: { webhook: "secret.webhook.secret: must be whsec_…" },
  });
  expect(parseTargets(JSON.stringify({ slack, wecom: slack })).wrong?.wecom).toContain("there is no such target");
  expect(Object.keys(parseTargets("gibberish").wrong ?? {})).toEqual(["slack", "lark", "wechatwork", "webhook"]);
});

describe("a target that does not take it", () => {
  async function notify(
    records: object[],
    answering: Parameters<typeof standIns.answer>[0],
    { get = async () => resignation(1), targets = standIns.targets as object } = {},
  ) {
    standIns.answer(answering);
    const later: { body: string; seconds: number }[] = [];
    const buried: string[] = [];
    const lines: string[] = [];
    const notifier = createNotifier({
      ledger: { get },
      queue: {
        sendLater: async (body, seconds) => void later.push({ body, seconds }),
        bury: async (body) => void buried.push(body),
        delay: async () => {},
      },
      targets: { read: async () => targets, refresh: async () => false },
      settings: settings(),
      log: createLog("notifier", (line) => lines.push(line)),
      now: () => now,
    });
    const result = await notifier({
      Records: records.map((body, index) => ({ body: JSON.stringify(body), messageId: String(index) })) as never,
    });
    expect(lines.join("\n")).not.toMatch(/robot-key|robot secret|127\.0\.0\.1/);
    const counted = lines.map((line) => JSON.parse(line)).filter(({ _aws }) => _aws);
    return {
      ...{ result, buried, counted },
      later: later.map(({ body, seconds }) => ({ ...(JSON.parse(body) as object), seconds })),
    };
  }
  const notices = [
    { about: "resigned", id: "res_1" },
    { about: "failed", id: "res_2", why: "x" },
  ];

  test.each([
    ["throttles", "wechatwork", { status: 200, body: '{"errcode":45009}' }],
    ["throttles by HTTP", "lark", { status: 429 }],
    ["fails", "slack", { status: 500 }],
    ["redirects to another host", "slack", { status: 302, headers: { location: "http://127.0.0.1:1/elsewhere" } }],
    ["hangs", "lark", "hang"],
  ] as const)("because it %s is told again later, and the others are not", async (_, target, answer) => {
    const { result, later } = await notify(notices, (name) => (name === target ? answer : undefined));
    expect(result).toEqual({ batchItemFailures: [] });
    expect(later).toEqual([{ target, notices, attempt: 2, seconds: 30 }]);
    expect(["slack", "lark", "wechatwork"].map((name) => standIns.of(name).length)).toEqual([1, 1, 1]);
  });

  test("comes to nobody else when its turn comes again, and is given up in the end", async () => {
    const again = { target: "slack", notices, attempt: 8 };
    const { later, buried } = await notify([again], () => ({ status: 500 }));
    expect(later).toEqual([]);
    expect(buried).toHaveLength(1);
    expect(standIns.of("lark")).toEqual([]);
  });

  test("of programs is told again of just what it refused, and one that is gone of nothing", async () => {
    let calls = 0;
    const refusesOne = (name: string) => {
      if (name === "webhook") calls += 1;
      return name === "webhook" && calls === 1 ? { status: 503 } : undefined;
    };
    const { later } = await notify(notices, refusesOne);
    expect(later).toMatchObject([{ target: "webhook", attempt: 2 }]);
    expect((later[0] as unknown as { notices: object[] }).notices).toHaveLength(1);
    const gone = await notify(notices, (name) => (name === "webhook" ? { status: 410 } : undefined));
    expect(gone.later).toEqual([]);
  });

  // Before: it held back everything of its batch, and with it went to the dead letters.
  test("is no reason to lose a message that cannot be read yet, nor one beside it", async () => {
    const { result } = await notify([{ about: "nonsense" }, ...notices], () => undefined);
    expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: "0" }] });
    expect(["slack", "lark", "wechatwork", "webhook"].map((name) => standIns.of(name).length)).toEqual([1, 1, 1, 2]);
  });

  test("is no reason to be silent of one whose item cannot be read, nor of the others", async () => {
    const unreadable = Object.assign(new Error("unreadable"), { name: "$ZodError" });
    let asked = 0;
    const get = async () => {
      asked += 1;
      if (asked % 2) throw unreadable;
      return resignation(1);
    };
    const { result, counted } = await notify(notices, () => undefined, { get });
    expect(result).toEqual({ batchItemFailures: [] });
    expect(standIns.of("slack")[0]?.body).toMatch(/res_1.*res_2|res_2.*res_1/s);
    expect(counted.some(({ Unreadable }) => Unreadable === 1)).toBe(true);
  });

  // Before: everything was thrown away, at the level INFO.
  test("because its section is wrong raises an alarm, is told again later, and silences no other", async () => {
    const { lark, ...rest } = standIns.targets as Record<string, object>;
    const wrong = { lark: "secret.lark.url: must be an https address" };
    const { later, counted } = await notify(notices, () => undefined, { targets: { ...rest, wrong } });
    expect(counted).toMatchObject([{ TargetsWrong: 1, level: "ERROR", target: "lark", why: wrong.lark }]);
    expect(later).toMatchObject([{ target: "lark", notices, attempt: 2 }]);
    expect(["slack", "lark", "wechatwork"].map((name) => standIns.of(name).length)).toEqual([1, 0, 1]);
  });
});

describe("the whole way", () => {
  let aws: LocalAws;
  let genauth: GenAuthSimulator;
  let stack: Awaited<ReturnType<typeof startStack>>;
  const keys = newKeys();
  beforeAll(async () => {
    aws = await startAws();
    genauth = await startGenAuthSimulator();
  });
  afterEach(() => stack.close());
  afterAll(() => Promise.all([aws.close(), genauth.close()]));
  const leave = (id: string, ago = 0) =>
    send(
      signLark(
        larkDeleted({ open_id: id }, { token: keys.lark.verificationToken, now: new Date(Date.now() - ago * 1000) }),
        keys.lark,
      ),
      stack.url,
    );

  test("somebody who was resigned is told of in all four forms", async () => {
    stack = await startStack({ aws, genauth, keys, targets: standIns.targets });
    await leave("ou_demo_1");
    for (const target of ["slack", "lark", "wechatwork", "webhook"]) {
      await expect.poll(() => standIns.of(target).length, { timeout: 10_000 }).toBe(1);
      const [received] = standIns.of(target);
      expect(received && toLine(received)).toMatch(
        target === "webhook" ? /resignation\.resigned res_/ : /Resigned: Demo Lark 1 lark:ou_demo_1/,
      );
    }
  });

  test("with a second operator: the order is told with buttons, its orderer may not press, another may", async () => {
    stack = await startStack({
      aws,
      genauth,
      keys,
      targets: standIns.targets,
      settings: { slack: { secondOperator: true } },
    });
    const slack = await startSlackStandIn();
    const press = (action: string, value: string, user: string) =>
      send(
        signSlack(
          "/slack/interactions",
          slackClick(action, value, { team: "T0LOCAL", user }, slack.replyUrl),
          keys.slack.signingSecret,
        ),
        stack.url,
      );
    const departure = {
      source: "slack" as const,
      eventId: "e",
      userId: "lark:ou_demo_2" as SyncRelation,
      occurredAt: new Date(),
      requestedBy: "T0LOCAL/U0ALICE",
    };
    const ordered = toResignation(departure, new Date());
    await stack.ledger.enter(ordered);
    await stack.resigner({ Records: [{ body: ordered.id, messageId: "m", receiptHandle: "r" }] } as never);
    await expect.poll(() => standIns.of("slack").length, { timeout: 10_000 }).toBe(1);
    const notice = standIns.of("slack")[0]?.body;
    expect(notice).toContain(`"value":"${ordered.id} approval"`);
    expect(notice).toContain(`"value":"${ordered.id}"`);

    expect((await press("approve", ordered.id, "U0ALICE")).status).toBe(200);
    expect((await slack.next())?.text).toContain("A second operator must approve");
    // A button of a notice that is old: it was held for something else then.
    expect((await press("approve", `${ordered.id} stale`, "U0BOB")).status).toBe(200);
    expect((await slack.next())?.text).toContain("held for approval");
    expect((await press("approve", `${ordered.id} approval`, "U0BOB")).status).toBe(200);
    expect((await slack.next())?.text).toContain("Decided by <@U0BOB>");
    await expect.poll(async () => (await stack.ledger.get(ordered.id))?.status, { timeout: 10_000 }).toBe("resigned");
    expect((await press("cancel", ordered.id, "U0BOB")).status).toBe(200);
    expect((await slack.next())?.text).toContain("The resignation is resigned");
    await slack.close();
  });

  test("a brake event is told of once, not once a person", async () => {
    stack = await startStack({ aws, genauth, keys, targets: standIns.targets, settings: { brake: { perHour: 0 } } });
    for (let index = 1; index <= 8; index += 1) await leave(`ou_demo_${index + 20}`);
    await expect.poll(() => standIns.of("webhook").length, { timeout: 10_000 }).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(standIns.of("webhook").map((received) => toLine(received))).toEqual([
      expect.stringContaining("brake.tripped brake_"),
    ]);
  });
});
