/**
 * Random interleavings of deliveries, repeats, crashes at any step, sweeps, operators and lost leases, over the
 * real ledger and the GenAuth simulator. A crash is final for its holder: nothing of it runs on, not even `finally`.
 */
import type { Fault, GenAuthSimulator } from "../local/genauth-simulator.ts";
import type { DynamoDb } from "./dynamodb.ts";
import { fc } from "./fast-check.ts";
import { departures, startWorld } from "./world.ts";

const which = fc.nat(departures.length - 1);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("deliver" as const), which, crashAt: fc.option(fc.nat(3)) }) },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant("work" as const),
      crashAt: fc.option(fc.nat(14)),
      together: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("sweep" as const), crashAt: fc.option(fc.nat(4)) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.constantFrom(1, 10, 130, 200, 4_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fault" as const),
      mode: fc.constantFrom<Fault["mode"]>("500", "429", "cut", "garbage", "401", "http500"),
      count: fc.integer({ min: 1, max: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("act" as const),
      name: fc.constantFrom("approve" as const, "cancel" as const, "retry" as const),
      which,
    }),
  },
);

/** Settings under which they are tried. */
export const variants: [string, object][] = [
  ["with the defaults", {}],
  ["with a tight brake", { brake: { perHour: 1, perDay: 2, headcount: 1000 } }],
  ["with a grace period", { graceDays: 0.01 }],
];

/** Nobody twice, nothing lost, nothing against a cancellation. */
export async function interleave(
  { dynamodb, simulator }: { dynamodb: DynamoDb; simulator: GenAuthSimulator },
  changes: object,
  numRuns: number,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40, size: "max" }),
      fc.infiniteStream(fc.nat(1_000)),
      async (steps, chances) => {
        const world = await startWorld(dynamodb, simulator, changes, () => (chances.next().value ?? 0) / 1_001);
        for (const one of steps) {
          await world.take(one);
          await world.checkAlways();
        }
        await world.settle();
        await world.checkSettled();
      },
    ),
    { numRuns },
  );
}
