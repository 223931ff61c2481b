/**
 * A signature as Standard Webhooks has it (standardwebhooks.com, specification): HMAC-SHA256 or Ed25519 over
 * `{webhook-id}.{webhook-timestamp}.{raw body}`. It proves the callers, who order, and the operators, who decide.
 */
import { createHmac, createPublicKey, createSecretKey, type KeyObject, verify as verifySignature } from "node:crypto";
import * as z from "zod/mini";
import type { Request } from "../http.ts";
import { hopeless, Problem, refused } from "../problem.ts";
import { apiKeyBytes, describe, isApiSecret, isObject } from "../settings/secret-text.ts";
import { missingText } from "./ids.ts";
import { demandPlainBody } from "./json-body.ts";
import { oneOrMore, type ReadSection, readFields, type Section } from "./keys.ts";
import { findEvery, hasAll, isSame, strictBase64 } from "./proof.ts";

const callersSchema = z.record(
  z.string().check(z.regex(/^[A-Za-z0-9_-]{1,32}$/)),
  oneOrMore(
    z.string().check(
      z.refine(isApiKey, {
        error: ({ input }) =>
          String(input).startsWith("v1,")
            ? "must stand without `v1,` in front of it"
            : "must be whsec_ and the base64 of 24 to 64 bytes, or whpk_ and the base64 of an Ed25519 public key",
      }),
    ),
  ),
  {
    error: ({ code }) => (code === "invalid_key" ? "a caller's name is 1 to 32 letters, digits, _ and -" : undefined),
  },
);

/** The callers' keys, by their names. */
export type Callers = z.infer<typeof callersSchema>;

/** Reads the section `api`. A mistake in one caller leaves the other callers working. */
export const readCallers: ReadSection<Callers> = (given, name) =>
  isObject(given) ? readEach(given) : readFields(callersSchema)(given, name);

/** A request, and whose key signed it. The signature covers the body, and neither the path nor the query. */
export interface Signed {
  readonly caller: string;
  readonly messageId: string;
  readonly request: Request;
}

export const toleranceSeconds = 300;

export function hasProof({ headers }: Request): boolean {
  return hasAll(headers, "webhook-id", "webhook-timestamp", "webhook-signature");
}

/** Throws `forbidden` where the caller is no operator. */
export function demandOperator(caller: string, operators: readonly string[]): void {
  if (!operators.includes(caller)) throw new Problem("forbidden", { detail: `${caller} is not among operators.api` });
}

/**
 * Gives back whose key signed the request. Any of the signatures with any of the caller's keys will do. What a
 * header lacks is said to everybody: it shows in the request alone. All else is said to the caller alone whose key signed it.
 */
export function verifyCaller(request: Request, callers: Callers, now: Date): Signed {
  const messageId = readMessageId(request.headers["webhook-id"]);
  const timestamp = readTimestamp(request.headers["webhook-timestamp"]);
  const signatures = readSignatures(request.headers["webhook-signature"]);

  const signed = Buffer.concat([Buffer.from(`${messageId}.${timestamp}.`), request.body]);
  const proven = findEvery(Object.entries(callers), ([, keys]) =>
    keys.some((key) => isSignedByAny(key, signed, signatures)),
  );
  if (!proven) {
    // A sender that signs first and packs then has signed other bytes than those that came: its own header says so.
    demandPlainBody(request);
    // What stands between the sender and us may have put it where bytes were no UTF-8.
    if (request.body.includes("\ufffd")) throw badHeader("The body is not UTF-8: U+FFFD stands in it");
    throw refused("signature");
  }
  verifyClock(Number(timestamp), now);
  return { caller: proven[0], messageId, request };
}

const badHeader = (detail: string) => new Problem("bad_header", { detail, isHopeless: true });

function readMessageId(header = ""): string {
  const rule = "letters, digits, _ and -, at most 256, the same one for the same departure";
  if (header === "") throw badHeader(`webhook-id is missing: send ${rule}`);
  // A short word in other letters may stand in a random id.
  const [, part = ""] =
    /(?:^|[-_])(undefined|null|none)(?:$|[-_])/i.exec(header) ?? /[-_](NaN|nil)$/.exec(header) ?? [];
  const missing = missingText(header) ?? missingText(part);
  if (missing) throw badHeader(`webhook-id: ${missing}`);
  // The dot separates what is signed: an id that holds one could move the border.
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(header)) throw badHeader(`webhook-id has another form: send ${rule}`);
  return header;
}

function readTimestamp(header = ""): string {
  const rule = "seconds since 1970, digits alone";
  if (header === "") throw badHeader(`webhook-timestamp is missing: send ${rule}`);
  if (!/^\d{1,20}$/.test(header)) throw badHeader(`webhook-timestamp has another form: send ${rule}`);
  return header;
}

