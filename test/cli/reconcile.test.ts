/** The directory compared with GenAuth: who left without our hearing of it. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { type Listening, listen, readBody, sendJson, serve } from "../../local/listen.ts";
import { newKeys, startStack } from "../../local/stack.ts";
import { makeFolder } from "../folder.ts";
import { runCommand } from "./run.ts";

const folder = makeFolder();
const keys = newKeys();
const keysFile = `${folder}/keys.json`;
writeFileSync(keysFile, JSON.stringify(keys));

let aws: LocalAws;
let genauth: GenAuthSimulator;
let stack: Awaited<ReturnType<typeof startStack>>;

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
  stack = await startStack({ aws, genauth, keys });
});
beforeEach(() => genauth.reset());
afterAll(async () => {
  await stack.close();
  await Promise.all([aws.close(), genauth.close()]);
});

const reconcile = (args: string[], more?: { timeoutMs?: number; signal?: AbortSignal }) =>
  runCommand("reconcile", [...args, "--genauth", genauth.url, "--url", stack.url], { LOCAL_KEYS: keysFile }, more);

function csv(name: string, ids: Iterable<string>, header = "name,userIdInIdp"): string {
  const file = `${folder}/${name}.csv`;
  writeFileSync(file, `\uFEFF${header}\r\n${[...ids].map((id) => `"Somebody, ${id}",${id}`).join("\r\n")}\r\n`);
  return file;
}

const demoIds = (from: number, to = 500) =>
  Array.from({ length: to - from + 1 }, (_, index) => `ou_demo_${from + index}`);
const idsOf = (people: { syncRelation: string }[]) => people.map(({ syncRelation }) => syncRelation).sort();

test("finds who is active and gone, and who was resigned and is there, by name and age", async () => {
  genauth.setStatus("lark:ou_demo_9", "Resigned");
  genauth.setStatus("lark:ou_demo_2", "Resigned");
  const { code, out, err } = await reconcile(["--from", csv("few", demoIds(4))]);
  expect(err).toContain("497 people in the directory");
  expect(code).toBe(2);
  const [missing = "", byMistake = ""] = out.split("Resigned in GenAuth");
  expect(missing).toMatch(/lark:ou_demo_1 .*Demo Lark 1 .*\d+ days ago .*never/);
  expect(missing).toContain("lark:ou_demo_3 ");
  expect(missing).not.toContain("ou_demo_2 ");
  expect(byMistake).toContain("lark:ou_demo_9");
  expect(byMistake).not.toContain("ou_demo_2 ");
  expect(out).not.toContain("wechatwork:");
  expect(genauth.calls()).toEqual([]);
});

test("proposes at most so many, once, as held: nobody is called before an operator approves", async () => {
  const args = ["--from", csv("proposed", demoIds(6)), "--propose", "--limit", "3"];
  const { code, out } = await reconcile(args);
  expect(code).toBe(2);
  expect(out).toContain("3 proposed");
  expect(out).toContain("2 more");
  const held = async () => (await stack.ledger.list({ status: "held", now: new Date(), limit: 100 })).items;
  await expect.poll(async () => (await held()).length, { timeout: 10_000 }).toBe(3);
  for (const one of await held()) {
    expect(one).toMatchObject({ source: "reconcile", heldFor: "proposed", requestedBy: "ops" });
  }
  // Run again: those it proposed a while ago do not count, so that the next ones get their turn.
  const [former] = await held();
  await new DynamoDBClient().send(
    new UpdateItemCommand({
      TableName: stack.table,
      Key: { id: { S: former?.id ?? "" } },
      UpdateExpression: "SET acceptedAt = :before",
      ExpressionAttributeValues: { ":before": { S: new Date(Date.now() - 600_000).toISOString() } },
    }),
  );
  const again = await reconcile(args);
  expect([again.code, again.out]).toEqual([2, expect.stringContaining("1 were proposed before")]);
  await expect.poll(async () => (await held()).length, { timeout: 10_000 }).toBe(4);
  expect(new Set((await held()).map(({ userId }) => userId)).size).toBe(4);
  expect(genauth.calls()).toEqual([]);

  const [first] = await held();
  const approve = ["approve", first?.id ?? "", "--url", stack.url, "--operator", "alice"];
  expect((await runCommand("ledger", approve, { LOCAL_KEYS: keysFile })).code).toBe(0);
  await expect.poll(() => genauth.calls().length, { timeout: 10_000 }).toBe(1);
});

test("a caller who is no operator proposes nobody", async () => {
  const { code, err } = await reconcile(["--from", csv("stranger", demoIds(2)), "--propose", "--key", keys.api.zapier]);
  expect(code).toBe(1);
  expect(err).toContain("403");
});

test("100,000 people: exactly the planted leavers", async () => {
  genauth.addUsers(Array.from({ length: 100_000 }, (_, index) => ({ syncRelation: `wechatwork:m${index}` })));
  const planted = [0, 17, 4_999, 50_000, 99_999].map((index) => `m${index}`);
  const all = Array.from({ length: 100_000 }, (_, index) => `m${index}`).filter((id) => !planted.includes(id));
  const demo = Array.from({ length: 500 }, (_, index) => `demo_${index + 1}`);
  const file = csv("large", [...all, ...demo]);
  const startedAt = Date.now();
  const { code, out } = await reconcile(["--from", file, "--provider", "wechatwork", "--json"], { timeoutMs: 280_000 });
  expect(code).toBe(2);
  const { missing, compared } = JSON.parse(out);
  expect(compared).toBe(100_500);
  expect(idsOf(missing)).toEqual(planted.map((id) => `wechatwork:${id}`).sort());
  console.log(`100,500 people compared in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}, 300_000);

test("a run that was killed goes on where it was, and misses nobody", async () => {
  const saved = ".local/reconcile-lark.json";
  rmSync(saved, { force: true });
  genauth.addUsers(Array.from({ length: 20_000 }, (_, index) => ({ syncRelation: `lark:ou_${index}` })));
  const file = csv("resumed", [
    ...demoIds(1),
    ...Array.from({ length: 20_000 }, (_, index) => `ou_${index}`).filter((id) => id !== "ou_3" && id !== "ou_19999"),
  ]);
  const killer = new AbortController();
  const watching = setInterval(() => existsSync(saved) && killer.abort(), 20);
  expect((await reconcile(["--from", file], { signal: killer.signal })).code).not.toBe(0);
  clearInterval(watching);
  const { code, out, err } = await reconcile(["--from", file, "--resume", "--json"], { timeoutMs: 100_000 });
  expect(code).toBe(2);
  expect(err).toMatch(/Going on at page [1-9]\d+/);
  expect(idsOf(JSON.parse(out).missing)).toEqual(["lark:ou_19999", "lark:ou_3"]);
  expect(existsSync(saved)).toBe(false);
}, 120_000);

test.each([
  ["an empty directory", () => ["--from", csv("empty", [])], "The directory is empty"],
  ["a file without the column", () => ["--from", csv("other", ["a"], "name,mail")], "has no column userIdInIdp"],
  [
    "an id with white space",
    () => ["--from", csv("blank", ["ou_1", "ou 2"])],
    "row 3: the id is empty or holds white space",
  ],
  ["no file", () => ["--from", `${folder}/none.csv`], "There is no file"],
  ["no credentials", () => ["--from", "lark"], '{"appId","appSecret"}'],
])("%s is an error that says so, and proposes nobody", async (_, args, expected) => {
  const { code, err } = await reconcile([...args(), "--propose"]);
  expect(code).toBe(1);
  expect(err).toContain(expected);
});

// Before: "0 people … nobody.", and exit 0.
test("a provider that nobody has is an error that names those that there are", async () => {
  const { code, out, err } = await reconcile(["--from", csv("feishu", demoIds(1)), "--provider", "feishu"]);
  expect([code, out]).toEqual([1, ""]);
  expect(err).toMatch(/Nobody in GenAuth has an id of feishu\. Its providers are: .*lark.*wechatwork/);
});

// Before: all 500 were listed as leavers, and the first 20 proposed.
test("a directory of other ids is refused, unless somebody says that it is so", async () => {
  const args = ["--from", csv("unions", [...demoIds(252).map((id) => `on_${id}`), ...demoIds(1, 248)])];
  const refused = await reconcile([...args, "--propose"]);
  expect([refused.code, refused.out]).toEqual([1, ""]);
  expect(refused.err).toContain("252 of 500 active people of lark are not in the directory");
  const meant = await reconcile([...args, "--yes", "--json"]);
  expect([meant.code, JSON.parse(meant.out).missing.length]).toEqual([2, 252]);
});

test("while GenAuth throttles it waits, and where the token is refused it says so", async () => {
  genauth.fail({ mode: "429", count: 3, path: "/api/v3/get-user-sync-relations" });
  expect((await reconcile(["--from", csv("throttled", demoIds(1))])).code).toBe(0);
  genauth.fail({ mode: "401", path: "/api/v3/list-users" });
  const { code, err } = await reconcile(["--from", csv("refused", demoIds(1))]);
  expect(code).toBe(1);
  expect(err).toContain("token_refused");
});

/** Lark's and WeCom's interfaces, as far as a list of people goes, in pages. */
async function startVendors(ids: readonly string[]): Promise<Listening> {
  const half = Math.ceil(ids.length / 2);
  const pages = [ids.slice(0, half), ids.slice(half)];
  const server = serve(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://vendor");
    const body = JSON.parse((await readBody(request))?.toString() || "{}");
    const token = url.searchParams.get("page_token") ?? body.cursor;
    const page = pages[token ? 1 : 0] ?? [];
    const more = !token;
    switch (url.pathname) {
      case "/open-apis/auth/v3/tenant_access_token/internal":
        return sendJson(response, 200, { code: 0, tenant_access_token: "t", expire: 7200 });
      case "/open-apis/contact/v3/departments/0/children":
        return sendJson(response, 200, { code: 0, data: { has_more: false, items: [{ open_department_id: "od-1" }] } });
      case "/open-apis/contact/v3/users/find_by_department": {
        if (url.searchParams.get("department_id") === "0")
          return sendJson(response, 200, { code: 0, data: { has_more: false } });
        const items = page.map((id) => ({
          open_id: id,
          union_id: `on_${id}`,
          status: { is_resigned: id === "ou_demo_5" },
        }));
        return sendJson(response, 200, { code: 0, data: { has_more: more, page_token: "2", items } });
      }
      case "/cgi-bin/gettoken":
        if (url.searchParams.get("corpsecret") !== "s")
          return sendJson(response, 200, { errcode: 40001, errmsg: "invalid" });
        return sendJson(response, 200, { errcode: 0, access_token: "t" });
      case "/cgi-bin/user/list_id": {
        const dept_user = page.map((userid) => ({ userid, department: 1 }));
        return sendJson(response, 200, { errcode: 0, dept_user, ...(more && { next_cursor: "2" }) });
      }
      default:
        return sendJson(response, 404, {});
    }
  });
  return listen(server, 0);
}

