/**
 * Resignations ordered by any tool that can sign a request, and the operators' interface. Proof is a
 * signature as Standard Webhooks has it (standardwebhooks.com, specification): HMAC-SHA256 or Ed25519 over
 * `{webhook-id}.{webhook-timestamp}.{raw body}`.
 */
import { createHmac, createPublicKey, createSecretKey, type KeyObject, verify as verifySignature } from "node:crypto";
import * as z from "zod/mini";
import { json, parseQuery, type Request } from "../http.ts";
import { malformed, Problem, refused, unreadable } from "../problem.ts";
import { type Departure, holds, operatorView, type Resignation, type Status, statuses, view } from "../resignation.ts";
import { apiKeyBytes } from "../secrets.ts";
import { missingText, type ReadId, readParts, readRelation } from "../sources/ids.ts";
import type { ActName, Context, Received, Review, Source } from "../sources/index.ts";
import { kindOf, readJson, shorten } from "../sources/json.ts";
import type { Keys } from "../sources/keys.ts";
import { findEvery, hasAll, isSame, sha256, strictBase64 } from "../sources/proof.ts";

export const api: Source<"api"> = {
  section: "api",
  routes: {
    "POST /resignations": order,
    "GET /resignations": list,
    "GET /resignations/{id}": find,
    "POST /resignations/{id}/approve": act("approve"),
    "POST /resignations/{id}/cancel": act("cancel"),
    "POST /resignations/{id}/retry": act("retry"),
    "POST /resignations/{id}/acknowledge": act("acknowledge"),
  },
  hasProof,
  kept: {
    route: "POST /resignations",
    headers: ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"],
  },
};

/** The operators' view of what was refused. */
export const quarantine: Source<"api", Review> = {
  section: "api",
  routes: { "GET /quarantine": count, "POST /quarantine/reverify": reverify },
  hasProof,
};

function hasProof({ headers }: Request): boolean {
  return hasAll(headers, "webhook-id", "webhook-timestamp", "webhook-signature");
}

const proposed = { heldFor: "proposed", why: "Proposed by a reconciliation" } as const;

const toleranceSeconds = 300;
const maxWaitSeconds = 20;

function order(request: Request, { keys, settings, now }: Context<"api">): Received {
  const { caller, messageId } = verify(request, keys, now);
  const { userId, reason, occurredAt, isProposal } = readOrder(request, settings.allowedProviders, now);
  if (isProposal) demandOperator(caller, settings.operators.api);
  const departure: Departure = {
    ...(isProposal ? { source: "reconcile", approvalNeeded: proposed } : { source: "api" }),
    eventId: `${caller}/${messageId}`,
    userId,
    occurredAt,
    requestedBy: caller,
    ...(reason !== undefined && { reason }),
    contentHash: sha256(request.body).toString("hex"),
  };
  const waitSeconds = readWait(request.headers.prefer);
  return {
    kind: "departures",
    departures: [departure],
    ...(waitSeconds !== undefined && { waitSeconds }),
    answer: ([taken]) => {
      const isOutcome = waitSeconds !== undefined && taken?.status !== "accepted" && taken?.status !== "resigning";
      return json(isOutcome ? 200 : 202, taken && view(taken), {
        location: `/resignations/${taken?.id}`,
        ...(waitSeconds !== undefined && { "preference-applied": `wait=${waitSeconds}` }),
      });
    },
  };
}

function find(request: Request, { keys, settings, now }: Context<"api">): Received {
  const { caller } = verify(request, keys, now);
  const show = settings.operators.api.includes(caller) ? operatorView : view;
  return { kind: "find", id: request.id ?? "", answer: (found: Resignation) => json(200, show(found)) };
}

