/** A small soak, as `npm run soak` does a large one. */
import { expect, test } from "vitest";
import { soak } from "./soak.ts";

test("150 departures while a fifth of the calls fail and functions are killed: none lost, none twice", async () => {
  const seed = Number(process.env.SOAK_SEED ?? 7);
  const rates = { faultRate: 0.2, killRate: 0.1, lookUp: false };
  const report = await soak({ departures: 150, seed, ...rates, deadlineSeconds: 240 });
  expect([seed, report.violations]).toEqual([seed, []]);
  expect(report.kills).toBeGreaterThan(0);
  expect(Object.keys(report.faults).length).toBeGreaterThanOrEqual(7);
  expect(report.approved).toBeGreaterThan(0);
}, 300_000);
