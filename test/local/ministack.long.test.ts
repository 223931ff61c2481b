/** What `npm run deploy:local` says where it cannot install MiniStack. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { install } from "../../local/ministack.ts";
import { makeFolder } from "../folder.ts";

const folder = makeFolder();
afterEach(() => vi.unstubAllEnvs());

function hasPython(): boolean {
  try {
    execFileSync("python3", ["-c", "import sys, venv; sys.exit(sys.version_info < (3, 10))"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!hasPython())("there is no network, and the next try begins anew", () => {
  vi.stubEnv("PIP_NO_INDEX", "1");
  vi.stubEnv("PIP_FIND_LINKS", folder);
  const venv = `${folder}/no-network`;
  for (const _ of [1, 2]) {
    expect(() => install(venv)).toThrow(/MiniStack could not be installed \(is there a network/);
    expect(existsSync(`${venv}/bin/ministack`)).toBe(false);
  }
});
