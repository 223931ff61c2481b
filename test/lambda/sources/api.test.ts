import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Answer } from "../../../lambda/http.ts";
import { type Resignation, type SyncRelation, toResignation, view } from "../../../lambda/resignation.ts";
import { api, quarantine } from "../../../lambda/sources/api.ts";
import { type SignedRequest, signApi } from "../../../local/sign.ts";
import { newApiKeyPair, newApiSecret } from "../../../local/stack.ts";
import { now, problemOf, settings, toRequest } from "../../parts.ts";
import { readVectors } from "../../vectors.ts";

const secret = newApiSecret();
const opsSecret = newApiSecret();
const pair = newApiKeyPair();
const keys = { zapier: [newApiSecret(), secret], n8n: [pair.publicKey], ops: [opsSecret] };
const body = { userId: "lark:ou_1", reason: "left today" };
const order = { method: "POST" as const, path: "/resignations", body };

function receive(request: SignedRequest, route = "POST /resignations", at = now, id?: string) {
  const given = { keys, settings: settings({ operators: { api: ["ops"] } }), now: at };
  return api.routes[route]?.({ ...toRequest(request), id }, given);
}

const signed = (content: unknown, headers = {}) =>
  receive(signApi({ ...order, body: content, headers }, secret, { id: "m1", now }));

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
    expect((signed(body, { prefer }) as { waitSeconds?: number }).waitSeconds).toBe(expected);
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
    ["no signature", changed({ "webhook-signature": "" }), "unauthorized: webhook-signature form"],
    [
      "a signature without its version",
      changed({ "webhook-signature": signature.slice(3) }),
      "unauthorized: webhook-signature form",
    ],
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
    ["an id with a dot", signedAs("m.1", seconds), "unauthorized: webhook-id"],
    ["no id", signedAs("", seconds), "unauthorized: webhook-id"],
    ["a timestamp with a tail", signedAs("m1", `${seconds}abc`), "unauthorized: webhook-timestamp form"],
    [
      "a timestamp with a sign and a fraction",
      signedAs("m1", ` +${seconds}.9`),
      "unauthorized: webhook-timestamp form",
    ],
    ["a timestamp of 13 digits", signedAs("m1", `${seconds}000`), "unauthorized: webhook-timestamp form"],
    [
      "what is 301 s old",
      () => receive(good, undefined, new Date(now.getTime() + 301_000)),
      "unauthorized: webhook-timestamp",
    ],
    [
      "what is 301 s ahead",
      () => receive(good, undefined, new Date(now.getTime() - 301_000)),
      "unauthorized: webhook-timestamp",
    ],
  ])("is not %s", (_, act, expected) => {
    expect(problemOf(act)).toBe(expected);
  });

  test("holds for 5 minutes", () => {
    expect(receive(good, undefined, new Date(now.getTime() + 300_000))).toMatchObject({ kind: "departures" });
  });

  test("is over the raw bytes: other invalid UTF-8 is another body", () => {
    const bytes = (byte: number) =>
      Buffer.concat([Buffer.from('{"userId":"lark:'), Buffer.from([byte]), Buffer.from('"}')]);
    const hmac = createHmac("sha256", Buffer.from(secret.slice(6), "base64"));
    const digest = hmac.update(Buffer.concat([Buffer.from(`m1.${seconds}.`), bytes(0xff)])).digest("base64");
    const given = { keys, settings: settings(), now };
    const headers: Record<string, string> = { ...good.headers, "webhook-signature": `v1,${digest}` };
    const act = (byte: number) => () =>
      api.routes["POST /resignations"]?.({ ...toRequest(good), body: bytes(byte), headers }, given);
    expect(problemOf(act(0xff))).toBe("malformed");
    expect(problemOf(act(0xfe))).toBe("unauthorized: signature");
  });
});

