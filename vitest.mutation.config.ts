import { defineConfig } from "vitest/config";

/** The tests that judge mutants: those of `lambda/` that take no time (`npm run mutation`). */
export default defineConfig({
  test: {
    include: ["test/lambda/**/*.test.ts", "test/slack.test.ts"],
    exclude: [
      "test/**/*.long.test.ts",
      "test/lambda/crash.test.ts",
      "test/lambda/resigner.property.test.ts",
      // Reads the code, which Stryker rewrites.
      "test/lambda/sources/constant-time.test.ts",
    ],
    setupFiles: ["test/draw.ts"],
    testTimeout: 30_000,
  },
});
