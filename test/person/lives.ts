/** Random lives by their seeds. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { runSeed, tellStory } from "./story.ts";
import { type Stage, startStage } from "./world.ts";

/** What each seed has broken once. */
export function testLives(seedsOf: [string, number[]][]): void {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage();
  });
  afterAll(() => stage.close());

  test.each(seedsOf)("%s", async (_, seeds) => {
    for (const seed of seeds) {
      const outcome = await runSeed(stage, seed);
      const isRight = outcome.violations.length === 0 && outcome.problems.length === 0;
      expect(isRight, isRight ? "" : tellStory(outcome)).toBe(true);
    }
  });
}
