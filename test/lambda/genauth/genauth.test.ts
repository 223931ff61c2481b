import { existsSync, readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { fileURLToPath } from "node:url";
import { Ajv, type ValidateFunction } from "ajv";
import { ManagementClient } from "authing-node-sdk";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { byRelation, byUserId, createGenAuth, readAnswer } from "../../../lambda/genauth/genauth.ts";
import type { Token } from "../../../lambda/genauth/token.ts";
import { directoryNames } from "../../../lambda/resignation/source-names.ts";
import type { SyncRelation } from "../../../lambda/resignation/sync-relation.ts";
import { simulatorCredentials, startGenAuthSimulator } from "../../../local/genauth-simulator.ts";
import { type Listening, listen, readBody, sendJson, serve } from "../../../local/listen.ts";
import { fc, fewer } from "../../fast-check.ts";
import { now } from "../../parts.ts";

const simulator = await startGenAuthSimulator();
beforeEach(() => simulator.reset());
afterAll(() => simulator.close());

const { userPoolId, accessKeyId, accessKeySecret } = simulatorCredentials;
const demo = "lark:ou_demo_1" as SyncRelation;
const leaver = byRelation(demo);
const nobody = byRelation("lark:ou_nobody" as SyncRelation);
/** The user id under which the simulator knows the leaver. */
const idOfDemo = () => simulator.person(demo)?.userId ?? "";

function connect(secrets: (Token | { wrong: string })[] = [{ accessKeyId, accessKeySecret }], deadlineMs = 20_000) {
  let reads = 0;
  const secret = {
    read: async () => secrets[0] as Token,
    refresh: async () => {
      reads += 1;
      if (secrets.length > 1) secrets.shift();
      return true;
    },
  };
  const genauth = createGenAuth({ host: simulator.url, userPoolId, secret, now: () => new Date(), deadlineMs });
  return { genauth, reads: () => reads };
}

describe("what an answer means", () => {
  const success = z.object({ success: z.literal(true) });
  const tell = (body: unknown, httpStatus = 200, retryAfter: string | null = null) =>
    readAnswer({ httpStatus, retryAfter, body: typeof body === "string" ? body : JSON.stringify(body) }, success, now);
  const failing = (statusCode: number, apiCode?: number) => ({ statusCode, apiCode, message: "m", requestId: "r" });

  test("done is HTTP 200 and statusCode 200 and success", () => {
    const body = { statusCode: 200, message: "Success", requestId: "r", data: { success: true } };
    expect(tell(body)).toMatchObject({ kind: "done", answer: { statusCode: 200, requestId: "r", message: "Success" } });
    expect(tell(body, 500)).toMatchObject({ kind: "busy", inDoubt: true });
    expect(tell({ ...body, data: { success: false } })).toMatchObject({ kind: "busy", inDoubt: true });
    expect(tell({ ...body, data: undefined })).toMatchObject({ kind: "busy", inDoubt: true });
    expect(tell({ ...body, statusCode: "200" })).toMatchObject({ kind: "busy", inDoubt: true });
  });

  test.each([
    [404, undefined, "not_found"],
    [404, 2004, "not_found"],
    [403, 2004, "not_found"],
    [404, 2224, "busy"],
    [401, undefined, "token_refused"],
    [403, 2020, "token_refused"],
    [403, undefined, "refused"],
    [403, 2333, "refused"],
    [400, undefined, "refused"],
    [402, 4021, "refused"],
    [409, undefined, "refused"],
    [413, undefined, "refused"],
    [422, undefined, "refused"],
    [429, undefined, "busy"],
    [499, undefined, "busy"],
    [500, undefined, "busy"],
    [501, undefined, "busy"],
    [503, undefined, "busy"],
    [601, undefined, "busy"],
    [603, undefined, "busy"],
    [777, 9999, "busy"],
  ])("statusCode %i with apiCode %s is %s", (statusCode, apiCode, kind) => {
    expect(tell(failing(statusCode, apiCode)).kind).toBe(kind);
  });

  test.each([
    ["a page", "<html>502</html>", 502],
    ["nothing", "", 200],
    ["half an answer", '{"statusCode":20', 200],
    ["another JSON", "[]", 200],
    ["a page that is not there", { statusCode: 404, message: "Cannot POST /api/v3/resign-user" }, 404],
  ])("%s is busy, and in doubt", (_, body, httpStatus) => {
    expect(tell(body, httpStatus)).toMatchObject({ kind: "busy", inDoubt: true });
  });

  test("throttled says when to come back, if it does, and was not carried out", () => {
    expect(tell(failing(429), 429)).toEqual({ kind: "busy", inDoubt: false, answer: expect.anything() });
    expect(tell(failing(429), 429, "17")).toMatchObject({ retryAfterSeconds: 17 });
    expect(tell(failing(429), 429, new Date(now.getTime() + 90_000).toUTCString())).toMatchObject({
      retryAfterSeconds: 90,
    });
    expect(tell(failing(429), 429, "soon")).not.toHaveProperty("retryAfterSeconds");
    expect(tell(failing(429), 429, "-5")).not.toHaveProperty("retryAfterSeconds");
  });

  test("is recorded with GenAuth's own codes, and nothing that it did not say", () => {
    const refused = tell({ statusCode: 403, apiCode: 2333, message: "m", requestId: "r" });
    expect(refused).toEqual({
      kind: "refused",
      answer: { statusCode: 403, apiCode: 2333, message: "m", requestId: "r" },
    });
    expect(tell({ statusCode: 403 })).toStrictEqual({ kind: "refused", answer: { statusCode: 403 } });
    expect(tell("<html>", 502).answer).toEqual({ message: "GenAuth answered HTTP 502, unreadable" });
  });

  test("of a Retry-After that is no time, nothing is made", () => {
    for (const odd of ["17s", "x17", "0", "1e3", ""]) {
      expect([odd, tell(failing(429), 429, odd)]).toEqual([
        odd,
        { kind: "busy", inDoubt: false, answer: expect.anything() },
      ]);
    }
  });

  test("of any kind is an outcome, and done only where it says success in each of its three ways", () => {
    const code = fc.oneof(fc.constantFrom(200, 400, 401, 404, 429, 500, 601), fc.integer());
    const frame = fc.record(
      { statusCode: fc.oneof(code, fc.jsonValue()), apiCode: fc.oneof(code, fc.jsonValue()), data: fc.jsonValue() },
      { requiredKeys: [] },
    );
    const likely = fc.record({
      statusCode: code,
      data: fc.record({ success: fc.oneof(fc.boolean(), fc.jsonValue()) }),
    });
    const body = fc.oneof(fc.string(), fc.json(), frame.map(JSON.stringify), likely.map(JSON.stringify));
    fc.assert(
      fc.property(
        body,
        fc.constantFrom(200, 204, 302, 404, 502),
        fc.option(fc.string()),
        (text, httpStatus, retryAfter) => {
          const outcome = tell(text, httpStatus, retryAfter);
          expect(["done", "not_found", "refused", "token_refused", "busy"]).toContain(outcome.kind);
          if (outcome.kind !== "done") return;
          expect(JSON.parse(text)).toMatchObject({ statusCode: 200, data: { success: true } });
          expect(httpStatus).toBe(200);
        },
      ),
      { numRuns: fewer(2_000) },
    );
  });

  test("a long message is cut", () => {
    expect(tell({ ...failing(500), message: "x".repeat(1_000) }).answer.message).toHaveLength(200);
  });
});

describe("a call", () => {
  test("resigns by sync relation, flat and with the pool's header", async () => {
    const { genauth } = connect();
    expect(await genauth.resign(leaver)).toMatchObject({
      kind: "done",
      answer: { statusCode: 200, requestId: expect.any(String) },
    });
    expect(simulator.calls()).toMatchObject([
      { path: "/api/v3/resign-user", userId: demo, userIdType: "sync_relation" },
    ]);
    expect(await genauth.look(leaver)).toMatchObject({
      kind: "done",
      data: { status: "Resigned", name: "Demo Lark 1" },
    });
    expect(await genauth.resign(nobody)).toMatchObject({ kind: "not_found" });
  });

  test("resigns and looks by user id as well", async () => {
    const { genauth } = connect();
    const named = byUserId(idOfDemo());
    expect(await genauth.look(named)).toMatchObject({ kind: "done", data: { userId: idOfDemo() } });
    expect(await genauth.resign(named)).toMatchObject({ kind: "done" });
    expect(simulator.calls()).toMatchObject([named]);
    expect(simulator.person(demo)?.status).toBe("Resigned");
    expect(await genauth.look(byUserId(demo))).toMatchObject({ kind: "not_found" });
  });

  test("lists every sync relation of a user, by whichever name", async () => {
    simulator.addUsers([{ relations: [demo, "wechatwork:a:b"] }]);
    const { genauth } = connect();
    for (const named of [leaver, byUserId(idOfDemo()), byRelation("wechatwork:a:b" as SyncRelation)]) {
      expect(await genauth.relations(named)).toMatchObject({ kind: "done", data: [demo, "wechatwork:a:b"] });
    }
    expect(await genauth.relations(nobody)).toMatchObject({ kind: "not_found" });
  });

  test("says when GenAuth's clock was read, and the user's status since when", async () => {
    const { genauth } = connect();
    const looked = await genauth.look(leaver);
    expect(looked).toMatchObject({ kind: "done", data: { userId: idOfDemo(), statusChangedAt: expect.any(String) } });
    const serverDate = looked.kind === "done" ? looked.serverDate : undefined;
    expect(Math.abs(Date.parse(serverDate ?? "") - Date.now())).toBeLessThan(10_000);
  });

  test("that changes a status gives back the moment that it left", async () => {
    const { genauth } = connect();
    const suspended = await genauth.setStatus(idOfDemo(), "Suspended");
    const { statusChangedAt, status } = simulator.person(demo) ?? {};
    expect(status).toBe("Suspended");
    expect(suspended).toMatchObject({ kind: "done", data: { statusChangedAt } });
    expect(await genauth.setStatus(idOfDemo(), "Activated")).toMatchObject({ kind: "done" });
    expect(simulator.person(demo)?.status).toBe("Activated");
    expect(simulator.changes()).toMatchObject([{ by: "us" }, { by: "us" }]);
    // By its user id alone: a sync relation is none.
    expect(await genauth.setStatus(demo, "Suspended")).toMatchObject({ kind: "not_found" });
  });

  test("suspends, ends sessions and counts heads", async () => {
    const { genauth } = connect();
    const everybody = 500 * directoryNames.length;
    expect(await genauth.headcount()).toMatchObject({ kind: "done", data: { totalCount: everybody } });
    expect(await genauth.setStatus(idOfDemo(), "Suspended")).toMatchObject({ kind: "done" });
    expect(await genauth.headcount()).toMatchObject({ kind: "done", data: { totalCount: everybody - 1 } });
    expect(await genauth.endSessions(idOfDemo(), ["app1"])).toMatchObject({ kind: "done" });
    expect(simulator.kicked()).toEqual([{ userId: demo, appIds: ["app1"] }]);
  });

  test.each(["500", "http500", "429", "hang", "cut", "garbage"] as const)("that meets %s is busy", async (mode) => {
    simulator.fail({ mode, count: 1 });
    const { genauth } = connect(undefined, mode === "hang" ? 2_000 : undefined);
    expect(await genauth.resign(leaver)).toMatchObject({ kind: "busy" });
    // A call that was cut was carried out: GenAuth refuses the second one.
    expect(await genauth.resign(leaver)).toMatchObject({ kind: mode === "cut" ? "refused" : "done" });
  });

  test("that nobody answers is busy", async () => {
    const secret = { read: async () => ({ token: "t" }), refresh: async () => false };
    const gone = await startGenAuthSimulator();
    await gone.close();
    const genauth = createGenAuth({ host: gone.url, userPoolId, secret, now: () => now });
    expect(await genauth.resign(leaver)).toMatchObject({
      kind: "busy",
      answer: { message: "No answer from GenAuth: ECONNREFUSED" },
    });
  });
});

describe("the token", () => {
  test("of a key pair is exchanged once, and anew when it was refused", async () => {
    const { genauth } = connect();
    await genauth.look(leaver);
    simulator.expireTokens();
    expect(await genauth.resign(leaver)).toMatchObject({ kind: "done" });
    expect(simulator.calls().map(({ statusCode }) => statusCode)).toEqual([401, 200]);
  });

  test("that was refused is read afresh once", async () => {
    simulator.allowToken("new");
    const { genauth, reads } = connect([{ token: "old" }, { token: "new" }]);
    expect(await genauth.resign(leaver)).toMatchObject({ kind: "done" });
    expect(reads()).toBe(1);
  });

  test("that stays refused is told as refused", async () => {
    const { genauth } = connect([{ token: "old" }]);
    expect(await genauth.resign(leaver)).toMatchObject({ kind: "token_refused" });
    expect(simulator.calls()).toHaveLength(2);
    const wrongPair = connect([{ accessKeyId, accessKeySecret: "wrong" }]);
    expect(await wrongPair.genauth.resign(leaver)).toMatchObject({ kind: "token_refused" });
  });

  test("that is not filled in is told as that, without a call", async () => {
    const { genauth } = connect([{ wrong: "the secret still holds the placeholder" }]);
    expect(await genauth.resign(leaver)).toMatchObject({
      kind: "token_refused",
      answer: { message: expect.stringContaining("placeholder") },
    });
    expect(simulator.calls()).toEqual([]);
  });
});

describe("over the wire", () => {
  interface Heard {
    method: string | undefined;
    headers: IncomingHttpHeaders;
    body: string;
  }
  const heard: Heard[] = [];
  let answers: { status?: number; headers?: Record<string, string>; body: object }[] = [];
  const success = { statusCode: 200, message: "Success", data: { success: true } };
  const server = serve(async (request, response) => {
    const body = (await readBody(request))?.toString() ?? "";
    heard.push({ method: request.method, headers: request.headers, body });
    const { status = 200, headers, body: answer } = answers.shift() ?? { body: success };
    sendJson(response, status, answer, headers);
  });
  let listening: Listening;
  let nowMs = now.getTime();
  beforeAll(async () => {
    listening = await listen(server, 0);
  });
  beforeEach(() => {
    heard.length = 0;
    answers = [];
    nowMs = now.getTime();
  });
  afterAll(() => listening.close());

  type Secret = Parameters<typeof createGenAuth>[0]["secret"];
  const ask = (secret: Secret) =>
    createGenAuth({ host: listening.url, userPoolId: "pool", secret, now: () => new Date(nowMs) });
  const withToken: Secret = { read: async () => ({ token: "t" }), refresh: async () => false };
  const withPair: Secret = { ...withToken, read: async () => ({ accessKeyId: "id", accessKeySecret: "secret" }) };
  const given = { body: { statusCode: 200, data: { access_token: "a", expires_in: 7_200 } } };

  test("a call says who asks for which pool, in English; only one with a body says that it is JSON", async () => {
    const genauth = ask(withToken);
    await genauth.resign(leaver);
    await genauth.look(leaver);
    const common = { authorization: "Bearer t", "x-authing-userpool-id": "pool", "x-authing-lang": "en-US" };
    expect(heard[0]).toMatchObject({ method: "POST", headers: { ...common, "content-type": "application/json" } });
    expect(heard[0]?.body).toBe('{"userId":"lark:ou_demo_1","userIdType":"sync_relation"}');
    expect(heard[1]).toMatchObject({ method: "GET", headers: common, body: "" });
    expect(heard[1]?.headers).not.toHaveProperty("content-type");
  });

  test("a redirect is not followed", async () => {
    answers = [{ status: 307, headers: { location: `${listening.url}/elsewhere` }, body: {} }];
    expect(await ask(withToken).resign(leaver)).toMatchObject({ kind: "busy", inDoubt: true });
    expect(heard).toHaveLength(1);
  });

  test("a given token that is refused is not tried again, unless the secret has another", async () => {
    const refused = { body: { statusCode: 401, message: "m" } };
    answers = [refused, refused];
    expect(await ask(withToken).resign(leaver)).toMatchObject({ kind: "token_refused" });
    expect(heard).toHaveLength(1);
    heard.length = 0;
    answers = [refused];
    const failing = { ...withToken, refresh: () => Promise.reject(new Error("no answer")) };
    expect(await ask(failing).resign(leaver)).toMatchObject({ kind: "token_refused" });
    expect(heard).toHaveLength(1);
  });

  test("a token is exchanged again five minutes before it expires", async () => {
    const genauth = ask(withPair);
    answers = [given];
    await genauth.resign(leaver);
    expect(heard[0]?.body).toBe('{"accessKeyId":"id","accessKeySecret":"secret"}');
    expect(heard[0]?.headers).not.toHaveProperty("authorization");
    nowMs += 6_899_999;
    await genauth.resign(leaver);
    expect(heard).toHaveLength(3);
    nowMs += 1;
    answers = [given];
    await genauth.resign(leaver);
    expect(heard).toHaveLength(5);
  });

  test("those who ask at once share one exchange, and so do those who come when it failed", async () => {
    const genauth = ask(withPair);
    const exchanges = () => heard.filter(({ headers }) => headers.authorization === undefined).length;
    answers = [{ body: { statusCode: 500, message: "m" } }];
    const failed = await Promise.all([genauth.ready(), genauth.resign(leaver), genauth.look(leaver)]);
    expect(failed.map(({ kind }) => kind)).toEqual(["busy", "busy", "busy"]);
    expect(heard).toHaveLength(1);

    answers = [given];
    await Promise.all(Array.from({ length: 20 }, () => genauth.resign(leaver)));
    expect(exchanges()).toBe(2);
    expect(heard).toHaveLength(22);
    await genauth.ready();
    expect(exchanges()).toBe(2);
  });

  test("once the token is at hand, a call sends one request", async () => {
    const genauth = ask(withPair);
    answers = [given];
    expect(await genauth.ready()).toMatchObject({ kind: "done" });
    expect(heard).toHaveLength(1);
    expect(await genauth.resign(leaver)).toMatchObject({ kind: "done" });
    expect(heard).toHaveLength(2);
  });

  test("where no token is to be had, nothing was done", async () => {
    answers = [{ body: { statusCode: 500, message: "m" } }];
    expect(await ask(withPair).resign(leaver)).toMatchObject({ kind: "busy", inDoubt: false });
    const unreadable = {
      ...withToken,
      read: () => Promise.reject(Object.assign(new Error("x"), { code: "ECONNRESET" })),
    };
    expect(await ask(unreadable).resign(leaver)).toEqual({
      kind: "busy",
      inDoubt: false,
      answer: { message: "The token's secret: ECONNRESET" },
    });
  });
});

test("authing-node-sdk's ManagementClient works against the simulator", async () => {
  const client = new ManagementClient({ accessKeyId, accessKeySecret, host: simulator.url });
  const resigned = await client.resignUser({ userId: demo, userIdType: "sync_relation" as never });
  expect(resigned).toMatchObject({ statusCode: 200, data: { success: true } });
  expect(simulator.person(demo)?.status).toBe("Resigned");
  const wrong = new ManagementClient({ accessKeyId, accessKeySecret: "wrong", host: simulator.url });
  expect(await wrong.resignUser({ userId: demo })).toMatchObject({ statusCode: 401, apiCode: 2020 });
});

const document = fileURLToPath(new URL("../../../../shared/protocols/genauth-openapi.json", import.meta.url));
describe.skipIf(!existsSync(document))("the vendor's own document", () => {
  const read = () => JSON.parse(readFileSync(document, "utf8")) as { paths: Record<string, unknown> };
  const validator = (schema: string): ValidateFunction => {
    const ajv = new Ajv({ strict: false, formats: { "date-time": true } });
    ajv.addSchema(read(), "genauth");
    return ajv.compile({ $ref: `genauth#/components/schemas/${schema}` });
  };
  const calls: { path: string; body: unknown; reply: unknown }[] = [];

  test.each([
    ["resign", "ResignUserReqDto", "ResignUserRespDto"],
    ["look", undefined, "UserSingleRespDto"],
    ["relations", undefined, "SyncRelationListRespDto"],
    ["suspend", "UpdateUserReqDto", "UserSingleRespDto"],
    ["endSessions", "KickUsersDto", "IsSuccessRespDto"],
    ["headcount", undefined, "UserPaginatedRespDto"],
    ["token", "GetManagementAccessTokenDto", "GetManagementTokenRespDto"],
  ])("describes what %s sends, and what the simulator answers", async (name, requestSchema, replySchema) => {
    const real = globalThis.fetch;
    calls.length = 0;
    globalThis.fetch = async (url, init) => {
      const response = await real(url, init);
      const reply: unknown = await response.clone().json();
      calls.push({ path: new URL(String(url)).pathname, body: init?.body && JSON.parse(String(init.body)), reply });
      return response;
    };
    const { genauth } = connect();
    const acts: Record<string, () => Promise<unknown>> = {
      resign: () => genauth.resign(leaver),
      look: () => genauth.look(leaver),
      relations: () => genauth.relations(leaver),
      suspend: () => genauth.setStatus(idOfDemo(), "Suspended"),
      endSessions: () => genauth.endSessions(idOfDemo(), ["app"]),
      headcount: () => genauth.headcount(),
      token: () => genauth.look(leaver),
    };
    await acts[name]?.();
    globalThis.fetch = real;
    const call = name === "token" ? calls[0] : calls[1];
    expect(Object.keys(read().paths)).toContain(call?.path);
    if (requestSchema) {
      const isRequest = validator(requestSchema);
      expect(isRequest(call?.body), JSON.stringify(isRequest.errors)).toBe(true);
    }
    const isReply = validator(replySchema);
    expect(isReply(call?.reply), JSON.stringify(isReply.errors)).toBe(true);
  });
});
