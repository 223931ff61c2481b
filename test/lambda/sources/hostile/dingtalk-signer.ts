/** Genuine requests of DingTalk's, and their parts to be bent one by one. */
import { createCipheriv, createHash } from "node:crypto";
import { dingtalkEvent } from "../../../../cli/sources/dingtalk.ts";
import type { Request } from "../../../../lambda/http.ts";
import { now } from "../../../parts.ts";
import { seconds, withBody } from "./parts.ts";

export const token = "aToken";
export const aesKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
export const receiver = "dingclient";
export const keys = { token: [token], aesKey: [aesKey], ownerKey: [receiver], corpId: "dingcorp" };

/** Every byte is fixed: nothing here may differ from run to run. */
export const event = (type: string, userId: readonly unknown[], changes: object = {}) =>
  JSON.stringify({ ...dingtalkEvent(type, userId, keys, { at: now, eventId: "e1" }), ...changes });
export const left = event("user_leave_org", ["manager331"]);
export const nonce = "WL4PK6yA";
export const timestamp = `${seconds}000`;
export const encrypted = encrypt(left);
export const signature = signatureOf(encrypted);
export const good: Request = {
  ...{ route: "POST /dingtalk", id: undefined, body: Buffer.from(envelope(encrypted)) },
  ...{ rawQuery: queryOf({}), headers: { "content-type": "application/json" } },
};
export const check = signed(encrypt('{"EventType":"check_url"}'));

export function envelope(text: string): string {
  return JSON.stringify({ encrypt: text });
}
export function queryOf(given: Record<string, string>): string {
  const parameters = { signature, msg_signature: signature, timestamp, nonce, ...given };
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
}
export function sha1(parts: readonly string[]): string {
  return createHash("sha1").update(parts.join("")).digest("hex");
}
export function signatureOf(text: string, at = timestamp, key = token, by = nonce): string {
  return sha1([key, at, by, text].sort());
}
/** By somebody who knows the token: signed, whatever it is. */
export function signed(text: string, at = timestamp, by = nonce): Request {
  const own = signatureOf(text, at, token, by);
  const rawQuery = queryOf({ signature: own, msg_signature: own, timestamp: at, nonce: by });
  return { ...withBody(good, envelope(text)), rawQuery };
}
export function encrypt(message: string | Buffer, to = receiver, key = aesKey): string {
  const bytes = Buffer.from(message as string);
  return seal(padded(frame(bytes.length, Buffer.concat([bytes, Buffer.from(to)]))), key);
}
export function seal(plain: Uint8Array, of = aesKey): string {
  const key = Buffer.from(`${of}=`, "base64");
  const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]).toString("base64");
}
export function frame(length: number, rest: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(length >>> 0);
  return Buffer.concat([Buffer.alloc(16, 7), size, rest]);
}
export function padded(plain: Buffer, fill = 32 - (plain.length % 32)): Buffer {
  return Buffer.concat([plain, Buffer.alloc(32 - (plain.length % 32), fill)]);
}
