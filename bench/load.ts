import { setTimeout as wait } from "node:timers/promises";
import { DynamoDBClient, PutItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { larkDeleted, send, signLark } from "../cli/sign.ts";
import { isUnderWay } from "../lambda/resignation/status.ts";
import type { RuntimeSettings } from "../lambda/settings/settings.ts";
import { startAws } from "../local/aws.ts";
import { startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { percentile, type Section, tableOf } from "./measure.ts";

/** A brake that holds nobody. */
const openBrake = { perHour: 5_000, perDay: 5_000, percentPerDay: 100, headcount: 1_000_000 };

type Stack = Awaited<ReturnType<typeof start>>;

async function start(brake: RuntimeSettings["brake"], resigners: number, genauthDelayMs = 0) {
  const aws = await startAws();
  const genauth = await startGenAuthSimulator({ delayMs: genauthDelayMs });
  const keys = newKeys();
  const settings = { notices: { about: [] } };
  const stack = await startStack({ aws, genauth, keys, resigners, settings, brake });
  let people = 0;
  return {
    ...{ stack, genauth },
    /** Somebody leaves; gives back who, and when it was told. */
    async leave(): Promise<{ userId: string; toldAtMs: number }> {
      people += 1;
      const id = `ou_load_${people}`;
      genauth.addUsers([{ syncRelation: `lark:${id}` }]);
      const event = larkDeleted({ open_id: id }, { token: keys.lark.verificationToken });
      const toldAtMs = Date.now();
      const { status } = await send(signLark(event, keys.lark), stack.url);
      if (status !== 200) throw new Error(`A departure was answered ${status}`);
      return { userId: `lark:${id}`, toldAtMs };
    },
    async close() {
      await stack.close();
      await Promise.all([aws.close(), genauth.close()]);
    },
  };
}

/** Many at once: how long a departure takes, how it drains, and whether the hundred-thousandth costs what the first did. */
export async function benchLoad(departures: number): Promise<Section> {
  const waiting = await benchWaiting();
  const text = [waiting.text, await benchDrain(), await benchMany(departures)].join("\n\n");
  return { text, headline: waiting.headline };
}

async function benchWaiting(): Promise<Section> {
  const world = await start(openBrake, 5);
  await many(world, 50);
  const rows: (string | number)[][] = [];
  const headline: [string, string, string, string][] = [];
  for (const count of [1, 10, 100, 1_000]) {
    const { acceptedMs, tookMs } = await many(world, count);
    rows.push([
      count,
      ((count * 1000) / acceptedMs).toFixed(0),
      percentile(tookMs, 50).toFixed(0),
      percentile(tookMs, 99).toFixed(0),
      Math.round(process.memoryUsage().rss / 1e6),
    ]);
    if (count === 100) {
      const took = `${percentile(tookMs, 50).toFixed(0)} ms, p99 ${percentile(tookMs, 99).toFixed(0)} ms`;
      headline.push(["From the request to resigned, 100 told at once, all of it on one machine", took, "", ""]);
    }
  }
  await world.close();
  const text = [
    "Told at once, through HTTP, DynamoDB, SQS and GenAuth's simulator in one process of two cores, 5 resigners, GenAuth answering at once. From the request to GenAuth's call; memory is all of it, AWS included.",
    tableOf(["told at once", "accepted a second", "request to resigned, p50 ms", "p99 ms", "memory, MB"], rows),
  ].join("\n");
  return { text, headline };
}

async function many(world: Stack, count: number): Promise<{ acceptedMs: number; tookMs: number[] }> {
  const startedAt = Date.now();
  const told: Awaited<ReturnType<Stack["leave"]>>[] = [];
  const before = world.genauth.calls().length;
  let left = count;
  await Promise.all(
    Array.from({ length: Math.min(count, 32) }, async () => {
      while (left > 0) {
        left -= 1;
        told.push(await world.leave());
      }
    }),
  );
  const acceptedMs = Date.now() - startedAt;
  while (world.genauth.calls().length < before + count) await wait(5);
  const calledAtMs = new Map(world.genauth.calls().map(({ userId, at }) => [userId, Date.parse(at)]));
  return { acceptedMs, tookMs: told.map(({ userId, toldAtMs }) => (calledAtMs.get(userId) ?? Number.NaN) - toldAtMs) };
}

/** A mass event follows `concurrency.resignerMax`, as long as GenAuth is what it waits for. */
async function benchDrain(): Promise<string> {
  const rows: (string | number)[][] = [];
  const count = 150;
  let former: number | undefined;
  for (const resigners of [2, 5, 10]) {
    const world = await start(openBrake, resigners, 300);
    const startedAt = Date.now();
    await many(world, count);
    const perSecond = (count * 1000) / (Date.now() - startedAt);
    rows.push([resigners, perSecond.toFixed(1), former === undefined ? "" : (perSecond / former).toFixed(2)]);
    former = perSecond;
    await world.close();
  }
  return [
    `${count} told at once, GenAuth taking 300 ms a call, up to ten a resigner at once.`,
    tableOf(["resigners at once (concurrency.resignerMax)", "resigned a second", "× the row before"], rows),
  ].join("\n");
}

/** A mass event as it comes: the brake lets some through, and the rest are held. */
async function benchMany(departures: number): Promise<string> {
  const counted = countDynamo();
  const world = await start({ perHour: 50, perDay: 50, percentPerDay: 10, headcount: 1_000_000 }, 5);
  const rows: (string | number)[][] = [];
  const parts = 5;
  for (let part = 1; part <= parts; part += 1) {
    const before = { calls: counted.calls, writeUnits: counted.writeUnits, at: Date.now() };
    const size = Math.round(departures / parts);
    let left = size;
    const last: string[] = [];
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (left > 0) {
          left -= 1;
          last[0] = (await world.leave()).userId;
        }
      }),
    );
    while (await hasOpen(world)) await wait(50);
    rows.push([
      part * size,
      ((counted.calls - before.calls) / size).toFixed(2),
      ((counted.writeUnits - before.writeUnits) / size).toFixed(2),
      ((size * 1000) / (Date.now() - before.at)).toFixed(0),
      Math.round(process.memoryUsage().rss / 1e6),
    ]);
  }
  const called = world.genauth.calls().length;
  await world.close();
  counted.stop();
  return [
    `A mass event of ${departures}, each through to its end: ${called} were resigned by themselves, the others are held by the brake. What the last of them costs:`,
    tableOf(["departures", "DynamoDB calls each", "write units each", "a second, all of it", "memory, MB"], rows),
    await benchBrake(),
  ].join("\n");
}

