/**
 * Lark / Feishu event subscriptions (open.feishu.cn, "request URL" and "encryption"; both clouds speak the
 * same protocol): signature → decryption → `url_verification` or event, schema 2.0 and 1.0.
 */
import * as z from "zod/mini";
import { decodeUtf8, json, parseJson, type Request } from "../http.ts";
import { exactly, isAhead, untimed, withinSecond } from "../moment.ts";
import { malformed, refused, unreadable } from "../problem.ts";
import { type Departure, type Moment, syncRelation } from "../resignation.ts";
import type { Keys } from "../secrets.ts";
import type { Context, Received, Source } from "./index.ts";
import { findEvery, isSame, isSameDigest, openAes, sha256, strictBase64 } from "./proof.ts";

export const lark: Source<"lark"> = {
  section: "lark",
  routes: { "POST /lark": receive },
  hasProof,
  kept: {
    route: "POST /lark",
    headers: ["x-lark-signature", "x-lark-request-timestamp", "x-lark-request-nonce", "content-type"],
  },
};

function receive(request: Request, context: Context<"lark">): Received {
  const { isSigned, content } = verify(request, context);
  const isUrlCheck = content.type === "url_verification";
  if (!isSigned && !isUrlCheck && context.keys.encryptKey) throw refused("signature missing");
  verifyToken(content, context.keys);
  if (isUrlCheck) {
    const { challenge } = content;
    if (typeof challenge !== "string") throw malformed("The URL check has no challenge");
    return { kind: "answer", isUrlCheck: true, answer: json(200, { challenge }) };
  }
  return toReceived(content, context);
}

type Content = Record<string, unknown>;

/** A signature, something encrypted, or where neither is used a verification token. */
function hasProof({ headers, body }: Request): boolean {
  if (headers["x-lark-signature"]) return true;
  try {
    const { encrypt, token, header } = parseContent(body);
    return [encrypt, token, (header as Content | null | undefined)?.token].some(
      (field) => typeof field === "string" && field !== "",
    );
  } catch {
    return false;
  }
}

/**
 * Lark sends the URL check unsigned even where an encrypt key is set; there the decryption is the proof. An
 * unsigned request must be encrypted, and every failure looks the same: anyone can send one.
 */
function verify(request: Request, { keys, settings, now }: Context<"lark">): { isSigned: boolean; content: Content } {
  const { encryptKey } = keys;
  if (!encryptKey) return { isSigned: false, content: parseUnproven(request.body) };

  const signature = request.headers["x-lark-signature"];
  if (signature === undefined) {
    const { encrypt } = parseUnproven(request.body);
    return { isSigned: false, content: decryptUnproven(encrypt, encryptKey) };
  }
  const timestamp = request.headers["x-lark-request-timestamp"] ?? "";
  const nonce = request.headers["x-lark-request-nonce"] ?? "";
  if (!/^[0-9a-f]{64}$/.test(signature)) throw unreadable("signature form");
  const proven = findEvery(encryptKey, (key) =>
    isSameDigest(sha256(timestamp, nonce, key, request.body).toString("hex"), signature),
  );
  if (proven === undefined) throw refused("signature");
  verifyTimestamp(timestamp, settings.lark.strictTimestamp, now);

  const content = parseContent(request.body);
  return {
    isSigned: true,
    content: "encrypt" in content ? parseContent(decrypt(content.encrypt, proven)) : content,
  };
}

/**
 * Lark retries for 7 hours and does not say whether a retry is signed anew, so the window is a day; the age
 * of the event itself is the guard's matter. Seconds or milliseconds: the signed text has no separators, and
 * a free form would let digits move between timestamp and nonce.
 */
function verifyTimestamp(timestamp: string, isStrict: boolean, now: Date): void {
  const isNumber = /^(\d{10}|\d{13})$/.test(timestamp);
  if (!isNumber) {
    if (!isStrict) return;
    // The form that Lark really uses is not documented: its shape is logged, and never its value.
    throw refused("timestamp form", timestamp.replace(/\d/g, "9").replace(/[a-z]/gi, "a").slice(0, 40));
  }
  const sentAtMs = Number(timestamp) * (timestamp.length === 10 ? 1000 : 1);
  if (Math.abs(now.getTime() - sentAtMs) > 86_400_000) throw refused("timestamp");
}

