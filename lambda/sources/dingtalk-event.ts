/**
 * What an authentic DingTalk message says of people: 通讯录事件 (address-book-user-resignation and its neighbours), as an
 * internal app gets them over HTTP, in today's form and in that of 2020 and 2021.
 */
import { type Answer, decodeUtf8, parseJson } from "../http.ts";
import { exactly, isAhead, type Moment, untimed } from "../resignation/moment.ts";
import { type SyncRelation, syncRelation } from "../resignation/sync-relation.ts";
import { type Form, whatItSays } from "./forms.ts";
import { type Content, nameGivenTwice, shorten } from "./json.ts";
import type { Event, Told } from "./source.ts";

/** A message that was proved and decrypted. */
export interface Opened {
  readonly message: Buffer;
  /** The enterprise whose people these are. */
  readonly corpId: string;
  /** When DingTalk signed it. */
  readonly sentAt: Moment;
  /** The encrypted `success`, sealed with the keys that proved the message. */
  readonly success: () => Answer;
}

/** Joined again, or active again after that. */
export const forms = [
  { out: { type: "user_leave_org" }, back: { type: "user_add_org" } },
  { out: { type: "user_leave_org" }, back: { type: "user_active_org" } },
] as const satisfies readonly Form[];

/** Types that are about people's being there, in whatever spelling; any other type is none of ours. */
const personTypes = /^\s*(user|employee|member|staff)s?([^a-z]|$)|(leave|add|active)[^a-z]*org/i;
/** Of these, those that say nothing of it. */
const otherTypes: ReadonlySet<string> = new Set(["user_modify_org"]);

export function readEvent({ success, ...opened }: Opened, { now }: { now: Date }): Told {
  return { events: readMessage(opened, now), answer: success };
}

function readMessage({ message, corpId, sentAt }: Omit<Opened, "success">, now: Date): Event[] {
  const read = readContent(message);
  if ("kind" in read) return [read];
  const { event } = read;
  const { EventType: type, CorpId: corp, eventId } = event;
  if (type === "check_url") return [{ kind: "url_check" }];
  const facts = { source: "dingtalk", ...(isText(eventId) && { eventId }) };
  if (isText(corp) && corp !== corpId) {
    const message = "An event of another DingTalk enterprise: nothing is done";
    return [{ kind: "other_tenant", metric: "OtherTenant", message, facts, level: "WARN" }];
  }
  if (!isText(type)) return [unusable("no EventType", "An authentic DingTalk event has no type: it is kept", facts)];
  if (type === "org_remove") {
    const message = "The DingTalk enterprise was dissolved: nobody is resigned for it";
    return [{ kind: "noticed", metric: "UnusableDeparture", message, facts }];
  }
  if (!personTypes.test(type) || otherTypes.has(type)) return [];
  if (!isText(corp)) return [unusable("no CorpId", `A ${shorten(type)} does not say of which enterprise it is`, facts)];
  const says = whatItSays(forms, type, undefined);
  if (says) return readPeople(says, { type, corpId, event, sentAt, facts }, now);
  const why = `A DingTalk ${shorten(type)} may be about somebody who left, and is not understood`;
  return [unusable("unknown EventType", why, facts)];
}

/** Our own answer, sent back to us, opens to the bare word `success`. */
function readContent(message: Buffer): { event: Content } | Event {
  const facts = { source: "dingtalk" };
  let event: unknown;
  try {
    event = parseJson(decodeUtf8(message));
  } catch {}
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    return unusable("no JSON object", "An authentic DingTalk message is no JSON object", facts, "Malformed");
  }
  const twice = nameGivenTwice(decodeUtf8(message));
  if (twice === undefined) return { event: event as Content };
  // RFC 7493, 2.3: which of the two counts would be chance.
  const why = `An authentic DingTalk event gives ${shorten(twice)} twice: it is kept and not carried out`;
  return unusable("a name given twice", why, facts);
}

interface PeopleEvent {
  readonly type: string;
  readonly corpId: string;
  readonly event: Content;
  readonly sentAt: Moment;
  readonly facts: Readonly<Record<string, string>>;
}

/** One event names several people: an id that cannot be used stops none of the others. */
function readPeople(says: "left" | "returned", told: PeopleEvent, now: Date): Event[] {
  const { type, event, sentAt, facts } = told;
  const ids = readList(event);
  if (!ids) return [unusable("no userId", `A DingTalk ${type} came without one list of userIds`, facts)];
  const at = [event.EventTime, event.timeStamp, event.TimeStamp].map(readTime).find((time) => time !== undefined);
  if (says === "left" && isAhead(at ?? sentAt.from, now)) {
    const message = `A DingTalk ${type} claims to be more than an hour ahead: a clock is wrong, and it is not carried out`;
    return [unusable("in the future", message, facts)];
  }
  const moment = at ? exactly(at) : untimed(sentAt.to);
  const people = ids.map((id) => (isText(id) && id.length <= 64 ? syncRelation("dingtalk", id) : undefined));
  const events = people
    .filter((userId) => userId !== undefined)
    .map(
      (userId): Event =>
        says === "returned"
          ? { kind: "return", userId, source: "dingtalk", moment }
          : toDeparture(userId, told, at ?? sentAt.from, moment),
    );
  const odd = people.length - events.length;
  const message = `A DingTalk ${type} names ${people.length} people, ${odd} of them without a usable userId`;
  return odd > 0 ? [...events, unusable("no usable userId", message, facts)] : events;
}

/** An event's id stands for all of its people, and the form of before had none. */
function toDeparture(userId: SyncRelation, { type, corpId, event }: PeopleEvent, occurredAt: Date, moment: Moment) {
  const { eventId } = event;
  const id = userId.slice("dingtalk:".length);
  const own = isText(eventId) ? `${corpId}|${eventId}|${id}` : `${corpId}|${type}|${id}|${occurredAt.getTime()}`;
  const base = { kind: "departure", source: "dingtalk", requestedBy: "dingtalk" } as const;
  return { ...base, eventId: own, userId, occurredAt, moment };
}

/** `userId` today, `UserId` before; `optStaffId` is who did it. `undefined` where nobody is named, or two lists differ. */
function readList({ userId, UserId }: Content): unknown[] | undefined {
  const isTwofold = userId !== undefined && UserId !== undefined;
  if (isTwofold && JSON.stringify(userId) !== JSON.stringify(UserId)) return undefined;
  const list = userId ?? UserId;
  return Array.isArray(list) && list.length > 0 ? [...new Set<unknown>(list)] : undefined;
}

/** Milliseconds, as a number or a text. */
function readTime(value: unknown): Date | undefined {
  const told = typeof value === "number" || typeof value === "string" ? String(value) : "";
  return /^\d{13}$/.test(told) ? new Date(Number(told)) : undefined;
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** It may be about somebody who left, and cannot be carried out: kept, counted and told. */
const unusable = (
  reason: string,
  message: string,
  facts: Readonly<Record<string, string>>,
  metric: "UnusableDeparture" | "Malformed" = "UnusableDeparture",
): Event => ({ kind: "unusable", reason, metric, message, facts });