function verifyClock(seconds: number, now: Date): void {
  const off = Math.round(seconds - now.getTime() / 1000);
  if (Math.abs(seconds - now.getTime() / 1000) <= toleranceSeconds) return;
  const what =
    seconds >= 1e11
      ? "is in milliseconds or finer: send seconds"
      : `is ${Math.abs(off).toLocaleString("en-US")} s off, in the ${off < 0 ? "past" : "future"}: at most ${toleranceSeconds} s will do. Take the time of sending, and sign a repeat anew`;
  throw new Problem("clock_off", { detail: `webhook-timestamp ${what}` });
}

interface Signature {
  version: "v1" | "v1a";
  bytes: Buffer;
}

/** More than a rotation needs; each one costs time. */
const maxSignatures = 5;

/**
 * Signatures stand apart by blanks; several headers of one name are joined by commas on their way. So each is found
 * by its own form, a version and a comma.
 */
function readSignatures(header = ""): Signature[] {
  const rule = "v1, and the base64 of HMAC-SHA256 over {webhook-id}.{webhook-timestamp}.{body}";
  if (header.trim() === "") throw badHeader(`webhook-signature is missing: send ${rule}`);
  if (!/(?:^|[\s,])v1a?,/.test(header)) throw badHeader(`webhook-signature has another form: send ${rule}`);
  const signatures = header.split(/[ \t]+|,+[ \t]*(?=v\d+[a-z]?,)/).flatMap((listed) => readSignature(listed) ?? []);
  if (signatures.length === 0) throw hopeless("webhook-signature form");
  return signatures.slice(0, maxSignatures);
}

/** Versions unknown to us are none of ours. */
function readSignature(listed: string): Signature | undefined {
  const [version, encoded = "", ...rest] = listed.split(",");
  const bytes = strictBase64(encoded);
  const isKnown = (version === "v1" && bytes?.length === 32) || (version === "v1a" && bytes?.length === 64);
  return isKnown && rest.length === 0 ? ({ version, bytes } as Signature) : undefined;
}

/** Whether one of the signatures is made with this `whsec_` secret or the private half of this `whpk_` key. */
export function isSignedByAny(key: string, signed: Buffer, signatures: readonly Signature[]): boolean {
  const listed = (version: Signature["version"]) =>
    signatures.flatMap((one) => (one.version === version ? [one.bytes] : []));
  if (!key.startsWith("whsec_")) {
    return listed("v1a").some((bytes) => verifySignature(null, signed, keyObject(key), bytes));
  }
  const codes = listed("v1");
  // Made once, however many there are.
  return codes.length > 0 && isSame(createHmac("sha256", keyObject(key)).update(signed).digest(), ...codes);
}

const keyObjects = new Map<string, KeyObject>();

/** Made once a key: over the bytes of a key Node takes several times as long. */
function keyObject(key: string): KeyObject {
  const made = keyObjects.get(key) ?? (key.startsWith("whsec_") ? createSecretKey : ed25519Key)(apiKeyBytes(key));
  keyObjects.set(key, made);
  return made;
}

const ed25519Key = (bytes: Buffer) =>
  createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url") }, format: "jwk" });

/** Each caller by itself: one whose key is wrong is off, and so are two that share one, since either may have signed. */
function readEach(given: Record<string, unknown>): Section<Callers> {
  const right: { caller: string; keys: string[] }[] = [];
  const odd: string[] = [];
  for (const [caller, value] of Object.entries(given)) {
    if (value === null) continue;
    const parsed = callersSchema.safeParse(Object.fromEntries([[caller, value]]));
    if (parsed.success) right.push({ caller, keys: Object.values(parsed.data).flat() });
    else odd.push(describe(parsed.error, "api"));
  }
  const isShared = ({ caller, keys }: (typeof right)[number]) =>
    right.some(
      (other) => other.caller !== caller && other.keys.some((key) => keys.map(plainKey).includes(plainKey(key))),
    );
  odd.push(...right.filter(isShared).map(({ caller }) => `api.${caller}: two callers must not share a key`));
  const good = right.filter((one) => !isShared(one));
  if (good.length === 0 && odd.length > 0) return { wrong: odd.join("; ") };
  const keys = Object.fromEntries(good.map(({ caller, keys }) => [caller, keys]));
  return { keys, ...(odd.length > 0 && { odd }) };
}

function isApiKey(given: string): boolean {
  return isApiSecret(given) || (given.startsWith("whpk_") && apiKeyBytes(given).length === 32);
}

/** The same for a key with and without its `=`. */
const plainKey = (key: string) => key.replace(/=+$/, "");
