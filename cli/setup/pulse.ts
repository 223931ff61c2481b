import { setTimeout as wait } from "node:timers/promises";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import { pulseKey } from "../../lambda/intake/pulse.ts";
import type { SourceName } from "../sources/index.ts";

/**
 * Ticks the sources off as something verified comes from them after `since`. Throws an error that names those that
 * were not heard in time.
 */
export async function waitUntilHeard(
  chosen: readonly SourceName[],
  table: string | undefined,
  since: Date,
  seconds: number,
): Promise<void> {
  const waiting = new Set(chosen);
  if (seconds === 0 || waiting.size === 0) return;
  console.log(
    `\nWaiting for ${chosen.join(", ")}: save the URL in the console, or send a first event. Ctrl-C ends the waiting only.`,
  );
  const client = new DynamoDBClient();
  for (const until = Date.now() + seconds * 1000; waiting.size > 0 && Date.now() < until; await wait(1_000)) {
    for (const source of waiting) {
      const heardAt = await readHeardAt(client, table, source);
      if (heardAt === undefined || heardAt < since) continue;
      console.log(`✔ ${source} was heard.`);
      waiting.delete(source);
    }
  }
  if (waiting.size > 0) {
    throw new Error(`Nothing came from ${[...waiting].join(", ")} yet: npm run doctor says what may be wrong.`);
  }
  console.log("All are heard. Next: npm run doctor, and a test departure (npm run send).");
}

/** When the functions noted in the ledger that they heard the source. */
async function readHeardAt(
  client: DynamoDBClient,
  table: string | undefined,
  source: SourceName,
): Promise<Date | undefined> {
  const command = new GetItemCommand({ TableName: table, Key: marshall(pulseKey(source)), ConsistentRead: true });
  const heard = (await client.send(command)).Item?.heard?.S;
  return heard === undefined ? undefined : new Date(heard);
}
