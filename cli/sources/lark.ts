import { createCipheriv, createHash, randomBytes, randomUUID } from "node:crypto";
import { Option } from "commander";
import * as z from "zod";
import type { SignedRequest } from "../event.ts";
import { first, readCredentials } from "../files.ts";
import { localSecret, randomText } from "../random.ts";
import type { DirectoryOptions, Section, SendOptions, Source } from "./source.ts";

/** Lark and Feishu (docs/lark.md). */
export const lark = {
  title: "Lark",
  asks: {
    encryptKey: {
      question: "Lark > Encryption strategy > Encrypt Key",
      make: () => randomText(32),
      sample: "key",
    },
    verificationToken: { question: "Lark > Encryption strategy > Verification Token", sample: "token" },
  },
  newKeys: () => ({ encryptKey: localSecret(32), verificationToken: localSecret(32) }),

  whatToPaste: (outputs, taken) => `Lark / Feishu, developer console > your app > Events and callbacks (docs/lark.md):
  Encryption strategy > Encrypt Key          ${taken.encryptKey}
  Event configuration > Send events to the developer's server
                      > Request URL          ${outputs.LarkUrl}
  Add events: contact.user.deleted_v3, contact.user.updated_v3, contact.user.created_v3, contact.scope.updated_v3`,

  /** The console and the secret must agree on whether events are encrypted, which only an event shows. */
  form: ({ encryptKey }) =>
    first(encryptKey)
      ? "encrypted events alone are taken: the console must have this Encrypt Key"
      : "events that are not encrypted alone are taken: the console must have no Encrypt Key",

  checks: (section) => [{ title: "Lark", request: signUrlCheck("doctor", keysOf(section)), expected: 200 }],

  scenes(section) {
    const keys = keysOf(section);
    const forgers = { encryptKey: "not the key", verificationToken: "not the token" };
    const removed = (userId: string) =>
      larkDeleted({ open_id: userId, union_id: userId, user_id: userId }, { token: keys.verificationToken });
    const request = signLark(removed("ou_demo_1"), keys);
    const forged = signLark(removed("ou_demo_2"), forgers);
    return [
      { title: "Lark: ou_demo_1 was removed", request, userId: "lark:ou_demo_1", expected: 200, calls: 1 },
      { title: "the same once more", request, userId: "lark:ou_demo_1", expected: 200, calls: 1 },
      { title: "a forgery for ou_demo_2", request: forged, userId: "lark:ou_demo_2", expected: 401, calls: 0 },
    ];
  },

  sends: {
    description: "as Lark does when somebody was removed: encrypted and signed",
    options: [
      new Option("--user <id>", "the person's id at Lark, as in ou_…; stands in open_id, union_id and user_id"),
      new Option("--event-id <id>", "send it under this event id: the same again is a repeat"),
      new Option("--check", "send Lark's check of the URL instead"),
    ],
    sign(section, user, { check, eventId, at }: SendOptions & { eventId?: string }) {
      const keys = keysOf(section);
      if (check) return signUrlCheck("challenge", keys);
      const ids = { open_id: user, union_id: user, user_id: user };
      const event = { token: keys.verificationToken, ...(eventId && { eventId }), ...(at && { now: at }) };
      return signLark(larkDeleted(ids, event), keys);
    },
  },

  directory: {
    options: [
      new Option("--id-field <field>", "which of Lark's ids GenAuth stored, with --from lark")
        .choices(["open_id", "union_id", "user_id"])
        .default("open_id"),
    ],
    read: readDirectory,
  },

  idSettings: ({ provider, id }) =>
    provider.startsWith("lark") ? { provider, userIdField: idFieldOf(id) } : undefined,
} satisfies Source;

export interface LarkKeys {
  readonly encryptKey?: string | undefined;
  readonly verificationToken?: string | undefined;
}

const keysOf = ({ encryptKey, verificationToken }: Section): LarkKeys => ({
  encryptKey: first(encryptKey),
  verificationToken: first(verificationToken),
});

