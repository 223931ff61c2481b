import { defineConfig } from "vitest/config";

/** The end-to-end suite, against the address in E2E_URL (docs in the README, "Prove a deployment"). */
export default defineConfig({
  test: {
    include: ["test/e2e/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
