import { globSync, readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Of `npm test`, the files that have long tests too, or draw at random: here with new seeds. */
const mixed = globSync("test/**/*.test.ts").filter((file) =>
  /from "[./]+\/long.ts"|"[./]+\/seed.ts"/.test(readFileSync(file, "utf8")),
);

/** What takes long by nature: `npm run test:long`, one file after the other. */
export default defineConfig({
  test: {
    include: ["test/**/*.long.test.ts", ...mixed],
    env: { LONG: "yes" },
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 60_000,
    ...(process.env.CI && { reporters: ["default", ["json", { outputFile: ".local/long-test-results.json" }]] }),
  },
});
