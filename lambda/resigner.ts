import { randomUUID } from "node:crypto";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { atFirstCall, connectGround, connectQueue, connectSecret, connectTable, type Site } from "./aws/connect.ts";
import type { Queue } from "./aws/queue.ts";
import { runRelation } from "./departure/relation.ts";
import { runSessions } from "./departure/sessions.ts";
import { createTurn, type Next, type TurnParts } from "./departure/turn.ts";
import { createGenAuth } from "./genauth/genauth.ts";
import { parseToken } from "./genauth/token.ts";
import { createLedger } from "./ledger.ts";
import { countUnreadable, isUnreadable, nameOf, traceOf } from "./log.ts";
import { isInquiryId, isOwedReplyId } from "./operators/inquiry.ts";
import { answerInquiry, postOutcome, postOwedReply } from "./operators/slack-reply.ts";
import * as settingsOf from "./settings/by-function.ts";

export interface ResignerParts extends TurnParts {
  readonly queue: Pick<Queue, "delay" | "bury">;
}

/** Queue in: a message carries the id of an item and nothing else; that item has one turn. */
export function createResigner(parts: ResignerParts) {
  const { ledger, queue, genauth, settings, log, now } = parts;
  const turns = createTurn(parts);

  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const failures = await Promise.all(Records.map(handleMessage));
    return { batchItemFailures: failures.flatMap((id) => (id ? [{ itemIdentifier: id }] : [])) };
  };

  /** Returns the message's id if the message has to come again. */
  async function handleMessage({ body: id, messageId, receiptHandle }: SQSRecord): Promise<string | undefined> {
    try {
      const next = await handle(id);
      if (next === "done") return undefined;
      await queue.delay(receiptHandle, next.inSeconds);
    } catch (error) {
      if (isUnreadable(error)) {
        // Another try at once would fail as well: the sweep queues the item again for as long as it is due.
        countUnreadable(log, id);
        return undefined;
      }
      log.error("A message could not be worked on; it comes again", { ...nameOf(id), ...traceOf(error) });
    }
    return messageId;
  }

  async function handle(id: string): Promise<Next> {
    if (isInquiryId(id)) return answerInquiry({ ledger, genauth, settings, log, now }, id);
    if (isOwedReplyId(id)) return postOwedReply({ ledger, settings, log, now }, id);
    if (id.startsWith("relation|")) return runRelation({ ...parts, turn: turnOf }, id.slice("relation|".length));
    if (id.startsWith("person|")) return runSessions(parts, id);
    if (id === "brake" || id === "brake|returns") return turns.records.deliverAlerts(id).then(() => "done");
    return turnOf(id);
  }

  async function turnOf(id: string, isSaid = false): Promise<Next> {
    const resignation = await ledger.get(id).catch((error) => {
      if (!isUnreadable(error)) throw error;
      return "unreadable" as const;
    });
    if (resignation === "unreadable") {
      // The person's other departures go on without it.
      countUnreadable(log, id);
      return "done";
    }
    if (!resignation) {
      log.error("A message names a resignation that is not in the ledger", { id });
      return "done";
    }
    const next = await turns.run(resignation, isSaid);
    const { inquiryId } = resignation;
    const againIn = inquiryId ? await postOutcome({ ledger, settings, log, now }, id, inquiryId) : undefined;
    return next === "done" && againIn !== undefined ? { inSeconds: againIn } : next;
  }
}

/** Builds the function from its environment. */
export function connectResigner(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const site: Site = { name: "resigner", environment };
  const ground = connectGround(site, settingsOf.resigner, writeLog);
  const secret = connectSecret(site, "TOKEN_SECRET_ID", parseToken);
  return createResigner({
    ...ground,
    ledger: createLedger(connectTable(site, "LEDGER_TABLE")),
    queue: connectQueue(site, "QUEUE_URL", "DEAD_LETTERS_URL"),
    notices: connectQueue(site, "NOTICES_URL"),
    genauth: createGenAuth({ ...ground.settings.genauth, secret, now: ground.now }),
    newOwner: randomUUID,
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectResigner(process.env));
