import { createHmac } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { type SignedRequest, signApi } from "../../../cli/sign.ts";
import type { Answer, Request } from "../../../lambda/http.ts";
import { api } from "../../../lambda/operators/api.ts";
import { toResignation } from "../../../lambda/resignation/departure.ts";
import type { Resignation } from "../../../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../../../lambda/resignation/sync-relation.ts";
import { view } from "../../../lambda/resignation/view.ts";
import { orders } from "../../../lambda/sources/orders.ts";
import { newApiKeyPair, newApiSecret } from "../../../local/stack.ts";
import { gist, now, problemOf, settings, toRequest } from "../../parts.ts";
import { readVectors } from "../../vectors.ts";
import { counts, type Found, page, run } from "./fixtures.ts";

vi.mock("../../../lambda/operators/operate.ts", { spy: true });

const secret = newApiSecret();
const opsSecret = newApiSecret();
const pair = newApiKeyPair();
const keys = { zapier: [newApiSecret(), secret], n8n: [pair.publicKey], ops: [opsSecret] };
const body = { userId: "lark:ou_1", reason: "left today" };
const order = { method: "POST" as const, path: "/resignations", body };

const context = { keys, settings: settings({ operators: { api: ["ops"] } }), now };

/** Reads an order. */
function receive(request: SignedRequest, at = now) {
  return readOrder(toRequest(request), { ...context, now: at });
}

function readOrder(request: Request, given: typeof context) {
  const told = orders.routes["POST /resignations"]?.(request, given);
  return told && gist(told);
}

/** Throws at once what is wrong with an operator's request; what it wants is then carried out at the stand-in desk. */
function ask(request: SignedRequest, route: string, id?: string, found?: Found) {
  return run(api.routes[route]?.({ ...toRequest(request), id }, context), found);
}

const signed = (content: unknown, headers = {}) =>
  receive(signApi({ ...order, body: content, headers }, secret, { id: "m1", now }));

const answerTo = (received: ReturnType<typeof receive>, taken: Resignation[]): Answer => {
  if (received?.kind !== "departures") throw new Error("It is no order");
  return received.answer(taken);
};

describe("an order", () => {
  test("signed by one of the caller's keys, is the caller's departure", () => {
    expect(signed(body)).toMatchObject({
      kind: "departures",
      departures: [
        {
          source: "api",
          eventId: "zapier/m1",
          userId: "lark:ou_1",
          requestedBy: "zapier",
          reason: "left today",
          occurredAt: now,
        },
      ],
    });
  });

  test("may be signed by Ed25519", () => {
    const received = receive(signApi(order, pair.privateKey, { now }));
    expect(received).toMatchObject({ departures: [{ requestedBy: "n8n" }] });
  });

  test("may name provider and id apart", () => {
    expect(signed({ provider: "wechatwork", userIdInIdp: "00123" })).toMatchObject({
      departures: [{ userId: "wechatwork:00123" }],
    });
  });

  test("may say when it happened", () => {
    const received = signed({ ...body, occurredAt: "2026-11-23T08:00:00+08:00" });
    expect(received).toMatchObject({ departures: [{ occurredAt: new Date("2026-11-23T00:00:00Z") }] });
  });

  test.each([
    ["wait=5", 5],
    ["respond-async, wait=10", 10],
    ["wait=3600", 20],
    ['wait="7"; foo', 7],
    ["handling=lenient", undefined],
    ["await=5", undefined],
    ["wait=-1", undefined],
  ])("that prefers %s waits %s seconds", (prefer, expected) => {
    const received = signed(body, { prefer });
    expect(received?.waitSeconds).toBe(expected ?? 0);
    const applied = expected === undefined ? undefined : `wait=${expected}`;
    expect(answerTo(received, []).headers?.["preference-applied"]).toBe(applied);
  });
});

describe("ids", () => {
  test.each([
    "lark:__proto__",
    "wechatwork:00123",
    "wechatwork:1e5",
    "lark-international:ou_1",
    `lark:${"a".repeat(128)}`,
    "lark:a:b",
    "lark:张三",
  ])("%s is taken as it is", (userId) => {
    expect(signed({ userId })).toMatchObject({ departures: [{ userId }] });
  });

  test.each([
    "",
    "lark",
    "lark:",
    ":ou_1",
    "okta:1",
    "LARK:ou_1",
    " lark:ou_1",
    "lark:ou_1 ",
    "lark:ou 1",
    "lark:ou\n1",
    "lark:\u0000",
    `lark:${"a".repeat(129)}`,
    123,
    null,
    {},
    ["lark:ou_1"],
  ])("%j is none", (userId) => {
    expect(problemOf(() => signed({ userId }))).toBe("invalid_user_id");
  });

  test("of another provider, or no text, are none in the other form either", () => {
    expect(problemOf(() => signed({ provider: "okta", userIdInIdp: "1" }))).toBe("invalid_user_id");
    expect(problemOf(() => signed({ provider: "lark", userIdInIdp: 123 }))).toBe("invalid_user_id");
  });
});

