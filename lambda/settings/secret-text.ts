/**
 * How the text of a secret is read: JSON, its texts trimmed. A mistake is told by the field's name, never by a value.
 */
import type * as z from "zod/mini";

/** The field that marks a secret as not filled in yet: the stack creates every secret with it. */
export const placeholder = "fillMeIn";

/**
 * The bytes of a `whsec_` secret, or of a `whpk_` public key. Anything else than base64 gives no bytes; only the `=`
 * at its end may be missing, which some tools drop.
 */
export function apiKeyBytes(apiKey: string): Buffer {
  const encoded = apiKey.replace(/^wh(sec|pk)_/, "");
  const bytes = Buffer.from(encoded, "base64");
  const whole = bytes.toString("base64");
  return whole === encoded || whole.replace(/=+$/, "") === encoded ? bytes : Buffer.alloc(0);
}

/** A `whsec_` secret of 24 to 64 bytes. */
export function isApiSecret(given: string): boolean {
  const { length } = apiKeyBytes(given);
  return given.startsWith("whsec_") && length >= 24 && length <= 64;
}

/**
 * Without the white space and the invisible characters at the ends of every text: `$(cat file)` and a copy out of a
 * console or a chat leave some.
 */
export function trimEnds(given: unknown): unknown {
  if (typeof given === "string") return given.replace(/^[\s\p{C}]+|[\s\p{C}]+$/gu, "");
  if (Array.isArray(given)) return given.map(trimEnds);
  if (!isObject(given)) return given;
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, trimEnds(value)]));
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The secret's object, its texts trimmed; `undefined` where it is none. */
export function parseSecret(text: string): Record<string, unknown> | undefined {
  try {
    // Some editors begin a file with a byte-order mark.
    const value = trimEnds(JSON.parse(text.replace(/^\ufeff/, "")));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A long name is masked: it may be a key that stands in a name's place. */
export const mask = (name: PropertyKey): string => (String(name).length > 32 ? "(masked)" : String(name));

/** Names the fields that are wrong. */
export function describe(error: z.core.$ZodError, root: string): string {
  return error.issues.map(({ path, message }) => `${[root, ...path.map(mask)].join(".")}: ${message}`).join("; ");
}
