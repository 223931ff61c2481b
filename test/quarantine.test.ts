/** What was refused while a key was wrong is not lost (DESIGN §3, promise 11). */
import { DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createQuarantine, slotsOf } from "../lambda/quarantine.ts";
import { lark } from "../lambda/sources/lark.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import {
  larkDeleted,
  type SignedRequest,
  send,
  signApi,
  signLark,
  signWechatwork,
  wechatworkDeleted,
} from "../local/sign.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { toRequest } from "./parts.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
let stack: Awaited<ReturnType<typeof startStack>>;
let lines: string[] = [];

const keys = newKeys();
const wrongKeys = { ...newKeys(), api: { ...newKeys().api, ops: keys.api.ops } };

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
beforeEach(() => {
  genauth.reset();
  lines = [];
});
afterEach(() => stack.close());
afterAll(async () => {
  await Promise.all([aws.close(), genauth.close()]);
});

const start = async (given: object = wrongKeys, settings: object = {}) => {
  stack = await startStack({ aws, genauth, keys: given, settings, writeLog: (line) => lines.push(line) });
};

const fromLark = (id: string) =>
  signLark(larkDeleted({ open_id: id }, { token: keys.lark.verificationToken }), keys.lark);
const fromWechatwork = (id: string) =>
  signWechatwork(wechatworkDeleted(id, "wwlocal"), { ...keys.wechatwork, receiveId: "wwlocal" });
const fromZapier = (id: string) =>
  signApi({ method: "POST", path: "/resignations", body: { userId: `lark:${id}` } }, keys.api.zapier);

const asOps = async (method: "GET" | "POST", path: string, body?: object) => {
  const response = await send(signApi({ method, path, body }, keys.api.ops), stack.url);
  return { status: response.status, body: (await response.json()) as never };
};

async function reverify() {
  const total = { looked: 0, verified: 0, departures: 0 };
  let after: string | undefined;
  do {
    const { body } = await asOps("POST", "/quarantine/reverify", { after });
    const page = body as typeof total & { next?: string };
    for (const name of ["looked", "verified", "departures"] as const) total[name] += page[name];
    after = page.next;
  } while (after);
  return total;
}

const kept = async () => {
  const { Items = [] } = await new DynamoDBClient().send(
    new ScanCommand({ TableName: stack.environment.QUARANTINE_TABLE, ConsistentRead: true }),
  );
  return Items.filter(({ slot }) => slot?.S?.includes(" "));
};

/** The functions notice other keys half a minute after they last looked: here by starting anew. */
async function mendKeys() {
  const { QUARANTINE_TABLE: table, LEDGER_TABLE: ledger } = stack.environment;
  await stack.close();
  stack = await startStack({
    aws,
    genauth,
    keys,
    writeLog: (line) => lines.push(line),
    tables: { ledger, quarantine: table },
  });
}

const metrics = () => lines.flatMap((line) => JSON.parse(line)._aws?.CloudWatchMetrics[0].Metrics[0].Name ?? []);

async function sendAll(requests: SignedRequest[]) {
  for (let start = 0; start < requests.length; start += 20) {
    const answers = await Promise.all(requests.slice(start, start + 20).map((one) => send(one, stack.url)));
    for (const { status } of answers) expect(status).toBe(401);
  }
}

const people = Array.from({ length: 30 }, (_, index) => index + 1);

