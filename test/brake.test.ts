/** Those of one batch are not in each other's way: the brake's log is written once for each whom it lets through. */
import type { SQSEvent } from "aws-lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import type { Listening } from "../local/listen.ts";
import { send, signApi } from "../local/sign.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { startAwsProxy } from "./aws-proxy.ts";

const keys = newKeys();
let aws: LocalAws;
let genauth: GenAuthSimulator;
let proxy: Listening;
let writes = 0;

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
  proxy = await startAwsProxy("DYNAMODB", ({ action, body }) => {
    const { id } = (body.Item ?? {}) as { id?: { S?: string } };
    if (action === "PutItem" && id?.S === "brake") writes += 1;
    return "pass";
  });
});
afterAll(() => Promise.all([proxy.close(), aws.close(), genauth.close()]));

test("a batch of ten writes it ten times", async () => {
  const brake = { perHour: 100, perDay: 100, headcount: 10_000 };
  const stack = await startStack({ aws, genauth, keys, settings: { brake }, isPolling: false });
  const people = Array.from({ length: 10 }, (_, index) => `lark:ou_demo_${index + 1}`);
  const order = (userId: string) =>
    signApi({ method: "POST", path: "/resignations", body: { userId } }, keys.api.zapier);
  const answers = await Promise.all(people.map(async (userId) => (await send(order(userId), stack.url)).json()));
  const Records = (answers as { id: string }[]).map(({ id }) => ({ body: id, messageId: id, receiptHandle: "r" }));
  expect(await stack.resigner({ Records } as SQSEvent)).toEqual({ batchItemFailures: [] });
  expect(
    genauth
      .calls()
      .map(({ userId }) => userId)
      .toSorted(),
  ).toEqual(people.toSorted());
  expect(writes).toBe(10);
  await stack.close();
});
