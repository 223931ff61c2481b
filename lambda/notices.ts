import { createHmac } from "node:crypto";
import { type Notice, type Resignation, view } from "./resignation.ts";
import { apiKeyBytes, type Targets } from "./secrets.ts";
import { escapeText } from "./sources/slack-messages.ts";

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
      const text = cutBytes(neutral(toText(told, language)), 15_000);
      return [post(targets.lark.url, { ...signLark(targets.lark.secret, now), msg_type: "text", content: { text } })];
    }
    case "wechatwork": {
      if (!targets.wechatwork) return [];
      const content = cutBytes(neutral(toText(told, language)), 2_048);
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

const maxLines = 20;

const words: Record<Language, Record<Notice["about"], string> & { more: (n: number) => string; decide: string }> = {
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
    decide: "处理：npm run ledger -- list --status held，或 /resign list",
  },
};

function toText(told: readonly Told[], language: Language): string {
  const { more, decide, ...titles } = words[language];
  const lines = told.slice(0, maxLines).map(({ about, id, why, resignation }) => {
    const who = resignation ? ` ${resignation.person?.name ?? ""} ${resignation.userId}` : "";
    return `${titles[about]}:${who} (${id})${why ? `, ${why}` : ""}`;
  });
  const isToDecide = told.some(({ about }) => about === "held" || about === "brake_tripped");
  return [
    ...lines,
    ...(told.length > maxLines ? [more(told.length - maxLines)] : []),
    ...(isToDecide ? [decide] : []),
  ].join("\n");
}

/** Few that are held come with buttons for the operators of the channel. */
function toSlack(told: readonly Told[], language: Language): object {
  const text = escapeText(toText(told, language)).slice(0, 2_900);
  const held = told.filter(({ about }) => about === "held");
  const button = (action: string, label: string, value: string, style: string) => ({
    ...{ type: "button", action_id: action, value, style },
    text: { type: "plain_text", text: label },
  });
  const actions = held.map(({ id }) => ({
    type: "actions",
    elements: [
      button("approve", `Approve ${id.slice(-6)}`, id, "danger"),
      button("cancel", `Refuse ${id.slice(-6)}`, id, "primary"),
    ],
  }));
  return { text, blocks: [{ type: "section", text: { type: "mrkdwn", text } }, ...(held.length <= 5 ? actions : [])] };
}

/** Standard Webhooks' payload. */
const toEvent = ({ about, id, why, resignation }: Told, now: Date) => ({
  type: { brake_tripped: "brake.tripped", alive: "webhook.alive" }[about as string] ?? `resignation.${about}`,
  timestamp: now.toISOString(),
  data: resignation ? view(resignation) : { id, why },
});

/** The id stays the same over repeats, and with it whoever listens can tell them. */
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

/** Cuts between characters, by bytes: WeCom counts those. */
function cutBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  return `${new TextDecoder().decode(Buffer.from(text).subarray(0, maxBytes - 6)).replace(/\uFFFD+$/, "")}…`;
}
