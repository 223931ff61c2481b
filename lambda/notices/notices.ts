import { createHmac } from "node:crypto";
import { isUrgent, type Notice } from "../resignation/notice.ts";
import type { Resignation } from "../resignation/resignation.ts";
import { view } from "../resignation/view.ts";
import { apiKeyBytes } from "../settings/secret-text.ts";
import type { Targets } from "./targets.ts";
import { escapeText, oneLine, plainName } from "./text.ts";

/** A notice with what the ledger knows of it. */
export type Told = Notice & { resignation?: Resignation | undefined };

export type TargetName = keyof Targets;

/** A request to a target. */
export interface Post {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export type Language = "en" | "zh";

/** The requests that tell a target of all these: one message for people, one call each for programs. */
export function toPosts(
  name: TargetName,
  targets: Targets,
  told: readonly Told[],
  language: Language,
  now: Date,
): Post[] {
  const post = (url: string, body: object, headers = {}): Post => ({
    url,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  switch (name) {
    case "slack":
      return targets.slack ? [post(targets.slack.url, toSlack(told, language))] : [];
    case "lark": {
      if (!targets.lark) return [];
      const text = toText(told, language, { write: neutral, size: Buffer.byteLength, room: 15_000 });
      return [post(targets.lark.url, { ...signLark(targets.lark.secret, now), msg_type: "text", content: { text } })];
    }
    case "wechatwork": {
      if (!targets.wechatwork) return [];
      const content = toText(told, language, { write: neutral, size: Buffer.byteLength, room: 2_048 });
      return [post(targets.wechatwork.url, { msgtype: "text", text: { content } })];
    }
    case "webhook": {
      const { webhook } = targets;
      return webhook
        ? told.map((one) => signStandard(post(webhook.url, toEvent(one, now)), webhook.secret, one, now))
        : [];
    }
  }
}

/**
 * Whether a target took it. Lark's and WeCom's robots answer HTTP 200 for their failures too; their own code
 * counts. 410 means that nobody listens there any more.
 */
export function isTaken(name: TargetName, httpStatus: number, body: string): "taken" | "gone" | "failed" {
  if (httpStatus === 410) return "gone";
  if (httpStatus < 200 || httpStatus > 299) return "failed";
  if (name !== "lark" && name !== "wechatwork") return "taken";
  const code = /"(?:code|errcode|StatusCode)"\s*:\s*(-?\d+)/.exec(body)?.[1];
  return code === "0" ? "taken" : "failed";
}

/** More lines about people are counted and not shown. */
const maxLines = 20;
/** More brake events are not shown. */
const maxBrakeLines = 3;
/** A longer reason is cut. */
const maxWhyLength = 200;

interface Words extends Record<Notice["about"], string> {
  readonly more: (n: number) => string;
  readonly howMany: (n: number) => string;
  readonly decide: string;
}

const words: Record<Language, Words> = {
  en: {
    resigned: "Resigned",
    suspended: "Access cut (grace period)",
    held: "Held for an operator",
    failed: "FAILED, may still have access",
    not_found: "NOT FOUND in GenAuth, may still have access",
    called_off: "Called off",
    given_back: "Has access back",
    returned_scheduled: "Said to be back, and ordered to leave later",
    back_after_resigned: "URGENT: said to be back, but resigned",
    not_given_back: "URGENT: still cut off, access could not be given back",
    brake_tripped: "The brake is on, the rest are held",
    alive: "Still alive",
    more: (n) => `… and ${n} more`,
    howMany: (n) => `Held for an operator: ${n} people`,
    decide: "Decide: npm run ledger -- list --status held, or /resign list",
  },
  zh: {
    resigned: "已离职",
    suspended: "已停用（宽限期）",
    held: "已搁置，等待操作员",
    failed: "失败，可能仍有访问权限",
    not_found: "GenAuth 中未找到，可能仍有访问权限",
    called_off: "已撤销",
    given_back: "已恢复访问权限",
    returned_scheduled: "据报已回归，但已预约离职",
    back_after_resigned: "紧急：据报已回归，但已离职",
    not_given_back: "紧急：仍被停用，访问权限未能恢复",
    brake_tripped: "刹车已触发，其余已搁置",
    alive: "每周运行正常",
    more: (n) => `… 另有 ${n} 条`,
    howMany: (n) => `已搁置，等待操作员：${n} 人`,
    decide: "处理：npm run ledger -- list --status held，或 /resign list",
  },
};

/** How a target wants its text: what becomes of a line, how long it counts, and how much there may be in all. */
interface Form {
  readonly write: (line: string) => string;
  readonly size: (line: string) => number;
  readonly room: number;
}

/**
 * Order: the brake, urgent notices and held departures, what to do, everything else. If there is no room, only lines
 * about people are left out and counted, never the brake or what to do.
 */
function toText(told: readonly Told[], language: Language, { write, size, room }: Form): string {
  const { more, howMany, decide } = words[language];
  const of = (...abouts: Notice["about"][]) => told.filter(({ about }) => abouts.includes(about));
  const toLines = (those: readonly Told[]) => those.map((one) => write(toLine(one, words[language])));
  const brake = toLines(of("brake_tripped").slice(0, maxBrakeLines));
  const held = of("held");
  const count = held.length > 1 ? [howMany(held.length)] : [];
  const call = held.length > 0 || brake.length > 0 ? [decide] : [];
  const first = [...told.filter(({ about }) => isUrgent(about)), ...held];
  const last = of("failed", "not_found");
  const placed = new Set([...of("brake_tripped"), ...first, ...last]);
  const details = [...last, ...told.filter((one) => !placed.has(one))];

  // Each of the two parts may have to say how many it leaves out.
  const fixed = [...brake, ...count, ...call, more(told.length), more(told.length)];
  let left = room - fixed.reduce((sum, line) => sum + size(line) + 1, 0);
  let linesLeft = maxLines;
  const take = (lines: string[]): string[] => {
    const shown: string[] = [];
    for (const line of lines) {
      if (linesLeft === 0 || size(line) + 1 > left) break;
      shown.push(line);
      linesLeft -= 1;
      left -= size(line) + 1;
    }
    return shown.length < lines.length ? [...shown, more(lines.length - shown.length)] : shown;
  };
  return [...brake, ...count, ...take(toLines(first)), ...call, ...take(toLines(details))].join("\n");
}

function toLine({ about, id, why, resignation }: Told, titles: Words): string {
  const who = resignation ? ` ${plainName(resignation.person?.name ?? "")} ${resignation.userId}` : "";
  return `${titles[about]}:${who} (${id})${why ? `, ${oneLine(why, maxWhyLength)}` : ""}`;
}

/** Up to five held departures come with buttons for the operators in the channel. */
function toSlack(told: readonly Told[], language: Language): object {
  const text = toText(told, language, { write: escapeText, size: ({ length }) => length, room: 2_900 });
  const held = told.filter(({ about }) => about === "held");
  const button = (action: string, label: string, value: string, style: string) => ({
    ...{ type: "button", action_id: action, value, style },
    text: { type: "plain_text", text: label },
  });
  const actions = held.map(({ id, resignation }) => ({
    type: "actions",
    elements: [
      button("approve", `Approve ${id.slice(-6)}`, toApproval(id, resignation), "danger"),
      button("cancel", `Refuse ${id.slice(-6)}`, id, "primary"),
    ],
  }));
  // Verbatim: no bare address becomes a link.
  const section = { type: "section", text: { type: "mrkdwn", text, verbatim: true } };
  return { text, blocks: [section, ...(held.length <= 5 ? actions : [])] };
}

/** What an approval names: the resignation, and the hold that was shown when the button was made. */
const toApproval = (id: string, resignation: Resignation | undefined) =>
  resignation?.status === "held" ? `${id} ${resignation.heldFor}` : id;

/** Standard Webhooks' payload. */
const toEvent = ({ about, id, why, resignation }: Told, now: Date) => ({
  type: { brake_tripped: "brake.tripped", alive: "webhook.alive" }[about as string] ?? `resignation.${about}`,
  timestamp: now.toISOString(),
  data: resignation ? view(resignation) : { id, why },
});

/** The id stays the same over repeats, so that the program that listens can tell a repeat. */
function signStandard(post: Post, secret: string, { about, id, version }: Notice, now: Date): Post {
  const messageId = `evt_${about}_${id}${version === undefined ? "" : `_${version}`}`;
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signature = createHmac("sha256", apiKeyBytes(secret))
    .update(`${messageId}.${timestamp}.${post.body}`)
    .digest("base64");
  const headers = { "webhook-id": messageId, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
  return { ...post, headers: { ...post.headers, ...headers } };
}

/** Lark's custom bots: HMAC-SHA256 of nothing, with the key `timestamp + "\n" + secret`. */
function signLark(secret: string | undefined, now: Date) {
  if (secret === undefined) return {};
  const timestamp = String(Math.floor(now.getTime() / 1000));
  return { timestamp, sign: createHmac("sha256", `${timestamp}\n${secret}`).digest("base64") };
}

/** A name like `<at user_id="all">` must not page everybody. */
const neutral = (text: string) => text.replaceAll("<", "＜").replaceAll(">", "＞");
