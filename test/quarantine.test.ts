/** What was refused while a key was wrong is not lost (DESIGN §3, promise 11). */
import { DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  larkDeleted,
  type SignedRequest,
  send,
  signApi,
  signLark,
  signWechatwork,
  wechatworkDeleted,
} from "../cli/sign.ts";
import { openTable } from "../lambda/aws/table.ts";
import { maxGroups, originOf, placeOf, places } from "../lambda/intake/places.ts";
import { createQuarantine } from "../lambda/intake/quarantine.ts";
import { type Departure, resignationId } from "../lambda/resignation/departure.ts";
import { lark } from "../lambda/sources/lark.ts";
import { connectWebhook, routes } from "../lambda/webhook.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { toEvent } from "../local/http-front.ts";
import { listen, readBody, serve } from "../local/listen.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { fc } from "./fast-check.ts";
import { longTest } from "./long.ts";
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
  return Items.filter(({ slot }) => / (place|authentic)-/.test(slot?.S ?? ""));
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
  for (let start = 0; start < requests.length; start += 10) {
    const answers = await Promise.all(requests.slice(start, start + 10).map((one) => send(one, stack.url)));
    for (const { status } of answers) expect(status).toBe(401);
  }
}

const people = Array.from({ length: 30 }, (_, index) => index + 1);

describe("keys were wrong, and are mended", () => {
  longTest(
    "all who left meanwhile are in the ledger, each once, and none is called before an operator released it",
    async () => {
      await start();
      const requests = [
        ...people.map((n) => fromLark(`ou_demo_${n}`)),
        ...people.map((n) => fromWechatwork(`demo_${n}`)),
        ...people.map((n) => fromZapier(`ou_demo_${n + 100}`)),
      ];
      // WeCom and Lark repeat what was refused.
      await sendAll([...requests, ...requests.slice(0, 5)]);
      await expect.poll(async () => (await kept()).length, { timeout: 10_000 }).toBe(95);
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
    },
  );

  longTest(
    "a flood from 100 networks costs bounded storage, and nobody who left meanwhile is lost",
    async () => {
      await start();
      const call = connectWebhook(stack.environment);
      const sendFrom = async (address: string, { method, path, headers, body }: SignedRequest) => {
        const headersDistinct = Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value]]),
        );
        const request = { method, url: path, headersDistinct, socket: { remoteAddress: address } };
        const event = toEvent(request, Buffer.from(body), [...routes.keys()]);
        const answer = await call(event as never, { getRemainingTimeInMillis: () => 29_000 } as never);
        expect(answer.statusCode).toBe(401);
      };
      const forged = signWechatwork(wechatworkDeleted("forged", "wwlocal"), {
        ...newKeys().wechatwork,
        receiveId: "wwlocal",
      });
      // WeCom tries three times.
      for (const n of people.slice(0, 6)) {
        await Promise.all([1, 2, 3].map(() => sendFrom("203.205.1.9", fromWechatwork(`demo_${n}`))));
        // One that floods us alone, and a hundred that do it together.
        await Promise.all(Array.from({ length: 12 }, (_, i) => sendFrom(`198.51.100.${i}`, forged)));
        await Promise.all(Array.from({ length: 17 }, (_, i) => sendFrom(`10.${n}.${i}.1`, forged)));
      }
      expect((await kept()).length).toBeLessThanOrEqual(18 + 64 + 102);
      await mendKeys();
      const { departures } = await reverify();
      expect(departures).toBe(18);
      const heldPeople = async () => {
        const { items } = await stack.ledger.list({ status: "held", now: new Date(), limit: 100 });
        return new Set(items.map(({ userId }) => userId)).size;
      };
      await expect.poll(heldPeople, { timeout: 20_000 }).toBe(6);
    },
    60_000,
  );

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

