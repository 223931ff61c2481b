import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/e2e/**"],
    testTimeout: 90_000,
    hookTimeout: 60_000,
    ...(process.env.CI && { reporters: ["default", ["json", { outputFile: ".local/test-results.json" }]] }),
  },
});
