import type { Queue } from "../aws/queue.ts";
import { byRelation, type GenAuth } from "../genauth/genauth.ts";
import type { Ledger } from "../ledger.ts";
import { kindOf, type Log, traceOf } from "../log.ts";
import { isUnderWay } from "../resignation/status.ts";
import type { RuntimeSettings } from "../settings/settings.ts";
import { type Inquiry, isExpired, toOwedReply } from "./inquiry.ts";
import { card, expired, failedLookUp, outcome, removal } from "./slack-messages.ts";

export interface ReplyParts {
  readonly ledger: Pick<Ledger, "get" | "getInquiry" | "getOwedReply" | "list">;
  readonly settings: { readonly slack: Pick<RuntimeSettings["slack"], "replyHosts"> };
  readonly log: Log;
  readonly now: () => Date;
}

/** Longest that Slack may take; then the answer is sent again later. */
const deadlineMs = 2_000;

/** Answers an inquiry with the card of the person; or removes the card after it was dismissed. */
export async function answerInquiry(
  parts: ReplyParts & { genauth: GenAuth },
  id: string,
): Promise<"done" | { inSeconds: number }> {
  const inquiry = await parts.ledger.getInquiry(id);
  if (!inquiry) return "done";
  return postWhileItServes(parts, inquiry, await answerTo(parts, inquiry));
}

/** Sends an answer again that Slack did not take. */
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

/** An answer that is older is given up. A click's address is valid for half an hour longer than the command's. */
const maxAgeSeconds = 3600;

/** Seconds until the next try: no sooner than Slack asks for, ever later, and none after the address has expired. */
function nextTry({ askedAt }: Addressed, againIn: number, now: Date): number | undefined {
  const age = (now.getTime() - Date.parse(askedAt)) / 1000;
  const inSeconds = Math.ceil(Math.max(againIn, 1, Math.min(60, age / 2)));
  return age + inSeconds < maxAgeSeconds ? inSeconds : undefined;
}

/** The answer to a click that came too late, or for a person who was ordered for a moment ago. */
async function orderedBefore({ ledger, now }: ReplyParts, inquiry: Inquiry): Promise<object> {
  const [former] = isExpired(inquiry, now())
    ? []
    : (await ledger.list({ userId: inquiry.userId, now: now(), limit: 1 })).items;
  return former ? outcome(former) : expired;
}

/**
 * Tells the operator the outcome of their order. A failure delays no resignation. Returns in how many seconds to try
 * again, if Slack did not take it.
 */
export async function postOutcome(parts: ReplyParts, id: string, inquiryId: string): Promise<number | undefined> {
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
 * Answers a click or a command by its own address. If Slack does not take the answer now, the resigner sends it again:
 * the request itself cannot wait.
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
 * Best effort. The address is a secret and stands in no log; no redirect is followed to another host. After a 429, a
 * 5xx or no answer it returns the least number of seconds until the next try.
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
