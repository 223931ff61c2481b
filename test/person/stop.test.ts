/** The emergency stop: judged by what became of people in GenAuth, at rest and while it stands. */
import { readFileSync } from "node:fs";
import { type AttributeValue, DeleteItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { larkDeleted, signApi, signLark } from "../../cli/sign.ts";
import type { Item } from "../../lambda/aws/table.ts";
import { Problem } from "../../lambda/problem.ts";
import {
  type Company,
  day,
  type Ground,
  hour,
  type Instead,
  minute,
  someone,
  startAt,
  startCompany,
  startGround,
} from "./fixtures.ts";

let ground: Ground;
let company: Company;
beforeAll(async () => {
  ground = await startGround();
});
afterEach(() => company?.close());
afterAll(() => ground.close());

async function start(changes: object = {}) {
  company = await startCompany(ground, changes);
  return company;
}

/** What changed in GenAuth by our own calls, the first first. */
const ourCuts = () =>
  ground.simulator.changes().filter(({ by, to }) => by === "us" && (to === "Resigned" || to === "Suspended"));

/** Lets so many seconds pass: the first as they are, the others in leaps, each with its sweep and its messages. */
async function pass(seconds: number) {
  const first = Math.min(seconds, 20 * minute);
  await company.rest(first);
  for (let left = seconds - first; left > 0; left -= 8 * hour) {
    company.pass(Math.min(left, 8 * hour));
    ground.simulator.tick();
    await company.sweep();
    await company.drain();
  }
}

/** Calls the parts as they are, and counts; before the call of that number something happens. */
function before(nth: number, happens: () => Promise<unknown>) {
  const called: string[] = [];
  const instead: Instead = (parts) => {
    const watch = <T extends object>(part: T): T =>
      new Proxy(part, {
        get: (target, name) => {
          const method = target[name as keyof T];
          if (typeof method !== "function") return method;
          return async (...given: unknown[]) => {
            called.push(String(name));
            if (called.length === nth) await happens();
            return (method as (...given: unknown[]) => unknown).apply(target, given);
          };
        },
      });
    return { ledger: watch(parts.ledger), genauth: watch(parts.genauth) };
  };
  return { instead, called };
}

describe("while all is stopped", () => {
  test("nobody is resigned, and what arrives is written down; started, all of it is done, once", async () => {
    const { deliver, stopOrStart, status, rest, resigned, seen, ledger, get } = await start();
    await stopOrStart("stop", { reason: "wrong people leave" });
    const id = await deliver();
    await pass(hour);
    expect([await status(id), seen(), ourCuts()]).toEqual(["accepted", "Activated", []]);
    // It says why it waits, once.
    const waits = (await get(id)).history.filter(({ why }) => why?.startsWith("Waits"));
    const why = "Waits: all is stopped since 2026-11-24T08:00:00.000Z: wrong people leave";
    expect(waits).toEqual([{ at: expect.any(String), by: "alice (ops)", status: "accepted", why }]);
    expect(await stopOrStart("start", { operator: "bob" })).toMatchObject({ isStopped: false });
    await rest();
    expect([await status(id), seen(), resigned()]).toEqual(["resigned", "Resigned", 1]);
    expect((await ledger.readStop()).history).toMatchObject([
      { at: "2026-11-24T08:00:00.000Z", by: "alice (ops)", status: "stopped", why: "wrong people leave" },
      { at: "2026-11-24T09:00:00.000Z", by: "bob (ops)", status: "started" },
    ]);
  });

  test("who waited goes on within ten minutes of the start, whoever ends the stop and how", async () => {
    const { deliver, stopOrStart, table, rest, resigned } = await start();
    for (const end of [() => stopOrStart("start"), () => table.remove({ id: "stop" })]) {
      await stopOrStart("stop");
      const [userId] = end.length === 0 && resigned() === 0 ? [someone] : ["lark:ou_demo_2"];
      await deliver({ userId });
      await pass(3 * hour);
      expect(resigned(userId)).toBe(0);
      await end();
      await rest(10 * minute);
      expect(resigned(userId)).toBe(1);
    }
  });

  test("fifty wait; started, the brake lets through what it lets through, and each once", async () => {
    const { deliver, stopOrStart, rest, status, resigned, ledger } = await start({ brake: { headcount: 1_000 } });
    const people = Array.from({ length: 50 }, (_, index) => `lark:ou_many_${index}`);
    ground.simulator.addUsers(people.map((relation) => ({ name: relation, relations: [relation] })));
    const before = [];
    for (const userId of people.slice(0, 25)) before.push(await deliver({ userId }));
    await stopOrStart("stop");
    const ids = [...before];
    for (const userId of people.slice(25)) ids.push(await deliver({ userId }));
    await pass(hour);
    expect(ourCuts()).toEqual([]);
    // Nobody took a place at the brake for having waited.
    expect((await ledger.readBrake("brake")).passed).toEqual([]);
    await stopOrStart("start");
    await rest();
    const statuses = await Promise.all(ids.map(status));
    const count = (wanted: string) => statuses.filter((one) => one === wanted).length;
    expect([count("resigned"), count("held")]).toEqual([20, 30]);
    expect(people.filter((userId) => resigned(userId) === 1)).toHaveLength(20);
  });

  test("a grace period that ends waits, and is carried out after the start", async () => {
    const { deliver, stopOrStart, rest, status, seen, resigned, get } = await start({ graceDays: 1 });
    const id = await deliver();
    await rest(hour);
    expect([await status(id), seen()]).toEqual(["suspended", "Suspended"]);
    await stopOrStart("stop");
    await pass(5 * day);
    expect([await status(id), seen(), resigned()]).toEqual(["suspended", "Suspended", 0]);
    await stopOrStart("start");
    await rest();
    expect([await status(id), seen(), resigned()]).toEqual(["resigned", "Resigned", 1]);
    expect((await get(id)).history.map(({ status }) => status)).not.toContain("held");
  });

  test("an approval is taken, and carried out after the start", async () => {
    const { deliver, stopOrStart, act, rest, status, resigned } = await start({ protected: [someone] });
    const id = await deliver();
    await rest(hour);
    expect(await status(id)).toBe("held");
    await stopOrStart("stop");
    await act("approve", id);
    await pass(2 * day);
    expect([await status(id), resigned()]).toEqual(["accepted", 0]);
    await stopOrStart("start");
    await rest();
    expect([await status(id), resigned()]).toEqual(["resigned", 1]);
  });

  test("access is given back, by a cancel and by a return", async () => {
    const { deliver, stopOrStart, act, back, rest, status, seen } = await start({ graceDays: 7 });
    const [one, other] = [await deliver(), await deliver({ userId: "lark:ou_demo_2" })];
    await rest(hour);
    expect([seen(), seen("lark:ou_demo_2")]).toEqual(["Suspended", "Suspended"]);
    await stopOrStart("stop");
    await act("cancel", one);
    await back("lark:ou_demo_2");
    await pass(hour);
    expect([seen(), seen("lark:ou_demo_2")]).toEqual(["Activated", "Activated"]);
    expect([await status(one), await status(other)]).toEqual(["cancelled", "cancelled"]);
  });

  test("a return calls off who waits", async () => {
    const { deliver, stopOrStart, back, rest, status, resigned } = await start();
    await stopOrStart("stop");
    const id = await deliver();
    await pass(hour);
    await back();
    await pass(hour);
    await stopOrStart("start");
    await rest();
    expect([await status(id), resigned()]).toEqual(["cancelled", 0]);
  });
});

describe("nothing is stale or given up for having waited", () => {
  const longerThanAll = 20 * day;

  test("one stop, longer than every limit", async () => {
    const { deliver, stopOrStart, rest, status, resigned } = await start();
    const id = await deliver();
    await stopOrStart("stop");
    await pass(longerThanAll);
    await stopOrStart("start");
    await rest();
    expect([await status(id), resigned()]).toEqual(["resigned", 1]);
  });

  test("several stops, with no time between them to be carried out", async () => {
    const { deliver, stopOrStart, rest, status, resigned } = await start();
    await stopOrStart("stop");
    const id = await deliver();
    for (let times = 0; times < 5; times += 1) {
      await pass(20 * hour);
      await stopOrStart("start");
      company.pass(minute);
      await stopOrStart("stop");
    }
    await pass(20 * hour);
    expect([await status(id), resigned()]).toEqual(["accepted", 0]);
    await stopOrStart("start");
    await rest();
    expect([await status(id), resigned()]).toEqual(["resigned", 1]);
  });

  test("no turn in all that time, since the resigner was switched off as well", async () => {
    const { deliver, stopOrStart, rest, status, resigned } = await start();
    const id = await deliver();
    await stopOrStart("stop");
    company.pass(longerThanAll);
    await stopOrStart("start");
    company.pass(hour);
    await rest();
    expect([await status(id), resigned()]).toEqual(["resigned", 1]);
  });

  test("GenAuth is away while all is stopped, and answers after the start", async () => {
    const { deliver, stopOrStart, rest, fail, status, resigned, buried } = await start();
    const id = await deliver();
    await stopOrStart("stop");
    fail("500", "look", { count: 1_000_000 });
    await pass(4 * day);
    expect(await status(id)).toBe("accepted");
    await stopOrStart("start");
    await pass(hour);
    expect(await status(id)).toBe("accepted");
    fail("none", "look");
    await rest();
    expect([await status(id), resigned(), buried]).toEqual(["resigned", 1, []]);
  });

  test("after the start the limits count on as before", async () => {
    const { deliver, stopOrStart, rest, fail, status } = await start();
    const id = await deliver();
    await stopOrStart("stop");
    await pass(4 * day);
    await stopOrStart("start");
    fail("500", "look", { count: 1_000_000 });
    await pass(47 * hour);
    expect(await status(id)).toBe("accepted");
    await pass(2 * hour);
    expect(await status(id)).toBe("failed");
    fail("none", "look");
    await rest();
  });

  test.each([true, false])(
    "a replay that comes while all is stopped is stale all the same (GenAuth is there: %s)",
    async (isThere) => {
      const { deliver, stopOrStart, rest, fail, status, resigned, now } = await start();
      await stopOrStart("stop");
      await pass(10 * day);
      if (!isThere) fail("500", "look", { count: 1_000_000 });
      const id = await deliver({ occurredAt: new Date(now().getTime() - 9 * day * 1_000) });
      await pass(3 * hour);
      fail("none", "look");
      await stopOrStart("start");
      await rest();
      expect([await status(id), resigned()]).toEqual(["held", 0]);
    },
  );

  test("and nobody is alarmed: the stop alone is measured", async () => {
    const { deliver, stopOrStart, sweep, lines, counted, buried, notices } = await start({
      notices: { about: ["failed", "alive"] },
    });
    await stopOrStart("stop");
    await deliver();
    await pass(3 * day);
    await sweep();
    const measured = (name: string) => lines.flatMap((line) => (typeof line[name] === "number" ? [line[name]] : []));
    expect(Math.max(...measured("OldestOpenSeconds"))).toBeLessThan(600);
    expect(Math.max(...measured("StoppedSeconds"))).toBe(3 * day);
    expect(["Failed", "NotGivenBack", "HeldTooLong", "Unreadable"].map(counted)).toEqual([0, 0, 0, 0]);
    expect([counted("Stopped"), counted("Started"), buried]).toEqual([1, 0, []]);
    // Whoever is told once a week that all is alive is told of the stop.
    const [alive, ...others] = notices;
    expect([alive?.about, alive?.why, others]).toEqual([
      "alive",
      "ALL IS STOPPED since 2026-11-24T08:00:00.000Z; 0 held",
      [],
    ]);
  });

  // A message that is received a thousand times ends among the dead letters.
  test("no message goes round while it waits", async () => {
    const { deliver, stopOrStart, step, waiting, get } = await start();
    await stopOrStart("stop");
    const id = await deliver();
    await step(1);
    expect([waiting(), (await get(id)).dueAt]).toEqual([0, "2026-11-24T08:03:00.000Z"]);
  });
});

/** What stops a turn halfway: whoever is called for before the stop may be cut off by that call, and by no other. */
describe.each([
  ["resigns", {}, "resign"],
  ["suspends", { graceDays: 1 }, "setStatus"],
])("a stop between any two steps of a turn that %s", (_, changes, callName) => {
  test("nobody is called for any more, and all is done once after the start", async () => {
    let steps = Number.POSITIVE_INFINITY;
    let tried = 0;
    for (let nth = 1; nth <= steps; nth += 1) {
      const { deliver, step, stopOrStart, rest, status, seen, resigned } = await start(changes);
      const id = await deliver();
      const { instead, called } = before(nth, () => stopOrStart("stop"));
      await step(1, instead);
      const isAtCall = called[nth - 1] === callName;
      const isAfterCall = called.slice(0, nth - 1).includes(callName);
      await pass(10 * minute);
      expect([nth, called[nth - 1], ourCuts().length]).toEqual([nth, called[nth - 1], isAtCall || isAfterCall ? 1 : 0]);
      if (called.length < nth) steps = nth - 1;
      else tried += 1;
      if ((await company.ledger.readStop()).isStopped) await stopOrStart("start");
      await rest();
      expect([nth, await status(id), seen(), resigned()]).toEqual([nth, "resigned", "Resigned", 1]);
      await company.close();
    }
    expect(tried).toBeGreaterThan(15);
  });
});

describe("a stop that was written by hand", () => {
  const odd: [string, Item][] = [
    ["nothing but its id", {}],
    ["no since", { by: "alice", why: "wrong people" }],
    ["a since that is no time", { since: "yesterday" }],
    ["a since with an offset", { since: "2026-11-24T08:00:00+08:00" }],
    ["a since that is a number", { since: 1_764_000_000 }],
    ["an empty since", { since: "" }],
    ["a start that is no time", { since: "2026-11-24T08:00:00Z", startedAt: "now" }],
    ["a start without a since", { startedAt: "2026-11-24T08:00:00Z" }],
    ["a version that is no number", { version: "one" }],
    ["a history that is none", { history: "alice" }],
  ];

  test.each(odd)("with %s counts as one, is named, and ends by a start", async (_, fields) => {
    const { table, deliver, stopOrStart, rest, sweep, counted, lines, status, resigned, ledger } = await start();
    await table.put({ id: "stop", ...fields });
    const id = await deliver();
    await pass(3 * day);
    await sweep();
    expect([await status(id), resigned()]).toEqual(["accepted", 0]);
    expect(counted("Unreadable")).toBeGreaterThan(0);
    expect(lines.find((line) => line.Unreadable === 1)).toMatchObject({ kind: "stop" });
    expect(await stopOrStart("start")).toMatchObject({ isStopped: false, isUnreadable: false });
    expect((await ledger.readStop()).isUnreadable).toBe(false);
    await rest();
    expect([await status(id), resigned()]).toEqual(["resigned", 1]);
  });

  test("with a since alone counts as one, and whoever starts it stands behind it", async () => {
    const { table, deliver, stopOrStart, rest, counted, sweep, status, ledger } = await start();
    await table.put({ id: "stop", since: "2026-11-24T07:59:00Z" });
    const id = await deliver();
    await pass(hour);
    await sweep();
    expect([await status(id), counted("Unreadable")]).toEqual(["accepted", 0]);
    await stopOrStart("start");
    await rest();
    expect(await status(id)).toBe("resigned");
    expect((await ledger.readStop()).history).toMatchObject([
      { at: "2026-11-24T07:59:00Z", by: "hand", status: "stopped" },
      { by: "alice (ops)", status: "started" },
    ]);
  });

  test("as the runbook has it is one that can be read, and ends as the runbook has it", async () => {
    const { tableName: TableName, deliver, rest, status, ledger } = await start();
    const runbook = readFileSync("docs/runbook.md", "utf8");
    const argument = (call: string) => {
      const given = new RegExp(`^\\$ aws dynamodb ${call} --table-name "\\$LEDGER_TABLE" --(item|key) '(.+)'$`, "m");
      return JSON.parse(given.exec(runbook)?.[2] ?? "") as Record<string, AttributeValue>;
    };
    await ground.dynamodb.client.send(new PutItemCommand({ TableName, Item: argument("put-item") }));
    const [since, why] = ["2026-11-25T08:00:00Z", "the directory was written anew"];
    expect(await ledger.readStop()).toMatchObject({ isStopped: true, isUnreadable: false, since, by: "alice", why });
    const id = await deliver();
    await pass(hour);
    expect(await status(id)).toBe("accepted");
    await ground.dynamodb.client.send(new DeleteItemCommand({ TableName, Key: argument("delete-item") }));
    await rest();
    expect(await status(id)).toBe("resigned");
  });

  // Before: the repeated stop stood first, and the time since the first one counted for `stale`.
  test("and is repeated by an operator makes nobody stale for the time since it began", async () => {
    const { table, deliver, stopOrStart, rest, status, ledger } = await start();
    const id = await deliver();
    await table.put({ id: "stop", since: startAt.toISOString(), by: "carol" });
    await pass(40 * hour);
    await stopOrStart("stop");
    await pass(4 * hour);
    await stopOrStart("start");
    await rest();
    expect(await status(id)).toBe("resigned");
    expect((await ledger.readStop()).history.map(({ by }) => by)).toEqual(["carol", "alice (ops)", "alice (ops)"]);
  });

  test("over one that was ended stops again", async () => {
    const { table, deliver, stopOrStart, status } = await start();
    await stopOrStart("stop");
    await stopOrStart("start");
    await table.put({ id: "stop", since: "2026-11-24T08:00:00Z", by: "carol" });
    const id = await deliver();
    await pass(hour);
    expect(await status(id)).toBe("accepted");
  });

  test("is taken over by a stop, which keeps its since; one that cannot be read gets a new one", async () => {
    const { table, stopOrStart } = await start();
    await table.put({ id: "stop", since: "2026-11-24T07:00:00Z", by: "carol", why: "by hand" });
    expect(await stopOrStart("stop")).toMatchObject({ since: "2026-11-24T07:00:00Z", by: "carol", why: "by hand" });
    await table.put({ id: "stop", since: "?", by: "carol" });
    const mended = { since: "2026-11-24T08:00:00.000Z", by: "alice (ops)", isUnreadable: false };
    expect(await stopOrStart("stop")).toMatchObject(mended);
  });

  test("with a clock that is years ahead fills no history", async () => {
    const { table, deliver, get } = await start();
    await table.put({ id: "stop", since: "2099-01-01T00:00:00Z" });
    const id = await deliver();
    await pass(day);
    expect((await get(id)).history).toHaveLength(2);
  });
});

describe("an operator's stop", () => {
  const code = (act: Promise<unknown>) =>
    act.then(
      () => "done",
      (error) => (error instanceof Problem ? error.code : error),
    );

  test("repeated keeps its first since, who and why", async () => {
    const { stopOrStart } = await start();
    const first = await stopOrStart("stop", { reason: "first" });
    company.pass(hour);
    const second = await stopOrStart("stop", { operator: "bob", reason: "second" });
    const { since, by, why } = first;
    expect(second).toMatchObject({ since, by, why, isStopped: true });
    expect(second.history).toMatchObject([{ by: "alice (ops)" }, { by: "bob (ops)", why: "second" }]);
  });

  test("that has ended has no since in its item: the version before would take it for a stop", async () => {
    const { table, stopOrStart, ledger } = await start();
    await stopOrStart("stop");
    await stopOrStart("start");
    expect(await table.get({ id: "stop" })).not.toHaveProperty("since");
    expect(await ledger.readStop()).toMatchObject({ isStopped: false, since: startAt.toISOString() });
  });

  test("started twice is quiet, and so is a start of what was never stopped", async () => {
    const { stopOrStart, counted, ledger } = await start();
    expect(await stopOrStart("start")).toMatchObject({ isStopped: false, history: [] });
    await stopOrStart("stop");
    const once = await stopOrStart("start");
    expect(await stopOrStart("start")).toEqual(await ledger.readStop());
    expect(await stopOrStart("start")).toMatchObject({ startedAt: once.startedAt });
    expect([counted("Stopped"), counted("Started")]).toEqual([1, 1]);
  });

  test("sent again with the same id does nothing more", async () => {
    const { stopOrStart } = await start();
    await stopOrStart("stop", { requestId: "a" });
    await stopOrStart("start", { requestId: "b" });
    expect(await stopOrStart("stop", { requestId: "a" })).toMatchObject({ isStopped: false });
    expect(await stopOrStart("start", { requestId: "b" })).toMatchObject({ isStopped: false });
  });

  // A recorded start must not end the next stop.
  test("is not ended by the start of another one, nor by what was signed for a stop", async () => {
    const { stopOrStart, table, ledger } = await start();
    await stopOrStart("start", { requestId: "early" });
    await stopOrStart("stop", { requestId: "a" });
    expect(await code(stopOrStart("start", { requestId: "early" }))).toBe("id_reused");
    expect(await code(stopOrStart("start", { requestId: "a" }))).toBe("done");
    expect((await ledger.readStop()).isStopped).toBe(true);
    await stopOrStart("start", { requestId: "b" });
    company.pass(minute);
    await table.put({ id: "stop", since: company.now().toISOString() });
    expect(await code(stopOrStart("start", { requestId: "b" }))).toBe("id_reused");
    expect((await ledger.readStop()).isStopped).toBe(true);
  });

  test("of several at once has one since", async () => {
    const { stopOrStart, ledger } = await start();
    const all = await Promise.all(["a", "b", "c", "d"].map((operator) => stopOrStart("stop", { operator })));
    const { since, by, history } = await ledger.readStop();
    expect(all.map((one) => one.since)).toEqual(Array.from({ length: 4 }, () => since));
    expect([history.length, history[0]?.by]).toEqual([4, by]);
  });

  test("comes over signed HTTP, by operators alone, and is shown to them", async () => {
    const { request, now, deliver, status, rest } = await start();
    const { api } = ground.keys;
    const call = (method: "GET" | "POST", path: string, body?: object, secret = api.ops, id?: string) =>
      request(signApi({ method, path, body }, secret, { now: now(), ...(id && { id }) }));
    expect((await call("GET", "/stop")).body).toEqual({ isStopped: false, history: [] });
    expect((await call("POST", "/stop", { operator: "zoe" }, api.zapier)).status).toBe(403);
    expect((await call("GET", "/stop", undefined, api.zapier)).status).toBe(403);
    expect((await call("POST", "/stop", {})).status).toBe(400);
    expect((await call("POST", "/stop", { operator: "alice", id: "res_1" })).status).toBe(400);
    const stopped = await call("POST", "/stop", { operator: "alice", reason: "why" }, api.deputy, "stop-1");
    const since = "2026-11-24T08:00:00.000Z";
    const step = { at: since, by: "alice (deputy)", status: "stopped", why: "why" };
    expect(stopped).toEqual({
      status: 200,
      body: { isStopped: true, since, by: "alice (deputy)", why: "why", history: [step] },
    });
    // What was signed for the stop does not start, and serves no approval.
    expect((await call("POST", "/start", { operator: "alice", reason: "why" }, api.deputy, "stop-1")).body).toEqual(
      stopped.body,
    );
    const id = await deliver();
    await pass(hour);
    expect(await status(id)).toBe("accepted");
    // What Lark tells is still taken.
    const event = larkDeleted({ open_id: "ou_demo_2" }, { token: ground.keys.lark.verificationToken, now: now() });
    expect((await request(signLark(event, ground.keys.lark, now()))).status).toBe(200);
    expect((await call("POST", "/start", { operator: "bob" })).body).toMatchObject({ isStopped: false });
    await rest();
    expect([await status(id), company.resigned("lark:ou_demo_2")]).toEqual(["resigned", 1]);
  });
});
