/** The measure of the benchmark is honest: the obvious way takes the same genuine requests, and ends them alike. */
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBench } from "../../bench/stage.ts";

let bench: Awaited<ReturnType<typeof startBench>>;
let obvious: (event: unknown) => Promise<{ statusCode: number; body?: string }>;
let resigner: (event: unknown) => Promise<unknown>;

beforeAll(async () => {
  bench = await startBench();
  Object.assign(process.env, bench.environment);
  obvious = (await import("../../bench/obvious/webhook.ts")).handler as never;
  resigner = (await import("../../bench/obvious/resigner.ts")).handler as never;
});
afterAll(() => bench.close());

test.each(["lark", "wechatworkCheck", "wechatwork", "slack", "api"] as const)("%s", async (name) => {
  const { event, answer, userId } = bench.requests[name]();
  const answered = await obvious(event);
  expect(answered).toMatchObject(answer);
  if (userId === undefined) return;
  const command = new ReceiveMessageCommand({ QueueUrl: bench.environment.QUEUE_URL });
  const [{ Body = "" } = {}] = (await new SQSClient().send(command)).Messages ?? [];
  await resigner({ Records: [{ body: Body }] });
  expect(bench.genauth.calls()).toContainEqual(expect.objectContaining({ userId, statusCode: 200 }));
  const item = new GetItemCommand({ TableName: bench.environment.LEDGER_TABLE, Key: { id: { S: Body } } });
  expect((await new DynamoDBClient().send(item)).Item?.status?.S).toBe("resigned");
});
