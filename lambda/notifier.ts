import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import * as z from "zod/mini";
import { atFirstCall, connectGround, connectQueue, connectSecret, connectTable, type Site } from "./aws/connect.ts";
import { comeSoon, type Queue } from "./aws/queue.ts";
import type { CachedSecret } from "./aws/secret.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { countUnreadable, isUnreadable, kindOf, type Log, traceOf } from "./log.ts";
import { isTaken, type Post, type TargetName, type Told, toPosts } from "./notices/notices.ts";
import { parseTargets, type TargetRing } from "./notices/targets.ts";
import { isUrgent, type Notice, noticeSchema } from "./resignation/notice.ts";
import * as settingsOf from "./settings/by-function.ts";

export interface NotifierParts {
  readonly ledger: Pick<Ledger, "get">;
  readonly queue: Pick<Queue, "sendLater" | "bury" | "delay">;
  readonly targets: CachedSecret<TargetRing>;
  readonly settings: z.output<ReturnType<typeof settingsOf.notifier>>;
  readonly log: Log;
  readonly now: () => Date;
}

/** What the queue carries: a notice for all targets, or notices that one target has not taken yet. */
const messageSchema = z.union([
  z.object({
    target: z.enum(["slack", "lark", "wechatwork", "webhook"]),
    notices: z.array(noticeSchema),
    attempt: z.number(),
  }),
  noticeSchema,
]);

/** Longest that a target may take to answer; then the notice is tried again later. */
const deadlineMs = 3_000;
/** After so many tries a notice goes to the dead letters, and `NoticeFailed` is counted, for the alarm. */
const maxAttempts = 8;
/** So many calls to a listening program run at once; the others of a batch wait for them. */
const atOnce = 10;

/** Queue in: the notices of a batch become one message for each target. A notice that fails delays no resignation. */
export function createNotifier(parts: NotifierParts) {
  const { ledger, queue, targets, settings, log, now } = parts;

  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const read = Records.map((record) => ({ ...record, message: readMessage(record.body) }));
    const unread = read.filter(({ message }) => !message).map(({ messageId }) => ({ itemIdentifier: messageId }));
    if (unread.length > 0) log.error("Notices cannot be read: they come again, and hold back no other");
    try {
      const messages = read.flatMap(({ message }) => message ?? []);
      await tellOfWrongTargets();
      const fresh = messages.flatMap((message) => ("target" in message ? [] : [message]));
      const wanted = fresh.filter(({ about }) => isUrgent(about) || settings.notices.about.includes(about));
      const all: TargetName[] = ["slack", "lark", "wechatwork", "webhook"];
      await Promise.all([
        ...all.map((target) => tell({ target, notices: wanted, attempt: 1 })),
        ...messages.flatMap((message) => ("target" in message ? [tell(message)] : [])),
      ]);
      return { batchItemFailures: unread };
    } catch (error) {
      log.count("WorkFailed", "Notices could not be told; they come again in a minute", traceOf(error), "ERROR");
      await Promise.all(Records.map((record) => comeSoon(queue, record)));
      return { batchItemFailures: Records.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    }
  };

  async function tellOfWrongTargets(): Promise<void> {
    const { wrong = {}, isUnfilled } = await targets.read();
    if (isUnfilled) log.info("No notice is sent: the secret with the notices' targets is not filled in");
    for (const [target, why] of Object.entries(wrong)) {
      log.count("TargetsWrong", "A target of the notices cannot be told", { target, why }, "ERROR");
    }
  }

  async function tell({ target, notices, attempt }: { target: TargetName; notices: Notice[]; attempt: number }) {
    const known = await targets.read();
    if (notices.length === 0) return;
    // An administrator may mend the section before the tries are over.
    if (known.wrong?.[target] !== undefined) return tellAgain(target, notices, attempt);
    if (!known[target]) return;
    const told = await Promise.all(notices.map(withResignation));
    const posts = toPosts(target, known, told, settings.notices.language, now());
    const refused: typeof notices = [];
    for (let start = 0; start < posts.length; start += atOnce) {
      const results = await Promise.all(posts.slice(start, start + atOnce).map((post) => deliver(target, post)));
      const isOneForAll = posts.length === 1;
      results.forEach((result, index) => {
        if (result === "failed")
          refused.push(...(isOneForAll ? notices : notices.slice(start + index, start + index + 1)));
      });
    }
    if (refused.length > 0) await tellAgain(target, refused, attempt);
  }

  async function tellAgain(target: TargetName, notices: Notice[], attempt: number): Promise<void> {
    const again = JSON.stringify({ target, notices, attempt: attempt + 1 });
    if (attempt < maxAttempts) return queue.sendLater(again, Math.min(900, 15 * 2 ** attempt));
    await queue.bury(again);
    log.count("NoticeFailed", "A notice was given up", { target }, "ERROR");
  }

  async function withResignation(notice: Notice): Promise<Told> {
    const isOfPerson = notice.about !== "brake_tripped" && notice.about !== "alive";
    if (!isOfPerson) return notice;
    const resignation = await ledger.get(notice.id).catch((error) => {
      if (!isUnreadable(error)) throw error;
      countUnreadable(log, notice.id);
      return undefined;
    });
    return { ...notice, resignation };
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
}

function readMessage(body: string): z.infer<typeof messageSchema> | undefined {
  try {
    return messageSchema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

/** Builds the function from its environment. */
export function connectNotifier(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const site: Site = { name: "notifier", environment };
  return createNotifier({
    ...connectGround(site, settingsOf.notifier, writeLog),
    ledger: createLedger(connectTable(site, "LEDGER_TABLE")),
    queue: connectQueue(site, "NOTICES_URL", "DEAD_LETTERS_URL"),
    targets: connectSecret(site, "TARGETS_SECRET_ID", parseTargets),
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectNotifier(process.env));
