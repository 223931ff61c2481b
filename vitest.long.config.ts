import { randomInt } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { common } from "./vitest.config.ts";

/** Of `npm test`, the files that have long tests too, or draw at random: here with a new seed. */
const mixed = globSync("test/**/*.test.ts").filter((file) =>
  /from "[./]+\/(long|fast-check)\.ts"/.test(readFileSync(file, "utf8")),
);

const SEED = process.env.SEED ?? String(randomInt(2 ** 31));
process.env.SEED = SEED;
console.log(`The long tests draw from ${SEED}. The same again: SEED=${SEED} npm run test:long`);

/** What takes long by nature: `npm run test:long`, one file after the other. */
export default defineConfig({
  test: {
    ...common,
    include: ["test/**/*.long.test.ts", ...mixed],
    env: { ...common?.env, LONG: "yes", SEED },
    fileParallelism: false,
    testTimeout: 300_000,
    ...(process.env.CI && { reporters: ["default", ["json", { outputFile: ".local/long-test-results.json" }]] }),
  },
});
