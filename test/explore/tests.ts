/** Small worlds, explored with the project's own rules and with wrong ones. `explore.ts` explores millions of states. */
import { describe, expect, test } from "vitest";
import { explore, setupOf, walk } from "./explorer.ts";
import { mutants } from "./mutants.ts";
import { notice } from "./notice.ts";
import { scenarios } from "./scenarios.ts";
import type { Scenario } from "./state.ts";

const tell = ({ what, story }: { what: string; story: readonly string[] }) => [what, ...story].join("\n    ");

/** `mostOfSmall`: the states of those scenarios that are explored as a whole. */
export function testExplorer(given: { most: number; mostOfSmall: number; walks: number; wrongRows: string[] }): void {
  const { most, mostOfSmall, walks, wrongRows } = given;

  describe("the project's own rules", () => {
    test.each(scenarios)("keep every invariant: $name", (scenario) => {
      for (const graceDays of [0, 1] as const) {
        const setup = setupOf(scenario, graceDays);
        const { found } = explore(setup, scenario.name.endsWith("small") ? mostOfSmall : most);
        expect(found.map(tell)).toEqual([]);
      }
    });

    test("bring everything to rest that happens by chance", () => {
      const budget = {
        crash: 2,
        lose: 2,
        refuseLook: 1,
        busyLook: 1,
        refuse: 1,
        busy: 1,
        hand: 2,
        cancel: 1,
        approve: 3,
      };
      const all: Scenario = { name: "all", tells: ["LRL", "LR"], budget, hands: ["deactivates", "deletes", "resigns"] };
      for (const graceDays of [0, 1] as const) {
        const setup = setupOf(all, graceDays);
        const { found, atRest } = walk(setup, walks, 20261124);
        expect(found.map(tell)).toEqual([]);
        expect(atRest).toBeGreaterThan(2.5 * walks);
      }
    });
  });

  describe("the explorer", () => {
    const [small] = scenarios.filter(({ name }) => name === "suspended by hand meanwhile");

    test("explores alike twice", () => {
      const once = explore(setupOf(small as Scenario, 1), 5_000);
      expect(explore(setupOf(small as Scenario, 1), 5_000)).toEqual(once);
      expect(once.isComplete).toBe(true);
      expect(once.atRest).toBeGreaterThan(100);
    });

    test.each(wrongRows)("notices a wrong row: %s", (what) => {
      const found = mutants.filter((one) => one.what === what).map((mutant) => notice(mutant, 6_000));
      expect(found).toEqual([expect.objectContaining({ story: expect.anything() })]);
    });
  });
}
