import { createHash, timingSafeEqual } from "node:crypto";

/** Compares two texts in a time that tells nothing of where they differ, nor of their lengths. */
export function isSame(one: string, other: string): boolean {
  return timingSafeEqual(sha256(one), sha256(other));
}

export const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Like `Array.find` for keys: looks at every one, so that the time does not tell which of them served. */
export function findEvery<T>(candidates: readonly T[], serves: (candidate: T) => boolean): T | undefined {
  return candidates.filter(serves)[0];
}

/** The bytes of canonical base64; `undefined` for text that Node's lenient decoder would read all the same. */
export function strictBase64(encoded: string): Buffer | undefined {
  const bytes = Buffer.from(encoded, "base64");
  return bytes.length > 0 && bytes.toString("base64") === encoded ? bytes : undefined;
}
