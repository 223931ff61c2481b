/** The whole way of a departure, from the signed request to GenAuth, over real AWS protocols. */
import { createHmac } from "node:crypto";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  larkDeleted,
  type SignedRequest,
  send,
  signApi,
  signLark,
  signWechatwork,
  signWechatworkCheck,
  wechatworkDeleted,
} from "../cli/sign.ts";
import type { Resignation } from "../lambda/resignation/resignation.ts";
import { isUnderWay } from "../lambda/resignation/status.ts";
import { connectResigner } from "../lambda/resigner.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
let stack: Awaited<ReturnType<typeof startStack>>;
let lines: string[] = [];

const keys = newKeys();
const wechatworkKeys = { ...keys.wechatwork, receiveId: "wwlocal" };
const retry = { firstDelaySeconds: 1, maxDelaySeconds: 1 };

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
beforeEach(() => genauth.reset());
afterEach(async () => {
  await stack?.close();
  const told = lines.join("\n");
  for (const secret of [
    keys.lark.encryptKey,
    keys.lark.verificationToken,
    keys.wechatwork.encodingAesKey,
    ...Object.values(keys.api),
    "local-access-key-secret",
    "Demo Lark",
    "local-token",
  ]) {
    expect(told).not.toContain(secret);
  }
  lines = [];
});
afterAll(async () => {
  await Promise.all([aws.close(), genauth.close()]);
});

async function start(settings: object = {}, more: Partial<Parameters<typeof startStack>[0]> = {}) {
  stack = await startStack({
    aws,
    genauth,
    keys,
    settings: { retry, genauth: { settleSeconds: 1 }, ...settings },
    writeLog: (line) => lines.push(line),
    ...more,
  });
}

const lark = (id: string, eventId?: string) =>
  signLark(
    larkDeleted({ open_id: id }, { token: keys.lark.verificationToken, ...(eventId && { eventId }) }),
    keys.lark,
  );
const order = (userId: string, more: { wait?: number; id?: string; body?: object; key?: string } = {}) =>
  signApi(
    {
      method: "POST",
      path: "/resignations",
      body: { userId, ...more.body },
      headers: more.wait ? { prefer: `wait=${more.wait}` } : {},
    },
    more.key ?? keys.api.zapier,
    more.id ? { id: more.id } : {},
  );
const get = (path: string, key = keys.api.ops) => send(signApi({ method: "GET", path }, key), stack.url);
const act = (id: string, name: string, { operator = "alice", key = keys.api.ops, requestId = "" } = {}) =>
  send(
    signApi(
      { method: "POST", path: `/resignations/${id}/${name}`, body: { operator } },
      key,
      requestId ? { id: requestId } : {},
    ),
    stack.url,
  );

async function status(request: SignedRequest) {
  const response = await send(request, stack.url);
  return response.status;
}

