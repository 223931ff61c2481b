/** A world of real parts whose holders can die at any step, for tests that ask what is left of the promises then. */
import { expect } from "vitest";
import { accept } from "../lambda/departure/accept.ts";
import { createGenAuth, type GenAuth } from "../lambda/genauth/genauth.ts";
import { createLedger, type Ledger } from "../lambda/ledger.ts";
import { createLog } from "../lambda/log.ts";
import { operate } from "../lambda/operators/operate.ts";
import { Problem } from "../lambda/problem.ts";
import { type Departure, resignationId } from "../lambda/resignation/departure.ts";
import type { Resignation } from "../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../lambda/resignation/sync-relation.ts";
import { createResigner } from "../lambda/resigner.ts";
import { createSweep } from "../lambda/sweep.ts";
import { type Fault, type GenAuthSimulator, simulatorCredentials } from "../local/genauth-simulator.ts";
import type { DynamoDb } from "./dynamodb.ts";
import { settings } from "./parts.ts";

export const departures: Departure[] = [0, 1, 2, 3, 4].map((index) => ({
  source: "lark",
  eventId: `event ${index}`,
  // Two people leave twice.
  userId: `lark:ou_demo_${(index % 3) + 1}` as SyncRelation,
  occurredAt: new Date(0),
  requestedBy: "lark",
}));
export const ids = departures.map(resignationId);

/** What can happen. `crashAt`: the holder dies before its n-th call of another part; `failAt`: that call alone fails. */
export type Step =
  | { kind: "deliver"; which: number; crashAt?: number | null }
  | { kind: "work"; together?: number; crashAt?: number | null; failAt?: number }
  | { kind: "sweep"; crashAt?: number | null }
  | { kind: "pass"; seconds: number }
  | { kind: "fault"; mode: Fault["mode"]; count: number }
  | { kind: "act"; name: "approve" | "cancel" | "retry"; which: number };

class Crash extends Error {}

/** Where a departure may stand for good. */
const ends = ["resigned", "duplicate", "held", "cancelled", "failed", "not_found"];

let tables = 0;

export type World = Awaited<ReturnType<typeof startWorld>>;

