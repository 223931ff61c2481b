/** The other commands as people run them, each in a process of its own. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { larkDeleted, send as sendSigned, signApi, signLark } from "../../cli/sign.ts";
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

let aws: LocalAws;
let genauth: GenAuthSimulator;
let stack: Awaited<ReturnType<typeof startStack>>;
beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
  stack = await startStack({ aws, genauth, keys });
});
afterAll(async () => {
  await stack.close();
  await Promise.all([aws.close(), genauth.close()]);
});
const ledger = (...args: string[]) => run("ledger", [...args, "--url", stack.url, "--operator", "alice"]);
const send = (...args: string[]) => run("send", [...args, "--url", stack.url]);

test("doctor finds all well, or says what to do", async () => {
  const doctor = (...args: string[]) => run("doctor", ["--url", stack.url, "--genauth", genauth.url, ...args]);
  const well = await doctor("--person", "lark:ou_demo_7");
  expect(well.out).toContain('set lark.provider "lark" and lark.userIdField "open_id"');
  expect(well).toMatchObject({ code: 0, out: expect.stringContaining("All is well.") });
  expect(well.out).toContain("Lark, form: encrypted events alone are taken");

  const token = `${folder}/token.json`;
  writeFileSync(token, JSON.stringify({ token: "expired" }));
  expect(await doctor("--token", token)).toMatchObject({
    code: 1,
    out: expect.stringContaining("✘ GenAuth token: token_refused"),
  });
  for (const operation of ["get-user", "get-user-sync-relations"]) {
    genauth.fail({ mode: "403", path: `/api/v3/${operation}` });
    const blind = await doctor();
    expect([blind.code, blind.out]).toEqual([1, expect.stringContaining(`The token may not call ${operation}: grant`)]);
    expect(blind.out).toContain("every departure is held for unseen");
  }
  genauth.fail({ mode: "none" });
  const others = `${folder}/other-keys.json`;
  const { api, ...rest } = newKeys();
  writeFileSync(others, JSON.stringify({ ...rest, api: { stranger: api.ops } }));
  const ill = await doctor("--keys", others);
  expect(ill.code).toBe(1);
  for (const source of ["Lark", "WeCom", "DingTalk", "Slack", "api.stranger"])
    expect(ill.out).toContain(`✘ ${source}: the webhook answers 401`);
  expect(await doctor("--person", "lark:ou_nobody")).toMatchObject({
    code: 1,
    out: expect.stringContaining("not_found"),
  });
});

test("send checks, and tells what a refusal means", async () => {
  expect(await send("lark", "--check")).toMatchObject({
    code: 0,
    out: expect.stringContaining('{"challenge":"challenge"}'),
  });
  expect(await send("wechatwork", "--check")).toMatchObject({
    code: 0,
    out: expect.stringContaining("1616140317555161061"),
  });
  expect(await send("dingtalk", "--check")).toMatchObject({ code: 0, out: expect.stringContaining("msg_signature") });
  expect(await send("api", "--user", "lark:ou_demo_9", "--wait", "0")).toMatchObject({
    code: 0,
    out: expect.stringContaining("202"),
  });
  const others = `${folder}/others.json`;
  writeFileSync(others, JSON.stringify(newKeys()));
  const refused = await send("lark", "--user", "ou_demo_1", "--keys", others);
  expect(refused).toMatchObject({
    code: 1,
    err: expect.stringContaining("the keys here are not those in the secret"),
  });
  expect(await run("send", ["lark", "--user", "x", "--url", "http://127.0.0.1:9999"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("Nobody answers"),
  });
  expect(await send("lark")).toMatchObject({ code: 1, err: expect.stringContaining("--user") });
});

async function order(userId: string): Promise<string> {
  const request = signApi({ method: "POST", path: "/resignations", body: { userId } }, keys.api.zapier);
  const answer = (await (await sendSigned(request, stack.url)).json()) as { id: string };
  await expect.poll(async () => (await stack.ledger.get(answer.id))?.status, { timeout: 10_000 }).not.toMatch(/ing|ac/);
  return answer.id;
}

test("approve --as names one of those whom it may mean, --held-for the hold that it answers", async () => {
  const id = await order("wechatwork:Demo_8");
  const { userId = "" } = genauth.person("wechatwork:demo_8") ?? {};
  expect((await ledger("show", id)).out).toContain(`${userId}  wechatwork:demo_8  Demo WeCom 8`);
  expect(await ledger("approve", id, "--as", "nobody")).toMatchObject({
    code: 1,
    err: expect.stringContaining("This is none of the candidates"),
  });
  expect(await ledger("approve", id, "res_2", "--as", userId)).toMatchObject({
    code: 1,
    err: expect.stringContaining("--as names the person of one resignation"),
  });
  expect(await ledger("approve", id, "--as", userId, "--held-for", "stale")).toMatchObject({
    code: 1,
    err: expect.stringContaining("The resignation is held for ambiguous"),
  });
  expect(await ledger("approve", id, "--as", userId)).toMatchObject({ code: 0 });
  await expect.poll(() => genauth.effects("wechatwork:demo_8"), { timeout: 10_000 }).toBe(1);
}, 60_000);

test("stop stops everything, whatever is listed says so, and start goes on", async () => {
  const stopped = await ledger("stop", "--why", "wrong people leave");
  expect(stopped).toMatchObject({ code: 0, err: "" });
  const loud = /^ALL IS STOPPED since 20\S+Z, by alice \(ops\): wrong people leave\n/;
  expect(stopped.out).toMatch(loud);
  expect((await ledger("stop", "--why", "again")).out).toMatch(
    /^It was stopped before\. ALL IS STOPPED .*: wrong people/,
  );
  const order = { method: "POST", path: "/resignations", body: { userId: "lark:ou_demo_13" } } as const;
  const { id } = (await (await sendSigned(signApi(order, keys.api.zapier), stack.url)).json()) as { id: string };
  await expect.poll(async () => (await stack.ledger.get(id))?.stoppedUntil, { timeout: 10_000 }).toBeDefined();
  for (const args of [["list"], ["show", id]]) {
    const shown = await ledger(...args);
    expect([shown.code, shown.err, shown.out]).toEqual([0, expect.stringMatching(loud), expect.stringContaining(id)]);
  }
  // For programs the list is the list.
  expect(JSON.parse((await ledger("list", "--json")).out)[0]).toMatchObject({ id, status: "accepted" });
  expect((await ledger("cancel", "res_1")).err).toMatch(loud);
  expect((await ledger("show", id)).out).toContain("by alice (ops): Waits: all is stopped since 20");
  const doctor = () => run("doctor", ["--url", stack.url, "--genauth", genauth.url]);
  expect(await doctor()).toMatchObject({
    code: 1,
    out: expect.stringMatching(
      /✘ emergency stop: ALL IS STOPPED since 20.*by alice \(ops\): wrong people leave\n.*ledger -- start/,
    ),
  });
  expect(await ledger("start", "--operator", "bob", "--why", "looked at everybody")).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Started: /),
    err: "",
  });
  expect(await ledger("start")).toMatchObject({ code: 0, out: "Nothing is stopped.\n" });
  expect(await ledger("list")).toMatchObject({ code: 0, err: "" });
  expect((await doctor()).out).toContain("✔ emergency stop: nothing is stopped");
  const outsider = await ledger("stop", "--key", keys.api.zapier);
  expect([outsider.code, outsider.err]).toEqual([1, expect.stringContaining("403")]);
  expect((await stack.ledger.readStop()).isStopped).toBe(false);
  expect((await run("ledger", ["stop", "--help"])).out).toContain('npm run ledger -- stop --why "');
}, 90_000);

test("acknowledge takes who is back after they were resigned off the urgent list", async () => {
  const id = await order("lark:ou_demo_12");
  expect(await ledger("acknowledge", id)).toMatchObject({ code: 1, err: expect.stringContaining("409") });
  const event = larkDeleted({ open_id: "ou_demo_12" }, { token: keys.lark.verificationToken });
  const back = { ...event, header: { ...event.header, event_type: "contact.user.created_v3" } };
  await sendSigned(signLark(back, keys.lark), stack.url);
  await expect.poll(async () => (await stack.ledger.get(id))?.backAfterResigned, { timeout: 10_000 }).toBeDefined();
  expect((await ledger("list", "--back")).out).toMatch(new RegExp(`${id}.*SAID TO BE BACK: acknowledge`));
  expect((await ledger("show", id)).out).toContain("lark:ou_demo_12 is back, says lark (told once)");
  expect(await ledger("acknowledge", id, "--reason", "has a new account")).toMatchObject({ code: 0 });
  expect((await ledger("list", "--back")).out).toBe("None.\n");
}, 60_000);
