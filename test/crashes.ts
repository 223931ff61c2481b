/** A holder dies between two of its steps: what is left is mended, and nobody is resigned twice. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { startDynamoDb } from "./dynamodb.ts";
import { departures, ids, type Step, startWorld, type World } from "./world.ts";

/** The tests, with a death before every so-many-th step. */
export function testCrashes(every: number): void {
  const dynamodb = startDynamoDb();
  let simulator: GenAuthSimulator;
  beforeAll(async () => {
    simulator = await startGenAuthSimulator();
  });
  afterAll(() => simulator.close());

  async function play(changes: object, steps: Step[]) {
    const world = await startWorld(dynamodb, simulator, changes, () => 0.5);
    for (const step of steps) {
      await world.take(step);
      await world.checkAlways();
    }
    await world.settle();
    await world.checkSettled();
    return world;
  }

  /** The same person's: the first departure and the fourth. */
  const [one, same] = [0, 3];
  const { userId } = departures[one] as { userId: string };

  /** Plays with a death before each step in turn, until nobody dies any more since there are no more steps. */
  async function atEveryStep(least: number, playWith: (step: number) => Promise<World>) {
    for (let step = 0; ; step += every) {
      const world = await playWith(step).catch((cause) => {
        throw new Error(`At step ${step}: ${cause.message}`, { cause });
      });
      if (!world.hasDied()) return expect(step).toBeGreaterThanOrEqual(least);
    }
  }

  test("a repeat queues again what was written down and not queued", async () => {
    const world = await startWorld(dynamodb, simulator, {}, () => 0.5);
    await world.take({ kind: "deliver", which: one, crashAt: 1 });
    await world.take({ kind: "work" });
    expect(simulator.effects(userId)).toBe(0);
    await world.take({ kind: "deliver", which: one });
    await world.take({ kind: "work" });
    expect(simulator.effects(userId)).toBe(1);
  });

  describe("dying between two steps", () => {
    const changes = {};

    test("accept dies before any of its steps, and the sender comes again", () =>
      atEveryStep(2, async (crashAt) => {
        const world = await play(changes, [
          { kind: "deliver", which: one, crashAt },
          { kind: "deliver", which: one },
        ]);
        expect(simulator.effects(userId)).toBe(1);
        return world;
      }));

    test("accept dies between ledger and queue, and the sender does not come again: the sweep does", async () => {
      await play(changes, [{ kind: "deliver", which: one, crashAt: 1 }]);
      expect(simulator.effects(userId)).toBe(1);
    });

    test("resign dies before any of its steps", () =>
      atEveryStep(20, async (crashAt) => {
        const world = await play(changes, [
          { kind: "deliver", which: one },
          { kind: "work", crashAt },
        ]);
        expect(simulator.effects(userId)).toBe(1);
        return world;
      }));

    const both: Step[] = [
      { kind: "deliver", which: one },
      { kind: "deliver", which: same },
    ];

    test("resign dies before any of its steps, and the person's other departure is next", () =>
      atEveryStep(20, async (crashAt) => {
        const next: Step[] = [{ kind: "pass", seconds: 160 }, { kind: "work" }, { kind: "work" }];
        const world = await play(changes, [...both, { kind: "work", crashAt }, ...next]);
        expect(simulator.effects(userId)).toBe(1);
        expect(simulator.calls().filter((call) => call.userId === userId)).toHaveLength(1);
        return world;
      }));

    test("any step of resign alone fails, and the person's other departure is next", () =>
      atEveryStep(20, async (failAt) => {
        const next: Step[] = [{ kind: "work" }, { kind: "pass", seconds: 160 }, { kind: "work" }];
        const world = await play(changes, [...both, { kind: "work", failAt }, ...next]);
        expect(simulator.effects(userId)).toBe(1);
        expect(simulator.calls().filter((call) => call.userId === userId)).toHaveLength(1);
        return world;
      }));

    test("the answer is lost, and the person's other departure is next", async () => {
      const lost: Step[] = [{ kind: "fault", mode: "cut", count: 1 }, { kind: "work" }];
      await play(changes, [...both, ...lost, { kind: "work" }]);
      expect(simulator.effects(userId)).toBe(1);
      expect(simulator.calls().filter((call) => call.userId === userId)).toHaveLength(1);
    });

    test("the sweep dies before any of its steps", () =>
      atEveryStep(10, async (crashAt) => {
        const world = await play(changes, [
          { kind: "deliver", which: one, crashAt: 1 },
          { kind: "deliver", which: 1, crashAt: 1 },
          { kind: "pass", seconds: 200 },
          { kind: "sweep", crashAt },
        ]);
        expect(simulator.effects(userId)).toBe(1);
        return world;
      }));
  });

  test("a message too many, in the time between two tries, is dropped", async () => {
    const steps: Step[] = [{ kind: "deliver", which: one }, { kind: "fault", mode: "500", count: 1 }, { kind: "work" }];
    const world = await startWorld(dynamodb, simulator, { retry: { firstDelaySeconds: 30 } }, () => 0.5);
    for (const step of steps) await world.take(step);
    for (let times = 0; times < 5; times += 1) await world.take({ kind: "deliver", which: one });
    for (let times = 0; times < 6; times += 1) await world.take({ kind: "work" });
    expect(simulator.calls()).toHaveLength(1);
    await world.settle();
    expect(simulator.effects(userId)).toBe(1);
  });

  test("with a grace period, dying before any step leaves the person suspended or better", () =>
    atEveryStep(20, async (crashAt) => {
      const world = await startWorld(dynamodb, simulator, { graceDays: 1 }, () => 0.5);
      await world.take({ kind: "deliver", which: one });
      await world.take({ kind: "work", crashAt });
      expect(simulator.effects(userId)).toBe(0);
      await world.take({ kind: "pass", seconds: 200 });
      await world.take({ kind: "sweep" });
      for (let times = 0; times < 3; times += 1) await world.take({ kind: "work" });
      expect(simulator.person(userId)?.status).toBe("Suspended");
      expect(simulator.effects(userId)).toBe(0);
      expect(await world.statusOf(ids[one] as string)).toBe("suspended");
      await world.take({ kind: "pass", seconds: 86_500 });
      await world.settle();
      expect(simulator.person(userId)?.status).toBe("Resigned");
      expect(simulator.effects(userId)).toBe(1);
      return world;
    }));
}
