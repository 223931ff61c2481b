/** The commands as people run them, each in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toResignation } from "../../lambda/resignation/departure.ts";
import { moveTo } from "../../lambda/resignation/resignation.ts";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { newKeys, startStack } from "../../local/stack.ts";
import { makeFolder } from "../folder.ts";
import { runCommand } from "./run.ts";

const folder = makeFolder();
const keysFile = `${folder}/keys.json`;
const keys = newKeys();
writeFileSync(keysFile, JSON.stringify(keys));

const run = (script: string, args: string[], environment: Record<string, string> = {}) =>
  runCommand(script, args, { LOCAL_KEYS: keysFile, ...environment });

describe("npm run send and npm run ledger", () => {
  let aws: LocalAws;
  let genauth: GenAuthSimulator;
  let stack: Awaited<ReturnType<typeof startStack>>;
  beforeAll(async () => {
    aws = await startAws();
    genauth = await startGenAuthSimulator();
    stack = await startStack({ aws, genauth, keys, settings: { brake: { perHour: 2 } } });
  });
  afterAll(async () => {
    await stack.close();
    await Promise.all([aws.close(), genauth.close()]);
  });
  const ledger = (...args: string[]) => run("ledger", [...args, "--url", stack.url, "--operator", "alice"]);
  const send = (...args: string[]) => run("send", [...args, "--url", stack.url]);

  test("trip the brake, see who is held, approve one, cancel the other, and export the trail", async () => {
    expect(await send("lark", "--user", "ou_demo", "--count", "4")).toMatchObject({ code: 0 });
    const held = () => stack.ledger.list({ status: "held", now: new Date(), limit: 10 });
    await expect.poll(async () => (await held()).items.length, { timeout: 15_000 }).toBe(2);
    const listed = await ledger("list", "--status", "held", "--json");
    const [one, other] = JSON.parse(listed.out) as { id: string; brakeId: string }[];
    expect(await ledger("approve", one?.id ?? "", "--reason", "known")).toMatchObject({
      code: 0,
      out: expect.stringContaining(`brake (${one?.brakeId})`),
    });
    expect(await ledger("cancel", other?.id ?? "")).toMatchObject({ code: 0 });
    await expect.poll(() => genauth.calls().length, { timeout: 15_000 }).toBe(3);
    expect((await ledger("show", other?.id ?? "")).out).toContain("cancelled  by alice (ops)");
    const csv = (await ledger("export", "--format", "csv")).out.trim().split("\n");
    expect(csv).toHaveLength(5);
    expect(csv[0]).toMatch(/^id,userId,genauthUserId,name,source/);
    expect((await ledger("export", "--format", "jsonl")).out.trim().split("\n")).toHaveLength(4);
    expect(await ledger("approve", other?.id ?? "")).toMatchObject({
      code: 1,
      err: expect.stringContaining("The resignation is cancelled"),
    });
    expect(await ledger("approve", "--brake", "none", "--yes")).toMatchObject({
      code: 1,
      err: expect.stringContaining("Nothing to approve"),
    });
  });

  // Before: the list said "stale" alone, and `approve <id> --brake <event>` approved the whole event.
  test("list says why somebody is held, and one id beside a brake event is refused", async () => {
    const departure = {
      ...({ source: "lark", eventId: "old", userId: "lark:ou_demo_77", requestedBy: "lark" } as const),
      occurredAt: new Date("2026-01-01T00:00:00Z"),
    };
    const old = toResignation(departure as never, new Date());
    const why = "Too long ago: 2026-01-01T00:00:00.000Z";
    await stack.ledger.enter(old);
    const entry = { at: new Date(), by: "resigner", why };
    await stack.ledger.save(moveTo(old, "held", { heldFor: "stale", brakeId: "brake_1" }, entry));
    const list = (await ledger("list", "--status", "held", "--user", "lark:ou_demo_77")).out;
    expect(list).toContain(`stale (brake_1): ${why}`);
    const both = await ledger("approve", old.id, "--brake", "brake_1", "--yes");
    expect([both.code, both.err]).toEqual([1, expect.stringContaining("not both")]);
    expect((await stack.ledger.get(old.id))?.status).toBe("held");
    await ledger("cancel", old.id);
  }, 60_000);

  test("export ends quietly where its reader has enough", async () => {
    const child = spawn(process.execPath, ["cli/ledger.ts", "export", "--url", stack.url], {
      env: { ...process.env, LOCAL_KEYS: keysFile },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    child.stderr.on("data", (chunk) => {
      printed += chunk;
    });
    child.stdout.destroy();
    const [code] = await once(child, "close");
    expect([code, printed]).toEqual([0, ""]);
  });
});
