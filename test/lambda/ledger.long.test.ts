/** A directory that is written anew tells of many returns at once. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { expect, test } from "vitest";
import { createLedger } from "../../lambda/ledger.ts";
import type { SyncRelation } from "../../lambda/resignation.ts";
import { startAws } from "../../local/aws.ts";
import { now } from "../parts.ts";

test("a relation keeps the greatest of a thousand returns that are told at once", async () => {
  const aws = await startAws();
  await aws.createLedgerTable("ledger");
  const ledger = createLedger({ client: new DynamoDBClient(), table: "ledger" });
  const lark1 = "lark:ou_1" as SyncRelation;
  const from = (seconds: number) => new Date(now.getTime() + seconds * 1000);
  const moments = Array.from({ length: 1_000 }, (_, index) => (index * 7) % 1_000);
  await Promise.all(
    moments.map((seconds) => ledger.noteReturn(lark1, "lark", { from: from(seconds), to: from(2_000 - seconds) }, now)),
  );
  const { returns } = await ledger.getRelation(lark1);
  expect(returns).toMatchObject([{ from: from(999).toISOString(), to: from(2_000).toISOString() }]);
  await aws.close();
});
