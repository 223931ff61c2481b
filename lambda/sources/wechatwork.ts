/**
 * WeCom (企业微信) callbacks: 回调配置 (document 91116), 加解密方案说明 (91144) and 成员变更通知 (96302), own
 * corp and suite. Every check of the encryption document, in its order, before anything is believed.
 */
import { hash } from "node:crypto";
import { decodeUtf8, parseQuery, type Request, text } from "../http.ts";
import { isAhead, untimed, withinSecond } from "../moment.ts";
import { refused, unreadable } from "../problem.ts";
import { syncRelation } from "../resignation.ts";
import { whatItSays } from "./forms.ts";
import type { Context, Received, Source } from "./index.ts";
import type { Keys } from "./keys.ts";
import { findEvery, isSameDigest, openAes, strictBase64 } from "./proof.ts";
import { readElements, readXml } from "./wechatwork-xml.ts";

export const wechatwork: Source<"wechatwork"> = {
  section: "wechatwork",
  routes: { "GET /wechatwork": checkUrl, "POST /wechatwork": receive },
  hasProof: ({ rawQuery }) => /(^|&)msg_signature=[^&]/.test(rawQuery),
  kept: { route: "POST /wechatwork", headers: ["content-type"] },
};

/** The bare plaintext is the answer: a number of 19 to 23 digits, to be kept a string. */
function checkUrl(request: Request, { keys }: Context<"wechatwork">): Received {
  const query = readQuery(request.rawQuery);
  // Base64 has no blank: one was a `+` that somebody in between decoded as a form's.
  const { message } = open(query, (query.get("echostr") ?? "").replaceAll(" ", "+"), keys);
  return { kind: "answer", isUrlCheck: true, answer: text(200, decodeUtf8(message)) };
}

function receive(request: Request, { keys, now }: Context<"wechatwork">): Received {
  const query = readQuery(request.rawQuery);
  verifyQuery(query);
  const { message, receiveId } = open(query, readEnvelope(request.body), keys);
  const event = readEvent(message);
  if (!event) {
    const message = "An authentic WeCom event could not be read as XML";
    return succeed({ notices: [{ metric: "Malformed", message }], keepAs: "no XML" });
  }
  const about = whatItIsAbout(event.fields);
  if (about === "another matter") return succeed();
  const corpId = keys.corpId ?? (keys.receiveIds.length === 1 ? keys.receiveIds[0] : undefined);
  const other = ofAnotherCorp(event, receiveId, corpId, keys.corpId !== undefined);
  if (other) return other;
  if (about === "not understood") return keep("not understood", "An authentic WeCom event may be about a member");
  return toReceived(event, receiveId, Number(query.get("timestamp")), now);
}

function readQuery(rawQuery: string): ReadonlyMap<string, string> {
  try {
    return parseQuery(rawQuery);
  } catch {
    throw unreadable("query");
  }
}

/** Anyone can send an envelope: a broken one is a failed proof. It is kept: WeCom may have another form some day. */
function readEnvelope(body: Buffer): string {
  let encrypted: string | undefined;
  try {
    encrypted = readXml(decodeUtf8(body)).get("Encrypt");
  } catch {}
  if (!encrypted) throw refused("envelope");
  return encrypted;
}

/** The signature sorts what it signs, so digits could wander between timestamp and nonce: hence the form. */
function verifyQuery(query: ReadonlyMap<string, string>): void {
  const isTimed = /^\d{10}$/.test(query.get("timestamp") ?? "");
  if (!isTimed || !query.get("nonce") || !/^[0-9a-f]{40}$/.test(query.get("msg_signature") ?? "")) {
    throw unreadable("query");
  }
}

function open(query: ReadonlyMap<string, string>, encrypted: string, keys: Keys["wechatwork"]) {
  verifyQuery(query);
  if (!encrypted) throw unreadable("query");
  const timestamp = query.get("timestamp") ?? "";
  const nonce = query.get("nonce") ?? "";
  const given = query.get("msg_signature") ?? "";
  if (!findEvery(keys.token, (token) => isSameDigest(sign(token, timestamp, nonce, encrypted), given))) {
    throw refused("signature");
  }
  const opened = findEvery(
    keys.encodingAesKey.map((key) => decrypt(encrypted, key)),
    (candidate) => candidate !== undefined && keys.receiveIds.includes(candidate.receiveId),
  );
  if (!opened) throw refused("decryption or receiveid");
  return opened;
}