function credentials(content: object): string {
  writeFileSync(`${folder}/credentials.json`, JSON.stringify(content));
  return `${folder}/credentials.json`;
}

test("asks Lark itself, all pages of all departments; who is resigned there is gone", async () => {
  const vendor = await startVendors(demoIds(2));
  const args = [
    "--from",
    "lark",
    "--host",
    vendor.url,
    "--credentials",
    credentials({ appId: "a", appSecret: "s" }),
    "--json",
  ];
  const { code, out, err } = await reconcile(args);
  expect([code, err]).toEqual([2, expect.stringContaining("498 people")]);
  expect(idsOf(JSON.parse(out).missing)).toEqual(["lark:ou_demo_1", "lark:ou_demo_5"]);
  expect((await reconcile([...args, "--id-field", "user_id"])).err).toContain("Lark gives no user_id");
  await vendor.close();
});

test("asks WeCom itself", async () => {
  const vendor = await startVendors(Array.from({ length: 499 }, (_, index) => `demo_${index + 2}`));
  const given = (secret: string) => credentials({ corpId: "ww", secret });
  const args = ["--from", "wechatwork", "--provider", "wechatwork", "--host", vendor.url, "--json", "--credentials"];
  const { code, out } = await reconcile([...args, given("s")]);
  expect(code).toBe(2);
  expect(idsOf(JSON.parse(out).missing)).toEqual(["wechatwork:demo_1"]);
  expect((await reconcile([...args, given("wrong")])).err).toContain("WeCom refuses to list members: 40001 invalid");
  await vendor.close();
});
