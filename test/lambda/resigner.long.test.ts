/** Many random interleavings, new ones in every run: `npm run test:long` prints the seed. */
import { afterAll, beforeAll, test } from "vitest";
import { type GenAuthSimulator, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { startDynamoDb } from "../dynamodb.ts";
import { interleave, variants } from "../interleavings.ts";

const dynamodb = startDynamoDb();
let simulator: GenAuthSimulator;
beforeAll(async () => {
  simulator = await startGenAuthSimulator();
});
afterAll(() => simulator.close());

test.each(variants)(
  "%s: nobody twice, nothing lost, nothing against a cancellation",
  (_, changes) => interleave({ dynamodb, simulator }, changes, 40),
  600_000,
);
