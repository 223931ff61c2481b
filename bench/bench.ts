/**
 * `npm run bench`: what a cold start, a verification, a mass event and a departure cost, each beside what people
 * would use instead. Contestants take turns, so that a noisy machine is noisy for all of them. Ratios are the result.
 */
import { cpus } from "node:os";
import { Command } from "commander";
import { benchColdStart } from "./cold-start.ts";
import { benchCost } from "./cost.ts";
import { benchLoad } from "./load.ts";
import type { Section } from "./measure.ts";
import { writeReport } from "./report.ts";
import { startBench } from "./stage.ts";
import { benchVerify } from "./verify.ts";

const { departures } = new Command("bench")
  .option("--departures <n>", "of the mass event", Number, 2_000)
  .parse()
  .opts<{ departures: number }>();

const bench = await startBench();
const sections: [title: string, section: Section][] = [
  ["Cold start", await benchColdStart(bench)],
  ["Verify and map", await benchVerify()],
];
await bench.close();
sections.push(["Load", await benchLoad(departures)], ["Cost", await benchCost()]);

const machine = `Node ${process.version}, ${cpus()[0]?.model} × ${cpus().length}, ${new Date().toISOString().slice(0, 10)}. One run of \`npm run bench\`; ratios are the result, times are of this machine.`;
console.log(writeReport(machine, sections));
process.exit(0);
