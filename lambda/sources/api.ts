/**
 * Resignations ordered by any tool that can sign a request, and the operators' interface. Proof is a
 * signature as Standard Webhooks has it (standardwebhooks.com, specification): HMAC-SHA256 or Ed25519 over
 * `{webhook-id}.{webhook-timestamp}.{raw body}`.
 */
import {
  createHmac,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
  verify as verifySignature,
} from "node:crypto";
import * as z from "zod/mini";
import { decodeUtf8, json, parseJson, parseQuery, type Request } from "../http.ts";
import { malformed, Problem, refused, unreadable } from "../problem.ts";
import {
  type Departure,
  operatorView,
  parseSyncRelation,
  type Resignation,
  type Status,
  type SyncRelation,
  statuses,
  syncRelation,
  view,
} from "../resignation.ts";
import { apiKeyBytes, type Keys } from "../secrets.ts";
import type { ActName, Context, Received, Review, Source } from "./index.ts";
import { findEvery, hasAll, sha256, strictBase64 } from "./proof.ts";

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
  return {
    kind: "list",
    query: { ...query, since: since === undefined ? undefined : new Date(since) },
    cursor,
    answer: (items, nextCursor) => json(200, { items: items.map(operatorView), ...(nextCursor && { nextCursor }) }),
  };
}

function act(name: ActName) {
  return (request: Request, { keys, settings, now }: Context<"api">): Received => {
    const { caller, messageId } = verify(request, keys, now);
    demandOperator(caller, settings.operators.api);
    const { operator, reason, genauthUserId, userId } = orMalformed(actSchemas[name], readBody(request));
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
  const { after } = orMalformed(reverifySchema, readBody(request));
  return { kind: "reverify", after };
}

/** Gives back whose key signed the request. Any of the signatures with any of the caller's keys will do. */
function verify(request: Request, callers: Keys["api"], now: Date): { caller: string; messageId: string } {
  const messageId = request.headers["webhook-id"] ?? "";
  const timestamp = request.headers["webhook-timestamp"] ?? "";
  const signatures = (request.headers["webhook-signature"] ?? "").split(" ").map(readSignature);
  // The dot separates what is signed: an id that holds one could move the border.
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(messageId)) throw unreadable("webhook-id");
  if (!/^\d{1,12}$/.test(timestamp)) throw unreadable("webhook-timestamp form");
  if (signatures.every((signature) => signature === undefined)) throw unreadable("webhook-signature form");

  const signed = Buffer.concat([Buffer.from(`${messageId}.${timestamp}.`), request.body]);
  const proven = findEvery(Object.entries(callers), ([, keys]) =>
    keys.some((key) => signatures.some((signature) => signature !== undefined && isSignedBy(key, signed, signature))),
  );
  if (!proven) throw refused("signature");
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > toleranceSeconds) throw refused("webhook-timestamp");
  return { caller: proven[0], messageId };
}

interface Signature {
  version: "v1" | "v1a";
  bytes: Buffer;
}

/** Versions unknown to us are none of ours. */
function readSignature(listed: string): Signature | undefined {
  const [version, encoded = "", ...rest] = listed.split(",");
  const bytes = strictBase64(encoded);
  const isKnown = (version === "v1" && bytes?.length === 32) || (version === "v1a" && bytes?.length === 64);
  return isKnown && rest.length === 0 ? ({ version, bytes } as Signature) : undefined;
}

