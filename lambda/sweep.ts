import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";
import { clientConfig, readVariable } from "./environment.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { createLog, type Log } from "./log.ts";
import { createQueue, type Queue } from "./queue.ts";
import { later, sweepAfterSeconds } from "./resignation.ts";

export interface SweepParts {
  readonly ledger: Pick<Ledger, "due" | "postpone">;
  readonly queue: Pick<Queue, "send">;
  readonly log: Log;
  readonly now: () => Date;
}

/** What one run may queue: the next run goes on where this one ended. */
const maxPerRun = 1_000;
const pageSize = 100;

/**
 * Queues everything again whose time has come: accepted with nothing in flight, left by a holder that died,
 * suspended to this day, or cancelled and still suspended. It decides nothing, so a message too many does no harm.
 */
export function createSweep({ ledger, queue, log, now }: SweepParts) {
  return async (): Promise<{ swept: number }> => {
    let swept = 0;
    while (swept < maxPerRun) {
      const due = await ledger.due(now(), pageSize);
      for (const resignation of due) {
        await queue.send(resignation.id);
        await ledger.postpone(resignation, later(now(), sweepAfterSeconds));
        log.count("Swept", "A resignation was queued again", {
          id: resignation.id,
          status: resignation.status,
        });
      }
      swept += due.length;
      if (due.length < pageSize) break;
    }
    return { swept };
  };
}

/** Builds the function from its environment. */
export function connectSweep(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  return createSweep({
    ledger: createLedger({
      client: new DynamoDBClient(clientConfig("sweep")),
      table: readVariable(environment, "ledgerTable"),
    }),
    queue: createQueue({ client: new SQSClient(clientConfig("sweep")), url: readVariable(environment, "queueUrl") }),
    log: createLog("sweep", writeLog),
    now: () => new Date(),
  });
}

let connected: ReturnType<typeof connectSweep> | undefined;

/** What EventBridge Scheduler calls. */
export const handler = (): Promise<{ swept: number }> => {
  connected ??= connectSweep(process.env);
  return connected();
};