test("what cannot be read in the quarantine, or in the ledger of one departure, keeps no other from being verified", async () => {
  await start();
  const events = [1, 2, 3].map((n) => ({ id: `ou_demo_${n}`, eventId: `event ${n}` }));
  const { verificationToken: token } = keys.lark;
  await sendAll(events.map(({ id, eventId }) => signLark(larkDeleted({ open_id: id }, { token, eventId }), keys.lark)));
  await expect.poll(async () => (await kept()).length, { timeout: 5_000 }).toBe(3);
  const { QUARANTINE_TABLE: quarantine = "", LEDGER_TABLE: ledger = "" } = stack.environment;
  const client = new DynamoDBClient();
  const bent = resignationId({ source: "lark", eventId: "event 2" } as Departure);
  await openTable({ client, table: ledger }).put({ id: bent, status: "bent" });
  await openTable({ client, table: quarantine }).put({ source: "lark", slot: "2026-11-24T00 place-0000", route: 5 });
  await mendKeys();
  expect(await reverify()).toMatchObject({ looked: 3, verified: 2, departures: 2 });
  expect(metrics().filter((name) => name === "Unreadable")).toHaveLength(2);
  expect(lines.join("\n")).toContain("quarantine lark 2026-11-24T00 place-0000");

  await openTable({ client, table: ledger }).remove({ id: bent });
  expect(await reverify()).toMatchObject({ looked: 1, verified: 1, departures: 1 });
  client.destroy();
});

describe("what is verified again is carried out whole", () => {
  const tables = () => {
    const { QUARANTINE_TABLE: quarantine, LEDGER_TABLE: ledger } = stack.environment;
    return { ledger: ledger as string, quarantine: quarantine as string };
  };
  /** Refused with other keys, then verified again with ours. */
  async function refuseThenReverify(requests: SignedRequest[], settings: object = {}) {
    await start(wrongKeys, settings);
    await sendAll(requests);
    await expect.poll(async () => (await kept()).length, { timeout: 5_000 }).toBe(requests.length);
    const former = tables();
    await stack.close();
    lines = [];
    const writeLog = (line: string) => void lines.push(line);
    stack = await startStack({ aws, genauth, keys, settings, writeLog, tables: former });
    expect(await reverify()).toMatchObject({ looked: requests.length, verified: requests.length });
    expect(await kept()).toEqual([]);
  }
  const lark = (event: object) => signLark(event as never, keys.lark);
  const event = (type: string, changes: object = {}) => {
    const { header, ...rest } = larkDeleted({ open_id: "ou_demo_1" }, { token: keys.lark.verificationToken });
    return { ...rest, header: { ...header, event_id: type, event_type: type }, ...changes };
  };

  test("a rename at WeCom is noted and told of, and who left under the new id is held", async () => {
    const xml = wechatworkDeleted("demo_1", "wwlocal")
      .replace("delete_user", "update_user")
      .replace("</xml>", "<NewUserID><![CDATA[zhang.san]]></NewUserID></xml>");
    await refuseThenReverify([signWechatwork(xml, { ...keys.wechatwork, receiveId: "wwlocal" })]);
    expect(metrics()).toContain("Renamed");
    const left = wechatworkDeleted("zhang.san", "wwlocal");
    await send(signWechatwork(left, { ...keys.wechatwork, receiveId: "wwlocal" }), stack.url);
    const find = async () =>
      (await stack.ledger.list({ userId: "wechatwork:zhang.san", now: new Date(), limit: 1 })).items[0];
    await expect.poll(find, { timeout: 10_000 }).toMatchObject({ status: "held", heldFor: "renamed" });
  });

  test("a return is noted, fewer people in Lark's scope put the brake on, and both are told of", async () => {
    const removed = { departments: [], user_groups: [], users: [{ open_id: "ou_demo_2" }] };
    await refuseThenReverify([
      lark(event("contact.user.created_v3")),
      lark(event("contact.scope.updated_v3", { event: { removed } })),
    ]);
    expect(metrics()).toEqual(expect.arrayContaining(["Returned", "ScopeNarrowed"]));
    expect((await stack.ledger.readBrake("brake")).putOn).toBeDefined();
  });

  test("the second listener hears of it as of any other, and a departure is held", async () => {
    const passed: string[] = [];
    const { url, close } = await listen(
      serve(async (request, response) => {
        passed.push((await readBody(request))?.toString() ?? "");
        response.writeHead(200).end();
      }),
      0,
    );
    const requests = [fromLark("ou_demo_1"), lark(event("contact.user.created_v3"))];
    await refuseThenReverify(requests, { lark: { forwardTo: url } });
    await expect.poll(() => passed.length, { timeout: 10_000 }).toBe(2);
    expect(passed.toSorted()).toEqual(requests.map(({ body }) => String(body)).toSorted());
    expect(genauth.calls()).toEqual([]);
    await close();
  });
});