function list(request: Request, { keys, settings, now }: Context<"api">): Received {
  const { caller } = verify(request, keys, now);
  demandOperator(caller, settings.operators.api);
  const { cursor, since, ...query } = orMalformed(listSchema, Object.fromEntries(parseQuery(request.rawQuery)));
  const from = since === undefined ? undefined : new Date(since);
  // Before that there is nothing, and the ledger is read month by month.
  if (from && isOutOfRange(from)) throw malformed("since lies outside the years 2000 to 2100");
  return {
    kind: "list",
    query: { ...query, since: from },
    cursor,
    answer: (items, nextCursor, unreadable) =>
      json(200, {
        items: items.map(operatorView),
        ...(nextCursor && { nextCursor }),
        ...(unreadable.length > 0 && { unreadable }),
      }),
  };
}

function act(name: ActName) {
  return (request: Request, { keys, settings, now }: Context<"api">): Received => {
    const { caller, messageId } = verify(request, keys, now);
    demandOperator(caller, settings.operators.api);
    const {
      operator,
      reason: given,
      genauthUserId,
      userId,
      heldFor,
    } = orMalformed(actSchemas[name], readFields(request, ["reason", "genauthUserId", "userId", "heldFor"]));
    const reason = readReason(given);
    const requestId = `${caller}/${messageId}`;
    const act = {
      name,
      id: request.id ?? "",
      caller,
      operator,
      requestId,
      ...(reason !== undefined && { reason }),
      ...(genauthUserId !== undefined && { genauthUserId }),
      ...(userId !== undefined && { userId }),
      ...(heldFor !== undefined && { heldFor }),
    };
    return { kind: "act", act, answer: (changed) => json(200, operatorView(changed)) };
  };
}

function count(request: Request, { keys, settings, now }: Context<"api">): Review {
  demandOperator(verify(request, keys, now).caller, settings.operators.api);
  return { kind: "count" };
}

function reverify(request: Request, { keys, settings, now }: Context<"api">): Review {
  demandOperator(verify(request, keys, now).caller, settings.operators.api);
  const { after } = orMalformed(reverifySchema, readFields(request, ["after"]));
  return { kind: "reverify", after };
}

/**
 * Gives back whose key signed the request. Any of the signatures with any of the caller's keys will do. What a
 * header lacks is said to everybody: it shows in the request alone. All else is said to whoever signed rightly.
 */
function verify(request: Request, callers: Keys["api"], now: Date): { caller: string; messageId: string } {
  const messageId = readMessageId(request.headers["webhook-id"]);
  const timestamp = readTimestamp(request.headers["webhook-timestamp"]);
  const signatures = readSignatures(request.headers["webhook-signature"]);

  const signed = Buffer.concat([Buffer.from(`${messageId}.${timestamp}.`), request.body]);
  const proven = findEvery(Object.entries(callers), ([, keys]) =>
    keys.some((key) => isSignedByAny(key, signed, signatures)),
  );
  if (!proven) {
    // Who signs first and packs then has signed other bytes than those that came: their own header says so.
    demandPlainBody(request);
    // What stands between the sender and us may have put it where bytes were no UTF-8.
    if (request.body.includes("\ufffd")) throw badHeader("The body is not UTF-8: U+FFFD stands in it");
    throw refused("signature");
  }
  verifyClock(Number(timestamp), now);
  return { caller: proven[0], messageId };
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
  if (signatures.length === 0) throw unreadable("webhook-signature form");
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

function demandOperator(caller: string, operators: readonly string[]): void {
  if (!operators.includes(caller)) throw new Problem("forbidden", { detail: `${caller} is not among operators.api` });
}

const operatorSchema = z.string().check(z.minLength(1), z.maxLength(100));
const actSchema = z.strictObject({
  operator: operatorSchema,
  reason: z.optional(z.string()),
  genauthUserId: z.optional(z.undefined()),
  userId: z.optional(z.undefined()),
  heldFor: z.optional(z.undefined()),
});
const approveSchema = z.strictObject({
  operator: operatorSchema,
  reason: z.optional(z.string()),
  genauthUserId: z.optional(z.string()),
  userId: z.optional(z.string()),
  heldFor: z.optional(z.enum(holds)),
});
const actSchemas = { approve: approveSchema, cancel: actSchema, retry: actSchema, acknowledge: actSchema };

const reverifySchema = z.strictObject({ after: z.optional(z.string()) });

const listSchema = z.strictObject({
  status: z.optional(z.enum(statuses as [Status, ...Status[]])),
  userId: z.optional(z.string().check(z.minLength(1))),
  since: z.optional(z.union([z.iso.datetime({ offset: true }), z.iso.date()])),
  limit: z._default(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(100)), 50),
  cursor: z.optional(z.string()),
});

