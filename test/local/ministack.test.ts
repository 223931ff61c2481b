/** What `npm run deploy:local` says where it cannot start. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { listen, serve } from "../../local/listen.ts";
import { install } from "../../local/ministack.ts";
import { makeFolder } from "../folder.ts";
import { runCommand } from "./run.ts";

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

test("the port is taken", async () => {
  const taken = await listen(
    serve(async (_, response) => void response.end()),
    0,
  );
  const { port } = new URL(taken.url);
  const { code, err } = await runCommand("deploy", ["--once"], { MINISTACK_PORT: port });
  expect([code, err]).toEqual([1, expect.stringContaining(`Port ${port} is taken`)]);
  expect(err).toContain("MINISTACK_PORT=");
  await taken.close();
});

test("there is no Python", () => {
  vi.stubEnv("PATH", dirname(process.execPath));
  expect(() => install(`${folder}/no-python`)).toThrow(/Python 3\.10 or later is needed.*AWS_ENDPOINT_URL/);
});

test.skipIf(!hasPython())("there is no network, and the next try begins anew", () => {
  vi.stubEnv("PIP_NO_INDEX", "1");
  vi.stubEnv("PIP_FIND_LINKS", folder);
  const venv = `${folder}/no-network`;
  for (const _ of [1, 2]) {
    expect(() => install(venv)).toThrow(/MiniStack could not be installed \(is there a network/);
    expect(existsSync(`${venv}/bin/ministack`)).toBe(false);
  }
});
