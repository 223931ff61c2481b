import type { RuntimeSettings } from "./environment.ts";
import { byRelation, type GenAuth } from "./genauth.ts";
import { type Inquiry, isExpired } from "./inquiry.ts";
import type { Ledger } from "./ledger.ts";
import { kindOf, type Log } from "./log.ts";
import { isUnderWay } from "./resignation.ts";
import { isReplyUrl } from "./sources/slack.ts";
import { card, expired, failedLookUp, outcome, removal } from "./sources/slack-messages.ts";

export interface ReplyParts {
  readonly ledger: Pick<Ledger, "get" | "getInquiry" | "list">;
  readonly settings: RuntimeSettings;
  readonly log: Log;
  readonly now: () => Date;
}

/** Slack itself waits no longer for our answer. */
const deadlineMs = 2_000;

/** Answers an inquiry in the chat: whom GenAuth knows by that id; or takes the card away that was dismissed. */
export async function answerInquiry(parts: ReplyParts & { genauth: GenAuth }, id: string): Promise<"done"> {
  const inquiry = await parts.ledger.getInquiry(id);
  if (!inquiry) return "done";
  if (inquiry.state !== "open") {
    await postReply(
      parts,
      inquiry.replyUrl,
      inquiry.state === "dismissed" ? removal : await orderedBefore(parts, inquiry),
    );
    return "done";
  }
  const looked = await parts.genauth.look(byRelation(inquiry.userId));
  const isAnswer = looked.kind === "done" || looked.kind === "not_found";
  const user = looked.kind === "done" ? looked.data : undefined;
  await postReply(parts, inquiry.replyUrl, isAnswer ? card(inquiry, user) : failedLookUp(inquiry.userId));
  return "done";
}

/** The click came too late, or for somebody who was ordered for a moment ago. */
async function orderedBefore({ ledger, now }: ReplyParts, inquiry: Inquiry): Promise<object> {
  const [former] = isExpired(inquiry, now())
    ? []
    : (await ledger.list({ userId: inquiry.userId, now: now(), limit: 1 })).items;
  return former ? outcome(former) : expired;
}

/** Tells the operator who ordered it what came of it, as soon as something did. Never in the way of resigning. */
export async function tellOutcome(parts: ReplyParts, id: string, inquiryId: string): Promise<void> {
  try {
    const resignation = await parts.ledger.get(id);
    if (!resignation || isUnderWay(resignation)) return;
    const inquiry = await parts.ledger.getInquiry(inquiryId);
    if (inquiry && !isExpired(inquiry, parts.now())) await postReply(parts, inquiry.replyUrl, outcome(resignation));
  } catch (error) {
    parts.log.warn("An outcome could not be told", { id, error: kindOf(error) });
  }
}

/** Best effort. The address is a secret and stands in no log; no redirect is followed to another host. */
export async function postReply(
  { settings, log }: Pick<ReplyParts, "settings" | "log">,
  url: string,
  message: object,
): Promise<void> {
  if (!isReplyUrl(url, settings.slack.replyHosts)) return log.warn("A reply's address is not Slack's");
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
      redirect: "error",
      signal: AbortSignal.timeout(deadlineMs),
    });
    if (!response.ok) log.warn("Slack did not take a reply", { httpStatus: response.status });
  } catch (error) {
    log.warn("Slack could not be reached", { error: kindOf(error) });
  }
}
