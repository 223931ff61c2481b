/** The brake is exact however many resigners ask it at once. */
import { afterAll, beforeAll, test } from "vitest";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { checkBrake, limits } from "./parallel-resigners.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
afterAll(() => Promise.all([aws.close(), genauth.close()]));

test.each(limits)(
  "by %s: under 50 parallel resigners exactly as many go as may, the rest are held, and release lets exactly those through",
  (_, brake, allowed) => checkBrake({ aws, genauth }, { resigners: 50, brake, allowed }),
);