async function outcome(
  userId: string,
  until: (one: Resignation) => boolean = (one) => !isUnderWay(one),
): Promise<Resignation> {
  for (let tries = 0; tries < 150; tries += 1) {
    const [resignation] = (await stack.ledger.list({ userId, now: new Date(), limit: 1 })).items;
    if (resignation && until(resignation)) return resignation;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Nothing came of ${userId}`);
}

const calls = (userId: string) => genauth.calls().filter((call) => call.userId === userId);
const metrics = (name: string) => lines.filter((line) => (JSON.parse(line) as Record<string, unknown>)[name] === 1);

describe("accepted", () => {
  test("a departure of each source ends in one call to GenAuth", async () => {
    await start();
    expect(await status(lark("ou_demo_1"))).toBe(200);
    expect(await status(signWechatwork(wechatworkDeleted("demo_1", "wwlocal"), wechatworkKeys))).toBe(200);
    expect(await status(order("lark:ou_demo_2"))).toBe(202);
    for (const userId of ["lark:ou_demo_1", "wechatwork:demo_1", "lark:ou_demo_2"]) {
      const resigned = await outcome(userId);
      expect(resigned).toMatchObject({
        status: "resigned",
        attempts: 1,
        genauth: { requestId: expect.any(String), statusCode: 200 },
      });
      expect(calls(userId)).toMatchObject([{ userIdType: "sync_relation", statusCode: 200 }]);
    }
    const confirmed = await outcome(
      "lark:ou_demo_1",
      (one) => one.status === "resigned" && one.confirmedAt !== undefined,
    );
    expect(confirmed).toMatchObject({ person: { name: "Demo Lark 1" } });
  });

  test("an order that waits is answered with its outcome", async () => {
    await start();
    const response = await send(order("lark:ou_demo_1", { wait: 10 }), stack.url);
    expect(response.status).toBe(200);
    expect(response.headers.get("preference-applied")).toBe("wait=10");
    const body = (await response.json()) as { id: string };
    expect(body).toMatchObject({
      userId: "lark:ou_demo_1",
      source: "api",
      status: "resigned",
      requestedBy: "zapier",
      attempts: 1,
    });
    expect(response.headers.get("location")).toBe(`/resignations/${body.id}`);
    const found = await get(`/resignations/${body.id}`, keys.api.zapier);
    expect(await found.json()).toEqual(expect.objectContaining(body));
    expect((await get("/resignations/res_00000000000000000000000000000000")).status).toBe(404);
    expect((await get("/resignations/brake")).status).toBe(404);
  });

  test("an order that does not wait is told where to look", async () => {
    await start({}, { isPolling: false });
    const response = await send(order("lark:ou_demo_1"), stack.url);
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ status: "accepted", attempts: 0 });
    const waited = await send(order("lark:ou_demo_1", { wait: 1 }), stack.url);
    expect(waited.status).toBe(202);
    expect(waited.headers.get("preference-applied")).toBe("wait=1");
  });

  test("a repeat has no further effect", async () => {
    await start();
    const request = lark("ou_demo_1");
    for (let times = 0; times < 5; times += 1) expect(await status(request)).toBe(200);
    await outcome("lark:ou_demo_1");
    expect(await status(request)).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(calls("lark:ou_demo_1")).toHaveLength(1);
    expect((await stack.ledger.list({ userId: "lark:ou_demo_1", now: new Date(), limit: 10 })).items).toHaveLength(1);
  });

  test("the same id with another body is refused", async () => {
    await start();
    expect(await status(order("lark:ou_demo_1", { id: "m1" }))).toBe(202);
    const response = await send(order("lark:ou_demo_2", { id: "m1" }), stack.url);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: "id_reused" });
    expect(await status(order("lark:ou_demo_3", { id: "m1", key: keys.api.ops }))).toBe(202);
  });

  test("whoever reuses an id is told what it stands for, and what to do", async () => {
    await start();
    const first = await send(order("lark:ou_nobody", { id: "m1", wait: 10 }), stack.url);
    const { id } = (await first.json()) as { id: string };
    const response = await send(order("lark:ou_demo_1", { id: "m1" }), stack.url);
    expect([response.status, response.headers.get("location")]).toEqual([422, `/resignations/${id}`]);
    expect(await response.json()).toEqual({
      ...{ type: "about:blank", title: "This webhook-id was used before with another request", status: 422 },
      ...{ code: "id_reused", id, userId: "lark:ou_nobody", resignationStatus: "not_found" },
      detail: expect.stringMatching(/stands for lark:ou_nobody, which is not_found\. .* under a webhook-id of its own/),
    });
    // Whom it is about stands in the answer alone.
    expect(lines.join("\n")).not.toContain("ou_nobody");
    // Another caller's id of the same text is another id, and its answer tells nothing of this one.
    expect(await status(order("lark:ou_demo_1", { id: "m1", key: keys.api.ops }))).toBe(202);
    expect(calls("lark:ou_nobody")).toEqual([]);
  });

  test("a decision's id is good for one decision, and that is said", async () => {
    await start({ protected: ["lark:ou_demo_1", "lark:ou_demo_2"] });
    await Promise.all(["lark:ou_demo_1", "lark:ou_demo_2"].map((userId) => status(order(userId))));
    const [one, two] = [await outcome("lark:ou_demo_1"), await outcome("lark:ou_demo_2")];
    expect((await act(one.id, "cancel", { requestId: "d1" })).status).toBe(200);
    const response = await act(two.id, "cancel", { requestId: "d1" });
    expect([response.status, await response.json()]).toMatchObject([
      422,
      { code: "id_reused", detail: expect.stringContaining("every decision needs an id of its own") },
    ]);
  });

  test("nobody known is not_found, without a call", async () => {
    await start();
    expect(await status(lark("ou_nobody"))).toBe(200);
    expect(await outcome("lark:ou_nobody")).toMatchObject({ status: "not_found" });
    expect(calls("lark:ou_nobody")).toEqual([]);
  });

  test("somebody resigned already is not called for again", async () => {
    genauth.setStatus("lark:ou_demo_1", "Resigned");
    await start();
    expect(await status(lark("ou_demo_1"))).toBe(200);
    expect(await outcome("lark:ou_demo_1")).toMatchObject({
      status: "resigned",
      genauth: { message: "Resigned already" },
    });
    expect(calls("lark:ou_demo_1")).toEqual([]);
  });
});

describe("answers", () => {
  test("to the consoles' checks of the URL", async () => {
    await start();
    const check = { type: "url_verification", challenge: "abc", token: keys.lark.verificationToken };
    const larkAnswer = await send(signLark(check, keys.lark, new Date(), false), stack.url);
    expect([larkAnswer.status, await larkAnswer.json()]).toEqual([200, { challenge: "abc" }]);
    const wechatworkAnswer = await send(signWechatworkCheck("94966531020182955848408", wechatworkKeys), stack.url);
    expect([wechatworkAnswer.status, await wechatworkAnswer.text()]).toEqual([200, "94966531020182955848408"]);
  });

  test("are one identical 401 for every failed proof", async () => {
    await start();
    const other = newKeys();
    const forgeries = [
      signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: keys.lark.verificationToken }), other.lark),
      signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: "x" }), keys.lark),
      signLark(
        larkDeleted({ open_id: "ou_demo_1" }, { token: keys.lark.verificationToken }),
        keys.lark,
        new Date(),
        false,
      ),
      { method: "POST" as const, path: "/lark", headers: {}, body: "not json" },
      signWechatwork(wechatworkDeleted("demo_1", "wwlocal"), { ...wechatworkKeys, token: "x" }),
      signWechatwork(wechatworkDeleted("demo_1", "wwlocal"), {
        ...wechatworkKeys,
        encodingAesKey: other.wechatwork.encodingAesKey,
      }),
      signWechatwork(wechatworkDeleted("demo_1", "wwlocal"), { ...wechatworkKeys, receiveId: "other" }),
      { method: "GET" as const, path: "/wechatwork", headers: {}, body: "" },
      order("lark:ou_demo_1", { key: other.api.ops }),
    ];
    const answers = new Set<string>();
    for (const forgery of forgeries) {
      const response = await send(forgery, stack.url);
      answers.add(`${response.status} ${response.headers.get("content-type")} ${await response.text()}`);
    }
    expect([...answers]).toEqual([
      '401 application/problem+json {"type":"about:blank","title":"The request could not be verified","status":401,"code":"unauthorized"}',
    ]);
    // Two of them have no field of a proof: junk, which counts as nothing.
    expect(metrics("Refused")).toHaveLength(forgeries.length - 2);
    expect((await stack.ledger.list({ now: new Date(), limit: 10 })).items).toEqual([]);
    expect(genauth.calls()).toEqual([]);
  });

  test("name a header of the proof that is missing, and count nothing: it shows in the request alone", async () => {
    await start();
    const { "webhook-timestamp": _, ...headers } = order("lark:ou_demo_1").headers;
    const response = await send({ ...order("lark:ou_demo_1"), headers }, stack.url);
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { code: "bad_header", detail: "webhook-timestamp is missing: send seconds since 1970, digits alone" },
    ]);
    expect([...metrics("Refused"), ...metrics("Malformed")]).toEqual([]);
  });

  test("tell whoever signed rightly that their clock is wrong", async () => {
    await start();
    const past = new Date(Date.now() - 3_600_000);
    const late = signApi({ method: "POST", path: "/resignations", body: {} }, keys.api.zapier, { now: past });
    const response = await send(late, stack.url);
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { code: "clock_off", detail: expect.stringMatching(/^webhook-timestamp is 3,60\d s off, in the past/) },
    ]);
    expect(metrics("ClockDrift")).toHaveLength(1);
  });

  test("400 for a path that cannot be decoded", async () => {
    await start();
    for (const path of ["/%E0%A4%A", "/resignations/%E0%A4%A", "/resignations/%/cancel", "/lark%"]) {
      expect((await fetch(`${stack.url}${path}`)).status).toBe(400);
    }
  });

  test("400 for what is no UTF-8, whatever its type, and 202 for a byte-order mark", async () => {
    await start();
    const sign = (body: Buffer, type: string, id: string) => {
      const timestamp = String(Math.floor(Date.now() / 1000));
      const hmac = createHmac("sha256", Buffer.from(keys.api.zapier.slice("whsec_".length), "base64"));
      const signature = hmac.update(Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body])).digest("base64");
      const proof = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
      return fetch(`${stack.url}/resignations`, { method: "POST", headers: { "content-type": type, ...proof }, body });
    };
    const latin1 = Buffer.from('{"userId":"lark:ou_demo_1","reason":"caf\u00e9"}', "latin1");
    for (const [index, type] of ["application/json", "text/plain", "application/octet-stream"].entries()) {
      const response = await sign(latin1, type, `latin1-${index}`);
      expect([response.status, await response.json()]).toMatchObject([400, { detail: "The body is not UTF-8" }]);
    }
    const marked = Buffer.from('\ufeff{"userId":"lark:ou_demo_1"}');
    expect((await sign(marked, "application/json", "marked")).status).toBe(202);
  });

  test("404 of a source that is off, and 503 of one that is not filled in or wrong", async () => {
    await start({}, { keys: { lark: keys.lark } });
    expect(await status(order("lark:ou_demo_1"))).toBe(404);
    expect(await status(signWechatworkCheck("1", wechatworkKeys))).toBe(404);
    await stack.close();
    await start({}, { keys: { fillMeIn: "…" } });
    const response = await send(lark("ou_demo_1"), stack.url);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("10");
    expect(await response.json()).toMatchObject({ code: "keys_not_filled_in" });
    expect(metrics("KeysNotFilledIn")).toHaveLength(1);
  });

  test("413, 415, 422 and 400, with a code each", async () => {
    await start();
    const large = order("lark:ou_demo_1", { body: { reason: "x".repeat(300_000) } });
    const typed = {
      ...order("lark:ou_demo_1"),
      headers: { ...order("lark:ou_demo_1").headers, "content-type": "text/xml" },
    };
    const cases: [SignedRequest, number, string][] = [
      [large, 413, "too_large"],
      [
        signApi(
          {
            method: "POST",
            path: "/resignations",
            body: { userId: "lark:ou_demo_1" },
            headers: { "content-type": "text/xml" },
          },
          keys.api.zapier,
        ),
        415,
        "unsupported_media_type",
      ],
      [order("okta:1"), 422, "invalid_user_id"],
      [order("lark:ou_demo_1", { body: { extra: 1 } }), 400, "malformed"],
    ];
    expect(typed.body).toBeDefined();
    for (const [request, expected, code] of cases) {
      const response = await send(request, stack.url);
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([expected, code]);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
    }
  });

  test("401 until the secret has the new keys, then 200 without waiting for the cache", async () => {
    await start();
    expect(await status(lark("ou_demo_1"))).toBe(200);
    const next = newKeys();
    stack.putKeys({
      ...keys,
      lark: {
        encryptKey: [keys.lark.encryptKey, next.lark.encryptKey],
        verificationToken: keys.lark.verificationToken,
      },
    });
    const request = signLark(larkDeleted({ open_id: "ou_demo_2" }, { token: keys.lark.verificationToken }), next.lark);
    expect(await status(request)).toBe(401);
    await stack.close();
    await start(
      {},
      {
        keys: {
          ...keys,
          lark: {
            encryptKey: [keys.lark.encryptKey, next.lark.encryptKey],
            verificationToken: keys.lark.verificationToken,
          },
        },
      },
    );
    expect(await status(request)).toBe(200);
    expect(await status(lark("ou_demo_3"))).toBe(200);
  });
});

describe("GenAuth", () => {
  test("fails twice, then does it: three calls, one outcome", async () => {
    await start();
    genauth.fail({ mode: "500", count: 2 });
    expect(await status(lark("ou_demo_1"))).toBe(200);
    expect(await outcome("lark:ou_demo_1", (one) => one.status === "resigned")).toMatchObject({ attempts: 3 });
    expect(calls("lark:ou_demo_1").map(({ statusCode }) => statusCode)).toEqual([500, 500, 200]);
  });

  test("carries it out but the answer breaks off: we look, and do not call again", async () => {
    await start();
    genauth.fail({ mode: "cut", count: 1 });
    expect(await status(lark("ou_demo_1"))).toBe(200);
    expect(await outcome("lark:ou_demo_1", (one) => one.status === "resigned")).toMatchObject({
      genauth: { message: "Resigned already" },
    });
    expect(calls("lark:ou_demo_1")).toHaveLength(1);
  });

  test("throttles with Retry-After: we do not come sooner", async () => {
    await start();
    genauth.fail({ mode: "429", count: 1, retryAfterSeconds: 3 });
    expect(await status(lark("ou_demo_1"))).toBe(200);
    await outcome("lark:ou_demo_1", (one) => one.status === "resigned");
    const [first, second] = calls("lark:ou_demo_1").map(({ at }) => Date.parse(at));
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(3_000);
  });

  test("finds the token expired: it is exchanged anew, and the call repeated at once", async () => {
    await start();
    expect(await status(lark("ou_demo_1"))).toBe(200);
    await outcome("lark:ou_demo_1");
    genauth.expireTokens();
    expect(await status(lark("ou_demo_2"))).toBe(200);
    expect(await outcome("lark:ou_demo_2")).toMatchObject({ status: "resigned", attempts: 1 });
    expect(metrics("TokenRefused")).toEqual([]);
  });

  test("refuses the token: nothing is lost, it is told, and a new one is taken up", async () => {
    genauth.allowToken("good");
    await start({}, { token: { token: "expired" } });
    expect(await status(lark("ou_demo_1"))).toBe(200);
    const waiting = await outcome("lark:ou_demo_1", (one) => one.attempts > 0);
    expect(["accepted", "resigning"]).toContain(waiting.status);
    expect(metrics("TokenRefused").length).toBeGreaterThan(0);
    stack.putToken({ token: "good" });
    // The secret is read afresh at most once every 30 s; another function of the same stack reads it at once.
    const resigner = connectResigner(stack.environment, (line) => lines.push(line));
    await expect
      .poll(
        async () => {
          await resigner({ Records: [{ body: waiting.id, messageId: "m", receiptHandle: "r" }] as never });
          return (await stack.ledger.get(waiting.id))?.status;
        },
        { timeout: 15_000, interval: 500 },
      )
      .toBe("resigned");
    expect(calls("lark:ou_demo_1")).toHaveLength(1);
  });

  test("refuses for good: failed, a dead letter, and an operator's retry", async () => {
    genauth.fail({ mode: "none" });
    await start({ retry: { ...retry, giveUpAfterSeconds: 1 } });
    genauth.fail({ mode: "500" });
    expect(await status(lark("ou_demo_1"))).toBe(200);
    const failed = await outcome("lark:ou_demo_1", (one) => one.status === "failed");
    expect(failed.history.at(-1)).toMatchObject({ by: "resigner", status: "failed", why: "Gave up trying" });
    const { Messages } = await new SQSClient().send(new ReceiveMessageCommand({ QueueUrl: stack.deadLettersUrl }));
    expect(Messages?.map(({ Body }) => Body)).toEqual([failed.id]);
    genauth.fail({ mode: "none" });
    expect((await act(failed.id, "retry")).status).toBe(200);
    expect(await outcome("lark:ou_demo_1", (one) => one.status === "resigned")).toMatchObject({
      released: [{ from: "failed", by: "alice (ops)" }],
    });
  });
});
