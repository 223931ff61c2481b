import type { Queue } from "../aws/queue.ts";
import { type AcceptParts, accept, noteReturn, settleInquiry } from "../departure/accept.ts";
import { putBrakeOn } from "../departure/brake.ts";
import type { Answer, Request } from "../http.ts";
import { countUnreadable } from "../log.ts";
import { findOrThrow, list, operate } from "../operators/operate.ts";
import { postOrOwe } from "../operators/slack-reply.ts";
import { Problem } from "../problem.ts";
import { isUnderWay, type Resignation } from "../resignation.ts";
import type { SourceSettings } from "../settings-of.ts";
import type { Notice, Received, Source } from "../sources/index.ts";
import { toForward } from "./forward.ts";
import type { Quarantine } from "./quarantine.ts";

export interface RespondParts extends AcceptParts {
  readonly quarantine: Pick<Quarantine, "keepAuthentic">;
  /** Where a source's second listener is served from; absent where there is none. */
  readonly forwards: Pick<Queue, "sendInOrder"> | undefined;
  readonly settings: SourceSettings;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** Carries out what a verified request asks of us: when it comes, or later, out of the quarantine. */
export function createRespond(parts: RespondParts) {
  const { ledger, quarantine, forwards, settings, log, now, sleep } = parts;

  return { respond, passOn };

  /** Queues a verified request for the second listener of its source, where there is one. */
  async function passOn({ section }: Source, request: Request): Promise<void> {
    if ((section !== "lark" && section !== "wechatwork") || !settings[section].forwardTo) return;
    const message = JSON.stringify(toForward(section, request, now()));
    if (message.length < maxMessageBytes) await forwards?.sendInOrder(message, section);
    else log.count("ForwardFailed", "A request is too large to be passed on", { source: section }, "ERROR");
  }

  async function respond(received: Received, source: Source, request: Request): Promise<Answer> {
    switch (received.kind) {
      case "answer":
        tell(received.notices);
        if (received.keepAs) await quarantine.keepAuthentic(source, request, received.keepAs);
        if (received.renamed) await ledger.noteRename(received.renamed.former, received.renamed.next, now());
        if (received.brakeOn) await putBrakeOn(parts, received.brakeOn);
        if (received.reply) await postOrOwe(parts, received.reply.url, received.reply.message);
        return received.answer;
      case "departures": {
        await Promise.all((received.returns ?? []).map((back) => noteReturn(parts, back)));
        const taken = await Promise.all(received.departures.map((departure) => accept(parts, departure)));
        if (received.renamed) await ledger.noteRename(received.renamed.former, received.renamed.next, now());
        tell(received.notices);
        return received.answer(await Promise.all(taken.map((one) => outcomeOf(one, received.waitSeconds ?? 0))));
      }
      case "find":
        return received.answer(await findOrThrow(ledger, received.id));
      case "list":
        return listReadable(received);
      case "act":
        return received.answer(await actAndTell(received));
      case "ask":
        await ledger.enterInquiry(received.inquiry);
        await parts.queue.send(received.inquiry.id);
        return received.answer;
      case "settle":
        if (!(await settleInquiry(parts, received))) await postOrOwe(parts, received.replyUrl, received.settledBefore);
        return received.answer;
    }
  }

  async function actAndTell({ act, reply }: Extract<Received, { kind: "act" }>): Promise<Resignation> {
    try {
      const changed = await operate(parts, act);
      if (reply) await postOrOwe(parts, reply.url, reply.message(changed));
      return changed;
    } catch (error) {
      if (reply && error instanceof Problem) await postOrOwe(parts, reply.url, reply.problem(error));
      throw error;
    }
  }

  async function listReadable({ query, cursor, answer }: Extract<Received, { kind: "list" }>): Promise<Answer> {
    const { items, nextCursor, unreadable } = await list(ledger, { ...query, now: now() }, cursor);
    for (const id of unreadable) countUnreadable(log, id);
    return answer(items, nextCursor, unreadable);
  }

  /** The resignation as it is when something came of it, or when the time is over. */
  async function outcomeOf(taken: Resignation, waitSeconds: number): Promise<Resignation> {
    const until = now().getTime() + waitSeconds * 1000;
    let latest = taken;
    while (isUnderWay(latest) && now().getTime() < until) {
      await sleep(200);
      latest = (await ledger.get(taken.id)) ?? latest;
    }
    return latest;
  }

  function tell(notices: readonly Notice[] = []): void {
    for (const { metric, message, facts, level = "ERROR" } of notices) log.count(metric, message, facts, level);
  }
}

/** SQS took no longer message for many years. */
const maxMessageBytes = 256 * 1024;