const orderForm = 'Send {"userId", "reason"?, "occurredAt"?} or {"provider", "userIdInIdp", "reason"?, "occurredAt"?}';
const orderFields = ["userId", "provider", "userIdInIdp", "reason", "occurredAt", "propose"];

function readOrder(request: Request, allowedProviders: readonly string[], now: Date) {
  const body = readObject(request);
  const unknown = Object.keys(body).filter((name) => !orderFields.includes(name));
  if (unknown.length > 0) throw malformed(`There is no field ${unknown.map(shorten).join(", ")}. ${orderForm}`);
  const propose = isAbsent(body.propose) ? false : body.propose;
  if (typeof propose !== "boolean") throw malformed(`propose is ${kindOf(propose)}: send true or false`);
  const reason = readReason(body.reason);
  const occurred = readOccurredAt(body.occurredAt) ?? now;
  const read = readWho(body, allowedProviders);
  if ("wrong" in read) throw new Problem("invalid_user_id", { detail: read.wrong });
  if (occurred.getTime() > now.getTime() + toleranceSeconds * 1000) {
    throw new Problem("occurred_in_future", { detail: "occurredAt lies in the future: order it on the day" });
  }
  return { userId: read.userId, reason, occurredAt: occurred, isProposal: propose };
}

function readWho(body: Record<string, unknown>, allowed: readonly string[]): ReadId {
  const { userId, provider, userIdInIdp } = body;
  const isApart = !isAbsent(provider) || !isAbsent(userIdInIdp);
  if (!isApart) {
    if ("userId" in body) return readRelation(userId, allowed);
    if ("userIdInIdp" in body) throw malformed(`provider is ${kindOf(provider)}: send a text. ${orderForm}`);
    throw malformed(`userId is missing. ${orderForm}`);
  }
  if (!isAbsent(userId)) throw malformed("userId stands beside provider and userIdInIdp: send the one or the other");
  if (typeof provider !== "string" || provider === "") {
    throw malformed(`provider is ${kindOf(provider)}: send a text. ${orderForm}`);
  }
  if (!("userIdInIdp" in body)) throw malformed(`userIdInIdp is missing. ${orderForm}`);
  return readParts(provider, userIdInIdp, allowed);
}

/** Many tools fill in what their trigger lacks with nothing. */
const isAbsent = (value: unknown) => value === undefined || value === null || value === "";

function readReason(value: unknown): string | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== "string") throw malformed(`reason is ${kindOf(value)}: send a text of at most 500 characters`);
  if (value.length > 500) throw malformed(`reason has ${value.length} characters: at most 500 will do`);
  return value.toWellFormed();
}

const instantSchema = z.iso.datetime({ offset: true });

function readOccurredAt(value: unknown): Date | undefined {
  if (isAbsent(value)) return undefined;
  const would = "send an ISO 8601 date and time with its offset, as in 2026-11-24T10:00:00+08:00";
  if (typeof value !== "string") throw malformed(`occurredAt is ${kindOf(value)}: ${would}`);
  const { data } = instantSchema.safeParse(value.replace(/(T.*[+-]\d{2})(\d{2})$/, "$1:$2"));
  if (data === undefined) throw malformed(`occurredAt is ${kindOfTime(value)}: ${would}`);
  const at = new Date(data);
  if (isOutOfRange(at)) {
    throw new Problem("occurred_out_of_range", { detail: "occurredAt lies outside the years 2000 to 2100" });
  }
  return at;
}

function isOutOfRange(at: Date): boolean {
  const year = at.getUTCFullYear();
  return year < 2000 || year >= 2100;
}

