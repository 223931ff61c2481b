import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { defineConfig, type ViteUserConfig } from "vitest/config";

// Compiled once, and not in each of the processes that the tests run in and start.
process.env.NODE_COMPILE_CACHE ??= resolve(".local/compile-cache");

/** Of all tests. Each file has a process of its own: what it stubs, mocks or leaves behind is in no other file's way. */
export const common: ViteUserConfig["test"] = {
  setupFiles: ["test/draw.ts"],
  // CDK's own look at every template takes seconds and only warns: template.long.test.ts asks the same rules, and fails.
  env: { CDK_VALIDATION: "false" },
  hookTimeout: 60_000,
  // What is awaited comes at once, or never: how soon is a matter of how busy the machine is.
  expect: { poll: { timeout: 30_000 } },
};

/** The quick tests: `npm test`. The long ones are in vitest.long.config.ts. */
export default defineConfig({
  test: {
    ...common,
    include: ["test/**/*.test.ts"],
    exclude: ["test/e2e/**", "test/**/*.long.test.ts"],
    // One more than there are cores, since tests also wait.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 90_000,
    ...(process.env.CI && { reporters: ["default", ["json", { outputFile: ".local/test-results.json" }]] }),
  },
});