describe("turned away", () => {
  test.each([
    ["no JSON", "{", "malformed"],
    ["no object", "[]", "malformed"],
    ["nobody", {}, "malformed"],
    ["both forms", { ...body, provider: "lark", userIdInIdp: "1" }, "malformed"],
    ["a misspelt field", { ...body, occuredAt: "2026-11-23T00:00:00Z" }, "malformed"],
    ["a date without a time", { ...body, occurredAt: "2026-11-23" }, "malformed"],
    ["a reason too long", { ...body, reason: "x".repeat(501) }, "malformed"],
    ["what is yet to come", { ...body, occurredAt: "2026-12-01T00:00:00Z" }, "occurred_in_future"],
  ])("%s", (_, content, expected) => {
    expect(problemOf(() => signed(content))).toBe(expected);
  });

  test("types that plainly are no JSON", () => {
    for (const type of [
      "application/x-www-form-urlencoded",
      "text/xml",
      "multipart/form-data; boundary=x",
      "text/html",
    ]) {
      expect(problemOf(() => signed(body, { "content-type": type }))).toBe("unsupported_media_type");
    }
    for (const type of ["application/json; charset=utf-8", "application/vnd.api+json", "text/plain;charset=UTF-8"]) {
      expect(signed(body, { "content-type": type })).toMatchObject({ kind: "departures" });
    }
  });
});