/** What a text that is no instant seems to be; never the text. */
function kindOfTime(text: string): string {
  const date = /^\d{4}-\d{2}-\d{2}/;
  if (/^\s|\s$/.test(text)) return "a text with white space at an end";
  if (/^\d+(\.\d+)?$/.test(text)) return "a number in a text";
  if (!date.test(text)) return "a text of another form";
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return "a date without a time";
  if (/\[.*\]$/.test(text)) return "a time with the name of its zone in brackets";
  if (text[10] !== "T") return "a date and a time without the T between them";
  if (/^.{10}T\d{2}:\d{2}(Z|[+-]|$)/.test(text)) return "a time without its seconds";
  if (/^.{10}T[\d:.,]*$/.test(text)) return "a time without its offset";
  if (!/(Z|[+-]\d{2}:?\d{2})$/.test(text)) return "a time whose offset has another form";
  return "no date and time that there is";
}

function readObject(request: Request): Record<string, unknown> {
  const body = readBody(request);
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw malformed(`The body is ${kindOf(body)}: send a JSON object`);
}

/** An operator's body, where what is optional may be null or empty. */
function readFields(request: Request, optional: readonly string[]): Record<string, unknown> {
  const entries = Object.entries(readObject(request));
  return Object.fromEntries(entries.filter(([name, given]) => !(optional.includes(name) && isAbsent(given))));
}

/** Takes JSON under any type that does not plainly say that it is something else. */
function readBody(request: Request): unknown {
  demandPlainBody(request);
  const types = readList(request.headers["content-type"]).map((one) => one.split(";")[0]?.trim() ?? "");
  const other = types.find((type) => !isJsonType.test(type));
  if (other !== undefined) {
    const came = shorten(other);
    throw new Problem("unsupported_media_type", { detail: `Content-Type is ${came}: send application/json` });
  }
  return readJson(request.body);
}

function demandPlainBody({ headers }: Request): void {
  const encodings = readList(headers["content-encoding"]).filter((one) => one !== "identity");
  if (encodings.length === 0) return;
  throw new Problem("unsupported_media_type", {
    detail: `Content-Encoding is ${shorten(encodings.join(", "))}: send the body as it is`,
  });
}

const isJsonType = /^(application\/([a-z0-9.-]+\+)?json|text\/(json|plain)|application\/octet-stream)$/;

/** The values of a header that several ones may have been joined into. */
const readList = (given = "") =>
  given
    .toLowerCase()
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

function orMalformed<T>(schema: z.ZodMiniType<T>, given: Record<string, unknown>): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw malformed(parsed.error.issues.map((issue) => explainIssue(issue, given)).join("; "));
}

/** Which field, the kind of what came, and what would do. */
function explainIssue(issue: z.core.$ZodIssue, given: Record<string, unknown>): string {
  if (issue.code === "unrecognized_keys") return `there is no field ${issue.keys.map(shorten).join(", ")} here`;
  const name = String(issue.path[0] ?? "body");
  const came = given[name];
  switch (issue.code) {
    case "too_big":
      return `${name} is too long or too large: at most ${issue.maximum} will do`;
    case "too_small":
      return `${name} is ${came === "" ? "empty" : "too small"}: at least ${issue.minimum} will do`;
    case "invalid_value":
      return `${name} is none of ${issue.values.join(", ")}`;
    case "invalid_type": {
      const type: string = issue.expected;
      if (type === "undefined") return `there is no field ${name} here`;
      const would = { string: "a text", int: "a whole number" }[type] ?? `a ${type}`;
      return `${name} is ${kindOf(came)}: send ${would}`;
    }
    default:
      return `${name} is ${kindOf(came)} of another form${name === "since" ? ": send an ISO 8601 date, or date and time with its offset" : ""}`;
  }
}

/** RFC 7240: `wait=N` in seconds, ours at most 20. What else is preferred is not ours to apply. */
function readWait(prefer: string | undefined): number | undefined {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,5})"?\s*(?:$|[,;])/i.exec(prefer ?? "") ?? [];
  return seconds === undefined ? undefined : Math.min(Number(seconds), maxWaitSeconds);
}
