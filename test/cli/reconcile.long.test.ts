/** Directories as large as they come, and those of Lark and WeCom themselves, compared with GenAuth. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type GenAuthSimulator, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { type Listening, listen, readBody, sendJson, serve } from "../../local/listen.ts";
import { makeFolder } from "../folder.ts";
import { demoIds, writeCsv } from "./directory.ts";
import { runCommand } from "./run.ts";

const folder = makeFolder();
let genauth: GenAuthSimulator;
beforeAll(async () => {
  genauth = await startGenAuthSimulator();
});
beforeEach(() => genauth.reset());
afterAll(() => genauth.close());

const reconcile = (args: string[], more?: { timeoutMs?: number; signal?: AbortSignal }) =>
  runCommand("reconcile", [...args, "--genauth", genauth.url], {}, more);
const csv = (name: string, ids: Iterable<string>) => writeCsv(`${folder}/${name}.csv`, ids);
const idsOf = (people: { syncRelation: string }[]) => people.map(({ syncRelation }) => syncRelation).sort();

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