/** Throws `malformed`; before a proof, the caller makes that a refusal. */
function parseContent(bytes: Uint8Array): Content {
  const content = parseJson(decodeUtf8(bytes));
  if (typeof content !== "object" || content === null || Array.isArray(content)) throw malformed("Not a JSON object");
  return content as Content;
}

/** The first look at what anybody can send: what is not even JSON no key makes an event. */
function parseUnproven(bytes: Uint8Array): Content {
  try {
    return parseContent(bytes);
  } catch {
    throw unreadable("json");
  }
}

/** Anyone can send an unsigned request, so every failure is the same one, whichever step it happened in. */
function decryptUnproven(encrypted: unknown, encryptKeys: readonly string[]): Content {
  const readable = encryptKeys.flatMap((key) => {
    try {
      return [parseContent(decrypt(encrypted, key))];
    } catch {
      return [];
    }
  });
  if (!readable[0]) throw refused("decryption");
  return readable[0];
}

/** AES-256-CBC, key = sha256(encrypt key), the IV in front, PKCS#7. Throws for everything else. */
export function decrypt(encrypted: unknown, encryptKey: string): Buffer {
  const bytes = typeof encrypted === "string" ? strictBase64(encrypted) : undefined;
  if (!bytes || bytes.length < 32 || bytes.length % 16 !== 0) throw refused("decryption");
  try {
    return decipher(sha256(encryptKey), bytes.subarray(0, 16), bytes.subarray(16));
  } catch {
    throw refused("decryption");
  }
}

/** Throws where the padding is wrong. */
export function decipher(key: Buffer, iv: Buffer, encrypted: Buffer): Buffer {
  const opening = openAes(key, iv);
  return Buffer.concat([opening.update(encrypted), opening.final()]);
}

/** The verification token stands in `header.token` (2.0) or `token` (1.0 and URL checks). */
function verifyToken(content: Content, { verificationToken }: Keys["lark"]): void {
  if (!verificationToken) return;
  const { header } = content;
  const token = content.schema === "2.0" ? (header as Content | null | undefined)?.token : content.token;
  if (typeof token !== "string" || !findEvery(verificationToken, (expected) => isSame(token, expected))) {
    throw refused("verification token");
  }
}

const text = z.optional(z.string());
const anything = z.optional(z.unknown());
const idsSchema = z.object({ open_id: anything, union_id: anything, user_id: anything });
const statusSchema = z.nullish(z.object({ is_resigned: anything }));
const objectSchema = z.extend(idsSchema, { status: statusSchema });

const eventSchema2 = z.object({
  header: z.object({
    event_id: z.string().check(z.minLength(1)),
    event_type: z.string(),
    create_time: text,
    app_id: text,
  }),
  event: z.optional(
    z.object({
      object: z.optional(objectSchema),
      old_object: z.nullish(z.object({ status: statusSchema })),
      removed: anything,
    }),
  ),
});

const eventSchema1 = z.object({
  uuid: z.string().check(z.minLength(1)),
  ts: z.optional(z.union([z.string(), z.number()])),
  event: z.looseObject({
    type: z.string(),
    app_id: text,
    current_status: z.nullish(z.object({ is_resigned: anything })),
  }),
});

/** One event, whichever schema told it. */
interface LarkEvent {
  eventId: string;
  type: string;
  appId: string | undefined;
  moment: Moment | undefined;
  says: "left" | "returned" | "fewer in scope" | "nothing of interest";
  ids: Partial<Record<"open_id" | "union_id" | "user_id", unknown>>;
}

function toReceived(content: Content, { settings, now }: Context<"lark">): Received {
  const event = content.schema === "2.0" ? readEvent2(content) : readEvent1(content);
  const { provider, userIdField, appId } = settings.lark;
  if (appId && event.appId !== appId) throw refused("app id");
  if (event.says === "nothing of interest") return { kind: "answer", answer: json(200, {}) };
  if (event.says === "fewer in scope") return narrow(event.eventId);

  const userId = syncRelation(provider, event.ids[userIdField]);
  if (!userId) {
    const message = `A ${event.type} came without a usable ${userIdField}: grant the app its permission or change lark.userIdField`;
    const facts = { source: "lark", eventId: event.eventId };
    return {
      kind: "answer",
      answer: json(200, {}),
      notices: [{ metric: "UnusableDeparture", message, facts }],
      keepAs: `no ${userIdField}`,
    };
  }
  const hasLeft = event.says === "left";
  const moment = event.moment ?? untimed(now);
  if (hasLeft && isAhead(moment.from, now)) {
    const message = `A ${event.type} claims to be more than an hour ahead: a clock is wrong, and it is not carried out`;
    const facts = { source: "lark", eventId: event.eventId };
    return {
      kind: "answer",
      answer: json(200, {}),
      notices: [{ metric: "UnusableDeparture", message, facts }],
      keepAs: "in the future",
    };
  }
  const occurredAt = event.moment?.from ?? now;
  const departure: Departure = {
    ...{ source: "lark", eventId: event.eventId, userId, occurredAt, moment, requestedBy: "lark" },
  };
  return {
    kind: "departures",
    departures: hasLeft ? [departure] : [],
    returns: hasLeft ? [] : [{ userId, source: "lark", moment }],
    answer: () => json(200, {}),
  };
}