describe("keys were wrong, and are mended", () => {
  test("all who left meanwhile are in the ledger, each once, and none is called before an operator released it", async () => {
    await start();
    const requests = [
      ...people.map((n) => fromLark(`ou_demo_${n}`)),
      ...people.map((n) => fromWechatwork(`demo_${n}`)),
      ...people.map((n) => fromZapier(`ou_demo_${n + 100}`)),
    ];
    // WeCom and Lark repeat what was refused.
    await sendAll([...requests, ...requests.slice(0, 5)]);
    await mendKeys();

    expect(await reverify()).toMatchObject({ looked: 95, verified: 95, departures: 95 });
    const { items } = await stack.ledger.list({ status: "accepted", now: new Date(), limit: 100 });
    await expect
      .poll(async () => (await stack.ledger.list({ status: "held", now: new Date(), limit: 100 })).items.length, {
        timeout: 20_000,
      })
      .toBe(90);
    const held = (await stack.ledger.list({ status: "held", now: new Date(), limit: 100 })).items;
    expect(items.length).toBeLessThanOrEqual(90);
    expect(new Set(held.map(({ userId }) => userId)).size).toBe(90);
    for (const one of held) expect(one).toMatchObject({ heldFor: "reverified" });
    expect(genauth.calls()).toEqual([]);
    expect(await reverify()).toMatchObject({ looked: 0 });

    const [first] = held.filter(({ userId }) => userId === "lark:ou_demo_1");
    await asOps("POST", `/resignations/${first?.id}/approve`, { operator: "alice" });
    await expect.poll(() => genauth.calls().length, { timeout: 10_000 }).toBe(1);
  });

  test("a flood of 10,000 forgeries costs bounded storage, and none of the 30 that came first or last", async () => {
    await start();
    const forged = signLark(larkDeleted({ open_id: "ou_forged" }, { token: "no token" }), { encryptKey: "no key" });
    await sendAll(people.map((n) => fromLark(`ou_demo_${n}`)));
    await sendAll(Array.from({ length: 10_000 }, () => forged));
    await sendAll(people.map((n) => fromLark(`ou_demo_${n + 100}`)));

    // An hour may have turned meanwhile.
    expect((await kept()).length).toBeLessThanOrEqual(200);
    await mendKeys();
    expect(await reverify()).toMatchObject({ verified: 60, departures: 60 });
  }, 120_000);

  test("the sender sees the same 401, whether it is kept or not", async () => {
    await start();
    const answers = await Promise.all(
      [fromLark("ou_demo_1"), { ...fromLark("ou_demo_1"), headers: {}, body: "garbage" }].map((one) =>
        send(one, stack.url),
      ),
    );
    const [one, other] = await Promise.all(
      answers.map(async (answer) => ({ status: answer.status, body: await answer.text() })),
    );
    expect(one).toEqual(other);
    expect(await kept()).toHaveLength(1);
  });
});

test("what no key could ever verify takes no place", async () => {
  await start(keys);
  const { method, path, headers } = fromWechatwork("demo_1");
  const hopeless = [
    { method, path: "/wechatwork", headers, body: "<xml></xml>" },
    { method, path: path.replace("nonce", "other"), headers, body: "no xml" },
    { method, path: "/lark", headers: {}, body: "no json" },
    { method, path: "/lark", headers: { "x-lark-signature": "short" }, body: "{}" },
    { method, path: "/resignations", headers: {}, body: "{}" },
  ] as SignedRequest[];
  await sendAll(hopeless);
  expect(await kept()).toEqual([]);
  // A query that may be WeCom's, around an envelope that nobody knows: it may have another form some day.
  await sendAll([{ method, path, headers, body: '{"encrypt":"x"}' }]);
  expect(await kept()).toHaveLength(1);
});

test("operators see counts by source and reason, and nobody else does", async () => {
  await start();
  await sendAll([fromLark("ou_demo_1"), fromLark("ou_demo_2"), fromZapier("ou_demo_3")]);
  const { status, body } = await asOps("GET", "/quarantine");
  expect(status).toBe(200);
  const { items } = body as { items: { source: string; reasons: object }[] };
  expect(items.map(({ source, reasons }) => [source, reasons])).toEqual([
    ["lark", { signature: 2 }],
    ["api", { signature: 1 }],
  ]);
  expect(JSON.stringify(body)).not.toContain("ou_demo");
  const stranger = { method: "GET", path: "/quarantine" } as const;
  expect((await send(signApi(stranger, wrongKeys.api.deputy), stack.url)).status).toBe(200);
  expect((await send(signApi(stranger, wrongKeys.api.zapier), stack.url)).status).toBe(403);
  expect((await send(signApi(stranger, keys.api.zapier), stack.url)).status).toBe(401);
  expect((await asOps("POST", "/quarantine/reverify", { after: "mars" })).status).toBe(400);
});

