/** A late success is a success: the ledger took a write, its answer came too late, and the SDK sent it once more. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ConditionalCheckFailedException, DynamoDBClient, PutItemCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { larkDeleted, send, signApi, signLark } from "../cli/sign.ts";
import { connectTable } from "../lambda/aws/connect.ts";
import { openTable } from "../lambda/aws/table.ts";
import { takePlace } from "../lambda/departure/brake.ts";
import { noEffect } from "../lambda/departure/effect.ts";
import { relationId } from "../lambda/departure/people.ts";
import { parseStop, started, stopped } from "../lambda/departure/stop.ts";
import { createLedger, type Ledger } from "../lambda/ledger.ts";
import { toInquiry } from "../lambda/operators/inquiry.ts";
import { toResignation } from "../lambda/resignation/departure.ts";
import { later } from "../lambda/resignation/moment.ts";
import { moveTo, type Resignation } from "../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../lambda/resignation/sync-relation.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import type { Listening } from "../local/listen.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { type AwsCall, startAwsProxy } from "./aws-proxy.ts";
import { now, settings } from "./parts.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
let proxy: Listening;
/** By table: the call whose answer comes late, once. */
const awaited = new Map<string, (call: AwsCall) => boolean>();
const wasLate = new Set<string>();

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
  proxy = await startAwsProxy("DYNAMODB", (call) => {
    const table = String(call.body.TableName);
    if (!awaited.get(table)?.(call)) return "pass";
    awaited.delete(table);
    wasLate.add(table);
    return "late";
  });
});
afterAll(async () => {
  await proxy.close();
  await Promise.all([aws.close(), genauth.close()]);
});

const userId = "lark:ou_1" as SyncRelation;
const at = (seconds: number) => new Date(now.getTime() + seconds * 1_000);
const departure: Resignation = {
  ...toResignation({ source: "lark", eventId: "e1", userId, occurredAt: now, requestedBy: "lark" }, now),
  ...{ dueAt: later(now, 60), tell: [{ about: "held", id: "res_1" }] },
};
const { id } = departure;
const step = { at: now.toISOString(), by: "ops" };
const allStopped = stopped(parseStop(undefined), step);
const claimed = moveTo(departure, "resigning", { lease: { owner: "me", until: later(now, 60) } });
const person = "person|g1";
const take = (ledger: Ledger) => ledger.takePerson(person, "me", now, later(now, 120));
const standing = { ...noEffect, state: "suspended" as const, for: [id] };
const back = (ledger: Ledger, from: number, to: number) =>
  ledger.noteReturn(userId, "lark", { from: at(from), to: at(to) }, now);
const asked = { key: "k", userId, requestedBy: "slack/U1", replyUrl: "https://hooks.slack.com/1" };
const inquiry = toInquiry(asked, now);
const passed = [{ id, at: now.toISOString() }];

interface Row {
  /** The file and the method that write. */
  readonly site: string;
  readonly what?: string;
  readonly before?: (ledger: Ledger) => Promise<unknown>;
  readonly write: (ledger: Ledger) => Promise<unknown>;
  /** Which of its conditional writes is answered late. @default 1 */
  readonly nth?: number;
}

