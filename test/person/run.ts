/** `node test/person/run.ts --runs 500 --seed 1`: many seeds one after the other, and the shortest story of each rule that was broken. */
import { parseArgs } from "node:util";
import { planOf } from "./steps.ts";
import { type Outcome, runPlan, runSeed, shorten, tellStory } from "./story.ts";
import { startStage } from "./world.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    seed: { type: "string" },
    /** Tell the story of this one seed, whatever came of it. */
    story: { type: "string" },
    /** Do not look for shorter stories. */
    quick: { type: "boolean", default: false },
  },
});

const stage = await startStage();
const began = Date.now();
if (values.story !== undefined) {
  console.log(tellStory(await runPlan(stage, planOf(Number(values.story)))));
} else {
  const first = Number(values.seed ?? Math.floor(Math.random() * 1_000_000_000));
  const runs = Number(values.runs);
  const found = new Map<string, Outcome[]>();
  console.log(`seeds ${first} to ${first + runs - 1}`);
  for (let seed = first; seed < first + runs; seed += 1) {
    const outcome = await runSeed(stage, seed);
    const rules = new Set([
      ...outcome.violations.map(({ rule }) => rule),
      ...(outcome.problems.length > 0 ? ["? of the test itself"] : []),
    ]);
    for (const rule of rules) found.set(rule, [...(found.get(rule) ?? []), outcome]);
    if (rules.size > 0) console.log(`seed ${seed}: ${[...rules].join("; ")}`);
    if ((seed - first + 1) % 50 === 0)
      console.log(`${seed - first + 1} runs, ${Math.round((Date.now() - began) / 1000)} s`);
  }
  for (const [rule, outcomes] of [...found].sort()) {
    const seeds = outcomes.map(({ plan }) => plan.seed);
    console.log(`✘ ${rule}: ${outcomes.length} of ${runs} runs, seeds ${seeds.slice(0, 12).join(" ")}`);
    if (values.quick) continue;
    const first = outcomes.toSorted((one, other) => one.story.length - other.story.length)[0] as Outcome;
    const chosen = { ...first, violations: first.violations.toSorted((one) => (one.rule === rule ? -1 : 1)) };
    console.log(tellStory(rule.startsWith("?") ? first : await shorten(stage, chosen)));
  }
  if (found.size === 0) console.log(`✔ nothing found in ${runs} runs`);
  process.exitCode = found.size === 0 ? 0 : 1;
}
await stage.close();
process.exit();
