/**
 * Seeds that have found something once, and a few more: people leave, come back, are ordered out and given back by
 * hand, while GenAuth fails and workers die. `node test/person/run.ts` draws new ones.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSeed, tellStory } from "./story.ts";
import { type Stage, startStage } from "./world.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.close());

test.each([
  ["nobody is resigned against a return that was known", [157, 202]],
  ["nobody who was called off stays suspended", [99]],
  ["only our own suspension is lifted, and only when nothing stands on it", [6, 96]],
  ["nobody who left keeps access unseen", [438]],
  ["nobody is cancelled and resigned without a word", [487]],
  ["nobody is resigned twice, nobody in spite of a gate", [368, 425]],
  ["what rests is right", [44, 53, 184]],
])("%s", async (_, seeds) => {
  for (const seed of seeds) {
    const outcome = await runSeed(stage, seed);
    const isRight = outcome.violations.length === 0 && outcome.problems.length === 0;
    expect(isRight, isRight ? "" : tellStory(outcome)).toBe(true);
  }
});