async function hasOpen({ stack }: Stack): Promise<boolean> {
  const open = ["accepted", "resigning"] as const;
  const pages = await Promise.all(open.map((status) => stack.ledger.list({ status, now: new Date(), limit: 1 })));
  return pages.some(({ items }) => items.some(isUnderWay));
}

/** What does grow: the brake's log, one entry for everybody whom it let through within a day. */
async function benchBrake(): Promise<string> {
  const found: string[] = [];
  const counted = countDynamo();
  const world = await start(openBrake, 5);
  let resigned = 0;
  for (const upTo of [50, 500, 2_000]) {
    await many(world, upTo - resigned);
    resigned = upTo;
    found.push(`${Math.ceil(counted.brakeBytes / 1024)} kB at the ${upTo}th`);
  }
  await world.close();
  counted.stop();
  return `The one thing that grows is the brake's log, written whole for each that it lets through: ${found.join(", ")}. At the default of 50 a day that is 5 write units; at the 500 that brake.perDay may be, it is what a departure costs most for.`;
}

/** Counts what the functions of this process ask of DynamoDB. A write of a resignation is one in each of four indexes too. */
function countDynamo() {
  const prototype = DynamoDBClient.prototype as unknown as { send: (...given: unknown[]) => unknown };
  const original = prototype.send;
  const counted = {
    calls: 0,
    writeUnits: 0,
    brakeBytes: 0,
    stop: () => {
      prototype.send = original;
    },
  };
  prototype.send = function (...given) {
    const [command] = given;
    counted.calls += 1;
    if (command instanceof PutItemCommand || command instanceof UpdateItemCommand) {
      const item = command instanceof PutItemCommand ? command.input.Item : command.input.Key;
      const bytes = JSON.stringify(item ?? {}).length;
      const id = item?.id?.S ?? "";
      counted.writeUnits += Math.ceil(bytes / 1024) * (id.startsWith("res_") ? 5 : 1);
      if (id === "brake") counted.brakeBytes = bytes;
    }
    return original.apply(this, given);
  };
  return counted;
}
