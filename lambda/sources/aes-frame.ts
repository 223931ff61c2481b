/**
 * How WeCom and DingTalk sign and encrypt alike: 加解密方案说明 (WeCom's document 91144), and DingTalk's own samples
 * (open-dingtalk/DingTalk-Callback-Crypto). A frame is 16 random bytes, the message's length in 4 bytes, the message,
 * and the receiver to the end, padded to multiples of 32.
 */
import { createCipheriv, hash, randomBytes } from "node:crypto";
import { openAes, strictBase64 } from "./proof.ts";

/** sha1 over the values in dictionary order: by code unit, as `.sort()` does and a locale does not. */
export function sign(token: string, timestamp: string, nonce: string, encrypted: string): string {
  return hash("sha1", [token, timestamp, nonce, encrypted].sort().join(""), "hex");
}

/**
 * AES-256-CBC, the key of 43 letters and digits, IV = the key's first 16 bytes, PKCS#7 to multiples of 32.
 * `undefined` where any of it is off.
 */
export function openFrame(encrypted: string, aesKey: string): { message: Buffer; receiver: string } | undefined {
  const bytes = strictBase64(encrypted);
  if (!bytes || bytes.length === 0 || bytes.length % 32 !== 0) return undefined;
  const key = keyOf(aesKey);
  const decipher = openAes(key, key.subarray(0, 16)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(bytes), decipher.final()]);

  const padding = padded.at(-1) ?? 0;
  if (padding < 1 || padding > 32 || !padded.subarray(-padding).every((byte) => byte === padding)) return undefined;
  const plain = padded.subarray(0, -padding);
  if (plain.length < 20) return undefined;
  const messageEnd = 20 + plain.readUInt32BE(16);
  if (messageEnd > plain.length) return undefined;
  return { message: plain.subarray(20, messageEnd), receiver: plain.subarray(messageEnd).toString("utf8") };
}

/** The same the other way round. `random`: 16 bytes. */
export function sealFrame(message: string, aesKey: string, receiver: string, random: Uint8Array = randomBytes(16)) {
  const key = keyOf(aesKey);
  const bytes = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  const plain = Buffer.concat([random, length, bytes, Buffer.from(receiver)]);
  const padding = 32 - (plain.length % 32);
  const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(padding, padding))]).toString("base64");
}

const keyOf = (aesKey: string): Buffer => Buffer.from(`${aesKey}=`, "base64");
