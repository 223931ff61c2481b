import { createReadStream, existsSync } from "node:fs";
import { Client, Domain } from "@larksuiteoapi/node-sdk";
import { parse } from "csv-parse";
import * as z from "zod";
import { syncRelation } from "../lambda/resignation.ts";
import { readJson } from "./files.ts";

export interface DirectoryOptions {
  /** A CSV file, or `lark` or `wechatwork`: then their own interface is asked. */
  from: string;
  provider: string;
  idField: "open_id" | "union_id" | "user_id";
  /** A JSON file: `{"appId","appSecret"}` of the Lark app, `{"corpId","secret"}` of WeCom. */
  credentials: string | undefined;
  /** Another host than the vendor's. */
  host: string | undefined;
}

/** Every id that a directory knows, one after the other. Throws an error that says what is wrong with it. */
export function readDirectory(options: DirectoryOptions): AsyncIterable<string> {
  if (options.from === "lark") return readLark(options);
  return options.from === "wechatwork" ? readWechatwork(options) : readCsv(options);
}

/** A file with a header; the column `userIdInIdp` (or `id`) counts, all others may be there. */
async function* readCsv({ from, provider }: DirectoryOptions): AsyncIterable<string> {
  if (!existsSync(from)) throw new Error(`There is no file ${from}: --from takes a CSV file, lark or wechatwork`);
  const rows = createReadStream(from).pipe(parse({ columns: true, bom: true, skip_empty_lines: true }));
  let number = 1;
  for await (const row of rows as AsyncIterable<Record<string, string>>) {
    number += 1;
    const id = row.userIdInIdp ?? row.id;
    if (id === undefined) throw new Error(`${from} has no column userIdInIdp (nor id) in its first line`);
    if (!syncRelation(provider, id)) throw new Error(`${from}, row ${number}: the id is empty or holds white space`);
    yield id;
  }
}

const larkCredentials = z.object({ appId: z.string().min(1), appSecret: z.string().min(1) });

/** Everybody in the app's contact scope (contact/v3: departments, then the people of each). */
async function* readLark({ provider, idField, credentials, host }: DirectoryOptions): AsyncIterable<string> {
  const { appId, appSecret } = readCredentials(credentials, larkCredentials, '{"appId","appSecret"}');
  const domain = host ?? (provider === "lark-international" ? Domain.Lark : Domain.Feishu);
  const { contact } = new Client({ appId, appSecret, domain, logger: silent });
  const departments = ["0"];
  let page: string | undefined;
  do {
    const params = { fetch_child: true, page_size: 50, ...(page && { page_token: page }) };
    const { code, msg, data } = await contact.v3.department.children({ path: { department_id: "0" }, params });
    if (code) throw new Error(`Lark refuses to list departments: ${code} ${msg}`);
    departments.push(...(data?.items ?? []).flatMap(({ open_department_id: id }) => id ?? []));
    page = data?.has_more ? data.page_token : undefined;
  } while (page);

  for (const department_id of departments) {
    do {
      const params = { department_id, page_size: 50, ...(page && { page_token: page }) };
      const { code, msg, data } = await contact.v3.user.findByDepartment({ params });
      if (code) throw new Error(`Lark refuses to list people: ${code} ${msg}`);
      for (const person of data?.items ?? []) {
        const id = person[idField];
        if (!id) throw new Error(`Lark gives no ${idField}: the app lacks the permission for it`);
        if (!person.status?.is_resigned) yield id;
      }
      page = data?.has_more ? data.page_token : undefined;
    } while (page);
  }
}

/** Standard output is for the result. */
const silent = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };

const wechatworkCredentials = z.object({ corpId: z.string().min(1), secret: z.string().min(1) });
const tokenSchema = z.object({ errcode: z.literal(0), access_token: z.string() });
const membersSchema = z.object({
  errcode: z.literal(0),
  next_cursor: z.string().optional(),
  dept_user: z.array(z.object({ userid: z.string() })),
});

/** Every member's id (user/list_id, with the secret of the contacts sync). */
async function* readWechatwork({ credentials, host }: DirectoryOptions): AsyncIterable<string> {
  const { corpId, secret } = readCredentials(credentials, wechatworkCredentials, '{"corpId","secret"}');
  const base = host ?? "https://qyapi.weixin.qq.com";
  const ask = async <T>(path: string, schema: z.ZodType<T>, init?: RequestInit): Promise<T> => {
    const response = await fetch(new URL(path, base), { ...init, redirect: "error" });
    const answer: unknown = await response.json();
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    const { errcode, errmsg } = answer as { errcode?: number; errmsg?: string };
    throw new Error(`WeCom refuses to list members: ${errcode} ${errmsg}`);
  };
  const query = new URLSearchParams({ corpid: corpId, corpsecret: secret });
  const { access_token } = await ask(`/cgi-bin/gettoken?${query}`, tokenSchema);
  let cursor: string | undefined;
  do {
    const body = JSON.stringify({ limit: 10_000, ...(cursor && { cursor }) });
    const path = `/cgi-bin/user/list_id?access_token=${encodeURIComponent(access_token)}`;
    const { dept_user, next_cursor } = await ask(path, membersSchema, { method: "POST", body });
    for (const { userid } of dept_user) yield userid;
    cursor = next_cursor;
  } while (cursor);
}

function readCredentials<T>(file: string | undefined, schema: z.ZodType<T>, form: string): T {
  if (file === undefined) throw new Error(`Whose directory is it? Say --credentials <file>, with ${form}`);
  const parsed = schema.safeParse(readJson(file, "credentials"));
  if (!parsed.success) throw new Error(`The credentials in ${file} must be ${form}`);
  return parsed.data;
}