describe("operators", () => {
  const act = (key: string, content: unknown, route = "POST /resignations/{id}/approve") =>
    receive(signApi({ method: "POST", path: "/x", body: content }, key, { id: "m1", now }), route, now, "res_1");
  const list = (query: string, key = opsSecret) =>
    receive(signApi({ method: "GET", path: `/resignations?${query}` }, key, { now }), "GET /resignations");

  test("act by name", () => {
    expect(act(opsSecret, { operator: "alice", reason: "known" })).toMatchObject({
      kind: "act",
      act: { name: "approve", id: "res_1", caller: "ops", operator: "alice", reason: "known", requestId: "ops/m1" },
    });
  });

  test("name one of the candidates where they approve, and nowhere else", () => {
    const named = { operator: "alice", genauthUserId: "u1", userId: "lark:ou_1" };
    expect(act(opsSecret, named)).toMatchObject({ act: { genauthUserId: "u1", userId: "lark:ou_1" } });
    for (const name of ["cancel", "retry", "acknowledge"]) {
      const route = `POST /resignations/{id}/${name}`;
      expect(problemOf(() => act(opsSecret, named, route))).toBe("malformed");
      expect(act(opsSecret, { operator: "alice" }, route)).toMatchObject({ act: { name } });
    }
  });

  test("name the hold that they answer where they approve, and nowhere else", () => {
    const named = { operator: "alice", heldFor: "stale" };
    expect(act(opsSecret, named)).toMatchObject({ act: { heldFor: "stale" } });
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

  test("list by status, person and time", () => {
    expect(list("status=held&userId=lark%3Aou_1&since=2026-11-01&limit=7&cursor=c")).toMatchObject({
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
  const answerOf = (received: ReturnType<typeof receive>, ...given: unknown[]) => {
    const { answer } = received as { answer: (...all: unknown[]) => Answer };
    const { statusCode, headers, body } = answer(...given);
    return { statusCode, headers, body: JSON.parse(body ?? "") };
  };

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
    const { statusCode, headers, body: shown } = answerOf(received, [taken]);
    expect([statusCode, shown]).toEqual([expected, JSON.parse(JSON.stringify(view(taken)))]);
    expect(headers).toMatchObject({ location: `/resignations/${taken.id}` });
    expect(headers?.["preference-applied"]).toBe(wait === undefined ? undefined : `wait=${wait}`);
    expect(shown).not.toHaveProperty("person");
  });

  test("one resignation: to operators with the person, to others without", () => {
    const find = (key: string) => {
      const request = signApi({ method: "GET", path: "/resignations/res_1" }, key, { now });
      const received = receive(request, "GET /resignations/{id}", now, "res_1");
      expect(received).toMatchObject({ kind: "find", id: "res_1" });
      return answerOf(received, resignation("accepted"));
    };
    expect(find(secret)).toMatchObject({ statusCode: 200, body: { userId: "lark:ou_1" } });
    expect(find(secret).body).not.toHaveProperty("person");
    expect(find(opsSecret).body).toMatchObject({ person: { name: "Zhang" }, history: [{ status: "accepted" }] });
    expect(find(opsSecret).body).not.toHaveProperty("version");
  });

  test("a page, and where the next one starts", () => {
    const received = receive(
      signApi({ method: "GET", path: "/resignations" }, opsSecret, { now }),
      "GET /resignations",
    );
    expect(received).toMatchObject({ query: { limit: 50, since: undefined }, cursor: undefined });
    expect(answerOf(received, [resignation("accepted")], undefined).body).toEqual({
      items: [expect.objectContaining({ person: { genauthUserId: "g1", name: "Zhang" } })],
    });
    expect(answerOf(received, [], "c").body).toEqual({ items: [], nextCursor: "c" });
  });

  test.each(["approve", "cancel", "retry", "acknowledge"])("to %s: the resignation as it is now", (name) => {
    const request = signApi({ method: "POST", path: "/x", body: { operator: "alice" } }, opsSecret, { id: "m1", now });
    const received = receive(request, `POST /resignations/{id}/${name}`, now, "res_1");
    expect(received).toMatchObject({ act: { name, id: "res_1" } });
    expect((received as { act: object }).act).not.toHaveProperty("reason");
    expect(answerOf(received, resignation("accepted"))).toMatchObject({
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
    [{ ...body, extra: 1 }, "The body must be"],
    [{ userId: "okta:1" }, "Allowed are ids like lark:…, lark-international:…, wechatwork:…"],
  ])("%j is told what is wrong", (content, detail) => {
    const act = () => signed(content);
    expect(act).toThrow(expect.objectContaining({ detail: expect.stringContaining(detail) }));
  });

  test("what an act or a list lacks is named", () => {
    const request = signApi({ method: "POST", path: "/x", body: { operator: "", more: 1 } }, opsSecret, { now });
    const act = () => receive(request, "POST /resignations/{id}/approve", now, "res_1");
    expect(act).toThrow(expect.objectContaining({ detail: expect.stringMatching(/operator: .+; body: /) }));
    const stranger = signApi({ method: "POST", path: "/x", body: { operator: "a" } }, secret, { now });
    const strange = () => receive(stranger, "POST /resignations/{id}/approve", now, "res_1");
    expect(strange).toThrow(expect.objectContaining({ detail: "zapier is not among operators.api" }));
  });

  test("what happened up to five minutes from now is taken: clocks differ", () => {
    const happened = (ms: number) => ({ userId: "lark:ou_1", occurredAt: new Date(now.getTime() + ms).toISOString() });
    expect(signed(happened(300_000))).toMatchObject({ kind: "departures" });
    expect(problemOf(() => signed(happened(300_001)))).toBe("occurred_in_future");
  });
});

describe("the quarantine", () => {
  const ask = (route: string, key: string, content?: unknown) => {
    const request = signApi(
      { method: content === undefined ? "GET" : "POST", path: "/quarantine", body: content },
      key,
      { now },
    );
    return quarantine.routes[route]?.(toRequest(request), {
      keys,
      settings: settings({ operators: { api: ["ops"] } }),
      now,
    });
  };

  test("is counted and verified again by operators alone", () => {
    expect(ask("GET /quarantine", opsSecret)).toEqual({ kind: "count" });
    expect(ask("POST /quarantine/reverify", opsSecret, {})).toEqual({ kind: "reverify", after: undefined });
    expect(ask("POST /quarantine/reverify", opsSecret, { after: "lark x" })).toEqual({
      kind: "reverify",
      after: "lark x",
    });
    expect(problemOf(() => ask("GET /quarantine", secret))).toBe("forbidden");
    expect(problemOf(() => ask("POST /quarantine/reverify", secret, {}))).toBe("forbidden");
    for (const odd of [{ before: "x" }, { after: 1 }, []]) {
      expect(problemOf(() => ask("POST /quarantine/reverify", opsSecret, odd))).toBe("malformed");
    }
    expect(quarantine.section).toBe("api");
  });

  test("gets the headers of a refused order's proof", () => {
    const headers = ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"];
    expect(api).toMatchObject({ section: "api", kept: { route: "POST /resignations", headers } });
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
    expect(problemOf(() => api.routes["POST /resignations"]?.(request, given))).toBe("malformed");
    const forged = { ...request, body: Buffer.from(vector.body.replace("2432232314", "2432232315")) };
    expect(problemOf(() => api.routes["POST /resignations"]?.(forged, given))).toBe("unauthorized: signature");
  }
});
