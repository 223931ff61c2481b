import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type * as z from "zod/mini";
import { atFirstCall, connectGround, connectQueue, type Site } from "./aws/connect.ts";
import { comeSoon, type Queue } from "./aws/queue.ts";
import { post } from "./intake/delivery.ts";
import { forwardToOf, parseForward } from "./intake/forward.ts";
import { kindOf, type Log, traceOf } from "./log.ts";
import * as settingsOf from "./settings/by-function.ts";

export interface ForwarderParts {
  readonly queue: Pick<Queue, "delay" | "bury">;
  readonly settings: z.output<ReturnType<typeof settingsOf.forwarder>>;
  readonly log: Log;
  readonly now: () => Date;
}

/** A request that is older goes to the dead letters, so that the ones behind it go on. */
const giveUpAfterSeconds = 86_400;
/** After so many refusals (4xx) a request goes to the dead letters: another try would be refused as well. */
const maxRefusals = 3;

/**
 * Queue in: passes what a directory sent on to the second listener, in the order in which it came. The queue
 * hands over one at a time for each source; the ones behind wait until it is taken or given up.
 */
export function createForwarder({ queue, settings, log, now }: ForwarderParts) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const failed: string[] = [];
    for (const record of Records) {
      if (failed.length > 0 || !(await deliver(record).catch((error) => giveBack(record, error)))) {
        failed.push(record.messageId);
      }
    }
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
  };

  async function giveBack(record: SQSRecord, error: unknown): Promise<false> {
    log.count("WorkFailed", "A request could not be passed on; it comes again in a minute", traceOf(error), "ERROR");
    await comeSoon(queue, record);
    return false;
  }

  /** Whether the message needs no further try. */
  async function deliver({ body, attributes, receiptHandle }: SQSRecord): Promise<boolean> {
    const forward = parseForward(body);
    const { source, receivedAt } = forward;
    const attempt = Number(attributes.ApproximateReceiveCount);
    const ageSeconds = Math.round((now().getTime() - Date.parse(receivedAt)) / 1000);
    const forwardTo = forwardToOf(settings, source);
    if (forwardTo === undefined) return true;

    const outcome = await post(forward, forwardTo).catch(kindOf);
    const facts = { source, attempt, ageSeconds, outcome };
    if (typeof outcome === "number" && outcome >= 200 && outcome < 300) {
      log.count("Forwarded", "A request was passed on", facts);
      log.measure("ForwardAgeSeconds", ageSeconds, { source });
      return true;
    }
    const isRefusal = typeof outcome === "number" && outcome >= 400 && outcome < 500 && outcome !== 429;
    if (ageSeconds > giveUpAfterSeconds || (isRefusal && attempt >= maxRefusals)) {
      await queue.bury(body, source);
      log.count(
        "ForwardFailed",
        "The second listener does not take a request: it is among the dead letters",
        facts,
        "ERROR",
      );
      return true;
    }
    log.warn("The second listener did not take a request; it comes again", facts);
    await queue.delay(receiptHandle, Math.min(900, 5 * 2 ** Math.min(attempt, 10)));
    return false;
  }
}

/** Builds the function from its environment. */
export function connectForwarder(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const site: Site = { name: "forwarder", environment };
  return createForwarder({
    ...connectGround(site, settingsOf.forwarder, writeLog),
    queue: connectQueue(site, "FORWARDS_URL", "DEAD_LETTERS_URL"),
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectForwarder(process.env));
