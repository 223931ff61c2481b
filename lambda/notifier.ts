import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type * as z from "zod/mini";
import { atFirstCall, connectGround, connectQueue, connectSecret, connectTable, type Site } from "./aws/connect.ts";
import type { Queue } from "./aws/queue.ts";
import type { CachedSecret } from "./aws/secret.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { countUnreadable, isUnreadable, kindOf, type Log, traceOf } from "./log.ts";
import { type NoticeMessage, readMessage } from "./notices/message.ts";
import { isTaken, type Post, type TargetName, toPosts } from "./notices/notices.ts";
import { parseTargets, type TargetRing } from "./notices/targets.ts";
import { targetNames } from "./resignation/notice.ts";
import type { Resignation } from "./resignation/resignation.ts";
import * as settingsOf from "./settings/by-function.ts";

export interface NotifierParts {
  readonly ledger: Pick<Ledger, "get">;
  readonly queue: Pick<Queue, "delay">;
  readonly targets: CachedSecret<TargetRing>;
  readonly settings: z.output<ReturnType<typeof settingsOf.notifier>>;
  readonly log: Log;
  readonly now: () => Date;
}

/** A notice for one target, and the record that carried it. */
interface Item extends NoticeMessage {
  readonly record: SQSRecord;
}

/** Longest that a target may take to answer; then the notice is tried again later. */
const deadlineMs = 3_000;
/** So many calls to a listening program run at once: with a whole batch of them the function ends in its time. */
const atOnce = 20;

/** Queue in: the notices of a batch become one message for each target. A notice that fails delays no resignation. */
export function createNotifier({ ledger, queue, targets, settings, log, now }: NotifierParts) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const failed = await tellAll(Records).catch((error) => {
      log.count("WorkFailed", "Notices could not be told; they come again", traceOf(error), "ERROR");
      return Records;
    });
    await Promise.all(failed.map(delay));
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };

  /** Returns the records that have to come again. */
  async function tellAll(records: readonly SQSRecord[]): Promise<SQSRecord[]> {
    const ring = await targets.read();
    countWrong(ring);
    const read = records.map((record) => ({ record, messages: readMessage(record.body) }));
    const unread = read.filter(({ messages }) => !messages);
    for (const { record } of unread) {
      const { messageId } = record;
      log.count(
        "Unreadable",
        "A notice cannot be read: it comes again, and holds back no other",
        { messageId },
        "ERROR",
      );
    }
    const items = read.flatMap(({ record, messages = [] }) => messages.map((message) => ({ ...message, record })));
    const known = await findAll(items.filter(({ target }) => ring[target]));
    const failed = await Promise.all(
      targetNames.map((name) => {
        const its = items.filter(({ target }) => target === name);
        // An administrator may mend the section before the tries are over.
        if (ring.wrong?.[name] !== undefined) return its;
        return ring[name] ? tell(name, ring, its, known) : [];
      }),
    );
    return [...new Set([...unread, ...failed.flat()].map(({ record }) => record))];
  }

  function countWrong({ wrong = {}, isUnfilled }: TargetRing): void {
    if (isUnfilled) log.info("No notice is sent: the secret with the notices' targets is not filled in");
    for (const [target, why] of Object.entries(wrong)) {
      log.count("TargetsWrong", "A target of the notices cannot be told", { target, why }, "ERROR");
    }
  }

  /** The resignations that the notices are about, each read once. One that the ledger does not give has no entry. */
  async function findAll(items: readonly Item[]): Promise<Known> {
    const known = new Map<string, Resignation | undefined>();
    const find = async (id: string) => {
      try {
        known.set(id, await ledger.get(id));
      } catch (error) {
        if (!isUnreadable(error)) {
          const message = "A notice comes again: the ledger did not answer";
          return log.count("WorkFailed", message, traceOf(error), "ERROR");
        }
        countUnreadable(log, id);
        known.set(id, undefined);
      }
    };
    await Promise.all([...new Set(items.map(({ notice }) => notice.id))].map(find));
    return known;
  }

  /** Returns the items that the target did not take. */
  async function tell(target: TargetName, ring: TargetRing, items: readonly Item[], known: Known): Promise<Item[]> {
    const failed = items.filter(({ notice }) => !known.has(notice.id));
    const ready = items.filter(({ notice }) => known.has(notice.id));
    if (ready.length === 0) return failed;
    const told = ready.map(({ notice }) => ({ ...notice, resignation: known.get(notice.id) }));
    const posts = toPosts(target, ring, told, settings.notices.language, now());
    const isOneForAll = posts.length === 1;
    for (let start = 0; start < posts.length; start += atOnce) {
      const results = await Promise.all(posts.slice(start, start + atOnce).map((post) => deliver(target, post)));
      results.forEach((result, index) => {
        if (result === "failed") failed.push(...(isOneForAll ? ready : ready.slice(start + index, start + index + 1)));
      });
    }
    return failed;
  }

  async function deliver(target: TargetName, { url, headers, body }: Post) {
    try {
      const signal = AbortSignal.timeout(deadlineMs);
      const response = await fetch(url, { method: "POST", headers, body, redirect: "error", signal });
      const result = isTaken(target, response.status, (await response.text()).slice(0, 10_000));
      if (result !== "taken") log.warn("A notice was not taken", { target, httpStatus: response.status, result });
      return result;
    } catch (error) {
      log.warn("A notice could not be sent", { target, error: kindOf(error) });
      return "failed";
    }
  }

  /** Half a minute after the first try, then twice as long each time, a quarter of an hour at the most. */
  async function delay({ receiptHandle, attributes }: SQSRecord): Promise<void> {
    const tries = Number(attributes.ApproximateReceiveCount);
    await queue.delay(receiptHandle, Math.min(900, 15 * 2 ** tries)).catch((error) => {
      log.warn("A notice could not be delayed; it comes again when SQS shows it", traceOf(error));
    });
  }
}

/** The resignations of a batch's notices by their ids. */
type Known = ReadonlyMap<string, Resignation | undefined>;

/** Builds the function from its environment. */
export function connectNotifier(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const site: Site = { name: "notifier", environment };
  return createNotifier({
    ...connectGround(site, settingsOf.notifier, writeLog),
    ledger: createLedger(connectTable(site, "LEDGER_TABLE")),
    queue: connectQueue(site, "NOTICES_URL"),
    targets: connectSecret(site, "TARGETS_SECRET_ID", parseTargets),
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectNotifier(process.env));