/** sha1 over the values in dictionary order: by code unit, as `.sort()` does and a locale does not. */
export function sign(token: string, timestamp: string, nonce: string, encrypted: string): string {
  return hash("sha1", [token, timestamp, nonce, encrypted].sort().join(""), "hex");
}

/**
 * AES-256-CBC, IV = the first 16 bytes of the key, PKCS#7 to multiples of 32; inside 16 random bytes, the
 * message's length in 4 bytes, the message, and the receiveid to the end. `undefined` where any of it is off.
 */
export function decrypt(encrypted: string, encodingAesKey: string): { message: Buffer; receiveId: string } | undefined {
  const bytes = strictBase64(encrypted);
  if (!bytes || bytes.length === 0 || bytes.length % 32 !== 0) return undefined;
  const key = Buffer.from(`${encodingAesKey}=`, "base64");
  const decipher = openAes(key, key.subarray(0, 16)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(bytes), decipher.final()]);

  const padding = padded.at(-1) ?? 0;
  if (padding < 1 || padding > 32 || !padded.subarray(-padding).every((byte) => byte === padding)) return undefined;
  const plain = padded.subarray(0, -padding);
  if (plain.length < 20) return undefined;
  const messageEnd = 20 + plain.readUInt32BE(16);
  if (messageEnd > plain.length) return undefined;
  return { message: plain.subarray(20, messageEnd), receiveId: plain.subarray(messageEnd).toString("utf8") };
}

type Event = ReturnType<typeof readElements>;

function readEvent(message: Buffer): Event | undefined {
  try {
    return readElements(decodeUtf8(message));
  } catch {
    return undefined;
  }
}

/**
 * The type first: what is none of ours has no shape to keep. One that resembles ours is not passed over, nor is an event
 * whose type stands nowhere: its fields may be wrapped, given twice, or have other names one day.
 */
function whatItIsAbout(fields: Event["fields"]): "a member" | "another matter" | "not understood" {
  const kind = fields.get("Event") || fields.get("InfoType") || "";
  if (kind === "change_contact") return "a member";
  if (/change\W*_?\W*contact/i.test(kind)) return "not understood";
  const isOther = /^(un)?subscribe$|external/i.test(kind);
  const change = fields.get("ChangeType") ?? "";
  if (!isOther && /(user|member|employee)s?(_|$)/i.test(change)) return "not understood";
  // What members write to an application has a type of its own, and no event.
  const isMessage = !["", "event"].includes(fields.get("MsgType") ?? "");
  const isOfMember = fields.has("ChangeType") || fields.has("UserID");
  return kind === "" && (isOfMember || !isMessage) ? "not understood" : "another matter";
}

/**
 * `wechatwork:<id>` says nothing of the corp. An own callback is addressed to its corp; a suite's is addressed to the
 * suite, and names the corp that installed it: anybody's, if the suite is sold to others.
 */
function ofAnotherCorp({ fields }: Event, receiveId: string, corpId: string | undefined, isSet: boolean) {
  const isSuite = ["SuiteId", "AuthCorpId", "InfoType"].some((name) => fields.has(name));
  const told = isSuite ? fields.get("AuthCorpId") : receiveId;
  if (told && told === corpId) return undefined;
  if (isSuite && !told) return keep("no AuthCorpId", "A WeCom suite's event does not say of which corp it is");
  if (isSuite && !isSet) {
    return keep("no corpId", "A WeCom suite's event came, and the keys do not say which corp is ours: set corpId");
  }
  if (!isSuite && told === corpId) return undefined;
  const message = "An event of another WeCom corp: nothing is done";
  return succeed({
    notices: [{ metric: "OtherTenant", message, facts: { source: "wechatwork" }, level: "WARN" }],
    isNoLife: true,
  });
}

