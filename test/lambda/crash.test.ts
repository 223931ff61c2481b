/** A holder dies between any two of its steps: what is left is mended, and nobody is resigned twice. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { departures, ids, type Step, startWorld } from "../world.ts";

let aws: LocalAws;
let simulator: GenAuthSimulator;
beforeAll(async () => {
  aws = await startAws();
  simulator = await startGenAuthSimulator();
});
afterAll(() => Promise.all([aws.close(), simulator.close()]));

async function play(changes: object, steps: Step[]) {
  const world = await startWorld(aws, simulator, changes, () => 0.5);
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
const everyStep = Array.from({ length: 30 }, (_, index) => index);

test("a repeat queues again what was written down and not queued", async () => {
  const world = await startWorld(aws, simulator, {}, () => 0.5);
  await world.take({ kind: "deliver", which: one, crashAt: 1 });
  await world.take({ kind: "work" });
  expect(simulator.effects(userId)).toBe(0);
  await world.take({ kind: "deliver", which: one });
  await world.take({ kind: "work" });
  expect(simulator.effects(userId)).toBe(1);
});

describe("dying between two steps", () => {
  const changes = {};

  test.each(everyStep)("accept dies before its step %i, and the sender comes again", async (crashAt) => {
    await play(changes, [
      { kind: "deliver", which: one, crashAt },
      { kind: "deliver", which: one },
    ]);
    expect(simulator.effects(userId)).toBe(1);
  });

  test("accept dies between ledger and queue, and the sender does not come again: the sweep does", async () => {
    await play(changes, [{ kind: "deliver", which: one, crashAt: 1 }]);
    expect(simulator.effects(userId)).toBe(1);
  });

  test.each(everyStep)("resign dies before its step %i", async (crashAt) => {
    await play(changes, [
      { kind: "deliver", which: one },
      { kind: "work", crashAt },
    ]);
    expect(simulator.effects(userId)).toBe(1);
  });

  test.each(everyStep)("resign dies before its step %i, and the person's other departure is next", async (crashAt) => {
    const both: Step[] = [
      { kind: "deliver", which: one },
      { kind: "deliver", which: same },
    ];
    const next: Step[] = [{ kind: "pass", seconds: 160 }, { kind: "work" }, { kind: "work" }];
    await play(changes, [...both, { kind: "work", crashAt }, ...next]);
    expect(simulator.effects(userId)).toBe(1);
    expect(simulator.calls().filter((call) => call.userId === userId)).toHaveLength(1);
  });

  test.each(everyStep)("its step %i alone fails, and the person's other departure is next", async (failAt) => {
    const both: Step[] = [
      { kind: "deliver", which: one },
      { kind: "deliver", which: same },
    ];
    await play(changes, [
      ...both,
      { kind: "work", failAt },
      { kind: "work" },
      { kind: "pass", seconds: 160 },
      { kind: "work" },
    ]);
    expect(simulator.effects(userId)).toBe(1);
    expect(simulator.calls().filter((call) => call.userId === userId)).toHaveLength(1);
  });

  test("the answer is lost, and the person's other departure is next", async () => {
    const lost: Step[] = [{ kind: "fault", mode: "cut", count: 1 }, { kind: "work" }];
    await play(changes, [{ kind: "deliver", which: one }, { kind: "deliver", which: same }, ...lost, { kind: "work" }]);
    expect(simulator.effects(userId)).toBe(1);
    expect(simulator.calls().filter((call) => call.userId === userId)).toHaveLength(1);
  });

  test.each(everyStep)("the sweep dies before its step %i", async (crashAt) => {
    await play(changes, [
      { kind: "deliver", which: one, crashAt: 1 },
      { kind: "deliver", which: 1, crashAt: 1 },
      { kind: "pass", seconds: 200 },
      { kind: "sweep", crashAt },
    ]);
    expect(simulator.effects(userId)).toBe(1);
  });
});

test("a message too many, in the time between two tries, is dropped", async () => {
  const steps: Step[] = [{ kind: "deliver", which: one }, { kind: "fault", mode: "500", count: 1 }, { kind: "work" }];
  const world = await startWorld(aws, simulator, { retry: { firstDelaySeconds: 30 } }, () => 0.5);
  for (const step of steps) await world.take(step);
  for (let times = 0; times < 5; times += 1) await world.take({ kind: "deliver", which: one });
  for (let times = 0; times < 6; times += 1) await world.take({ kind: "work" });
  expect(simulator.calls()).toHaveLength(1);
  await world.settle();
  expect(simulator.effects(userId)).toBe(1);
});

test.each(everyStep)(
  "with a grace period, dying before step %i leaves the person suspended or better",
  async (crashAt) => {
    const world = await startWorld(aws, simulator, { graceDays: 1 }, () => 0.5);
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
  },
);
