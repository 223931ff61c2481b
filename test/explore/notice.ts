import { explore, type Found, setupOf, walk } from "./explorer.ts";
import type { Mutant } from "./mutants.ts";
import { scenarios } from "./scenarios.ts";

/** The first that is found of a mutant in its scenarios, and is not found of the project's own rules. */
export function notice(
  { scenarios: names, graceDays, change }: Mutant,
  most: number,
): (Found & { readonly scenario: string; readonly graceDays: number }) | undefined {
  for (const name of names) {
    const scenario = scenarios.find((one) => one.name === name);
    if (!scenario) throw new Error(`No scenario ${name}`);
    for (const days of graceDays) {
      const setup = setupOf(scenario, days, change);
      const [explored] = explore(setup, most).found;
      // That something never comes to rest only a walk finds.
      const found = explored ?? walk(setup, 100, 20261124).found[0];
      if (found) return { ...found, scenario: name, graceDays: days };
    }
  }
  return undefined;
}