/** Every conditional write there is. */
const rows: readonly Row[] = [
  { site: "resignations.enter", write: (ledger) => ledger.enter(departure) },
  {
    site: "resignations.save",
    before: (ledger) => ledger.enter(departure),
    write: (ledger) => ledger.save(claimed),
  },
  {
    ...{ site: "resignations.save", what: "as the holder of the lease" },
    before: (ledger) => ledger.enter(departure).then(() => ledger.save(claimed)),
    write: (ledger) =>
      ledger.save(
        { ...moveTo(claimed, "resigned", { resignedAt: now.toISOString() }), version: claimed.version + 1 },
        "me",
      ),
  },
  {
    site: "resignations.postpone",
    before: (ledger) => ledger.enter(departure),
    write: (ledger) => ledger.postpone({ id, dueAt: later(now, 60) }, later(now, 120)),
  },
  {
    site: "resignations.wake",
    before: (ledger) => ledger.enter(departure),
    write: (ledger) => ledger.wake(id, now),
  },
  {
    site: "resignations.rest",
    before: (ledger) => ledger.enter(departure),
    write: (ledger) => ledger.rest(departure),
  },
  ...[true, false].map((atRest) => ({
    ...{ site: "resignations.forgetOwed", what: atRest ? "at rest" : "not at rest" },
    before: (ledger: Ledger) => ledger.enter(departure),
    write: (ledger: Ledger) => ledger.forgetOwed(departure, atRest, departure.dueAt),
  })),
  { site: "people.noteReturn", write: (ledger) => back(ledger, 1, 2) },
  {
    ...{ site: "people.noteReturn", what: "that is later in its from alone", nth: 2 },
    before: (ledger) => back(ledger, 1, 5),
    write: (ledger) => back(ledger, 2, 3),
  },
  {
    ...{ site: "people.noteReturn", what: "that is later in its to alone", nth: 3 },
    before: (ledger) => back(ledger, 2, 3),
    write: (ledger) => back(ledger, 1, 5),
  },
  {
    site: "people.restRelation",
    before: (ledger) => back(ledger, 1, 2),
    write: (ledger) => ledger.restRelation(relationId(userId), { lark: 1 }),
  },
  { site: "people.takePerson", write: take },
  { site: "people.leavePerson", before: take, write: (ledger) => ledger.leavePerson(person, "me") },
  ...(["owe", "drop", undefined] as const).map((sessions) => ({
    ...{ site: "people.saveEffect", what: `sessions: ${sessions}`, before: take },
    write: (ledger: Ledger) => ledger.saveEffect(person, "me", standing, [userId], now, sessions),
  })),
  {
    ...{ site: "people.noteSessions", what: "done" },
    before: (ledger) => take(ledger).then(() => ledger.saveEffect(person, "me", standing, [], now, "owe")),
    write: (ledger) => ledger.noteSessions(person, "me"),
  },
  {
    ...{ site: "people.noteSessions", what: "once more", before: take },
    write: (ledger) =>
      ledger.noteSessions(person, "me", {
        owed: { since: now.toISOString(), tries: 1 },
        dueAt: later(now, 60),
      }),
  },
  { site: "brake.saveBrake", write: (ledger) => ledger.saveBrake("brake", { version: 0, passed }) },
  {
    ...{ site: "brake.saveBrake", what: "that is there" },
    before: (ledger) => ledger.saveBrake("brake", { version: 0, passed: [] }),
    write: (ledger) => ledger.saveBrake("brake", { version: 1, passed }),
  },
  { site: "stop.saveStop", write: (ledger) => ledger.saveStop(allStopped) },
  {
    ...{ site: "stop.saveStop", what: "that is there" },
    before: (ledger) => ledger.saveStop(allStopped),
    write: (ledger) => ledger.saveStop(started({ ...allStopped, version: 1 }, step)),
  },
  { site: "pulse.notePulse", what: "on", write: (ledger) => ledger.notePulse("lark", now, "on") },
  {
    ...{ site: "pulse.notePulse", what: "off" },
    before: (ledger) => ledger.notePulse("lark", now, "heard"),
    write: (ledger) => ledger.notePulse("lark", at(1), "off"),
  },
  {
    site: "pulse.noteUrlCheck",
    before: (ledger) => ledger.notePulse("lark", now, "heard").then(() => ledger.notePulse("lark", now, "off")),
    write: (ledger) => ledger.noteUrlCheck("lark", at(1)),
  },
  {
    site: "pulse.noteRefusal",
    before: (ledger) => ledger.notePulse("lark", now, "heard"),
    write: (ledger) => ledger.noteRefusal("lark"),
  },
  { site: "inquiry.enterInquiry", write: (ledger) => ledger.enterInquiry(inquiry) },
  {
    site: "inquiry.settleInquiry",
    before: (ledger) => ledger.enterInquiry(inquiry),
    write: (ledger) => ledger.settleInquiry(inquiry.id, "ordered", "https://hooks.slack.com/2"),
  },
  { site: "uses.isFirstUse", write: (ledger) => ledger.isFirstUse("ops/m1", "approve res_1", now) },
];

