/**
 * Lark / Feishu event subscriptions (open.feishu.cn, "request URL" and "encryption"; both clouds speak the
 * same protocol): signature → decryption → `url_verification` or event, schema 2.0 and 1.0.
 */

import { decodeUtf8, json, parseJson, type Request } from "../http.ts";
import { exactly, isAhead, untimed, withinSecond } from "../moment.ts";
import { malformed, refused, unreadable } from "../problem.ts";
import { type Departure, type Moment, syncRelation } from "../resignation.ts";
import { forms, whatItSays } from "./forms.ts";
import type { Context, Notice, Received, Source } from "./index.ts";
import { nameGivenTwice, shorten } from "./json.ts";
import type { Keys } from "./keys.ts";
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
  const { isSigned, content, layers } = verify(request, context);
  const isUrlCheck = content.type === "url_verification";
  if (!isSigned && !isUrlCheck && context.keys.encryptKey) throw refused("signature missing");
  verifyToken(content, context.keys);
  if (isUrlCheck) {
    const { challenge } = content;
    if (typeof challenge !== "string") throw malformed("The URL check has no challenge");
    return { kind: "answer", isUrlCheck: true, answer: json(200, { challenge }) };
  }
  return toReceived(content, layers, context);
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
function verify(request: Request, { keys, settings, now }: Context<"lark">): Proven {
  const { encryptKey } = keys;
  const signature = request.headers["x-lark-signature"];
  if (!encryptKey || signature === undefined) {
    const content = parseUnproven(request.body);
    if (!encryptKey && "encrypt" in content) throw refused("encrypted, but no encryptKey is set");
    if (!encryptKey) return { isSigned: false, content, layers: [request.body] };
    if (!("encrypt" in content)) throw refused("not encrypted, though an encryptKey is set");
    const opened = decryptUnproven(content.encrypt, encryptKey);
    return { isSigned: false, content: opened.content, layers: [request.body, opened.bytes] };
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
  if (!("encrypt" in content)) return { isSigned: true, content, layers: [request.body] };
  const bytes = decrypt(content.encrypt, proven);
  return { isSigned: true, content: parseContent(bytes), layers: [request.body, bytes] };
}

interface Proven {
  readonly isSigned: boolean;
  readonly content: Content;
  /** The JSON that the content was read from: the body, and what was encrypted in it. */
  readonly layers: readonly Uint8Array[];
}

/**
 * Lark retries for 7 hours and does not say whether a retry is signed anew, so the window is a day; the age
 * of the event itself is the guard's matter. Ten digits: the signed text has no separators, and a free form would
 * let digits move between timestamp and nonce.
 */
function verifyTimestamp(timestamp: string, isStrict: boolean, now: Date): void {
  if (!/^\d{10}$/.test(timestamp)) {
    if (!isStrict) return;
    // The form that Lark really uses is not documented: its shape is logged, and never its value.
    throw refused("timestamp form", timestamp.replace(/\d/g, "9").replace(/[a-z]/gi, "a").slice(0, 40));
  }
  if (Math.abs(now.getTime() - Number(timestamp) * 1000) > 86_400_000) throw refused("timestamp");
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
function decryptUnproven(encrypted: unknown, encryptKeys: readonly string[]) {
  const readable = encryptKeys.flatMap((key) => {
    try {
      const bytes = decrypt(encrypted, key);
      return [{ bytes, content: parseContent(bytes) }];
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
  const { token } = isSchema2(content) ? asObject(content.header) : content;
  if (typeof token !== "string" || !findEvery(verificationToken, (expected) => isSame(token, expected))) {
    throw refused("verification token");
  }
}

/** One event, whichever schema told it: nothing in it is believed to have any form. */
interface LarkEvent {
  eventId: unknown;
  appId: unknown;
  tenantKey: unknown;
  time: unknown;
  /** `is_resigned` as it is, and as it was before. */
  isResigned: unknown;
  wasResigned: unknown;
  /** What the person is called now, and was called before. */
  ids: Ids;
  formerIds: Ids;
  /** The whole of `event`. */
  body: unknown;
}
type Ids = Partial<Record<"open_id" | "union_id" | "user_id", unknown>>;

/**
 * Types that are about people's being there: of the contacts all that are not surely about something else. Any other
 * type is none of ours, whatever it holds.
 */
const personTypes =
  /^(contact[^a-z](?!department|employee_type_enum|custom_attr)|directory\.employee\.|(user|employee|member)_)/;
/** Of these, those that say nothing of it. */
const otherTypes: ReadonlySet<string> = new Set(["user_update"]);
const scopeTypes: ReadonlySet<string> = new Set(["contact.scope.updated_v3", "contact_scope_change"]);

/** The type first: what is none of ours has no shape to keep. Where a name is given twice, it may be the type's. */
function toReceived(content: Content, layers: Proven["layers"], context: Context<"lark">): Received {
  // RFC 7493, 2.3: which of the two counts would be chance.
  const twice = layers.map((bytes) => nameGivenTwice(decodeUtf8(bytes))).find((one) => one !== undefined);
  if (twice !== undefined) {
    const message = `An authentic Lark event gives ${shorten(twice)} twice: it is kept and not carried out`;
    return keep("a name given twice", message, { source: "lark" });
  }
  const type = isSchema2(content) ? asObject(content.header).event_type : asObject(content.event).type;
  const name = isText(type) ? type.trim().toLowerCase() : undefined;
  if (name !== undefined && (!personTypes.test(name) || otherTypes.has(name))) return ok();
  const event = isSchema2(content) ? readEvent2(content) : readEvent1(content);
  const { appId, tenantKey } = context.settings.lark;
  if (appId && event.appId !== appId) throw refused("app id");

  const facts = { source: "lark", ...(typeof event.eventId === "string" && { eventId: event.eventId }) };
  if (tenantKey && typeof event.tenantKey === "string" && event.tenantKey !== tenantKey) {
    const message = "An event of another Lark tenant: nothing is done";
    return ok({ notices: [{ metric: "OtherTenant", message, facts, level: "WARN" }], isNoLife: true });
  }
  if (!isText(type)) {
    const message = "An authentic Lark event has no type: it is kept";
    return ok({ notices: [{ metric: "Malformed", message, facts }], keepAs: "no type" });
  }
  if (tenantKey && typeof event.tenantKey !== "string") {
    return keep("no tenant", `A ${type} does not say of which tenant it is`, facts);
  }
  return scopeTypes.has(type) ? readScope(type, event, facts) : readPerson(type, event, context, facts);
}

type Facts = Notice["facts"] & object;

function readPerson(type: string, event: LarkEvent, { settings, now }: Context<"lark">, facts: Facts): Received {
  const says = whatPersonEventSays(type, event);
  if (says === "nothing of interest") return ok();
  if (says === "not understood") {
    return keep("not understood", `A ${shown(type)} may be about somebody who left, and is not understood`, facts);
  }

  const { provider, userIdField } = settings.lark;
  const id = event.ids[userIdField];
  const userId = syncRelation(provider, id);
  if (!userId) {
    const advice = "grant the app its permission or change lark.userIdField";
    return keep(`no ${userIdField}`, `A ${type} came without a usable ${userIdField}: ${advice}`, facts);
  }
  if (!hasPrefixOf(userIdField, String(id))) {
    const message = `A ${type} has an id in ${userIdField} that is of another kind: it is not carried out`;
    return keep(`another id than ${userIdField}`, message, facts);
  }
  if (namesTwo(event)) {
    return keep("two people", `A ${type} names one person before and another one after: it is not carried out`, facts);
  }

  const told = readTime(event.time);
  const moment = told ?? untimed(now);
  const notices = oddities(event, told !== undefined).map(
    (what): Notice => ({
      ...{ metric: "OddEvent", level: "WARN", facts },
      message: `A ${type} was taken, though its ${what} has an unexpected form`,
    }),
  );
  const more = notices.length > 0 ? { notices } : {};
  const answer = () => json(200, {});
  if (says === "returned") {
    const returns = [{ userId, source: "lark", moment } as const];
    return { kind: "departures", departures: [], returns, ...more, answer };
  }
  const { eventId } = event;
  if (!isText(eventId)) return keep("no event id", `A ${type} came without an event id: it is not carried out`, facts);
  if (isAhead(moment.from, now)) {
    const message = `A ${type} claims to be more than an hour ahead: a clock is wrong, and it is not carried out`;
    return keep("in the future", message, facts);
  }
  const occurredAt = told?.from ?? now;
  const departure: Departure = {
    ...{ source: "lark", eventId, userId, occurredAt, moment, requestedBy: "lark" },
  };
  return { kind: "departures", departures: [departure], returns: [], ...more, answer };
}

/**
 * `deleted_v3` says it by itself (its documented sample has `is_resigned: false`). Where a status says it, only what
 * turned is told: a former value that equals the present one means that nothing did, and a return needs the former
 * one. Where only the former one is told, nobody knows what it turned to. Frozen, or exited by himself, is not resigned.
 */
function whatPersonEventSays(type: string, { isResigned, wasResigned }: LarkEvent) {
  const byType = whatItSays("lark", type, undefined);
  if (byType) return byType;
  if (!statusTypes.has(type)) return "not understood";
  if (![isResigned, wasResigned].every(isTruth)) return "not understood";
  if (typeof wasResigned === "boolean" && typeof isResigned !== "boolean") return "not understood";
  const hasTurned = isResigned === true ? wasResigned !== true : isResigned === false && wasResigned === true;
  return (hasTurned && whatItSays("lark", type, isResigned === true)) || "nothing of interest";
}

/** What has another form than Lark's, and is not needed. */
function oddities({ appId, isResigned, wasResigned }: LarkEvent, isTimed: boolean): string[] {
  const isUsual = { time: isTimed, "app id": appId === undefined || isText(appId) };
  const all = { ...isUsual, status: isTruth(isResigned), "former status": isTruth(wasResigned) };
  return Object.entries(all).flatMap(([what, isSo]) => (isSo ? [] : [what]));
}

const statusTypes: ReadonlySet<string> = new Set(
  forms.lark.flatMap(({ out }) => ("turnedTo" in out ? [out.type] : [])),
);
const isTruth = (value: unknown) => value === undefined || value === null || typeof value === "boolean";
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** A type that nobody knows, in a line of the log. */
const shown = (type: string) => JSON.stringify(type.replace(/[^\w. -]/g, "?").slice(0, 60));

/** Open ids and union ids say what they are. A user id may be any text, but for those two. */
function hasPrefixOf(field: keyof Ids, id: string): boolean {
  if (field === "open_id") return id.startsWith("ou_");
  if (field === "union_id") return id.startsWith("on_");
  return !/^o[un]_[0-9a-f]{24,}$/.test(id);
}

/** Whether `object` and `old_object` are about two people. */
function namesTwo({ ids, formerIds }: LarkEvent): boolean {
  return (["open_id", "union_id", "user_id"] as const).some(
    (field) => isText(ids[field]) && isText(formerIds[field]) && ids[field] !== formerIds[field],
  );
}

/**
 * People who leave an app's contact scope have not left the company. Whether Lark sends `deleted_v3` for them all
 * the same is not documented: for an hour nobody goes by themselves. The event of 1.0 does not say whether people
 * left the scope or came into it.
 */
function readScope(type: string, { body }: LarkEvent, facts: Facts): Received {
  if (type === "contact.scope.updated_v3" && isNothing(body)) return ok();
  const message = "The Lark app sees fewer people now, or may do so: the brake is on for an hour";
  return ok({
    brakeOn: `The Lark app's contact scope lost people, or may have done so (${type}), within the hour`,
    notices: [{ metric: "ScopeNarrowed", message, facts }],
  });
}

/** Whether an event's lists of removed departments, users and groups are all empty. */
function isNothing(body: unknown): boolean {
  if (body === undefined || body === null) return true;
  if (typeof body !== "object" || Array.isArray(body)) return false;
  const { removed } = body as Content;
  if (removed === undefined || removed === null) return true;
  if (typeof removed !== "object") return false;
  return Object.values(removed).every((list) => list === null || (Array.isArray(list) && list.length === 0));
}

const ok = (more: Omit<Extract<Received, { kind: "answer" }>, "kind" | "answer"> = {}): Received => ({
  ...{ kind: "answer", answer: json(200, {}) },
  ...more,
});

/** Somebody may have left, and it cannot be carried out: kept, counted and told. */
const keep = (keepAs: string, message: string, facts: Facts): Received =>
  ok({ notices: [{ metric: "UnusableDeparture", message, facts }], keepAs });

const asObject = (value: unknown): Content =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Content) : {};

const isSchema2 = (content: Content) =>
  content.schema === "2.0" || (typeof content.header === "object" && content.header !== null);

/** `is_resigned` as it stands in there; where one of the objects around it is something else, that is not understood. */
function resignedIn(holder: unknown, ...path: string[]): unknown {
  if (holder === undefined || holder === null) return undefined;
  if (typeof holder !== "object" || Array.isArray(holder)) return "of no form";
  const [name, ...rest] = path;
  return name === undefined ? (holder as Content).is_resigned : resignedIn((holder as Content)[name], ...rest);
}

function readEvent2(content: Content): LarkEvent {
  const { event_id, create_time, app_id, tenant_key } = asObject(content.header);
  const { event } = content;
  const { object, old_object } = asObject(event);
  return {
    ...{ eventId: event_id, appId: app_id, tenantKey: tenant_key, time: create_time },
    ...{ isResigned: resignedIn(event, "object", "status"), wasResigned: resignedIn(event, "old_object", "status") },
    ...{ ids: asObject(object), formerIds: asObject(old_object), body: event },
  };
}

/** Schema 1.0 calls `employee_id` what is `user_id` today. */
function readEvent1(content: Content): LarkEvent {
  const event = asObject(content.event);
  const { app_id, tenant_key, open_id, union_id, employee_id, before_status, current_status } = event;
  return {
    ...{ eventId: content.uuid, appId: app_id, tenantKey: tenant_key, time: content.ts },
    ...{ isResigned: resignedIn(current_status), wasResigned: resignedIn(before_status) },
    ...{ ids: { open_id, union_id, user_id: employee_id }, formerIds: {}, body: event },
  };
}

/** Seconds (with or without a fraction), milliseconds or microseconds: real captures and samples have all of them. */
function readTime(value: unknown): Moment | undefined {
  const told = typeof value === "number" ? String(value) : typeof value === "string" ? value : "";
  const [, whole = "", fraction = ""] = /^(\d{10,16})(\.\d+)?$/.exec(told) ?? [];
  if (!whole) return undefined;
  const perMs = whole.length <= 10 ? 0.001 : 10 ** Math.max(0, whole.length - 13);
  const at = new Date(Math.floor(Number(whole + fraction) / perMs));
  return whole.length <= 10 && !fraction ? withinSecond(at) : exactly(at);
}