describe("a source that is usually heard", () => {
  const forged = () => signLark(larkDeleted({ open_id: "ou_demo_2" }, { token: "other" }), { encryptKey: "other" });
  const count = (name: string) => metrics().filter((one) => one === name).length;
  const refuse = async (times: number, request = forged()) => {
    for (let n = 0; n < times; n += 1) expect((await send(request, stack.url)).status).toBe(401);
  };
  const verify = async () => expect((await send(fromLark("ou_demo_1"), stack.url)).status).toBe(200);

  test("and is refused three times in a row raises its own alarm, once", async () => {
    await start(keys);
    await verify();
    await refuse(2);
    expect(count("StartedFailing")).toBe(0);
    await refuse(5);
    expect(count("StartedFailing")).toBe(1);
    const [line] = lines.map((one) => JSON.parse(one)).filter(({ StartedFailing }) => StartedFailing);
    expect(line.message).toContain("refused three times in a row; was a key changed?");
    await verify();
    await refuse(3);
    expect(count("StartedFailing")).toBe(2);
  });

  test("and is verified in between raises none", async () => {
    await start(keys);
    for (let round = 0; round < 4; round += 1) {
      await verify();
      await refuse(2);
    }
    expect(count("StartedFailing")).toBe(0);
    expect(count("Refused")).toBe(8);
  });

  test("raises none for a stranger's junk, which counts as nothing; and junk hides no real change", async () => {
    await start(keys);
    await verify();
    const hostile = { method: "POST", path: "/lark", headers: {}, body: "x" } as SignedRequest;
    const all = [
      hostile,
      { ...hostile, body: "{}" },
      { ...hostile, body: '{"encrypt":""}' },
      { ...hostile, headers: { "x-lark-signature": "short" } },
      { ...hostile, path: "/wechatwork" },
      { ...hostile, path: "/wechatwork?msg_signature=&timestamp=1&nonce=2" },
      { ...hostile, path: "/slack/commands" },
      { ...hostile, path: "/slack/interactions" },
    ];
    for (const junk of all) await send(junk, stack.url);
    for (const junk of all) await send(junk, stack.url);
    expect([count("Refused"), count("StartedFailing")]).toEqual([0, 0]);
    expect(await kept()).toEqual([]);
    await refuse(3);
    expect([count("Refused"), count("StartedFailing")]).toEqual([3, 1]);
  });

  test("and is refused once, as by the forgery that npm start plays, raises none", async () => {
    await start(keys);
    await verify();
    await refuse(1);
    await verify();
    expect(count("StartedFailing")).toBe(0);
  });
});

test("a source that never worked raises no alarm of that kind", async () => {
  await start();
  await sendAll([1, 2, 3, 4].map(() => fromLark("ou_demo_1")));
  expect(metrics()).not.toContain("StartedFailing");
});

