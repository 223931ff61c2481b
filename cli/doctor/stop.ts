import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { openTable } from "../../lambda/aws/table.ts";
import { parseStop, stopId } from "../../lambda/departure/stop.ts";
import { stopView } from "../../lambda/operators/stop.ts";
import { first } from "../files.ts";
import { readKeys } from "../keys.ts";
import { type ShownStop, toSince } from "../ledger/stop.ts";
import { connectOperator } from "../operator.ts";
import type { Finding } from "./finding.ts";

/** Whether all is stopped, as the webhook tells its operators. Without an operator's key nothing is found. */
export async function askStop({ url, keys: file }: { url: string; keys?: string }): Promise<Finding[]> {
  const key = first(readKeys(file).api?.ops);
  if (!key) return [];
  // Whether it answers at all is judged by its sources.
  const stop = await connectOperator({ url, key })
    .call<ShownStop>("GET", "/stop")
    .catch(() => undefined);
  return stop ? [judgeStop(stop)] : [];
}

/** The same, as it stands in a deployed stack's ledger. */
export async function readStop(table: string | undefined): Promise<Finding> {
  const ledger = openTable({ client: new DynamoDBClient(), table: table ?? "" });
  return judgeStop(stopView(parseStop(await ledger.get({ id: stopId }))));
}

function judgeStop(stop: ShownStop): Finding {
  return {
    what: "emergency stop",
    found: stop.isStopped ? `ALL IS STOPPED ${toSince(stop)}` : "nothing is stopped",
    isWell: !stop.isStopped,
    advice: "Nobody is resigned or suspended until: npm run ledger -- start",
  };
}
