/** A small soak, as `npm run soak` does a large one. */
import { expect, test } from "vitest";
import { soak } from "./soak.ts";

test.each([
  ["without a grace period", 0],
  // A minute and a half of the functions' clock.
  ["with a grace period", 0.001],
])(
  "%s, departures end rightly while a fifth of the calls fail and functions are killed",
  async (_, graceDays) => {
    const seed = Number(process.env.SOAK_SEED ?? 7);
    const rates = { faultRate: 0.2, killRate: 0.1, graceDays };
    const report = await soak({ departures: 40, seed, ...rates, deadlineSeconds: 240 });
    expect([seed, report.violations]).toEqual([seed, []]);
    expect(report.kills).toBeGreaterThan(0);
    expect(Object.keys(report.faults).length).toBeGreaterThanOrEqual(7);
  },
  300_000,
);
