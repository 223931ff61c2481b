/**
 * WeCom (企业微信) callbacks: 回调配置 (document 91116), 加解密方案说明 (91144) and 成员变更通知 (96302), own
 * corp and suite. Every check of the encryption document, in its order, before anything is believed.
 */
import * as z from "zod/mini";
import { decodeUtf8, parseQuery, type Request, text } from "../http.ts";
import { hopeless, refused } from "../problem.ts";
import { openFrame, sign } from "./aes-frame.ts";
import { key, oneOrMore, readFields } from "./keys.ts";
import { findEvery, isSameDigest } from "./proof.ts";
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
    keys.encodingAesKey.map((key) => openFrame(encrypted, key)),
    (candidate) => candidate !== undefined && keys.receiveIds.includes(candidate.receiver),
  );
  if (!opened) throw refused("decryption or receiveid");
  return { message: opened.message, receiveId: opened.receiver };
}
