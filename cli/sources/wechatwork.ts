import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { Option } from "commander";
import * as z from "zod";
import type { SignedRequest } from "../event.ts";
import { first, readCredentials } from "../files.ts";
import { localSecret, randomText } from "../random.ts";
import type { DirectoryOptions, Section, Source } from "./source.ts";

/** WeCom, 企业微信 (docs/wechatwork.md). */
export const wechatwork = {
  title: "WeCom",
  asks: {
    token: { question: "WeCom > event server > Token", make: () => randomText(32), sample: "token" },
    encodingAesKey: {
      question: "WeCom > event server > EncodingAESKey (43 letters and digits)",
      make: () => randomText(43),
      sample: "a".repeat(43),
    },
    receiveIds: { question: "WeCom > My company > CorpID (ww…)", sample: "ww", isList: true },
    corpId: { questionFor: whichCorp },
  },
  newKeys: () => ({ token: localSecret(32), encodingAesKey: localSecret(43), receiveIds: ["wwlocal"] }),

  whatToPaste: (
    outputs,
    taken,
  ) => `WeCom, admin console > Management tools > Contacts sync > event server (docs/wechatwork.md):
  URL                                        ${outputs.WechatworkUrl}
  Token                                      ${taken.token}
  EncodingAESKey                             ${taken.encodingAesKey}`,

  checks: (section) => [{ title: "WeCom", request: signWechatworkCheck("1234567890", keysOf(section)), expected: 200 }],

  scenes(section) {
    const request = signDeparture(section, "demo_1");
    return [{ title: "WeCom: demo_1 was deleted", request, userId: "wechatwork:demo_1", expected: 200, calls: 1 }];
  },

  sends: {
    description: "as WeCom does when a member was deleted",
    options: [
      new Option("--user <id>", "the member's UserID, as in zhangsan"),
      new Option("--check", "send WeCom's check of the URL instead"),
    ],
    sign: (section, user, { check, at }) =>
      check ? signWechatworkCheck("1616140317555161061", keysOf(section)) : signDeparture(section, user, at),
  },

  directory: { read: readDirectory },
} satisfies Source;

/**
 * Which corp is ours must be said where there are several receive ids, or the section serves nobody; and once more
 * where the corp of before is none of them, or every event would pass as another corp's.
 */
function whichCorp({ corpId, receiveIds = [] }: Section): string | undefined {
  const all = [receiveIds].flat();
  const isOpen = corpId === undefined ? all.length > 1 : !all.includes(String(corpId));
  return isOpen ? `Which corp is yours (wechatwork.corpId)? ${all.join(", ")}` : undefined;
}

export interface WechatworkKeys {
  readonly token: string;
  readonly encodingAesKey: string;
  readonly receiveId: string;
}

const keysOf = ({ token, encodingAesKey, receiveIds }: Section): WechatworkKeys => ({
  token: first(token) ?? "",
  encodingAesKey: first(encodingAesKey) ?? "",
  receiveId: first(receiveIds) ?? "",
});

function signDeparture(section: Section, user: string, at?: Date): SignedRequest {
  const keys = keysOf(section);
  return signWechatwork(wechatworkDeleted(user, keys.receiveId, at), keys);
}

/** WeCom's callback around an event. */
export function signWechatwork(xml: string, keys: WechatworkKeys, now = new Date()): SignedRequest {
  const { encrypt, query } = sealWechatwork(xml, keys, now);
  const body = `<xml><ToUserName><![CDATA[${keys.receiveId}]]></ToUserName><Encrypt><![CDATA[${encrypt}]]></Encrypt><AgentID><![CDATA[]]></AgentID></xml>`;
  return { method: "POST", path: `/wechatwork?${query}`, headers: { "content-type": "text/xml" }, body };
}

/** WeCom's check of the URL, as it is made when an administrator presses Save. */
export function signWechatworkCheck(echo: string, keys: WechatworkKeys, now = new Date()): SignedRequest {
  const { encrypt, query } = sealWechatwork(echo, keys, now);
  const path = `/wechatwork?${query}&echostr=${encodeURIComponent(encrypt)}`;
  return { method: "GET", path, headers: {}, body: "" };
}

function sealWechatwork(message: string, keys: WechatworkKeys, now: Date) {
  const encrypt = encryptWechatwork(message, keys);
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const nonce = randomBytes(8).toString("hex");
  const signed = [keys.token, timestamp, nonce, encrypt].sort().join("");
  const signature = createHash("sha1").update(signed).digest("hex");
  return { encrypt, query: `msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce}` };
}

export function encryptWechatwork(message: string, { encodingAesKey, receiveId }: WechatworkKeys): string {
  const key = Buffer.from(`${encodingAesKey}=`, "base64");
  const bytes = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  const plain = Buffer.concat([randomBytes(16), length, bytes, Buffer.from(receiveId)]);
  const padding = 32 - (plain.length % 32);
  const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(padding, padding)), cipher.final()]).toString(
    "base64",
  );
}

/** The event that WeCom sends when a member was deleted. */
export function wechatworkDeleted(userId: string, corpId: string, now = new Date()): string {
  return [
    `<xml><ToUserName><![CDATA[${corpId}]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>`,
    `<CreateTime>${Math.floor(now.getTime() / 1000)}</CreateTime><MsgType><![CDATA[event]]></MsgType>`,
    "<Event><![CDATA[change_contact]]></Event><ChangeType><![CDATA[delete_user]]></ChangeType>",
    `<UserID><![CDATA[${userId}]]></UserID></xml>`,
  ].join("");
}

const credentialsSchema = z.object({ corpId: z.string().min(1), secret: z.string().min(1) });
const tokenSchema = z.object({ errcode: z.literal(0), access_token: z.string() });
const membersSchema = z.object({
  errcode: z.literal(0),
  next_cursor: z.string().optional(),
  dept_user: z.array(z.object({ userid: z.string() })),
});

/** Every member's id (user/list_id, with the secret of the contacts sync). */
async function* readDirectory({ credentials, host }: DirectoryOptions): AsyncIterable<string> {
  const { corpId, secret } = readCredentials(credentials, credentialsSchema, '{"corpId","secret"}');
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
