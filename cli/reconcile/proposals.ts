import { createHash } from "node:crypto";
import * as z from "zod";
import type { Played } from "../event.ts";
import { connectOperator } from "../operator.ts";
import type { Found } from "./progress.ts";

/** Enters at most `limit` people who were not proposed before as held, and prints how many there are. */
export async function propose(missing: Found[], options: { url: string; key?: string; limit: number }): Promise<void> {
  const operator = connectOperator(options);
  const { limit } = options;
  let entered = 0;
  let before = 0;
  for (const { syncRelation } of missing) {
    if (entered === limit) break;
    const body = { userId: syncRelation, reason: "no longer in the directory", propose: true };
    const played = await operator.ask("POST", "/resignations", body, proposalId(syncRelation)).catch((error: Error) => {
      throw new Error(`${syncRelation}: ${error.message}`);
    });
    if (isFormer(played)) before += 1;
    else entered += 1;
  }
  console.log(`${entered} proposed. They wait for an operator: npm run ledger -- list --status held`);
  if (before > 0) console.log(`${before} were proposed before, this month.`);
  const left = missing.length - entered - before;
  if (left > 0) console.log(`${left} more: decide on these, then run it again.`);
}

const acceptedSchema = z.object({ acceptedAt: z.iso.datetime() });

/** Whether the ledger had it before: by the webhook's own clock. */
function isFormer({ text, dateMs }: Played): boolean {
  const { acceptedAt } = acceptedSchema.parse(JSON.parse(text));
  return dateMs - Date.parse(acceptedAt) > 60_000;
}

/** One proposal a person and month, however often this is run. */
function proposalId(syncRelation: string): string {
  const hash = createHash("sha256").update(syncRelation).digest("hex").slice(0, 24);
  return `reconcile-${new Date().toISOString().slice(0, 7)}-${hash}`;
}
