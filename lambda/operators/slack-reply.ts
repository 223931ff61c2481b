import type { Queue } from "../aws/queue.ts";
import { byRelation, type GenAuth } from "../genauth/genauth.ts";
import type { Ledger } from "../ledger.ts";
import { kindOf, type Log, traceOf } from "../log.ts";
import { isUnderWay } from "../resignation.ts";
import type { RuntimeSettings } from "../settings.ts";
import { type Inquiry, isExpired, toOwedReply } from "./inquiry.ts";
import { card, expired, failedLookUp, outcome, removal } from "./slack-messages.ts";

export interface ReplyParts {
  readonly ledger: Pick<Ledger, "get" | "getInquiry" | "getOwedReply" | "list">;
  readonly settings: RuntimeSettings;
  readonly log: Log;
  readonly now: () => Date;
}

/** Slack itself waits no longer for our answer. */
const deadlineMs = 2_000;

/** Answers an inquiry in the chat: whom GenAuth knows by that id; or takes the card away that was dismissed. */
export async function answerInquiry(
  parts: ReplyParts & { genauth: GenAuth },
  id: string,
): Promise<"done" | { inSeconds: number }> {
  const inquiry = await parts.ledger.getInquiry(id);
  if (!inquiry) return "done";
  return postWhileItServes(parts, inquiry, await answerTo(parts, inquiry));
}

/** Tells once more what Slack did not take when it was told first. */
export async function postOwedReply(parts: ReplyParts, id: string): Promise<"done" | { inSeconds: number }> {
  const owed = await parts.ledger.getOwedReply(id);
  return owed ? postWhileItServes(parts, owed, owed.message) : "done";
}

async function postWhileItServes(
  parts: ReplyParts,
  asked: Addressed,
  message: object,
): Promise<"done" | { inSeconds: number }> {
  const againIn = await postReply(parts, asked.replyUrl, message);
  const inSeconds = againIn === undefined ? undefined : nextTry(asked, againIn, parts.now());
  return inSeconds === undefined ? "done" : { inSeconds };
}

type Addressed = Pick<Inquiry, "replyUrl" | "askedAt">;

async function answerTo(parts: ReplyParts & { genauth: GenAuth }, inquiry: Inquiry): Promise<object> {
  if (inquiry.state === "dismissed") return removal;
  if (inquiry.state === "ordered") return orderedBefore(parts, inquiry);
  const looked = await parts.genauth.look(byRelation(inquiry.userId));
  const isAnswer = looked.kind === "done" || looked.kind === "not_found";
  const user = looked.kind === "done" ? looked.data : undefined;
  return isAnswer ? card(inquiry, user) : failedLookUp(inquiry.userId);
}

/** The address of a click serves half an hour longer than the command's. */
const maxAgeSeconds = 3600;

/** No sooner than Slack wants it, ever more seldom, and no longer than the address can serve. */
function nextTry({ askedAt }: Addressed, againIn: number, now: Date): number | undefined {
  const age = (now.getTime() - Date.parse(askedAt)) / 1000;
  const inSeconds = Math.ceil(Math.max(againIn, 1, Math.min(60, age / 2)));
  return age + inSeconds < maxAgeSeconds ? inSeconds : undefined;
}

/** The click came too late, or for somebody who was ordered for a moment ago. */
async function orderedBefore({ ledger, now }: ReplyParts, inquiry: Inquiry): Promise<object> {
  const [former] = isExpired(inquiry, now())
    ? []
    : (await ledger.list({ userId: inquiry.userId, now: now(), limit: 1 })).items;
  return former ? outcome(former) : expired;
}

/**
 * Tells the operator who ordered it what came of it, as soon as something did. Never in the way of resigning. Gives
 * back in how many seconds it should be told again, where Slack did not take it.
 */
export async function tellOutcome(parts: ReplyParts, id: string, inquiryId: string): Promise<number | undefined> {
  try {
    const resignation = await parts.ledger.get(id);
    if (!resignation || isUnderWay(resignation)) return undefined;
    const inquiry = await parts.ledger.getInquiry(inquiryId);
    if (!inquiry || isExpired(inquiry, parts.now())) return undefined;
    const againIn = await postReply(parts, inquiry.replyUrl, outcome(resignation));
    return againIn === undefined ? undefined : nextTry(inquiry, againIn, parts.now());
  } catch (error) {
    parts.log.warn("An outcome could not be told", { id, error: kindOf(error) });
    return undefined;
  }
}

/**
 * Answers a click or a command by its own address. What Slack does not take now is told again behind the queue: the
 * request itself cannot wait for that.
 */
export async function postOrOwe(
  parts: Pick<ReplyParts, "settings" | "log" | "now"> & {
    ledger: Pick<Ledger, "enterOwedReply">;
    queue: Pick<Queue, "send">;
  },
  url: string,
  message: object,
): Promise<void> {
  if ((await postReply(parts, url, message)) === undefined) return;
  try {
    const owed = toOwedReply(url, message, parts.now());
    await parts.ledger.enterOwedReply(owed);
    await parts.queue.send(owed.id);
  } catch (error) {
    parts.log.warn("An answer could not be told", traceOf(error));
  }
}

/**
 * Best effort. The address is a secret and stands in no log; no redirect is followed to another host. Gives back in
 * how many seconds, at the soonest, it may be tried again: after a 429 or 5xx, or where Slack was not reached.
 */
export async function postReply(
  { settings, log }: Pick<ReplyParts, "settings" | "log">,
  url: string,
  message: object,
): Promise<number | undefined> {
  if (!isReplyUrl(url, settings.slack.replyHosts)) {
    log.warn("A reply's address is not Slack's");
    return undefined;
  }
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
      redirect: "error",
      signal: AbortSignal.timeout(deadlineMs),
    });
    if (response.ok) return undefined;
    log.warn("Slack did not take a reply", { httpStatus: response.status });
    const isLater = response.status === 429 || response.status >= 500;
    return isLater ? readRetryAfter(response.headers.get("retry-after")) : undefined;
  } catch (error) {
    log.warn("Slack could not be reached", { error: kindOf(error) });
    return 0;
  }
}

/** Whether the address is one of Slack's, over TLS; this machine's own are the local stand-ins. */
export function isReplyUrl(url: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, port, username } = new URL(url);
  if (!hosts.includes(hostname) || username) return false;
  return hostname === "127.0.0.1" || hostname === "localhost" || (protocol === "https:" && port === "");
}

/** Slack sends seconds. */
const readRetryAfter = (value: string | null) => (value !== null && /^\d{1,6}$/.test(value) ? Number(value) : 0);