describe("a proof", () => {
  const good = signApi(order, secret, { id: "m1", now });
  const changed = (headers: Record<string, string>) => () =>
    receive({ ...good, headers: { ...good.headers, ...headers } });
  const signature = good.headers["webhook-signature"] ?? "";
  const signedAs = (id: string, timestamp: string) => {
    const bytes = createHmac("sha256", Buffer.from(secret.slice(6), "base64"))
      .update(`${id}.${timestamp}.${good.body}`)
      .digest("base64");
    return changed({ "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${bytes}` });
  };
  const seconds = String(now.getTime() / 1000);

  test("is any of the signatures", () => {
    expect(
      changed({ "webhook-signature": `v2,xyz v1,${Buffer.alloc(32).toString("base64")} ${signature}` })(),
    ).toMatchObject({ kind: "departures" });
  });

  test.each([
    ["no signature", changed({ "webhook-signature": "" }), "bad_header"],
    ["a signature without its version", changed({ "webhook-signature": signature.slice(3) }), "bad_header"],
    [
      "an HMAC under the version of Ed25519",
      changed({ "webhook-signature": signature.replace("v1,", "v1a,") }),
      "unauthorized: webhook-signature form",
    ],
    [
      "base64 with junk",
      changed({ "webhook-signature": `${signature.slice(0, 10)}\n${signature.slice(10)}` }),
      "unauthorized: webhook-signature form",
    ],
    [
      "a signature with a tail",
      changed({ "webhook-signature": `${signature},x` }),
      "unauthorized: webhook-signature form",
    ],
    ["another id", changed({ "webhook-id": "m2" }), "unauthorized: signature"],
    ["an id with a dot", signedAs("m.1", seconds), "bad_header"],
    ["no id", signedAs("", seconds), "bad_header"],
    ["a timestamp with a tail", signedAs("m1", `${seconds}abc`), "bad_header"],
    ["a timestamp with a sign and a fraction", signedAs("m1", ` +${seconds}.9`), "bad_header"],
    ["a timestamp of 13 digits", signedAs("m1", `${seconds}000`), "clock_off"],
    ["what is 301 s old", () => receive(good, new Date(now.getTime() + 301_000)), "clock_off"],
    ["what is 301 s ahead", () => receive(good, new Date(now.getTime() - 301_000)), "clock_off"],
  ])("is not %s", (_, act, expected) => {
    expect(problemOf(act)).toBe(expected);
  });

  test("holds for 5 minutes", () => {
    expect(receive(good, new Date(now.getTime() + 300_000))).toMatchObject({ kind: "departures" });
  });

  test("is over the raw bytes: other invalid UTF-8 is another body", () => {
    const bytes = (byte: number) =>
      Buffer.concat([Buffer.from('{"userId":"lark:'), Buffer.from([byte]), Buffer.from('"}')]);
    const hmac = createHmac("sha256", Buffer.from(secret.slice(6), "base64"));
    const digest = hmac.update(Buffer.concat([Buffer.from(`m1.${seconds}.`), bytes(0xff)])).digest("base64");
    const headers: Record<string, string> = { ...good.headers, "webhook-signature": `v1,${digest}` };
    const act = (byte: number) => () => readOrder({ ...toRequest(good), body: bytes(byte), headers }, context);
    expect(problemOf(act(0xff))).toBe("malformed");
    expect(problemOf(act(0xfe))).toBe("unauthorized: signature");
  });
});

describe("operators", () => {
  const act = (key: string, content: unknown, route = "POST /resignations/{id}/approve") =>
    ask(signApi({ method: "POST", path: "/x", body: content }, key, { id: "m1", now }), route, "res_1");
  const list = (query: string, key = opsSecret) =>
    ask(signApi({ method: "GET", path: `/resignations?${query}` }, key, { now }), "GET /resignations");

  test("act by name", async () => {
    expect(await act(opsSecret, { operator: "alice", reason: "known" })).toMatchObject({
      kind: "act",
      act: { name: "approve", id: "res_1", caller: "ops", operator: "alice", reason: "known", requestId: "ops/m1" },
    });
  });

  test("name one of the candidates where they approve, and nowhere else", async () => {
    const named = { operator: "alice", genauthUserId: "u1", userId: "lark:ou_1" };
    expect(await act(opsSecret, named)).toMatchObject({ act: { genauthUserId: "u1", userId: "lark:ou_1" } });
    for (const name of ["cancel", "retry", "acknowledge"]) {
      const route = `POST /resignations/{id}/${name}`;
      expect(problemOf(() => act(opsSecret, named, route))).toBe("malformed");
      expect(await act(opsSecret, { operator: "alice" }, route)).toMatchObject({ act: { name } });
    }
  });

  test("name the hold that they answer where they approve, and nowhere else", async () => {
    const named = { operator: "alice", heldFor: "stale" };
    expect(await act(opsSecret, named)).toMatchObject({ act: { heldFor: "stale" } });
    for (const name of ["cancel", "retry", "acknowledge"]) {
      expect(problemOf(() => act(opsSecret, named, `POST /resignations/{id}/${name}`))).toBe("malformed");
    }
    expect(problemOf(() => act(opsSecret, { ...named, heldFor: "failed" }))).toBe("malformed");
  });

  test("are those in the settings alone", () => {
    expect(problemOf(() => act(secret, { operator: "alice" }))).toBe("forbidden");
    expect(problemOf(() => list("", secret))).toBe("forbidden");
  });

  test("name themselves", () => {
    expect(problemOf(() => act(opsSecret, {}))).toBe("malformed");
    expect(problemOf(() => act(opsSecret, { operator: "" }))).toBe("malformed");
  });

  test("list by status, person and time", async () => {
    expect(await list("status=held&userId=lark%3Aou_1&since=2026-11-01&limit=7&cursor=c")).toMatchObject({
      kind: "list",
      query: { status: "held", userId: "lark:ou_1", since: new Date("2026-11-01"), limit: 7 },
      cursor: "c",
    });
    for (const query of [
      "status=gone",
      "limit=0",
      "limit=101",
      "limit=x",
      "since=yesterday",
      "user=1",
      "status=held&status=failed",
    ]) {
      expect(problemOf(() => list(query))).toBe("malformed");
    }
  });
});

describe("what is answered", () => {
  const at = now.toISOString();
  const resignation = (status: string, more: object = {}): Resignation =>
    ({
      ...toResignation(
        {
          source: "api",
          eventId: "zapier/m1",
          userId: "lark:ou_1" as SyncRelation,
          occurredAt: now,
          requestedBy: "zapier",
        },
        now,
      ),
      ...{ status, person: { genauthUserId: "g1", name: "Zhang" }, ...more },
    }) as Resignation;
  const parse = ({ statusCode, headers, body }: Answer) => ({ statusCode, headers, body: JSON.parse(body ?? "") });

  test.each([
    ["accepted", undefined, 202],
    ["resigned", undefined, 202],
    ["accepted", 5, 202],
    ["resigning", 5, 202],
    ["resigned", 5, 200],
    ["held", 5, 200],
  ])("an order that is %s, after a wait of %s, gets %i", (status, wait, expected) => {
    const taken = resignation(status, { heldFor: "stale", resignedAt: at });
    const received = signed(body, wait === undefined ? {} : { prefer: `wait=${wait}` });
    const { statusCode, headers, body: shown } = parse(answerTo(received, [taken]));
    expect([statusCode, shown]).toEqual([expected, JSON.parse(JSON.stringify(view(taken)))]);
    expect(headers).toMatchObject({ location: `/resignations/${taken.id}` });
    expect(headers?.["preference-applied"]).toBe(wait === undefined ? undefined : `wait=${wait}`);
    expect(shown).not.toHaveProperty("person");
  });

  test("one resignation: to operators with the person, to others without", async () => {
    const find = async (key: string) => {
      const request = signApi({ method: "GET", path: "/resignations/res_1" }, key, { now });
      const found = { resignation: resignation("accepted") };
      const received = await ask(request, "GET /resignations/{id}", "res_1", found);
      expect(received).toMatchObject({ kind: "find", id: "res_1" });
      return parse(received.answer);
    };
    expect(await find(secret)).toMatchObject({ statusCode: 200, body: { userId: "lark:ou_1" } });
    expect((await find(secret)).body).not.toHaveProperty("person");
    const { body } = await find(opsSecret);
    expect(body).toMatchObject({ person: { name: "Zhang" }, history: [{ status: "accepted" }] });
    expect(body).not.toHaveProperty("version");
  });

  test("a page, and where the next one starts", async () => {
    const request = signApi({ method: "GET", path: "/resignations" }, opsSecret, { now });
    const received = await ask(request, "GET /resignations", undefined, { items: [resignation("accepted")] });
    expect(received).toMatchObject({ query: { limit: 50, since: undefined }, cursor: undefined });
    expect(parse(received.answer).body).toEqual({
      items: [expect.objectContaining({ person: { genauthUserId: "g1", name: "Zhang" } })],
    });
    const { answer } = await ask(request, "GET /resignations", undefined, { nextCursor: "c" });
    expect(parse(answer).body).toEqual({ items: [], nextCursor: "c" });
  });

  test.each(["approve", "cancel", "retry", "acknowledge"])("to %s: the resignation as it is now", async (name) => {
    const request = signApi({ method: "POST", path: "/x", body: { operator: "alice" } }, opsSecret, { id: "m1", now });
    const found = { resignation: resignation("accepted") };
    const received = await ask(request, `POST /resignations/{id}/${name}`, "res_1", found);
    expect(received).toMatchObject({ act: { name, id: "res_1" } });
    expect(received.act).not.toHaveProperty("reason");
    expect(parse(received.answer)).toMatchObject({
      statusCode: 200,
      body: { person: { name: "Zhang" } },
    });
  });

  test("an operator's proposal is the reconciliation's departure, and needs an approval", () => {
    const approvalNeeded = { heldFor: "proposed", why: "Proposed by a reconciliation" };
    const propose = (key: string, more: object) =>
      receive(signApi({ ...order, body: { userId: "lark:ou_1", ...more } }, key, { id: "m1", now }));
    expect(propose(opsSecret, { propose: true })).toMatchObject({
      departures: [{ source: "reconcile", eventId: "ops/m1", approvalNeeded }],
    });
    expect(problemOf(() => propose(secret, { propose: true }))).toBe("forbidden");
    const [departure] = (propose(secret, { propose: false }) as { departures: object[] }).departures;
    expect(departure).toEqual({
      ...{ source: "api", eventId: "zapier/m1", userId: "lark:ou_1", occurredAt: now, requestedBy: "zapier" },
      contentHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test.each([
    [{ ...body, extra: 1 }, "There is no field extra. Send {"],
    [{ userId: "okta:1" }, "Allowed are ids like lark:…, lark-international:…, wechatwork:…"],
  ])("%j is told what is wrong", (content, detail) => {
    const act = () => signed(content);
    expect(act).toThrow(expect.objectContaining({ detail: expect.stringContaining(detail) }));
  });

  test("what an act or a list lacks is named", () => {
    const request = signApi({ method: "POST", path: "/x", body: { operator: "", more: 1 } }, opsSecret, { now });
    const act = () => ask(request, "POST /resignations/{id}/approve", "res_1");
    expect(act).toThrow(
      expect.objectContaining({
        detail: expect.stringMatching(/^operator is empty: .+; there is no field more here$/),
      }),
    );
    const stranger = signApi({ method: "POST", path: "/x", body: { operator: "a" } }, secret, { now });
    const strange = () => ask(stranger, "POST /resignations/{id}/approve", "res_1");
    expect(strange).toThrow(expect.objectContaining({ detail: "zapier is not among operators.api" }));
  });

  test("what happened up to five minutes from now is taken: clocks differ", () => {
    const happened = (ms: number) => ({ userId: "lark:ou_1", occurredAt: new Date(now.getTime() + ms).toISOString() });
    expect(signed(happened(300_000))).toMatchObject({ kind: "departures" });
    expect(problemOf(() => signed(happened(300_001)))).toBe("occurred_in_future");
  });
});

describe("the quarantine", () => {
  const quarantine = (route: string, key: string, content?: unknown) => {
    const request = signApi(
      { method: content === undefined ? "GET" : "POST", path: "/quarantine", body: content },
      key,
      { now },
    );
    return ask(request, route);
  };

  test("is counted and verified again by operators alone", async () => {
    const shown = (content: object) => expect.objectContaining({ statusCode: 200, body: JSON.stringify(content) });
    expect(await quarantine("GET /quarantine", opsSecret)).toEqual({ kind: "count", answer: shown(counts) });
    expect(await quarantine("POST /quarantine/reverify", opsSecret, {})).toEqual({
      ...{ kind: "reverify", after: undefined },
      answer: shown(page),
    });
    expect(await quarantine("POST /quarantine/reverify", opsSecret, { after: "lark x" })).toEqual({
      ...{ kind: "reverify", after: "lark x" },
      answer: shown(page),
    });
    expect(problemOf(() => quarantine("GET /quarantine", secret))).toBe("forbidden");
    expect(problemOf(() => quarantine("POST /quarantine/reverify", secret, {}))).toBe("forbidden");
    for (const odd of [{ before: "x" }, { after: 1 }, []]) {
      expect(problemOf(() => quarantine("POST /quarantine/reverify", opsSecret, odd))).toBe("malformed");
    }
    expect(api.section).toBe("api");
  });

  test("gets the headers of a refused order's proof", () => {
    const headers = ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"];
    expect(orders).toMatchObject({ section: "api", kept: { route: "POST /resignations", headers } });
  });
});

const detailOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    const { status, detail } = error as { status: number; detail?: string };
    return `${status} ${detail}`;
  }
  return "taken";
};

describe("a body that gives a name twice is refused, and nothing is done", () => {
  test.each([
    ['{"userId":"lark:ou_a","reason":"left","userId":"lark:ou_b"}', "userId"],
    ['{"userId":"lark:ou_a","user\\u0049d":"lark:ou_b"}', "userId"],
    ['{"userId":"lark:ou_a","reason":"x","reason":"x"}', "reason"],
    ['{"provider":"lark","userIdInIdp":"a","userIdInIdp":"b"}', "userIdInIdp"],
    ['{"userId":"lark:ou_a","more":{"deep":[{"a":1,"a":2}]}}', "a"],
  ])("%s", (text, name) => {
    expect(detailOf(() => signed(text))).toBe(`400 ${name} is given twice`);
  });

  test.each(["approve", "cancel", "retry", "acknowledge"])("a decision to %s", (name) => {
    const twice = '{"operator":"alice","operator":"bob"}';
    const request = signApi({ method: "POST", path: "/x", body: twice }, opsSecret, { now });
    const act = () => ask(request, `POST /resignations/{id}/${name}`, "res_1");
    expect(detailOf(act)).toBe("400 operator is given twice");
  });
});

describe("the text of a missing value", () => {
  const words = ["undefined", "null", "None", "NIL", "nan", "NaN", "UNDEFINED"];
  test.each([
    '"undefined"',
    "<nil>",
    "(null)",
    "[None]",
    "=null",
    "-nan-",
    "{openId}",
    "#{id}",
    "%{id}",
    "%7B%7Bid%7D%7D",
  ])("%s is none either", (text) => {
    for (const content of [{ userId: `lark:${text}` }, { provider: "lark", userIdInIdp: text }]) {
      expect(detailOf(() => signed(content))).toMatch(/^422 \w+: the id is the text .*: the trigger lacks the field/);
    }
  });

  const placeholders = ["{{openId}}", "{{ $json.id }}", "ou_{{id}}", `${"$"}{openId}`, "<%= id %>"];
  test.each([...words, ...placeholders])("%s is no id, from any door", (text) => {
    const word = text.trim();
    const said = words.includes(text) ? word : (/\{\{|\$\{|<%/.exec(text)?.[0] ?? "");
    const expected = expect.stringContaining(`the id is the text ${said}: the trigger lacks the field`);
    for (const content of [
      { userId: `lark:${text}` },
      { userId: text },
      { provider: "wechatwork", userIdInIdp: text },
      { userId: `wechatwork:${text}` },
    ]) {
      const detail = detailOf(() => signed(content));
      expect(detail).toEqual(expected);
      expect(detail).toMatch(/^422 (userId|userIdInIdp): /);
    }
    const request = signApi(order, secret, { id: text, now });
    expect(detailOf(() => receive(request))).toEqual(expected);
    expect(detailOf(() => receive(request))).toMatch(/^400 webhook-id: /);
  });

  test.each([
    ...["hr-undefined", "hr_null", "hr-None", "hr-NULL", "hr_Undefined", "hr-nil", "hr-NaN"],
    ...["undefined-2026-11-24", "hr-null-2026", "hr_undefined_1"],
  ])("%s is no webhook-id", (id) => {
    expect(detailOf(() => receive(signApi(order, secret, { id, now })))).toMatch(
      /^400 webhook-id: the id is the text /,
    );
  });

  test.each(["lark:nullius", "wechatwork:nonen", "lark:nan1", "lark:undefined1"])("%s is an id", (userId) => {
    expect(signed({ userId })).toMatchObject({ departures: [{ userId }] });
  });
});

describe("several signature headers", () => {
  const good = signApi(order, secret, { id: "m1", now });
  const right = good.headers["webhook-signature"] ?? "";
  const other = signApi(order, newApiSecret(), { id: "m1", now }).headers["webhook-signature"] ?? "";
  const given = (value: string) => () => receive({ ...good, headers: { ...good.headers, "webhook-signature": value } });

  test.each([
    `${other},${right}`,
    `${right},${other}`,
    `${other}, ${right}`,
    `${other} ${right}`,
    `${other},v2,xyz,${right}`,
    `${other} v9z,abc,${right},${other}`,
  ])("are found by their own form: %#", (value) => {
    expect(given(value)()).toMatchObject({ kind: "departures" });
  });

  test("five are judged, whoever sends more", () => {
    const others = (count: number) => Array.from({ length: count }, () => other).join(" ");
    expect(given(`${others(4)} ${right}`)()).toMatchObject({ kind: "departures" });
    expect(problemOf(given(`${others(5)} ${right}`))).toBe("unauthorized: signature");
  });
});

describe("whoever holds the key is told what is off", () => {
  const at = (timestamp: string) => {
    const good = signApi(order, secret, { id: "m1", now });
    const digest = createHmac("sha256", Buffer.from(secret.slice(6), "base64"))
      .update(`m1.${timestamp}.${good.body}`)
      .digest("base64");
    const headers = { ...good.headers, "webhook-timestamp": timestamp, "webhook-signature": `v1,${digest}` };
    return { ...good, headers };
  };
  const seconds = now.getTime() / 1000;
  test.each([
    [String(seconds - 3600), "webhook-timestamp is 3,600 s off, in the past"],
    [String(seconds + 301), "webhook-timestamp is 301 s off, in the future"],
    [String(now.getTime()), "webhook-timestamp is in milliseconds"],
    [`${now.getTime()}000`, "webhook-timestamp is in milliseconds or finer"],
  ])("%s: %s", (timestamp, detail) => {
    expect(detailOf(() => receive(at(timestamp)))).toContain(`400 ${detail}`);
    const forged = at(timestamp);
    const strange = { ...forged, body: `${forged.body} ` };
    expect(problemOf(() => receive(strange))).toBe("unauthorized: signature");
  });
});

describe("a header of the proof that is missing or of another form is named, with its rule", () => {
  const good = signApi(order, secret, { id: "m1", now });
  const names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
  const forms: [string, string][] = [
    ["webhook-id", "hr-a.b"],
    ["webhook-id", "hr:1"],
    ["webhook-id", "hr 1"],
    ["webhook-id", "m1,m1"],
    ["webhook-timestamp", now.toISOString()],
    ["webhook-timestamp", "1795485600.0"],
    ["webhook-timestamp", "1795485600,1795485600"],
    ["webhook-signature", "sha256=abcdef"],
    ["webhook-signature", "AAAA"],
  ];
  test.each([...names.map((name) => [name, ""] as [string, string]), ...forms])("%s: %j", (name, value) => {
    const headers = { ...good.headers, [name]: value };
    const detail = detailOf(() => receive({ ...good, headers }));
    expect(detail).toMatch(new RegExp(`^400 ${name} (is missing|has another form): send `));
    if (value) expect(detail).not.toContain(value);
  });
});

describe("the body's headers and bytes", () => {
  test("a type given twice is a list", () => {
    expect(signed(body, { "content-type": "application/json, application/json" })).toMatchObject({
      kind: "departures",
    });
    expect(signed(body, { "content-type": "application/json;charset=utf-8,application/json" })).toMatchObject({
      kind: "departures",
    });
  });

  test.each([
    [{ "content-type": "text/xml" }, "415 Content-Type is text/xml: send application/json"],
    [{ "content-type": "application/json, text/html" }, "415 Content-Type is text/html: send application/json"],
    [{ "content-encoding": "gzip" }, "415 Content-Encoding is gzip: send the body as it is"],
    [{ "content-encoding": "identity, br" }, "415 Content-Encoding is br: send the body as it is"],
    [{ "content-encoding": "identity" }, "taken"],
    [{ "content-encoding": "" }, "taken"],
  ])("%j: %s", (headers, expected) => {
    expect(detailOf(() => signed(body, headers))).toBe(expected);
  });

  test("a body that was packed after it was signed is said to be packed", () => {
    const good = signApi(order, secret, { id: "m1", now });
    const packed = { ...toRequest(good), body: gzipSync(good.body) };
    const sent = (headers: object) => () =>
      readOrder({ ...packed, headers: { ...packed.headers, ...headers } }, context);
    expect(detailOf(sent({ "content-encoding": "gzip" }))).toBe("415 Content-Encoding is gzip: send the body as it is");
    expect(problemOf(sent({}))).toBe("unauthorized: signature");
  });

  test("a byte-order mark is taken", () => {
    expect(signed(`\ufeff${JSON.stringify(body)}`)).toMatchObject({ kind: "departures" });
  });

  test("what came as U+FFFD is said to be no UTF-8", () => {
    const good = signApi(order, secret, { id: "m1", now });
    const garbled = { ...good, body: good.body.replace("ou_1", "ou_\ufffd") };
    expect(detailOf(() => receive(garbled))).toBe("400 The body is not UTF-8: U+FFFD stands in it");
  });
});

describe("every refusal of an order's body names its field and what would do, and never the value", () => {
  const value = "zhang-secret";
  test.each([
    [{ userId: 123_456 }, "422 userId is a number: send a text. Allowed are ids like lark:…"],
    [{ userId: null }, "422 userId is null"],
    [{ userId: "" }, "422 userId is empty"],
    [{ userId: [value] }, "422 userId is a list"],
    [{ userId: value }, "422 userId has no provider before its id"],
    [{ userId: `okta:${value}` }, "422 userId: the provider is none of those allowed"],
    [{ userId: `LARK:${value}` }, "422 userId: write lark in small letters"],
    [{ userId: ` lark:${value}` }, "422 userId: the provider has white space around it"],
    [{ userId: "lark:" }, "422 userId: the id is empty"],
    [{ userId: `lark:${value} ` }, "422 userId: the id has white space at an end"],
    [{ userId: `lark:${value}\u00a0` }, "422 userId: the id has white space at an end"],
    [{ userId: `lark:${value}\r` }, "422 userId: the id has white space at an end"],
    [{ userId: `lark:${value}\u200b` }, "422 userId: the id has a control or invisible character at an end"],
    [{ userId: `lark:a ${value}` }, "422 userId: the id has white space in it"],
    [{ userId: `lark:a\u202e${value}` }, "422 userId: the id has a control or invisible character in it"],
    [{ userId: `lark:${value.repeat(20)}` }, "422 userId: the id is longer than 128 bytes"],
    [{ userId: `lark:lark:${value}` }, "422 userId: the id begins with a provider once more"],
    [{ userId: `lark:wechatwork:${value}` }, "422 userId: the id begins with a provider once more"],
    [{ provider: "lark", userIdInIdp: `Lark:${value}` }, "422 userIdInIdp begins with a provider once more"],
    [{ provider: "lark", userIdInIdp: 10_086 }, "422 userIdInIdp is a number: send a text"],
    [{ provider: "lark", userIdInIdp: null }, "422 userIdInIdp is null: send a text"],
    [{ provider: "lark", userIdInIdp: `${value}\n` }, "422 userIdInIdp has white space at an end"],
    [{ provider: "okta", userIdInIdp: value }, "422 provider: the provider is none of those allowed"],
    [{ provider: 1, userIdInIdp: value }, "400 provider is a number: send a text"],
    [{ provider: "lark" }, "400 userIdInIdp is missing"],
    [{ userIdInIdp: value }, "400 provider is missing"],
    [{}, "400 userId is missing"],
    [[value], "400 The body is a list: send a JSON object"],
    [`"${value}"`, "400 The body is a text: send a JSON object"],
    [{ ...body, provider: "lark", userIdInIdp: value }, "400 userId stands beside provider and userIdInIdp"],
    [{ ...body, occuredAt: value }, "400 There is no field occuredAt"],
    [{ ...body, reason: 1 }, "400 reason is a number: send a text of at most 500 characters"],
    [{ ...body, reason: { value } }, "400 reason is an object"],
    [{ ...body, reason: "x".repeat(501) }, "400 reason has 501 characters: at most 500 will do"],
    [{ ...body, propose: "yes" }, "400 propose is a text: send true or false"],
    [{ ...body, occurredAt: 1_795_485_600 }, "400 occurredAt is a number: send an ISO 8601 date and time"],
    [{ ...body, occurredAt: "1795485600" }, "400 occurredAt is a number in a text"],
    [{ ...body, occurredAt: "2026-11-24" }, "400 occurredAt is a date without a time"],
    [{ ...body, occurredAt: "2026-11-24T02:00:00" }, "400 occurredAt is a time without its offset"],
    [{ ...body, occurredAt: "2026-11-24 01:27:22+00:00" }, "400 occurredAt is a date and a time without the T"],
    [
      { ...body, occurredAt: "2026-11-24T02:00:00+08:00[Asia/Shanghai]" },
      "400 occurredAt is a time with the name of its zone in brackets",
    ],
    [{ ...body, occurredAt: "2026-11-24T02:00:00Z " }, "400 occurredAt is a text with white space at an end"],
    [{ ...body, occurredAt: "\n2026-11-24T02:00:00Z" }, "400 occurredAt is a text with white space at an end"],
    [{ ...body, occurredAt: "2026-11-24T02:00:00+08" }, "400 occurredAt is a time whose offset has another form"],
    [{ ...body, occurredAt: "2026-11-24T02:00:00\u22128:00" }, "400 occurredAt is a time whose offset has another"],
    [{ ...body, occurredAt: "2026-11-24T02:00:00 UTC" }, "400 occurredAt is a time whose offset has another form"],
    [{ ...body, occurredAt: "2026-11-24T02:00Z" }, "400 occurredAt is a time without its seconds"],
    [{ ...body, occurredAt: "2026-02-30T00:00:00Z" }, "400 occurredAt is no date and time that there is"],
    [{ ...body, occurredAt: "yesterday" }, "400 occurredAt is a text of another form"],
    [{ ...body, occurredAt: "0000-01-01T00:00:00+08:00" }, "422 occurredAt lies outside the years 2000 to 2100"],
    [{ ...body, occurredAt: "0001-01-01T00:00:00Z" }, "422 occurredAt lies outside the years 2000 to 2100"],
    [{ ...body, occurredAt: "1999-12-31T23:59:59Z" }, "422 occurredAt lies outside the years 2000 to 2100"],
    [{ ...body, occurredAt: "9999-12-31T23:59:59-08:00" }, "422 occurredAt lies outside the years 2000 to 2100"],
    [{ ...body, occurredAt: "2027-01-01T00:00:00Z" }, "422 occurredAt lies in the future"],
  ])("%j", (content, expected) => {
    const detail = detailOf(() => signed(content));
    expect(detail.slice(0, expected.length)).toBe(expected);
    expect(detail).not.toContain(value);
  });

  test.each([
    { reason: null, occurredAt: null },
    { reason: "", occurredAt: "" },
    { provider: null, userIdInIdp: null, propose: undefined },
    { provider: "", userIdInIdp: "" },
    { propose: null },
    { propose: "" },
  ])("what is optional may be %j", (more) => {
    const [departure] = (signed({ userId: "lark:ou_1", ...more }) as { departures: object[] }).departures;
    expect(departure).toMatchObject({ userId: "lark:ou_1", occurredAt: now });
    expect(departure).not.toHaveProperty("reason");
  });

  test.each(["2026-11-24T08:00:00+0800", "2026-11-24T08:00:00+08:00", "2026-11-23T16:00:00-0800"])(
    "%s is taken",
    (occurredAt) => {
      expect(signed({ ...body, occurredAt })).toMatchObject({
        departures: [{ occurredAt: new Date("2026-11-24T00:00:00Z") }],
      });
    },
  );

  test("half a character in a reason is made whole", () => {
    expect(signed('{"userId":"lark:ou_1","reason":"\\ud83d left"}')).toMatchObject({
      departures: [{ reason: "\ufffd left" }],
    });
  });

  test("a decision may leave out by null what it may leave out, and hears of the rest by name", async () => {
    const act = (content: object) => () =>
      ask(
        signApi({ method: "POST", path: "/x", body: content }, opsSecret, { now }),
        "POST /resignations/{id}/approve",
        "res_1",
      );
    const left = { operator: "alice", reason: null, userId: "", genauthUserId: null };
    expect(await act(left)()).toMatchObject({ act: { operator: "alice" } });
    expect(detailOf(act({}))).toBe("400 operator is missing: send a text");
    expect(detailOf(act({ operator: null }))).toBe("400 operator is null: send a text");
    expect(detailOf(act({ operator: "a".repeat(101) }))).toContain("400 operator is too long");
    expect(detailOf(act({ operator: "alice", reason: 1 }))).toBe("400 reason is a number: send a text");
    expect(detailOf(act({ operator: "alice", reason: "x".repeat(501) }))).toContain("400 reason has 501 characters");
    expect(detailOf(act({ operator: "alice", id: "res_2" }))).toBe("400 there is no field id here");
  });

  test("so does a list", () => {
    const list = (query: string) => () =>
      ask(signApi({ method: "GET", path: `/resignations?${query}` }, opsSecret, { now }), "GET /resignations");
    expect(detailOf(list("status=gone"))).toContain("400 status is none of ");
    expect(detailOf(list("limit=0"))).toContain("400 limit is too small");
    expect(detailOf(list("limit=x"))).toContain("400 limit is ");
    expect(detailOf(list("since=yesterday"))).toContain("400 since is a text of another form");
    // Before: 503 and an alarm, or a walk through every month since the year 0.
    for (const since of ["0000-01-01", "0000-01-01T00:00:00%2B08:00", "1999-12-31", "9999-12-31T23:59:59-12:00"]) {
      expect(detailOf(list(`since=${since}`))).toBe("400 since lies outside the years 2000 to 2100");
    }
    expect(detailOf(list("since=2000-01-01"))).toBe("taken");
    expect(detailOf(list("user=1"))).toBe("400 there is no field user here");
  });
});

interface Published {
  standardWebhooks: { secret: string; id: string; timestamp: string; body: string; signature: string }[];
}
const published = readVectors<Published>("others.json");
test.skipIf(!published)("the published Standard Webhooks answer is verified", () => {
  for (const vector of published?.standardWebhooks ?? []) {
    const headers = {
      "webhook-id": vector.id,
      "webhook-timestamp": vector.timestamp,
      "webhook-signature": vector.signature,
    };
    const request = toRequest({ method: "POST", path: "/resignations", headers, body: vector.body });
    const at = new Date(Number(vector.timestamp) * 1000);
    const given = { keys: { vendor: [vector.secret] }, settings: settings(), now: at };
    expect(problemOf(() => orders.routes["POST /resignations"]?.(request, given))).toBe("malformed");
    const forged = { ...request, body: Buffer.from(vector.body.replace("2432232314", "2432232315")) };
    expect(problemOf(() => orders.routes["POST /resignations"]?.(forged, given))).toBe("unauthorized: signature");
  }
});
