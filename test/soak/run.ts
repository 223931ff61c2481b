/** `npm run soak`: thousands of departures while calls fail and functions are killed. Exits 1 where a promise is broken. */
import { randomInt } from "node:crypto";
import { Command } from "commander";
import { soak } from "./soak.ts";

const command = new Command("soak")
  .description("Lets people leave while calls to AWS and GenAuth fail and the real functions are killed.")
  .option("--departures <n>", "how many", Number, 10_000)
  .option("--seed <n>", "of a run before, to play it again", Number, randomInt(2 ** 31))
  .option("--faults <share>", "of the calls go wrong", Number, 0.2)
  .option("--kills <share>", "of the departures kill a function", Number, 0.05)
  .option("--grace <days>", "the setting graceDays", Number, 0)
  .option("--deadline <seconds>", "give up after", Number, 3_600)
  .parse();
const { departures, seed, faults, kills, deadline, grace } = command.opts();

console.log(
  `${departures} departures, ${faults * 100} % faults, ${kills * 100} % kills. Again: npm run soak -- --departures ${departures} --seed ${seed}`,
);
const given = { departures, seed, faultRate: faults, killRate: kills, deadlineSeconds: deadline, graceDays: grace };
const { violations, ...figures } = await soak({ ...given, tell: (line) => console.log(line) });
console.log(JSON.stringify(figures, null, 2));
for (const violation of violations) console.log(`BROKEN: ${violation}`);
console.log(`${violations.length} broken promises (seed ${seed})`);
process.exit(violations.length === 0 ? 0 : 1);