describe("places", () => {
  /** Always the same numbers. */
  const seeded = (seed: number) => {
    let state = seed >>> 0;
    return () => {
      state = (state * 1_664_525 + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
  };

  /** One hour: the share of twelve departures, three tries each from one network, of which a try is left. */
  function surviving(junk: number, origins: number, seed: number): number {
    const random = seeded(seed);
    const places = new Map<number, number>();
    const groups = new Map<string, { group: number; nth: number }>();
    const arrivals = [
      ...Array.from({ length: junk }, () => ({
        at: random(),
        origin: `junk ${Math.floor(random() * origins)}`,
        who: -1,
      })),
      ...Array.from({ length: 12 }, () => random() * 0.99).flatMap((at, who) =>
        [0, 0.001, 0.002].map((later) => ({ at: at + later, origin: "WeCom", who })),
      ),
    ].toSorted((one, other) => one.at - other.at);
    for (const { origin, who } of arrivals) {
      const size = groups.size;
      // Whoever comes when all have a place shares one.
      const name = groups.has(origin) || size < maxGroups ? origin : [...groups.keys()][Math.floor(random() * size)];
      const known = groups.get(name as string) ?? { group: size, nth: 0 };
      const next = { ...known, nth: known.nth + 1 };
      groups.set(name as string, next);
      const place = placeOf({ ...next, groups: groups.size }, random);
      if (place !== undefined) places.set(place, who);
    }
    return new Set([...places.values()].filter((who) => who >= 0)).size / 12;
  }
  const average = (junk: number, origins: number) => {
    const runs = [1, 2, 3, 4, 5, 6].map((seed) => surviving(junk, origins, seed));
    return runs.reduce((sum, one) => sum + one, 0) / runs.length;
  };

  test.each([
    [60, 1],
    [360, 1],
    [3_600, 1],
    [36_000, 1],
    [36_000, 10],
    [360, 100],
    [3_600, 100],
    [36_000, 100],
    [36_000, 200],
  ])("of %i junk requests an hour from %i networks leave 95 of 100 departures and more", (junk, origins) => {
    expect(average(junk, origins)).toBeGreaterThanOrEqual(0.95);
  });

  test("are bounded, an origin's own are few, and those of two origins are never the same", () => {
    const numbers = fc.record({
      groups: fc.integer({ min: 1, max: maxGroups }),
      nth: fc.integer({ min: 1, max: 100_000 }),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(numbers, fc.nat(), ({ groups, nth, seed }, one) => {
        const group = one % groups;
        const place = placeOf({ group, groups, nth }, seeded(seed));
        if (nth <= 32) expect(place).toBeDefined();
        if (place === undefined) return;
        expect(place).toBeLessThan(places);
        const shares = Math.max(128, 2 ** Math.ceil(Math.log2(groups)));
        expect(place % shares).toBe(group);
      }),
    );
  });

  test.each([
    ["203.0.113.7", "203.0.113.0/24"],
    ["203.0.113.250", "203.0.113.0/24"],
    ["::ffff:203.0.113.7", "203.0.113.0/24"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"],
    ["2001:0db8:0001::6", "2001:db8:1::/48"],
    ["2001:db8::1", "2001:db8:0::/48"],
    ["::1", "0:0:0::/48"],
    ["64:ff9b::203.0.113.7", "64:ff9b:0::/48"],
    ["nonsense", "unknown"],
    [undefined, "unknown"],
  ])("of %s are those of %s", (address, origin) => {
    expect(originOf(address)).toBe(origin);
  });

  longTest("writing is capped in bytes: where a large request no longer finds room, a small one does", async () => {
    await aws.createQuarantineTable("capped");
    await start(keys);
    let nowMs = Date.now();
    const options = { client: new DynamoDBClient(), table: "capped", random: () => 0.5 };
    const quarantine = createQuarantine({ ...options, now: () => new Date(nowMs) });
    let networks = 0;
    /** From so many networks that there is a place for each. */
    const request = (bytes: number) => {
      networks += 1;
      const sourceIp = `10.0.${Math.floor(networks / 60)}.1`;
      return { ...toRequest(fromLark("ou_1")), body: Buffer.alloc(bytes), sourceIp };
    };
    let kept = 0;
    while (await quarantine.keepRefused(lark, request(64 * 1024), "signature")) kept += 1;
    expect(kept).toBe(Math.floor((16 * 1024) / 65));
    expect(await quarantine.keepRefused(lark, request(1_000), "signature")).toBe(true);
    nowMs += 1_000;
    expect(await quarantine.keepRefused(lark, request(64 * 1024), "signature")).toBe(true);
  });
});