test("a section that is wrong in the secret keeps what comes until it is mended", async () => {
  await start({ ...keys, wechatwork: { ...keys.wechatwork, encodingAesKey: "too short" } });
  expect((await send(fromWechatwork("demo_1"), stack.url)).status).toBe(503);
  await mendKeys();
  expect(await reverify()).toMatchObject({ verified: 1, departures: 1 });
});

test("a departure without the configured id is kept and alarmed, and taken when the setting is mended", async () => {
  await start(keys, { lark: { userIdField: "union_id" } });
  const event = larkDeleted({ open_id: "ou_demo_1" }, { token: keys.lark.verificationToken });
  expect((await send(signLark(event, keys.lark), stack.url)).status).toBe(200);
  expect(metrics()).toContain("UnusableDeparture");
  expect(await reverify()).toMatchObject({ looked: 1, verified: 0 });
  await mendKeys();
  expect(await reverify()).toMatchObject({ verified: 1, departures: 1 });
});

test("what is authentic and cannot be read is kept, each once, and alarmed", async () => {
  await start(keys);
  const event = {
    schema: "2.0",
    header: { token: keys.lark.verificationToken, event_type: "contact.user.deleted_v3" },
  };
  const unreadable = signLark(event, keys.lark);
  for (const _ of [1, 2]) expect((await send(unreadable, stack.url)).status).toBe(200);
  const xml = signWechatwork("<xml><Event>change_contact", { ...keys.wechatwork, receiveId: "wwlocal" });
  expect((await send(xml, stack.url)).status).toBe(200);
  expect(metrics().filter((name) => name === "Malformed")).toHaveLength(1);
  expect(metrics().filter((name) => name === "UnusableDeparture")).toHaveLength(2);
  expect(await kept()).toHaveLength(2);
  expect(await reverify()).toMatchObject({ looked: 2, verified: 0 });
});

test("a source that worked until lately and fails now raises its own alarm, once an hour", async () => {
  await start(keys);
  expect((await send(fromLark("ou_demo_1"), stack.url)).status).toBe(200);
  const forged = signLark(larkDeleted({ open_id: "ou_demo_2" }, { token: "other" }), { encryptKey: "other" });
  await sendAll([forged, forged, forged]);
  expect(metrics().filter((name) => name === "StartedFailing").length).toBeGreaterThanOrEqual(1);
  expect(metrics().filter((name) => name === "StartedFailing").length).toBeLessThanOrEqual(2);
});

test("a source that never worked raises no alarm of that kind", async () => {
  await start();
  await sendAll([fromLark("ou_demo_1")]);
  expect(metrics()).not.toContain("StartedFailing");
});

describe("places", () => {
  test("are 100 at the most for any number, and the first and last 40 keep theirs", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000 }), fc.integer(), (total, seed) => {
        let state = seed >>> 0;
        const random = () => {
          state = (state * 1_664_525 + 1_013_904_223) >>> 0;
          return state / 2 ** 32;
        };
        const places = new Map<string, number>();
        for (let n = 1; n <= total; n += 1) for (const slot of slotsOf(n, random)) places.set(slot, n);
        expect(places.size).toBeLessThanOrEqual(100);
        const stay = new Set(places.values());
        for (let n = 1; n <= Math.min(40, total); n += 1) expect(stay.has(n)).toBe(true);
        for (let n = Math.max(1, total - 39); n <= total; n += 1) expect(stay.has(n)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("writing is capped in bytes: where a large request no longer finds room, a small one does", async () => {
    await aws.createQuarantineTable("capped");
    await start(keys);
    let nowMs = Date.now();
    const options = { client: new DynamoDBClient(), table: "capped", random: Math.random };
    const quarantine = createQuarantine({ ...options, now: () => new Date(nowMs) });
    const request = (bytes: number) => ({ ...toRequest(fromLark("ou_1")), body: Buffer.alloc(bytes) });
    let kept = 0;
    while (await quarantine.keepRefused(lark, request(64 * 1024), "signature")) kept += 1;
    expect(kept).toBe(Math.floor((16 * 1024) / 65));
    expect(await quarantine.keepRefused(lark, request(1_000), "signature")).toBeDefined();
    nowMs += 1_000;
    expect(await quarantine.keepRefused(lark, request(64 * 1024), "signature")).toBeDefined();
  });
});