describe("every conditional write of the ledger", () => {
  /** `plain`: answered at once, and what was there before has no ids of writes, as the version before wrote it. */
  type How = "late" | "plain";
  type Outcome = Awaited<ReturnType<Awaited<ReturnType<typeof prepare>>>>;
  const outcomes: Partial<Record<How, Outcome>>[] = rows.map(() => ({}));

  beforeAll(async () => {
    const writes: (() => Promise<void>)[] = [];
    for (const [index, row] of rows.entries()) {
      for (const how of ["late", "plain"] as const) {
        const write = await prepare(row, how, `${how}-${index}`);
        writes.push(async () => void Object.assign(outcomes[index] ?? {}, { [how]: await write() }));
      }
    }
    // Ten rows at a time: each late write waits for the client's own timeout.
    while (writes.length > 0) await Promise.all(writes.splice(0, 20).map((write) => write()));
  });

  const named = rows.map((row, index) => ({ name: [row.site, row.what].filter(Boolean).join(", "), index }));

  test.each(named)("$name: a late answer changes nothing", ({ index }) => {
    expect(wasLate).toContain(`late-${index}`);
    const { late, plain } = outcomes[index] ?? {};
    expect(plain?.items).not.toEqual(plain?.before);
    expect(late).toEqual(plain);
  });

  test("has a row in the table above", () => {
    const files = readdirSync("lambda", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    const text = (file: string) => readFileSync(join("lambda", file), "utf8");
    expect(files.filter((file) => /\bConditionExpression|Transact/.test(text(file)))).toEqual(["aws/table.ts"]);
    const sites = files.flatMap((file) => {
      let method = "";
      return text(file)
        .split("\n")
        .flatMap((line) => {
          method = /^ {2,4}(?:async )?(?:function )?(\w+)(?:<.*>)?\(/.exec(line)?.[1] ?? method;
          return /\.(putIf|updateIf)\(/.test(line) ? [`${basename(file, ".ts")}.${method}`] : [];
        });
    });
    const inTable = rows.map(({ site }) => site);
    expect([...new Set(inTable)].toSorted()).toEqual([...new Set(sites)].toSorted());
    const count = (all: string[], site: string) => all.filter((one) => one === site).length;
    expect(sites.filter((site) => count(inTable, site) < count(sites, site))).toEqual([]);
  });

  /** Makes a table for the row, and gives back its write, by the client that the functions have. */
  async function prepare({ before: prior, write, nth = 1 }: Row, how: How, table: string) {
    await aws.createLedgerTable(table);
    const plain = new DynamoDBClient();
    const read = async () => {
      const { Items = [] } = await plain.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
      return Items.map(({ lastWrite, ...item }) => item);
    };
    await prior?.(createLedger({ client: plain, table }));
    const before = await read();
    if (how === "plain") {
      for (const Item of before) await plain.send(new PutItemCommand({ TableName: table, Item }));
    }
    const { client } = connectTable({ name: "resigner", environment: { LEDGER_TABLE: table } }, "LEDGER_TABLE");
    return async () => {
      let count = 0;
      const isIt = ({ body }: AwsCall) => {
        if (body.ConditionExpression) count += 1;
        return count === nth;
      };
      if (how === "late") awaited.set(table, isIt);
      const answer = await write(createLedger({ client, table }));
      const items = await read();
      client.destroy();
      plain.destroy();
      return { answer, before, items };
    };
  }
});

describe("a write that was carried out and answered late", () => {
  test("is known by the item that DynamoDB gives with its refusal: nothing is read", async () => {
    const sent: string[] = [];
    const client = {
      send: async ({ input }: PutItemCommand) => {
        sent.push(String(input.ReturnValuesOnConditionCheckFailure));
        const { Item } = input;
        throw new ConditionalCheckFailedException({ message: "", $metadata: {}, ...(Item && { Item }) });
      },
    } as unknown as DynamoDBClient;
    const table = openTable({ client, table: "t" });
    expect(await table.putIf({ id: "a" }, { condition: "attribute_not_exists(id)" })).toBe(true);
    expect(sent).toEqual(["ALL_OLD"]);
  });

  test("and whose item another writer changed since is refused, and nothing is written twice", async () => {
    await aws.createLedgerTable("changed");
    const ids = ["w1", "w2", "w1"];
    const table = openTable({ client: new DynamoDBClient(), table: "changed", newWriteId: () => ids.shift() ?? "" });
    const next = (version: number) => ({ condition: "version = :version", values: { ":version": version } });
    await table.put({ id: "a", version: 1 });
    expect(await table.putIf({ id: "a", version: 2 }, next(1))).toBe(true);
    expect(await table.putIf({ id: "a", version: 3 }, next(2))).toBe(true);
    expect(await table.putIf({ id: "a", version: 2 }, next(1))).toBe(false);
    expect(await table.get({ id: "a" })).toEqual({ id: "a", version: 3, lastWrite: "w2" });
  });

  test("and another took a place at the brake since: each has one place", async () => {
    await aws.createLedgerTable("places");
    const { client } = connectTable({ name: "resigner", environment: { LEDGER_TABLE: "places" } }, "LEDGER_TABLE");
    const ledger = createLedger({ client, table: "places" });
    const parts = {
      ...{ ledger, genauth: {} as never, log: {} as never, settings: settings({ brake: { headcount: 1_000 } }) },
      ...{ now: () => now, random: () => 0, sleep: async () => {} },
    };
    const place = (one: string) => takePlace(parts, { id: one }, (act) => act());
    awaited.set("places", ({ action }) => action === "PutItem");
    const first = place("res_1");
    await expect.poll(async () => (await ledger.readBrake("brake")).version).toBe(1);
    expect(await place("res_2")).toEqual({ kind: "go" });
    expect(await first).toEqual({ kind: "go" });
    const { version, passed: places } = await ledger.readBrake("brake");
    expect([version, places.map((one) => one.id)]).toEqual([2, ["res_1", "res_2"]]);
  });
});

describe("over the whole way, with an answer that comes late", () => {
  const keys = newKeys();

  async function start(changes: object) {
    const lines: string[] = [];
    const given = { endSessionsIn: ["app"], ...changes };
    const options = { aws, genauth, keys, isPolling: false, sweepEverySeconds: 900, settings: given };
    const stack = await startStack({ ...options, writeLog: (line) => lines.push(line) });
    const work = (one: string) =>
      stack.resigner({ Records: [{ body: one, messageId: "m", receiptHandle: "r" }] as never });
    return {
      ...stack,
      counted: (metric: string) => lines.filter((line) => (JSON.parse(line) as Record<string, unknown>)[metric] === 1),
      late: (isIt: (item: Record<string, { S?: string }>) => boolean) =>
        awaited.set(stack.table, ({ action, body }) => action === "PutItem" && isIt(body.Item as never)),
      /** Lets somebody leave, and gives the departure a turn. */
      async leave(person: string) {
        const event = larkDeleted({ open_id: person }, { token: keys.lark.verificationToken });
        expect((await send(signLark(event, keys.lark), stack.url)).status).toBe(200);
        const query = { userId: `lark:${person}`, now: new Date(), limit: 1 };
        const [{ id } = { id: "" }] = (await stack.ledger.list(query)).items;
        return { id, work: () => work(id) };
      },
      async act(one: string, name: string) {
        const body = { operator: "alice", reason: "looked into it" };
        const request = signApi({ method: "POST", path: `/resignations/${one}/${name}`, body }, keys.api.ops);
        const response = await send(request, stack.url);
        return { code: response.status, ...((await response.json()) as { status: string }) };
      },
      /** What the notices' queue has. */
      async told(): Promise<string[]> {
        const client = new SQSClient();
        const ask = { QueueUrl: stack.environment.NOTICES_URL, MaxNumberOfMessages: 10 };
        const { Messages = [] } = await client.send(new ReceiveMessageCommand(ask));
        client.destroy();
        const abouts = Messages.map(
          ({ Body = "" }) => (JSON.parse(Body) as { notice: { about: string } }).notice.about,
        );
        // Each notice is in the queue once for each target.
        return [...new Set(abouts)];
      },
    };
  }

  // Before: resigned; but the sessions went on, nobody was told and nothing was counted.
  test.concurrent("to `resigned`: sessions are ended, it is told, and counted", async () => {
    const stack = await start({});
    const { id: one, work } = await stack.leave("ou_demo_1");
    stack.late(({ status }) => status?.S === "resigned");
    expect(await work()).toEqual({ batchItemFailures: [] });
    expect(wasLate).toContain(stack.table);
    expect(await stack.ledger.get(one)).toMatchObject({ status: "resigned", confirmedAt: expect.any(String) });
    expect(genauth.kicked().filter(({ userId }) => userId.endsWith("_1"))).toHaveLength(1);
    expect(await stack.told()).toEqual(["resigned"]);
    expect([stack.counted("Resigned").length, stack.counted("Unconfirmed").length]).toEqual([1, 0]);
    await stack.close();
  });

  // Before: the second round found its own brake event, took it for another's, and told nobody.
  test.concurrent("to the brake's log as it trips: the alert is told at once", async () => {
    const stack = await start({ brake: { perHour: 1 } });
    await (await stack.leave("ou_demo_2")).work();
    const { id: one, work } = await stack.leave("ou_demo_3");
    stack.late(({ brakeId }) => brakeId !== undefined);
    await work();
    expect(wasLate).toContain(stack.table);
    expect(await stack.ledger.get(one)).toMatchObject({ status: "held", heldFor: "brake" });
    expect(await stack.told()).toContain("brake_tripped");
    expect(stack.counted("BrakeTripped")).toHaveLength(1);
    await stack.close();
  });

  // Before: 409, though it was done.
  test.concurrent.each(["approve", "cancel"])("to an operator's %s: 200", async (name) => {
    const stack = await start({ dryRun: true });
    const { id: one, work } = await stack.leave("ou_demo_4");
    await work();
    const status = name === "approve" ? "accepted" : "cancelled";
    stack.late((item) => item.status?.S === status);
    expect(await stack.act(one, name)).toMatchObject({ code: 200, status });
    expect(wasLate).toContain(stack.table);
    await stack.close();
  });

  // Before: 409.
  test.concurrent("to an approval, and another cancels meanwhile: both were done", async () => {
    const stack = await start({ dryRun: true });
    const { id: one, work } = await stack.leave("ou_demo_5");
    await work();
    stack.late((item) => item.status?.S === "accepted");
    const approved = stack.act(one, "approve");
    while ((await stack.ledger.get(one))?.status !== "accepted") await wait(20);
    expect(await stack.act(one, "cancel")).toMatchObject({ code: 200, status: "cancelled" });
    expect(await approved).toMatchObject({ code: 200, status: "cancelled" });
    await stack.close();
  });
});
