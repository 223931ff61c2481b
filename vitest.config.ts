import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

// Compiled once, and not in each of the processes that the tests run in and start.
process.env.NODE_COMPILE_CACHE ??= resolve(".local/compile-cache");

/** The quick tests: `npm test`. The long ones are in vitest.long.config.ts. */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/e2e/**", "test/**/*.long.test.ts"],
    // One more than there are cores, since tests also wait.
    maxWorkers: availableParallelism() + 1,
    // CDK's own look at every template takes seconds and only warns: template.long.test.ts asks the same rules, and fails.
    env: { CDK_VALIDATION: "false" },
    testTimeout: 90_000,
    hookTimeout: 60_000,
    ...(process.env.CI && { reporters: ["default", ["json", { outputFile: ".local/test-results.json" }]] }),
  },
});
