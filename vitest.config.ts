import { globSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// Compiled once, and not in each of the processes that the tests run in and start.
process.env.NODE_COMPILE_CACHE ??= resolve(".local/compile-cache");

/** The longest first, so that all workers end together; the others by name, in every run alike. */
const longest = [
  ...["quarantine", "cli/reconcile", "lambda/ledger", "lambda/crash", "person/bad-input", "cli/setup", "guards"],
  ...["cli/commands", "person/findings", "privileges", "forward", "local/start", "brake"],
].map((name) => `/test/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((name) => moduleId.endsWith(name));
      return found < 0 ? longest.length : found;
    };
    return files.toSorted((one, other) => place(one) - place(other) || (one.moduleId < other.moduleId ? -1 : 1));
  }
}

const exclude = ["test/e2e/**", "test/**/*.long.test.ts"];

/** A module that is mocked must not be one that another file's tests have read in. */
const mocking = globSync("test/**/*.test.ts").filter((file) => readFileSync(file, "utf8").includes("vi.mock("));

/** The quick tests: `npm test`. The long ones are in vitest.long.config.ts. */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // One more than there are cores, since tests also wait.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 90_000,
    hookTimeout: 60_000,
    unstubGlobals: true,
    unstubEnvs: true,
    projects: [
      // What many files need is read in once a worker.
      {
        extends: true,
        test: { name: "together", include: ["test/**/*.test.ts"], exclude: [...exclude, ...mocking], isolate: false },
      },
      { extends: true, test: { name: "alone", include: mocking, exclude } },
    ],
    ...(process.env.CI && { reporters: ["default", ["json", { outputFile: ".local/test-results.json" }]] }),
  },
});
