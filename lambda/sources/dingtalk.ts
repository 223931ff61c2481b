/**
 * DingTalk (钉钉) events over HTTP push, of an internal app: open.dingtalk.com, 事件订阅 (configure-stream-push), and its
 * own samples (open-dingtalk/DingTalk-Callback-Crypto): query → envelope → signature → decryption → receiver. What is
 * odd behind these is authentic, and never refused: DingTalk tries an event three times within a minute and gives up.
 */
import { randomBytes } from "node:crypto";
import * as z from "zod/mini";
import { decodeUtf8, json, parseJson, parseQuery, type Request } from "../http.ts";
import { hopeless, refused } from "../problem.ts";
import { exactly, withinSecond } from "../resignation/moment.ts";
import { openFrame, sealFrame, sign } from "./aes-frame.ts";
import { type Opened, readEvent } from "./dingtalk-event.ts";
import { asObject } from "./json.ts";
import { key, oneOrMore, readFields } from "./keys.ts";
import { findEvery, isSameDigest, shapeOf } from "./proof.ts";
import { type Context, defineSource, verified } from "./source.ts";

const keysSchema = z.object({
  token: oneOrMore(z.string().check(z.regex(/^[A-Za-z0-9]{3,64}$/, "must be 3 to 64 letters and digits"))),
  aesKey: oneOrMore(z.string().check(z.regex(/^[A-Za-z0-9]{43}$/, "must be 43 letters and digits"))),
  /** The receiver: the app's Client ID, or the CorpId where the address was registered by API. */
  ownerKey: oneOrMore(key),
  /** The one enterprise whose people these are. */
  corpId: key,
});
type DingtalkKeys = z.infer<typeof keysSchema>;

export const dingtalk = defineSource<DingtalkKeys>({
  section: "dingtalk",
  readKeys: readFields(keysSchema),
  routes: { "POST /dingtalk": verified({ verify, read: readEvent }) },
  hasProof: ({ rawQuery }) => /(^|&)(msg_)?signature=[^&]/.test(rawQuery),
  kept: { route: "POST /dingtalk", headers: ["content-type"] },
  tellsEverything: true,
});

function verify(request: Request, { keys, now }: Context<DingtalkKeys>): Opened {
  const { signature, timestamp, nonce } = readQuery(request.rawQuery);
  const encrypted = readEnvelope(request.body);
  const token = findEvery(keys.token, (one) => isSameDigest(sign(one, timestamp, nonce, encrypted), signature));
  if (token === undefined) throw refused("signature");
  const frames = keys.aesKey.flatMap((aesKey) => {
    const opened = openFrame(encrypted, aesKey);
    return opened ? [{ ...opened, aesKey }] : [];
  });
  if (frames.length === 0) throw refused("decryption");
  const frame = findEvery(frames, ({ receiver }) => keys.ownerKey.includes(receiver));
  if (!frame) throw refused("ownerKey");

  const isInSeconds = timestamp.length === 10;
  const sentAt = new Date(Number(timestamp) * (isInSeconds ? 1000 : 1));
  return {
    message: frame.message,
    corpId: keys.corpId,
    sentAt: isInSeconds ? withinSecond(sentAt) : exactly(sentAt),
    success: () => json(200, sealSuccess({ token, ...frame }, String(now.getTime()))),
  };
}

/**
 * The pages and samples name the signature differently: `msg_signature` counts where it is there, and where it is wrong
 * `signature` makes it no better. The four values are sorted and joined without separators, so that letters could
 * wander between timestamp and nonce: hence the forms. What they really are is not documented: others are kept.
 */
function readQuery(rawQuery: string) {
  const query = parse(rawQuery);
  const signature = query.get("msg_signature") ?? query.get("signature") ?? "";
  const timestamp = query.get("timestamp") ?? "";
  const nonce = query.get("nonce") ?? "";
  if (!/^[0-9a-f]{40}$/.test(signature) || !timestamp || !nonce) throw hopeless("query");
  if (!/^(\d{10}|\d{13})$/.test(timestamp)) throw refused("timestamp form", shapeOf(timestamp));
  if (!/^[\x20-\x7e]{1,64}$/.test(nonce)) throw refused("nonce form", shapeOf(nonce));
  return { signature, timestamp, nonce };
}

function parse(rawQuery: string): ReadonlyMap<string, string> {
  try {
    return parseQuery(rawQuery);
  } catch {
    throw hopeless("query");
  }
}

/** Anyone can send an envelope: a broken one is a failed proof. It is kept: DingTalk may have another form some day. */
function readEnvelope(body: Buffer): string {
  let encrypted: unknown;
  try {
    encrypted = asObject(parseJson(decodeUtf8(body))).encrypt;
  } catch {}
  if (typeof encrypted !== "string" || !encrypted) throw refused("envelope");
  return encrypted;
}

/** What proved a request: its answer is sealed with the same. */
interface Proven {
  readonly token: string;
  readonly aesKey: string;
  readonly receiver: string;
}

/** The only answer that counts as taken, to the check of the address as well. `timeStamp`: ours, in milliseconds. */
export function sealSuccess(
  { token, aesKey, receiver }: Proven,
  timeStamp: string,
  nonce = randomBytes(8).toString("hex"),
  random: Uint8Array = randomBytes(16),
) {
  const encrypt = sealFrame("success", aesKey, receiver, random);
  return { msg_signature: sign(token, timeStamp, nonce, encrypt), timeStamp, nonce, encrypt };
}
