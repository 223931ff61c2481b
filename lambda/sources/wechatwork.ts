/**
 * WeCom (企业微信) callbacks: 回调配置 (document 91116), 加解密方案说明 (91144) and 成员变更通知 (96302), own
 * corp and suite. Every check of the encryption document, in its order, before anything is believed.
 */
import { hash } from "node:crypto";
import { decodeUtf8, parseQuery, type Request, text } from "../http.ts";
import { isAhead, untimed, withinSecond } from "../moment.ts";
import { refused, unreadable } from "../problem.ts";
import { syncRelation } from "../resignation.ts";
import type { Keys } from "../secrets.ts";
import type { Context, Received, Source } from "./index.ts";
import { findEvery, isSameDigest, openAes, strictBase64 } from "./proof.ts";
import { readXml } from "./xml.ts";

export const wechatwork: Source<"wechatwork"> = {
  section: "wechatwork",
  routes: { "GET /wechatwork": checkUrl, "POST /wechatwork": receive },
  hasProof: ({ rawQuery }) => /(^|&)msg_signature=[^&]/.test(rawQuery),
  kept: { route: "POST /wechatwork", headers: ["content-type"] },
};

/** The bare plaintext is the answer: a number of 19 to 23 digits, to be kept a string. */
function checkUrl(request: Request, { keys }: Context<"wechatwork">): Received {
  const query = readQuery(request.rawQuery);
  const { message } = open(query, query.get("echostr") ?? "", keys);
  return { kind: "answer", isUrlCheck: true, answer: text(200, decodeUtf8(message)) };
}

function receive(request: Request, { keys, now }: Context<"wechatwork">): Received {
  const query = readQuery(request.rawQuery);
  const envelope = readEnvelope(request.body);
  const { message, receiveId } = open(query, envelope, keys);
  const event = readEvent(message);
  if (!event) {
    const message = "An authentic WeCom event could not be read as XML";
    return succeed({ notices: [{ metric: "Malformed", message }], keepAs: "no XML" });
  }
  if (event.get("Event") !== "change_contact" && event.get("InfoType") !== "change_contact") return succeed();
  return toReceived(event, receiveId, Number(query.get("timestamp")), now);
}

function readQuery(rawQuery: string): ReadonlyMap<string, string> {
  try {
    return parseQuery(rawQuery);
  } catch {
    throw unreadable("query");
  }
}

/** Anyone can send an envelope: a broken one is a failed proof like any other. */
function readEnvelope(body: Buffer): string {
  try {
    return readXml(decodeUtf8(body)).get("Encrypt") ?? "";
  } catch {
    throw unreadable("envelope");
  }
}

function open(query: ReadonlyMap<string, string>, encrypted: string, keys: Keys["wechatwork"]) {
  const timestamp = query.get("timestamp") ?? "";
  const nonce = query.get("nonce") ?? "";
  const given = query.get("msg_signature") ?? "";
  // The signature sorts what it signs, so digits could wander between timestamp and nonce: hence the form.
  if (!/^\d{10}$/.test(timestamp) || !nonce || !encrypted || !/^[0-9a-f]{40}$/.test(given)) {
    throw unreadable("query");
  }
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

function readEvent(message: Buffer): ReadonlyMap<string, string> | undefined {
  try {
    return readXml(decodeUtf8(message));
  } catch {
    return undefined;
  }
}

/**
 * `delete_user` alone surely says that somebody left; Status 5 does where it is sent. `unsubscribe` does not
 * (it comes when a member leaves the app's visible range), and a rename is nobody's departure.
 */
function toReceived(event: ReadonlyMap<string, string>, receiveId: string, sentAtSeconds: number, now: Date): Received {
  const changeType = event.get("ChangeType");
  const isUpdate = changeType === "update_user";
  const hasLeft = changeType === "delete_user" || (isUpdate && event.get("Status") === "5");
  const hasReturned = changeType === "create_user";
  if (!hasLeft && !hasReturned) {
    const former = syncRelation("wechatwork", event.get("UserID"));
    const next = syncRelation("wechatwork", event.get("NewUserID"));
    if (!isUpdate || !event.has("NewUserID")) return succeed();
    const message = "A WeCom userid was changed: GenAuth may still know the old one";
    return succeed({ notices: [{ metric: "Renamed", message }], ...(former && next && { renamed: { former, next } }) });
  }

  const id = event.get("UserID") ?? "";
  const userId = syncRelation("wechatwork", id);
  if (!userId) {
    const message = `A WeCom ${changeType} came without a usable UserID`;
    return succeed({ notices: [{ metric: "UnusableDeparture", message }], keepAs: "no UserID" });
  }
  // Directory events have no id of their own, and FromUserName is always `sys`.
  const toldSeconds = event.get("CreateTime") ?? event.get("TimeStamp") ?? "";
  const isTimed = /^\d{10}$/.test(toldSeconds);
  const occurredSeconds = isTimed ? Number(toldSeconds) : sentAtSeconds;
  const occurredAt = new Date(occurredSeconds * 1000);
  const moment = isTimed ? withinSecond(occurredAt) : untimed(now);
  if (hasReturned) {
    const returns = [{ userId, source: "wechatwork", moment } as const];
    return { kind: "departures", departures: [], returns, answer: () => text(200, "success") };
  }
  if (isAhead(occurredAt, now)) {
    const message = `A WeCom ${changeType} claims to be more than an hour ahead: a clock is wrong, and it is not carried out`;
    return succeed({ notices: [{ metric: "UnusableDeparture", message }], keepAs: "in the future" });
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
    answer: () => text(200, "success"),
  };
}

const succeed = (
  more: Pick<Extract<Received, { kind: "answer" }>, "notices" | "keepAs" | "renamed"> = {},
): Received => ({ kind: "answer", answer: text(200, "success"), ...more });
