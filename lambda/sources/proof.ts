import { createDecipheriv, createHash, createSecretKey, type Decipheriv, hash, timingSafeEqual } from "node:crypto";

/** Whether a text is one of the others, in a time that tells nothing of where they differ, nor of their lengths. */
export function isSame(one: string | Uint8Array, ...others: readonly (string | Uint8Array)[]): boolean {
  const hashed = sha256(one);
  return others.filter((other) => timingSafeEqual(hashed, sha256(other))).length > 0;
}

/** The same for texts of one length whose form was checked, as signatures in hexadecimal are. */
export function isSameDigest(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

export function sha256(...parts: (string | Uint8Array)[]): Buffer {
  const [only, ...more] = parts;
  if (only !== undefined && more.length === 0) return hash("sha256", only, "buffer");
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest();
}

/** AES-256-CBC. As a key object: Node takes several times as long over the bytes of a key. */
export const openAes = (key: Uint8Array, iv: Uint8Array): Decipheriv =>
  createDecipheriv("aes-256-cbc", createSecretKey(key), iv);

/** Like `Array.find` for keys: looks at every one, so that the time does not tell which of them served. */
export function findEvery<T>(candidates: readonly T[], serves: (candidate: T) => boolean): T | undefined {
  return candidates.filter(serves)[0];
}

/** Whether all of these headers are there. */
export const hasAll = (headers: Readonly<Record<string, string | undefined>>, ...names: string[]): boolean =>
  names.every((name) => headers[name]);

/** The bytes of canonical base64; `undefined` for text that Node's lenient decoder would read all the same. */
export function strictBase64(encoded: string): Buffer | undefined {
  const bytes = Buffer.from(encoded, "base64");
  return bytes.length > 0 && bytes.toString("base64") === encoded ? bytes : undefined;
}

/** The form of a text, for the log: its digits as 9, its letters as a. */
export const shapeOf = (text: string): string => text.replace(/\d/g, "9").replace(/[a-z]/gi, "a").slice(0, 40);
