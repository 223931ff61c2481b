/**
 * Lark / Feishu event subscriptions (open.feishu.cn, "request URL" and "encryption"; both clouds speak the
 * same protocol): signature → decryption → `url_verification` or event, schema 2.0 and 1.0 (`lark-event.ts`).
 */
import * as z from "zod/mini";
import { decodeUtf8, json, parseJson, type Request } from "../http.ts";
import { hopeless, malformed, refused } from "../problem.ts";
import { asObject, type Content } from "./json.ts";
import { key, oneOrMore, readFields } from "./keys.ts";
import { isSchema2, type Opened, readEvent } from "./lark-event.ts";
import { findEvery, isSame, isSameDigest, openAes, sha256, shapeOf, strictBase64 } from "./proof.ts";
import { type Context, defineSource, type Told, verified } from "./source.ts";

const keysSchema = z
  .object({ encryptKey: z.optional(oneOrMore(key)), verificationToken: z.optional(oneOrMore(key)) })
  .check(z.refine((lark) => lark.encryptKey ?? lark.verificationToken, "needs encryptKey or verificationToken"));
type LarkKeys = z.infer<typeof keysSchema>;

export const lark = defineSource<LarkKeys>({
  section: "lark",
  readKeys: readFields(keysSchema),
  routes: { "POST /lark": verified({ verify, read }) },
  hasProof,
  kept: {
    route: "POST /lark",
    headers: ["x-lark-signature", "x-lark-request-timestamp", "x-lark-request-nonce", "content-type"],
  },
  tellsEverything: true,
});

function verify(request: Request, context: Context<LarkKeys>): Opened {
  const { isSigned, ...opened } = open(request, context);
  const isUrlCheck = opened.content.type === "url_verification";
  if (!isSigned && !isUrlCheck && context.keys.encryptKey) throw refused("signature missing");
  verifyToken(opened.content, context.keys);
  return opened;
}

function read(opened: Opened, context: Omit<Context<LarkKeys>, "keys">): Told {
  if (opened.content.type !== "url_verification") return readEvent(opened, context);
  const { challenge } = opened.content;
  if (typeof challenge !== "string") throw malformed("The URL check has no challenge");
  return { events: [{ kind: "url_check" }], answer: () => json(200, { challenge }) };
}

/** A signature, something encrypted, or where neither is used a verification token. */
function hasProof({ headers, body }: Request): boolean {
  if (headers["x-lark-signature"]) return true;
  try {
    const { encrypt, token, header } = parseContent(body);
    return [encrypt, token, (header as Content | null | undefined)?.token].some(
      (field) => typeof field === "string" && field !== "",
    );
  } catch {
    return false;
  }
}

/**
 * Lark sends the URL check unsigned even where an encrypt key is set; there the decryption is the proof. An
 * unsigned request must be encrypted, and every failure looks the same: anyone can send one.
 */
function open(request: Request, { keys, settings, now }: Context<LarkKeys>): Proven {
  const { encryptKey } = keys;
  const signature = request.headers["x-lark-signature"];
  if (!encryptKey || signature === undefined) {
    const content = parseUnproven(request.body);
    if (!encryptKey && "encrypt" in content) throw refused("encrypted, but no encryptKey is set");
    if (!encryptKey) return { isSigned: false, content, layers: [request.body] };
    if (!("encrypt" in content)) throw refused("not encrypted, though an encryptKey is set");
    const opened = decryptUnproven(content.encrypt, encryptKey);
    return { isSigned: false, content: opened.content, layers: [request.body, opened.bytes] };
  }
  const timestamp = request.headers["x-lark-request-timestamp"] ?? "";
  const nonce = request.headers["x-lark-request-nonce"] ?? "";
  if (!/^[0-9a-f]{64}$/.test(signature)) throw hopeless("signature form");
  const proven = findEvery(encryptKey, (key) =>
    isSameDigest(sha256(timestamp, nonce, key, request.body).toString("hex"), signature),
  );
  if (proven === undefined) throw refused("signature");
  verifyTimestamp(timestamp, settings.lark.strictTimestamp, now);

  const content = parseContent(request.body);
  if (!("encrypt" in content)) return { isSigned: true, content, layers: [request.body] };
  const bytes = decrypt(content.encrypt, proven);
  return { isSigned: true, content: parseContent(bytes), layers: [request.body, bytes] };
}

interface Proven extends Opened {
  readonly isSigned: boolean;
}

/**
 * Lark retries for 7 hours and does not say whether a retry is signed anew, so the window is a day; the age
 * of the event itself is asked later, by the gates. Ten digits: the signed text has no separators, and a free form would
 * let digits move between timestamp and nonce.
 */
function verifyTimestamp(timestamp: string, isStrict: boolean, now: Date): void {
  if (!/^\d{10}$/.test(timestamp)) {
    if (!isStrict) return;
    // The form that Lark really uses is not documented: its shape is logged, and never its value.
    throw refused("timestamp form", shapeOf(timestamp));
  }
  if (Math.abs(now.getTime() - Number(timestamp) * 1000) > 86_400_000) throw refused("timestamp");
}

/** Throws `malformed`; before a proof, the caller makes that a refusal. */
function parseContent(bytes: Uint8Array): Content {
  const content = parseJson(decodeUtf8(bytes));
  if (typeof content !== "object" || content === null || Array.isArray(content)) throw malformed("Not a JSON object");
  return content as Content;
}

/** The first look at what anybody can send: what is not even JSON no key makes an event. */
function parseUnproven(bytes: Uint8Array): Content {
  try {
    return parseContent(bytes);
  } catch {
    throw hopeless("json");
  }
}

/** Anyone can send an unsigned request, so every failure is the same one, whichever step it happened in. */
function decryptUnproven(encrypted: unknown, encryptKeys: readonly string[]) {
  const readable = encryptKeys.flatMap((key) => {
    try {
      const bytes = decrypt(encrypted, key);
      return [{ bytes, content: parseContent(bytes) }];
    } catch {
      return [];
    }
  });
  if (!readable[0]) throw refused("decryption");
  return readable[0];
}

/** AES-256-CBC, key = sha256(encrypt key), the IV in front, PKCS#7. Throws for everything else. */
export function decrypt(encrypted: unknown, encryptKey: string): Buffer {
  const bytes = typeof encrypted === "string" ? strictBase64(encrypted) : undefined;
  if (!bytes || bytes.length < 32 || bytes.length % 16 !== 0) throw refused("decryption");
  try {
    return decipher(sha256(encryptKey), bytes.subarray(0, 16), bytes.subarray(16));
  } catch {
    throw refused("decryption");
  }
}

/** Throws where the padding is wrong. */
export function decipher(key: Buffer, iv: Buffer, encrypted: Buffer): Buffer {
  const opening = openAes(key, iv);
  return Buffer.concat([opening.update(encrypted), opening.final()]);
}

/** The verification token stands in `header.token` (2.0) or `token` (1.0 and URL checks). */
function verifyToken(content: Content, { verificationToken }: LarkKeys): void {
  if (!verificationToken) return;
  const { token } = isSchema2(content) ? asObject(content.header) : content;
  if (typeof token !== "string" || !findEvery(verificationToken, (expected) => isSame(token, expected))) {
    throw refused("verification token");
  }
}
