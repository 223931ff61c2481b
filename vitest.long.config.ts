import { defineConfig } from "vitest/config";

/** What takes long by nature, and what draws at random, with new seeds: `npm run test:long`, one file after the other. */
export default defineConfig({
  test: {
    include: [
      "test/**/*.long.test.ts",
      "test/lambda/sources/{json,verify.property}.test.ts",
      "test/lambda/{ledger,genauth/genauth}.test.ts",
      "test/quarantine.test.ts",
    ],
    env: { NEW_SEEDS: "1" },
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 60_000,
    ...(process.env.CI && { reporters: ["default", ["json", { outputFile: ".local/long-test-results.json" }]] }),
  },
});
