/** `npm start` as people run it, in a process of its own. */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { newKeys, sourceList } from "../../cli/sources/index.ts";
import { runCommand } from "../cli/run.ts";
import { makeFolder } from "../folder.ts";
import { longTest } from "../long.ts";

const folder = makeFolder();
const keysFile = `${folder}/keys.json`;
const keys = newKeys();
writeFileSync(keysFile, JSON.stringify(keys));

const run = (script: string, args: string[], environment: Record<string, string> = {}) =>
  runCommand(script, args, { LOCAL_KEYS: keysFile, ...environment });

describe("npm start -- --once", () => {
  test("plays every source, shows what came of it, and ends 0", async () => {
    const { code, out } = await run("start", ["--once"], { PORT: "0" });
    expect(out).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+$/m);
    const scenes = sourceList.flatMap(([name, source]) => source.scenes(keys[name]));
    expect(out.match(/as expected/g)).toHaveLength(scenes.length);
    expect(out).not.toContain("NOT");
    expect(code).toBe(0);
  });

  longTest("ends 1 when it is not as expected", async () => {
    const settings = `${folder}/held.json`;
    writeFileSync(settings, JSON.stringify({ protected: ["lark:*"] }));
    const { code, out } = await run("start", ["--once"], { PORT: "0", LOCAL_SETTINGS: settings });
    expect(out).toContain("NOT as expected");
    expect(code).toBe(1);
  });

  longTest("says what is wrong with a port, a keys file, or a settings file", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as AddressInfo;
    expect(await run("start", [], { PORT: "0", GENAUTH_PORT: String(port) })).toMatchObject({
      code: 1,
      err: expect.stringContaining(`Port ${port} is taken`),
    });
    taken.close();
    expect(await run("start", [], { PORT: "http" })).toMatchObject({ code: 1, err: "PORT must be a port, not http\n" });
    expect(await run("start", [], { LOCAL_KEYS: `${folder}/none.json` })).toMatchObject({
      code: 1,
      err: expect.stringContaining("There is no keys file"),
    });
    const wrong = `${folder}/wrong.json`;
    writeFileSync(wrong, JSON.stringify({ wechatwork: { ...keys.wechatwork, encodingAesKey: "short" } }));
    expect(await run("start", [], { LOCAL_KEYS: wrong })).toMatchObject({
      code: 1,
      err: expect.stringContaining("wechatwork.encodingAesKey: must be 43 letters and digits"),
    });
    writeFileSync(wrong, JSON.stringify({ brake: { perhour: 3 } }));
    expect(await run("start", [], { LOCAL_SETTINGS: wrong })).toMatchObject({
      code: 1,
      // Before: it said that cdk.json was wrong.
      err: expect.stringMatching(/The settings \(.*wrong\.json\) are wrong:\s.*perhour/),
    });
  });
});
