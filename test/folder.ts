import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll } from "vitest";

/** A folder of this test file alone, gone when it is over. */
export function makeFolder(): string {
  const folder = mkdtempSync(`${tmpdir()}/resign-webhook-`);
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}
