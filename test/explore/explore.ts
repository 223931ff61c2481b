/**
 * Explores every scenario with and without a grace period: `node test/explore/explore.ts --states 3000000`.
 * `--only <text>`: scenarios whose names contain it. `--walks <n>`: random walks besides. `--mutants`: which wrong
 * rows are noticed, by what, and in how many steps.
 */
import { parseArgs } from "node:util";
import { type Explored, explore, setupOf, walk } from "./explorer.ts";
import { mutants } from "./mutants.ts";
import { notice } from "./notice.ts";
import { scenarios } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    states: { type: "string", default: "3000000" },
    only: { type: "string", default: "" },
    walks: { type: "string", default: "0" },
    seed: { type: "string", default: "20261124" },
    mutants: { type: "boolean", default: false },
  },
});

const most = Number(values.states);
const chosen = scenarios.filter(({ name }) => name.includes(values.only));
if (values.mutants) noticeMutants();
else exploreAll(Math.floor(most / (chosen.length * 2)));

/** Row, what is wrong with it, and the first invariant that notices. */
function noticeMutants(): void {
  for (const mutant of mutants) {
    const { row, what } = mutant;
    const began = performance.now();
    const noticed = notice(mutant, Math.min(most, 60_000));
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    const said = noticed
      ? `${noticed.what}, in ${noticed.story.length} steps (${noticed.scenario}, grace ${noticed.graceDays})`
      : "not noticed here: only the table test does";
    console.log(`row ${row}: ${what} → ${said}, ${seconds} s`);
  }
}

function exploreAll(most: number): void {
  const found = new Map<string, { where: string; story: readonly string[] }>();
  const sum = { states: 0, steps: 0, atRest: 0, complete: 0, runs: 0 };
  const note = (where: string, explored: Pick<Explored, "found">) => {
    for (const { what, story } of explored.found) {
      const known = found.get(what);
      if (!known || known.story.length > story.length) found.set(what, { where, story });
    }
  };
  const began = performance.now();
  for (const scenario of chosen) {
    for (const graceDays of [0, 1] as const) {
      const where = `${scenario.name}, grace ${graceDays}`;
      const setup = setupOf(scenario, graceDays);
      const start = performance.now();
      const explored = explore(setup, most);
      const seconds = ((performance.now() - start) / 1_000).toFixed(1);
      const { states, atRest, depth, isComplete } = explored;
      const said = explored.found.map(({ what }) => what).join("; ") || "nothing";
      console.log(
        `${where}: ${states} states, ${atRest} at rest, depth ${depth}${isComplete ? "" : ", cut"}, ${seconds} s: ${said}`,
      );
      note(where, explored);
      sum.states += states;
      sum.steps += explored.steps;
      sum.atRest += atRest;
      sum.complete += +isComplete;
      sum.runs += 1;
      if (Number(values.walks) > 0) {
        const walked = walk(setup, Number(values.walks), Number(values.seed));
        console.log(
          `  walked ${walked.steps} steps, ${walked.atRest} at rest: ${walked.found.map(({ what }) => what).join("; ") || "nothing"}`,
        );
        note(`${where}, walked`, walked);
      }
    }
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(0);
  console.log(
    `${sum.states} states, ${sum.steps} steps, ${sum.atRest} judged at rest, ${sum.complete} of ${sum.runs} complete, ${seconds} s`,
  );
  for (const [what, { where, story }] of found) {
    const lines = story.length > 45 ? [...story.slice(0, 40), `and ${story.length - 40} steps more`] : story;
    console.log([`\n✘ ${what} (${where})`, ...lines].join("\n    "));
  }
}
