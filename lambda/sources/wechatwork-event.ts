/** What an authentic WeCom message says of a member: 成员变更通知 (96302), own corp and suite. */
import { decodeUtf8, text } from "../http.ts";
import { isAhead, untimed, withinSecond } from "../resignation/moment.ts";
import { syncRelation } from "../resignation/sync-relation.ts";
import { type Form, whatItSays } from "./forms.ts";
import type { Event, Told } from "./source.ts";
import { readElements } from "./wechatwork-xml.ts";

/** A message that was proved and decrypted. */
export interface Opened {
  readonly message: Buffer;
  readonly receiveId: string;
  /** Which corp is ours, and whether the keys say so. */
  readonly corpId: string | undefined;
  readonly isCorpSet: boolean;
  /** WeCom signed it then, in seconds. */
  readonly sentAtSeconds: number;
}

/** `turnedTo` is `Status`. */
export const forms = [
  { out: { type: "delete_user" }, back: { type: "create_user" } },
  { out: { type: "update_user", turnedTo: "5" }, back: { type: "update_user", turnedTo: "1" } },
] as const satisfies readonly Form[];

export function readEvent({ message, ...proven }: Opened, { now }: { now: Date }): Told {
  const event = readMessage(message);
  if (!event) {
    const message = "An authentic WeCom event could not be read as XML";
    return told({ kind: "unusable", reason: "no XML", metric: "Malformed", message });
  }
  const about = whatItIsAbout(event.fields);
  if (about === "another matter") return told();
  const other = ofAnotherCorp(event, proven);
  if (other) return other;
  if (about === "not understood") return keep("not understood", "An authentic WeCom event may be about a member");
  return readMember(event, proven, now);
}

type Addressed = Omit<Opened, "message">;
type Elements = ReturnType<typeof readElements>;

function readMessage(message: Buffer): Elements | undefined {
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
function whatItIsAbout(fields: Elements["fields"]): "a member" | "another matter" | "not understood" {
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
function ofAnotherCorp({ fields }: Elements, { receiveId, corpId, isCorpSet }: Addressed): Told | undefined {
  const isSuite = ["SuiteId", "AuthCorpId", "InfoType"].some((name) => fields.has(name));
  const corp = isSuite ? fields.get("AuthCorpId") : receiveId;
  if (corp && corp === corpId) return undefined;
  if (isSuite && !corp) return keep("no AuthCorpId", "A WeCom suite's event does not say of which corp it is");
  if (isSuite && !isCorpSet) {
    return keep("no corpId", "A WeCom suite's event came, and the keys do not say which corp is ours: set corpId");
  }
  if (!isSuite && corp === corpId) return undefined;
  const message = "An event of another WeCom corp: nothing is done";
  return told({ kind: "other_tenant", metric: "OtherTenant", message, facts: { source: "wechatwork" }, level: "WARN" });
}

/** Change types of the directory that are about nobody's being there. */
const otherChanges: ReadonlySet<string> = new Set(["create_party", "update_party", "delete_party", "update_tag"]);
/** 1 active, 2 disabled, 4 not activated, 5 has left. */
const knownStatus = /^[1245]?$/;

/**
 * `delete_user` alone surely says that somebody left; Status 5 does where it is sent. `unsubscribe` does not
 * (it comes when a member leaves the app's visible range), and a rename is nobody's departure.
 */
function readMember({ fields: event, unusable }: Elements, { receiveId, sentAtSeconds }: Addressed, now: Date): Told {
  const changeType = event.get("ChangeType") ?? "";
  if (otherChanges.has(changeType)) return told();
  const status = event.get("Status") ?? "";
  const isUpdate = changeType === "update_user";
  const says = whatItSays(forms, changeType, status);
  if (!says) {
    if (!isUpdate) return keep("unknown ChangeType", "A WeCom change_contact has a ChangeType that is not known");
    if (!knownStatus.test(status)) return keep("unknown Status", "A WeCom update_user has a Status that is not known");
    if (["Status", "NewUserID"].some((name) => unusable.has(name))) {
      return keep("no one Status", "A WeCom update_user has a Status or NewUserID that cannot be read");
    }
  }
  if (!says) return told(...readRename(event));

  const id = event.get("UserID") ?? "";
  const userId = syncRelation("wechatwork", id);
  if (!userId) return keep("no UserID", `A WeCom ${changeType} came without a usable UserID`);
  // Directory events have no id of their own, and FromUserName is always `sys`.
  const toldSeconds = event.get("CreateTime") ?? event.get("TimeStamp") ?? "";
  const isTimed = /^\d{10}$/.test(toldSeconds);
  const occurredSeconds = isTimed ? Number(toldSeconds) : sentAtSeconds;
  const occurredAt = new Date(occurredSeconds * 1000);
  const moment = isTimed ? withinSecond(occurredAt) : untimed(now);
  if (says === "returned") {
    // Where somebody got another id at once, what waits under the former one is theirs.
    return told({ kind: "return", userId, source: "wechatwork", moment }, ...readRename(event));
  }
  if (isAhead(occurredAt, now)) {
    const message = `A WeCom ${changeType} claims to be more than an hour ahead: a clock is wrong, and it is not carried out`;
    return keep("in the future", message);
  }
  const corp = event.has("SuiteId") ? `${event.get("SuiteId")}|${event.get("AuthCorpId") ?? ""}` : receiveId;
  const hasUsualForm = /^[A-Za-z0-9][A-Za-z0-9_\-@.]{0,63}$/.test(id);
  const eventId = `${corp}|${changeType}|${id}|${occurredSeconds}`;
  const message = "A WeCom UserID has an unknown form; taken as it is";
  return told(
    { kind: "departure", source: "wechatwork", eventId, userId, occurredAt, moment, requestedBy: "wechatwork" },
    ...(hasUsualForm ? [] : [{ kind: "noticed", metric: "UnusableDeparture", message } as const]),
  );
}

function readRename(event: Elements["fields"]): Event[] {
  if (!event.has("NewUserID")) return [];
  const former = syncRelation("wechatwork", event.get("UserID"));
  const next = syncRelation("wechatwork", event.get("NewUserID"));
  const finding = {
    metric: "Renamed",
    message: "A WeCom userid was changed: GenAuth may still know the old one",
  } as const;
  return [former && next ? { kind: "renamed", former, next, ...finding } : { kind: "noticed", ...finding }];
}

const told = (...events: Event[]): Told => ({ events, answer: () => text(200, "success") });

/** Somebody may have left, and it cannot be carried out: kept, counted and told. */
const keep = (reason: string, message: string): Told =>
  told({ kind: "unusable", reason, metric: "UnusableDeparture", message });