/** Whether the signature over these bytes is made with this `whsec_` secret or the private half of this `whpk_` key. */
export function isSignedBy(key: string, signed: Buffer, { version, bytes }: Signature): boolean {
  if (key.startsWith("whsec_")) {
    return version === "v1" && timingSafeEqual(createHmac("sha256", keyObject(key)).update(signed).digest(), bytes);
  }
  return version === "v1a" && verifySignature(null, signed, keyObject(key), bytes);
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

const reasonSchema = z.optional(z.string().check(z.maxLength(500)));
const operatorName = z.string().check(z.minLength(1), z.maxLength(100));
const actSchema = z.strictObject({
  operator: operatorName,
  reason: reasonSchema,
  genauthUserId: z.optional(z.undefined()),
  userId: z.optional(z.undefined()),
});
const approveSchema = z.strictObject({
  operator: operatorName,
  reason: reasonSchema,
  genauthUserId: z.optional(z.string()),
  userId: z.optional(z.string()),
});
const actSchemas = { approve: approveSchema, cancel: actSchema, retry: actSchema, acknowledge: actSchema };

const reverifySchema = z.strictObject({ after: z.optional(z.string()) });

const optionalFields = {
  reason: reasonSchema,
  occurredAt: z.optional(z.iso.datetime({ offset: true })),
  /** By an operator: enter it as held, found by a comparison of the directories. */
  propose: z.optional(z.boolean()),
};
const orderSchema = z.union([
  z.strictObject({ userId: z.unknown().check(z.refine((given) => given !== undefined)), ...optionalFields }),
  z.strictObject({ provider: z.string(), userIdInIdp: z.unknown(), ...optionalFields }),
]);

const listSchema = z.strictObject({
  status: z.optional(z.enum(statuses as [Status, ...Status[]])),
  userId: z.optional(z.string().check(z.minLength(1))),
  since: z.optional(z.union([z.iso.datetime({ offset: true }), z.iso.date()])),
  limit: z._default(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(100)), 50),
  cursor: z.optional(z.string()),
});

function readOrder(request: Request, allowedProviders: readonly string[], now: Date) {
  const body = readBody(request);
  const parsed = orderSchema.safeParse(body);
  if (!parsed.success) {
    throw malformed(
      'The body must be {"userId", "reason"?, "occurredAt"?} or {"provider", "userIdInIdp", "reason"?, "occurredAt"?}, ' +
        "reason at most 500 characters and occurredAt an ISO 8601 date and time with its offset",
    );
  }
  const { reason, occurredAt, propose: isProposal = false } = parsed.data;
  const userId = readUserId(parsed.data, allowedProviders);
  if (!userId) {
    throw new Problem("invalid_user_id", {
      detail: `Allowed are ids like ${allowedProviders.map((p) => `${p}:…`).join(", ")}`,
    });
  }
  const occurred = occurredAt === undefined ? now : new Date(occurredAt);
  if (occurred.getTime() > now.getTime() + toleranceSeconds * 1000) throw new Problem("occurred_in_future");
  return { userId, reason, occurredAt: occurred, isProposal };
}

function readUserId(body: z.infer<typeof orderSchema>, allowed: readonly string[]): SyncRelation | undefined {
  if ("provider" in body) {
    return allowed.includes(body.provider) ? syncRelation(body.provider, body.userIdInIdp) : undefined;
  }
  return typeof body.userId === "string" ? parseSyncRelation(body.userId, allowed) : undefined;
}

/** Takes JSON under any type that does not plainly say that it is something else. */
function readBody(request: Request): unknown {
  const [type = ""] = (request.headers["content-type"] ?? "").toLowerCase().split(";");
  if (
    type.trim() &&
    !/^(application\/([a-z0-9.-]+\+)?json|text\/(json|plain)|application\/octet-stream)$/.test(type.trim())
  ) {
    throw new Problem("unsupported_media_type");
  }
  return parseJson(decodeUtf8(request.body));
}

function orMalformed<T>(schema: z.ZodMiniType<T>, given: unknown): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw malformed(parsed.error.issues.map(({ path, message }) => `${path.join(".") || "body"}: ${message}`).join("; "));
}

/** RFC 7240: `wait=N` in seconds, ours at most 20. What else is preferred is not ours to apply. */
function readWait(prefer: string | undefined): number | undefined {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,5})"?\s*(?:$|[,;])/i.exec(prefer ?? "") ?? [];
  return seconds === undefined ? undefined : Math.min(Number(seconds), maxWaitSeconds);
}