export async function startWorld(
  dynamodb: DynamoDb,
  simulator: GenAuthSimulator,
  changes: object,
  random: () => number,
) {
  tables += 1;
  await dynamodb.createLedgerTable(`world-${tables}`);
  simulator.reset();
  const given = settings({
    retry: { firstDelaySeconds: 1, maxDelaySeconds: 10 },
    protected: ["lark:ou_demo_3"],
    ...changes,
  });
  const ledger = createLedger({ client: dynamodb.client, table: `world-${tables}` });
  const log = createLog("test", () => {});
  let nowMs = Date.now();
  const now = () => new Date(nowMs);
  const waiting: string[] = [];
  const entered = new Set<string>();
  const cancelled = new Set<string>();
  const violations: string[] = [];
  const atWork: string[] = [];
  /** Whether the last holder that was to die, or whose call was to fail, came so far. */
  let hasDied = false;
  let owners = 0;
  const newOwner = () => {
    owners += 1;
    return `owner-${owners}`;
  };

  const { userPoolId, accessKeyId, accessKeySecret } = simulatorCredentials;
  const secret = { read: async () => ({ accessKeyId, accessKeySecret }), refresh: async () => false };
  const genauth = createGenAuth({ host: simulator.url, userPoolId, secret, now, deadlineMs: 10_000 });
  const queue = {
    send: async (id: string) => void waiting.push(id),
    delay: async () => {},
    bury: async () => {},
  };

  const notices = { sendTogether: async () => {} };

  /** The same parts, for a holder that dies before its n-th call: that call and all later ones do not happen. */
  function mortal(crashAt: number | null | undefined, failAt?: number) {
    let calls = 0;
    let left = crashAt ?? Number.POSITIVE_INFINITY;
    if (typeof (crashAt ?? failAt) === "number") hasDied = false;
    const wrap = <T extends object>(part: T): T =>
      new Proxy(part, {
        get: (target, name) => {
          const method = target[name as keyof T];
          if (typeof method !== "function") return method;
          return async (...args: unknown[]) => {
            left -= 1;
            calls += 1;
            if (left < 0 || calls - 1 === failAt) {
              hasDied = true;
              throw new Crash();
            }
            return (method as (...given: unknown[]) => unknown).apply(target, args);
          };
        },
      });
    return { ledger: wrap(ledger), genauth: wrap(genauth), queue: wrap(queue) };
  }

  /** Nobody may call but for a resignation that stands as `resigning` in the ledger, and never after a cancellation. */
  const watched = (parts: { genauth: GenAuth; ledger: Ledger }): GenAuth => ({
    ...parts.genauth,
    look: parts.genauth.look,
    relations: parts.genauth.relations,
    ready: parts.genauth.ready,
    setStatus: parts.genauth.setStatus,
    endSessions: parts.genauth.endSessions,
    headcount: parts.genauth.headcount,
    resign: async (who) => {
      const { userId } = who;
      const all = await Promise.all(ids.map((id) => ledger.get(id)));
      const isClaimed = all.some((one) => one?.userId === userId && one.status === "resigning");
      if (!isClaimed) violations.push(`${userId} was called for, but nothing of theirs is resigning`);
      atWork.push(userId);
      if (atWork.filter((one) => one === userId).length > 1) violations.push(`two call for ${userId} at once`);
      try {
        return await parts.genauth.resign(who);
      } finally {
        atWork.splice(atWork.indexOf(userId), 1);
      }
    },
  });

  async function work(crashAt?: number | null, failAt?: number) {
    const id = waiting.shift();
    if (id === undefined) return;
    const parts = mortal(crashAt, failAt);
    const resigner = createResigner({
      ...parts,
      notices,
      genauth: watched(parts),
      settings: given,
      log,
      now,
      random,
      newOwner,
      sleep: async () => {},
    });
    const { batchItemFailures } = await resigner({
      Records: [{ body: id, messageId: "m", receiptHandle: "r" }] as never,
    });
    if (batchItemFailures.length > 0) waiting.push(id);
  }

  const tolerate = async (act: () => Promise<unknown>) => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Crash) && !(error instanceof Problem)) throw error;
    }
  };

  async function take(one: Step) {
    switch (one.kind) {
      case "deliver": {
        const departure = { ...(departures[one.which] as Departure), occurredAt: now() };
        const parts = mortal(one.crashAt);
        await tolerate(() => accept({ ...parts, log, now }, departure));
        if (await ledger.get(resignationId(departure))) entered.add(resignationId(departure));
        return;
      }
      case "work":
        await Promise.all(Array.from({ length: one.together ?? 1 }, () => work(one.crashAt, one.failAt)));
        return;
      case "sweep":
        await tolerate(() => createSweep({ ...mortal(one.crashAt), notices, settings: given, log, now })());
        return;
      case "pass":
        nowMs += one.seconds * 1000;
        return;
      case "fault":
        simulator.fail({ mode: one.mode, count: one.count });
        return;
      case "act": {
        const act = {
          name: one.name,
          id: ids[one.which] as string,
          caller: "ops",
          operator: "alice",
          requestId: newOwner(),
        };
        await tolerate(() => operate({ ledger, queue, log, now }, act));
        const after = await ledger.get(act.id);
        if (after?.status === "cancelled") cancelled.add(act.id);
      }
    }
  }

  const all = async () => (await Promise.all([...entered].map((id) => ledger.get(id)))) as (Resignation | undefined)[];

  async function checkAlways() {
    expect(violations).toEqual([]);
    for (const resignation of await all()) {
      if (!resignation) throw new Error("A resignation is gone from the ledger");
      expect(simulator.effects(resignation.userId)).toBeLessThanOrEqual(1);
      const { status, history } = resignation;
      const told = history.at(-1)?.status;
      if (status !== "resigning" && status !== "accepted" && status !== "suspended") expect(told).toBe(status);
      // A call that was under way when it was cancelled may have been carried out: that is said, and told.
      const isCarriedOut = status === "resigned" && resignation.backAfterResigned !== undefined;
      if (cancelled.has(resignation.id) && !isCarriedOut) expect(status).toBe("cancelled");
    }
  }

  /** Time passes, the sweep runs, and what is queued is worked on. */
  async function goOn(seconds: number) {
    nowMs += seconds * 1000;
    await createSweep({ ledger, queue, notices, settings: given, log, now })();
    for (let messages = waiting.length; messages > 0; messages -= 1) await work();
  }

  const isAtRest = async () => waiting.length === 0 && (await all()).every((one) => one && ends.includes(one.status));

  /** Faults end, and everything must come to its end by itself within 80 minutes; then nothing more may come of it. */
  async function settle() {
    simulator.fail({ mode: "none" });
    let left = 4_800;
    do {
      await goOn(400);
      left -= 400;
    } while (left > 400 && !(await isAtRest()));
    await goOn(left);
  }

  async function checkSettled() {
    await checkAlways();
    for (const resignation of await all()) {
      const { status, userId } = resignation as Resignation;
      expect(ends).toContain(status);
      if (status === "resigned") expect(simulator.person(userId)?.status).toBe("Resigned");
    }
    const callsOf = (userId: string) => simulator.calls().filter((call) => call.userId === userId);
    const isReleased = (await ledger.get(ids[2] as string))?.released !== undefined;
    expect(callsOf("lark:ou_demo_3").length === 0 || isReleased).toBe(true);
  }

  const statusOf = async (id: string) => (await ledger.get(id))?.status;

  return { take, settle, checkAlways, checkSettled, statusOf, hasDied: () => hasDied };
}