/** Change types of the directory that are about nobody's being there. */
const otherChanges: ReadonlySet<string> = new Set(["create_party", "update_party", "delete_party", "update_tag"]);
/** 1 active, 2 disabled, 4 not activated, 5 has left. */
const knownStatus = /^[1245]?$/;

/**
 * `delete_user` alone surely says that somebody left; Status 5 does where it is sent. `unsubscribe` does not
 * (it comes when a member leaves the app's visible range), and a rename is nobody's departure.
 */
function toReceived({ fields: event, unusable }: Event, receiveId: string, sentAtSeconds: number, now: Date): Received {
  const changeType = event.get("ChangeType") ?? "";
  if (otherChanges.has(changeType)) return succeed();
  const status = event.get("Status") ?? "";
  const isUpdate = changeType === "update_user";
  const says = whatItSays("wechatwork", changeType, status);
  if (!says) {
    if (!isUpdate) return keep("unknown ChangeType", "A WeCom change_contact has a ChangeType that is not known");
    if (!knownStatus.test(status)) return keep("unknown Status", "A WeCom update_user has a Status that is not known");
    if (["Status", "NewUserID"].some((name) => unusable.has(name))) {
      return keep("no one Status", "A WeCom update_user has a Status or NewUserID that cannot be read");
    }
  }
  if (!says) return succeed(readRename(event));

  const id = event.get("UserID") ?? "";
  const userId = syncRelation("wechatwork", id);
  if (!userId) return keep("no UserID", `A WeCom ${changeType} came without a usable UserID`);
  // Directory events have no id of their own, and FromUserName is always `sys`.
  const toldSeconds = event.get("CreateTime") ?? event.get("TimeStamp") ?? "";
  const isTimed = /^\d{10}$/.test(toldSeconds);
  const occurredSeconds = isTimed ? Number(toldSeconds) : sentAtSeconds;
  const occurredAt = new Date(occurredSeconds * 1000);
  const moment = isTimed ? withinSecond(occurredAt) : untimed(now);
  const answer = () => text(200, "success");
  if (says === "returned") {
    const returns = [{ userId, source: "wechatwork", moment } as const];
    // Somebody who got another id at once: whoever waits under the old one is back.
    return { kind: "departures", departures: [], returns, ...readRename(event), answer };
  }
  if (isAhead(occurredAt, now)) {
    const message = `A WeCom ${changeType} claims to be more than an hour ahead: a clock is wrong, and it is not carried out`;
    return keep("in the future", message);
  }
  const corp = event.has("SuiteId") ? `${event.get("SuiteId")}|${event.get("AuthCorpId") ?? ""}` : receiveId;
  const hasUsualForm = /^[A-Za-z0-9][A-Za-z0-9_\-@.]{0,63}$/.test(id);
  return {
    kind: "departures",
    departures: [
      {
        source: "wechatwork",
        eventId: `${corp}|${changeType}|${id}|${occurredSeconds}`,
        userId,
        occurredAt,
        moment,
        requestedBy: "wechatwork",
      },
    ],
    notices: hasUsualForm
      ? []
      : [{ metric: "UnusableDeparture", message: "A WeCom UserID has an unknown form; taken as it is" }],
    answer,
  };
}

function readRename(event: Event["fields"]): Pick<More, "notices" | "renamed"> {
  if (!event.has("NewUserID")) return {};
  const former = syncRelation("wechatwork", event.get("UserID"));
  const next = syncRelation("wechatwork", event.get("NewUserID"));
  const message = "A WeCom userid was changed: GenAuth may still know the old one";
  return { notices: [{ metric: "Renamed", message }], ...(former && next && { renamed: { former, next } }) };
}

type More = Pick<Extract<Received, { kind: "answer" }>, "notices" | "keepAs" | "renamed" | "isNoLife">;

const succeed = (more: More = {}): Received => ({ kind: "answer", answer: text(200, "success"), ...more });

/** Somebody may have left, and it cannot be carried out: kept, counted and told. */
const keep = (keepAs: string, message: string): Received =>
  succeed({ notices: [{ metric: "UnusableDeparture", message }], keepAs });