/**
 * People who leave an app's contact scope have not left the company. Whether Lark sends `deleted_v3` for them all
 * the same is not documented: for an hour nobody goes by themselves.
 */
function narrow(eventId: string): Received {
  const message = "The Lark app sees fewer people now: the brake is on for an hour";
  return {
    kind: "answer",
    answer: json(200, {}),
    brakeOn: "The Lark app's contact scope lost people (contact.scope.updated_v3) within the hour",
    notices: [{ metric: "ScopeNarrowed", message, facts: { source: "lark", eventId } }],
  };
}

/** Whether an event's lists of departments, users and groups are all empty. */
function isNothing(removed: unknown): boolean {
  if (removed === undefined || removed === null) return true;
  return Object.values(removed).every((list) => list === null || (Array.isArray(list) && list.length === 0));
}

function readEvent2(content: Content): LarkEvent {
  const { header, event } = orMalformed(eventSchema2, content);
  return {
    eventId: header.event_id,
    type: header.event_type,
    appId: header.app_id,
    moment: readTime(header.create_time),
    says: whatItSays(header.event_type, event),
    ids: event?.object ?? {},
  };
}

/**
 * `deleted_v3` says it by itself (its documented sample has `is_resigned: false`). In `updated_v3`, `old_object`
 * holds what changed: a former value that equals the present one means that nothing turned. Frozen, or exited
 * by himself, is not resigned.
 */
function whatItSays(type: string, event: z.infer<typeof eventSchema2>["event"]): LarkEvent["says"] {
  if (type === "contact.user.deleted_v3") return "left";
  if (type === "contact.user.created_v3") return "returned";
  if (type === "contact.scope.updated_v3") return isNothing(event?.removed) ? "nothing of interest" : "fewer in scope";
  if (type !== "contact.user.updated_v3") return "nothing of interest";
  const isResigned = event?.object?.status?.is_resigned;
  const wasResigned = event?.old_object?.status?.is_resigned;
  if (isResigned === true && wasResigned !== true) return "left";
  return isResigned === false && wasResigned === true ? "returned" : "nothing of interest";
}

/** Schema 1.0 calls `employee_id` what is `user_id` today. */
function readEvent1(content: Content): LarkEvent {
  const { uuid, ts, event } = orMalformed(eventSchema1, content);
  const { type, current_status: status } = event;
  const hasLeft = type === "user_leave" || (type === "user_status_change" && status?.is_resigned === true);
  return {
    eventId: uuid,
    type,
    appId: event.app_id,
    moment: readTime(ts === undefined ? undefined : String(ts)),
    says: hasLeft ? "left" : "nothing of interest",
    ids: { open_id: event.open_id, union_id: event.union_id, user_id: event.employee_id },
  };
}

/** Seconds (with or without a fraction), milliseconds or microseconds: real captures and samples have all of them. */
function readTime(value: string | undefined): Moment | undefined {
  const [, whole = "", fraction = ""] = /^(\d{10,16})(\.\d+)?$/.exec(value ?? "") ?? [];
  if (!whole) return undefined;
  const perMs = whole.length <= 10 ? 0.001 : 10 ** Math.max(0, whole.length - 13);
  const at = new Date(Math.floor(Number(whole + fraction) / perMs));
  return whole.length <= 10 && !fraction ? withinSecond(at) : exactly(at);
}

function orMalformed<T>(schema: z.ZodMiniType<T>, content: Content): T {
  const parsed = schema.safeParse(content);
  if (!parsed.success) throw malformed(`The event has an unexpected form at ${parsed.error.issues[0]?.path.join(".")}`);
  return parsed.data;
}
