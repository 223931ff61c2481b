/** How WeCom and DingTalk encrypt and sign alike. */
import { createCipheriv, createHash, randomBytes } from "node:crypto";

/** Encrypts a message for its receiver: AES-256-CBC by the key of 43 letters and digits, padded to multiples of 32. */
export function sealFrame(message: string, aesKey: string, receiver: string): string {
  const key = Buffer.from(`${aesKey}=`, "base64");
  const bytes = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  const plain = Buffer.concat([randomBytes(16), length, bytes, Buffer.from(receiver)]);
  const padding = 32 - (plain.length % 32);
  const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(padding, padding)), cipher.final()]).toString(
    "base64",
  );
}

/** sha1 over the values, sorted and joined. */
export const signSorted = (...values: string[]): string =>
  createHash("sha1").update(values.sort().join("")).digest("hex");
