/**
 * WeCom (企业微信) callbacks: 回调配置 (document 91116), 加解密方案说明 (91144) and 成员变更通知 (96302), own
 * corp and suite. Every check of the encryption document, in its order, before anything is believed.
 */
import { hash } from "node:crypto";
import * as z from "zod/mini";
import { decodeUtf8, parseQuery, type Request, text } from "../http.ts";
import { hopeless, refused } from "../problem.ts";
import { key, oneOrMore, readFields } from "./keys.ts";
import { findEvery, isSameDigest, openAes, strictBase64 } from "./proof.ts";
import { type Context, defineSource, type Told, verified } from "./source.ts";
import { type Opened, readEvent } from "./wechatwork-event.ts";
import { readXml } from "./wechatwork-xml.ts";

const keysSchema = z
  .object({
    token: oneOrMore(z.string().check(z.regex(/^[A-Za-z0-9]{1,32}$/, "must be 1 to 32 letters and digits"))),
    encodingAesKey: oneOrMore(z.string().check(z.regex(/^[A-Za-z0-9]{43}$/, "must be 43 letters and digits"))),
    receiveIds: oneOrMore(z.string()),
    /** The one corp whose people these are. Where there is a single receive id and no suite, it is that one. */
    corpId: z.optional(key),
  })
  .check(
    z.refine(
      ({ corpId, receiveIds }) => corpId !== undefined || new Set(receiveIds).size === 1,
      "needs corpId, which of the receiveIds' corps is yours",
    ),
  );
type WechatworkKeys = z.infer<typeof keysSchema>;

export const wechatwork = defineSource<WechatworkKeys>({
  section: "wechatwork",
  readKeys: readFields(keysSchema),
  routes: {
    "GET /wechatwork": verified({ verify: verifyUrlCheck, read: answerUrlCheck }),
    "POST /wechatwork": verified({ verify, read: readEvent }),
  },
  hasProof: ({ rawQuery }) => /(^|&)msg_signature=[^&]/.test(rawQuery),
  kept: { route: "POST /wechatwork", headers: ["content-type"] },
  tellsEverything: true,
});

function verifyUrlCheck(request: Request, { keys }: Context<WechatworkKeys>): Buffer {
  const query = readQuery(request.rawQuery);
  // Base64 has no blank: one was a `+` that somebody in between decoded as a form's.
  return open(query, (query.get("echostr") ?? "").replaceAll(" ", "+"), keys).message;
}

/** The bare plaintext is the answer: a number of 19 to 23 digits, to be kept a string. */
function answerUrlCheck(message: Buffer): Told {
  return { events: [{ kind: "url_check" }], answer: () => text(200, decodeUtf8(message)) };
}

function verify(request: Request, { keys }: Context<WechatworkKeys>): Opened {
  const query = readQuery(request.rawQuery);
  verifyQuery(query);
  return {
    ...open(query, readEnvelope(request.body), keys),
    corpId: keys.corpId ?? (keys.receiveIds.length === 1 ? keys.receiveIds[0] : undefined),
    isCorpSet: keys.corpId !== undefined,
    sentAtSeconds: Number(query.get("timestamp")),
  };
}

function readQuery(rawQuery: string): ReadonlyMap<string, string> {
  try {
    return parseQuery(rawQuery);
  } catch {
    throw hopeless("query");
  }
}

/** Anyone can send an envelope: a broken one is a failed proof. It is kept: WeCom may have another form some day. */
function readEnvelope(body: Buffer): string {
  let encrypted: string | undefined;
  try {
    encrypted = readXml(decodeUtf8(body)).get("Encrypt");
  } catch {}
  if (!encrypted) throw refused("envelope");
  return encrypted;
}

/** The signature sorts what it signs, so digits could wander between timestamp and nonce: hence the form. */
function verifyQuery(query: ReadonlyMap<string, string>): void {
  const isTimed = /^\d{10}$/.test(query.get("timestamp") ?? "");
  if (!isTimed || !query.get("nonce") || !/^[0-9a-f]{40}$/.test(query.get("msg_signature") ?? "")) {
    throw hopeless("query");
  }
}

function open(query: ReadonlyMap<string, string>, encrypted: string, keys: WechatworkKeys) {
  verifyQuery(query);
  if (!encrypted) throw hopeless("query");
  const timestamp = query.get("timestamp") ?? "";
  const nonce = query.get("nonce") ?? "";
  const given = query.get("msg_signature") ?? "";
  if (!findEvery(keys.token, (token) => isSameDigest(sign(token, timestamp, nonce, encrypted), given))) {
    throw refused("signature");
  }
  const opened = findEvery(
    keys.encodingAesKey.map((key) => decrypt(encrypted, key)),
    (candidate) => candidate !== undefined && keys.receiveIds.includes(candidate.receiveId),
  );
  if (!opened) throw refused("decryption or receiveid");
  return opened;
}

/** sha1 over the values in dictionary order: by code unit, as `.sort()` does and a locale does not. */
export function sign(token: string, timestamp: string, nonce: string, encrypted: string): string {
  return hash("sha1", [token, timestamp, nonce, encrypted].sort().join(""), "hex");
}

/**
 * AES-256-CBC, IV = the first 16 bytes of the key, PKCS#7 to multiples of 32; inside 16 random bytes, the
 * message's length in 4 bytes, the message, and the receiveid to the end. `undefined` where any of it is off.
 */
export function decrypt(encrypted: string, encodingAesKey: string): { message: Buffer; receiveId: string } | undefined {
  const bytes = strictBase64(encrypted);
  if (!bytes || bytes.length === 0 || bytes.length % 32 !== 0) return undefined;
  const key = Buffer.from(`${encodingAesKey}=`, "base64");
  const decipher = openAes(key, key.subarray(0, 16)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(bytes), decipher.final()]);

  const padding = padded.at(-1) ?? 0;
  if (padding < 1 || padding > 32 || !padded.subarray(-padding).every((byte) => byte === padding)) return undefined;
  const plain = padded.subarray(0, -padding);
  if (plain.length < 20) return undefined;
  const messageEnd = 20 + plain.readUInt32BE(16);
  if (messageEnd > plain.length) return undefined;
  return { message: plain.subarray(20, messageEnd), receiveId: plain.subarray(messageEnd).toString("utf8") };
}
