/** What an authentic Lark event says of people: schema 2.0 and 1.0. Nothing in it is believed to have any form. */
import { decodeUtf8, json } from "../http.ts";
import { refused } from "../problem.ts";
import type { Moment } from "../resignation/moment.ts";
import { exactly, isAhead, untimed, withinSecond } from "../resignation/moment.ts";
import { syncRelation } from "../resignation/sync-relation.ts";
import { type Form, whatItSays } from "./forms.ts";
import { asObject, type Content, nameGivenTwice, shorten } from "./json.ts";
import type { Context, Event, Told } from "./source.ts";

/** A request that was proved. */
export interface Opened {
  readonly content: Content;
  /** The JSON that the content was read from: the body, and what was encrypted in it. */
  readonly layers: readonly Uint8Array[];
}

type LarkContext = Omit<Context<unknown>, "keys">;

/** `turnedTo` is `is_resigned`. Schema 2.0 has the names with dots, 1.0 the short ones. */
export const forms = [
  { out: { type: "contact.user.deleted_v3" }, back: { type: "contact.user.created_v3" } },
  {
    out: { type: "contact.user.updated_v3", turnedTo: true },
    back: { type: "contact.user.updated_v3", turnedTo: false },
  },
  { out: { type: "user_leave" }, back: { type: "user_add" } },
  { out: { type: "user_status_change", turnedTo: true }, back: { type: "user_status_change", turnedTo: false } },
] as const satisfies readonly Form[];

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
export function readEvent({ content, layers }: Opened, context: LarkContext): Told {
  // RFC 7493, 2.3: which of the two counts would be chance.
  const twice = layers.map((bytes) => nameGivenTwice(decodeUtf8(bytes))).find((one) => one !== undefined);
  if (twice !== undefined) {
    const message = `An authentic Lark event gives ${shorten(twice)} twice: it is kept and not carried out`;
    return keep("a name given twice", message, { source: "lark" });
  }
  const type = isSchema2(content) ? asObject(content.header).event_type : asObject(content.event).type;
  const name = isText(type) ? type.trim().toLowerCase() : undefined;
  if (name !== undefined && (!personTypes.test(name) || otherTypes.has(name))) return told();
  const event = isSchema2(content) ? readEvent2(content) : readEvent1(content);
  const { appId, tenantKey } = context.settings.lark;
  if (appId && event.appId !== appId) throw refused("app id");

  const facts = { source: "lark", ...(typeof event.eventId === "string" && { eventId: event.eventId }) };
  if (tenantKey && typeof event.tenantKey === "string" && event.tenantKey !== tenantKey) {
    const message = "An event of another Lark tenant: nothing is done";
    return told({ kind: "other_tenant", metric: "OtherTenant", message, facts, level: "WARN" });
  }
  if (!isText(type)) {
    const message = "An authentic Lark event has no type: it is kept";
    return told({ kind: "unusable", reason: "no type", metric: "Malformed", message, facts });
  }
  if (tenantKey && typeof event.tenantKey !== "string") {
    return keep("no tenant", `A ${type} does not say of which tenant it is`, facts);
  }
  return scopeTypes.has(type) ? readScope(type, event, facts) : readPerson(type, event, context, facts);
}

type Facts = Readonly<Record<string, string>>;

function readPerson(type: string, event: LarkEvent, { settings, now }: LarkContext, facts: Facts): Told {
  const says = whatPersonEventSays(type, event);
  if (says === "nothing of interest") return told();
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

  const time = readTime(event.time);
  const moment = time ?? untimed(now);
  const odd = oddities(event, time !== undefined).map(
    (what): Event => ({
      ...{ kind: "noticed", metric: "OddEvent", level: "WARN", facts },
      message: `A ${type} was taken, though its ${what} has an unexpected form`,
    }),
  );
  if (says === "returned") return told({ kind: "return", userId, source: "lark", moment }, ...odd);
  const { eventId } = event;
  if (!isText(eventId)) return keep("no event id", `A ${type} came without an event id: it is not carried out`, facts);
  if (isAhead(moment.from, now)) {
    const message = `A ${type} claims to be more than an hour ahead: a clock is wrong, and it is not carried out`;
    return keep("in the future", message, facts);
  }
  const occurredAt = time?.from ?? now;
  const departure = { source: "lark", eventId, userId, occurredAt, moment, requestedBy: "lark" } as const;
  return told({ kind: "departure", ...departure }, ...odd);
}

/**
 * `deleted_v3` says it by itself (its documented sample has `is_resigned: false`). Where a status says it, only what
 * turned is told: a former value that equals the present one means that nothing did, and a return needs the former
 * one. Where only the former one is told, nobody knows what it turned to. Frozen, or exited by himself, is not resigned.
 */
function whatPersonEventSays(type: string, { isResigned, wasResigned }: LarkEvent) {
  const byType = whatItSays(forms, type, undefined);
  if (byType) return byType;
  if (!statusTypes.has(type)) return "not understood";
  if (![isResigned, wasResigned].every(isTruth)) return "not understood";
  if (typeof wasResigned === "boolean" && typeof isResigned !== "boolean") return "not understood";
  const hasTurned = isResigned === true ? wasResigned !== true : isResigned === false && wasResigned === true;
  return (hasTurned && whatItSays(forms, type, isResigned === true)) || "nothing of interest";
}

/** What has another form than Lark's, and is not needed. */
function oddities({ appId, isResigned, wasResigned }: LarkEvent, isTimed: boolean): string[] {
  const isUsual = { time: isTimed, "app id": appId === undefined || isText(appId) };
  const all = { ...isUsual, status: isTruth(isResigned), "former status": isTruth(wasResigned) };
  return Object.entries(all).flatMap(([what, isSo]) => (isSo ? [] : [what]));
}

const statusTypes: ReadonlySet<string> = new Set(forms.flatMap(({ out }) => ("turnedTo" in out ? [out.type] : [])));
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
 * the same is not documented: for an hour every departure waits for an operator. The event of 1.0 does not say whether people
 * left the scope or came into it.
 */
function readScope(type: string, { body }: LarkEvent, facts: Facts): Told {
  if (type === "contact.scope.updated_v3" && isNothing(body)) return told();
  const why = `The Lark app's contact scope lost people, or may have done so (${type}), within the hour`;
  const message = "The Lark app sees fewer people now, or may do so: the brake is on for an hour";
  return told({ kind: "scope_narrowed", why, metric: "ScopeNarrowed", message, facts });
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

const told = (...events: Event[]): Told => ({ events, answer: () => json(200, {}) });

/** Somebody may have left, and it cannot be carried out: kept, counted and told. */
const keep = (reason: string, message: string, facts: Facts): Told =>
  told({ kind: "unusable", reason, metric: "UnusableDeparture", message, facts });

export const isSchema2 = (content: Content) =>
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
