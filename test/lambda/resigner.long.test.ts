/** Many random interleavings, new ones in every run; where one fails, its seed is named. */
import { afterAll, beforeAll, test } from "vitest";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { interleave, variants } from "../interleavings.ts";

let aws: LocalAws;
let simulator: GenAuthSimulator;
beforeAll(async () => {
  aws = await startAws();
  simulator = await startGenAuthSimulator();
});
afterAll(() => Promise.all([aws.close(), simulator.close()]));

test.each(variants)(
  "%s: nobody twice, nothing lost, nothing against a cancellation",
  (_, changes) => interleave({ aws, simulator }, changes, 40),
  600_000,
);