/** Lark's request around an event or a URL check: encrypted and signed where there is an encrypt key. */
export function signLark(
  content: object | string,
  { encryptKey }: LarkKeys,
  now = new Date(),
  isSigned = true,
): SignedRequest {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  if (encryptKey === undefined) return toRequest(text, {});
  const body = JSON.stringify({ encrypt: encryptLark(text, encryptKey) });
  if (!isSigned) return toRequest(body, {});
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const nonce = randomBytes(8).toString("hex");
  const signature = createHash("sha256")
    .update(timestamp + nonce + encryptKey + body)
    .digest("hex");
  return toRequest(body, {
    "x-lark-request-timestamp": timestamp,
    "x-lark-request-nonce": nonce,
    "x-lark-signature": signature,
  });
}

/** Lark's check of the address, which it encrypts and does not sign. */
function signUrlCheck(challenge: string, keys: LarkKeys): SignedRequest {
  const check = { type: "url_verification", challenge, token: keys.verificationToken };
  return signLark(check, keys, new Date(), false);
}

const toRequest = (body: string, headers: Record<string, string>): SignedRequest => ({
  method: "POST",
  path: "/lark",
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body,
});

export function encryptLark(content: string, encryptKey: string): string {
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", createHash("sha256").update(encryptKey).digest(), iv);
  return Buffer.concat([iv, cipher.update(content, "utf8"), cipher.final()]).toString("base64");
}

/** The event that Lark sends when somebody was removed. */
export function larkDeleted(
  ids: Record<string, unknown>,
  { token, eventId = randomUUID(), now = new Date() }: { token?: string | undefined; eventId?: string; now?: Date },
) {
  const header = { event_id: eventId, event_type: "contact.user.deleted_v3", create_time: String(now.getTime()) };
  return {
    schema: "2.0",
    header: { ...header, token, app_id: "cli_local", tenant_key: "local" },
    event: { object: { ...ids, status: { is_resigned: false } }, old_object: { department_ids: ["0"] } },
  };
}

type IdField = "open_id" | "union_id" | "user_id";

const idFieldOf = (id: string): IdField =>
  id.startsWith("ou_") ? "open_id" : id.startsWith("on_") ? "union_id" : "user_id";

const credentialsSchema = z.object({ appId: z.string().min(1), appSecret: z.string().min(1) });

/** Everybody in the app's contact scope (contact/v3: departments, then the people of each). */
async function* readDirectory({
  provider,
  idField,
  credentials,
  host,
}: DirectoryOptions & { idField?: IdField }): AsyncIterable<string> {
  const app = readCredentials(credentials, credentialsSchema, '{"appId","appSecret"}');
  // It takes a second to load, which only this command needs.
  const { Client, Domain } = await import("@larksuiteoapi/node-sdk");
  const domain = host ?? (provider === "lark-international" ? Domain.Lark : Domain.Feishu);
  const { contact } = new Client({ ...app, domain, logger: silent });

  const departments = pages("departments", (page) =>
    contact.v3.department.children({
      path: { department_id: "0" },
      params: { fetch_child: true, page_size: 50, ...page },
    }),
  );
  const departmentIds = ["0"];
  for await (const { open_department_id: id } of departments) if (id) departmentIds.push(id);

  for (const department_id of departmentIds) {
    const people = pages("people", (page) =>
      contact.v3.user.findByDepartment({ params: { department_id, page_size: 50, ...page } }),
    );
    for await (const person of people) {
      const id = person[idField ?? "open_id"];
      if (!id) throw new Error(`Lark gives no ${idField}: the app lacks the permission for it`);
      if (!person.status?.is_resigned) yield id;
    }
  }
}

/** A page of one of Lark's lists. */
interface Page<T> {
  code?: number | undefined;
  msg?: string | undefined;
  data?: { items?: T[] | undefined; has_more?: boolean | undefined; page_token?: string | undefined } | undefined;
}

/** Every item of a list, page by page. */
async function* pages<T>(what: string, ask: (page: { page_token?: string }) => Promise<Page<T>>): AsyncGenerator<T> {
  let token: string | undefined;
  do {
    const { code, msg, data } = await ask(token ? { page_token: token } : {});
    if (code) throw new Error(`Lark refuses to list ${what}: ${code} ${msg}`);
    yield* data?.items ?? [];
    token = data?.has_more ? data.page_token : undefined;
  } while (token);
}

/** Standard output is for the result. */
const silent = { error() {}, warn() {}, info() {}, debug() {}, trace() {} };
