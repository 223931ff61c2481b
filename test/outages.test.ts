/** AWS itself does not answer: 503 for the sender, and nothing is lost when they come again. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { larkDeleted, send, signLark } from "../cli/sign.ts";
import { isUnderWay } from "../lambda/resignation/status.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import type { Listening } from "../local/listen.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { type AwsCall, services, startAwsProxy } from "./aws-proxy.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
let stack: Awaited<ReturnType<typeof startStack>>;
let proxies: Listening[] = [];
const broken = new Set<string>();
const keys = newKeys();

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
  for (const service of services) {
    const isBroken = ({ body }: AwsCall) =>
      broken.has(service) || (broken.has("the quarantine") && String(body.TableName).endsWith("-quarantine"));
    proxies.push(await startAwsProxy(service, (call) => (isBroken(call) ? "fail" : "pass")));
  }
});
afterEach(async () => {
  broken.clear();
  genauth.reset();
  await stack.close();
});
afterAll(async () => {
  await Promise.all(proxies.map((one) => one.close()));
  proxies = [];
  await Promise.all([aws.close(), genauth.close()]);
});

test.each(services)("without %s", async (service) => {
  stack = await startStack({ aws, genauth, keys });
  const request = signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: keys.lark.verificationToken }), keys.lark);
  broken.add(service);
  const response = await send(request, stack.url);
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("10");
  expect(await response.json()).toMatchObject({ code: "unavailable" });

  broken.clear();
  expect((await send(request, stack.url)).status).toBe(200);
  await expect
    .poll(async () => (await stack.ledger.list({ userId: "lark:ou_demo_1", now: new Date(), limit: 5 })).items, {
      timeout: 10_000,
    })
    .toMatchObject([{ status: "resigned" }]);
  expect(genauth.calls()).toHaveLength(1);
});

test("the ledger is gone while the resigner works: it comes again, and calls once", async () => {
  stack = await startStack({ aws, genauth, keys, isPolling: false });
  await send(
    signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: keys.lark.verificationToken }), keys.lark),
    stack.url,
  );
  const [{ id } = { id: "" }] = (await stack.ledger.list({ userId: "lark:ou_demo_1", now: new Date(), limit: 1 }))
    .items;
  const record = { Records: [{ body: id, messageId: "m", receiptHandle: "r" }] as never };
  broken.add("DYNAMODB");
  expect(await stack.resigner(record)).toEqual({ batchItemFailures: [{ itemIdentifier: "m" }] });
  broken.clear();
  expect(await stack.resigner(record)).toEqual({ batchItemFailures: [] });
  const after = await stack.ledger.get(id);
  expect(after && isUnderWay(after)).toBe(false);
  expect(genauth.calls()).toHaveLength(1);
});

// In a flood AWS takes no more writes for the quarantine.
test("the quarantine takes nothing: the answers are the same, and a source that starts to fail is told of", async () => {
  const lines: string[] = [];
  stack = await startStack({ aws, genauth, keys, isPolling: false, writeLog: (line) => lines.push(line) });
  const left = (id: string, encryptKey: string) =>
    signLark(larkDeleted({ open_id: id }, { token: keys.lark.verificationToken }), { ...keys.lark, encryptKey });
  expect((await send(left("ou_demo_1", keys.lark.encryptKey), stack.url)).status).toBe(200);
  broken.add("the quarantine");
  for (const id of ["ou_demo_2", "ou_demo_3", "ou_demo_4"]) {
    expect((await send(left(id, "wrong"), stack.url)).status).toBe(401);
  }
  const told = () => lines.filter((line) => JSON.parse(line).StartedFailing === 1);
  await expect.poll(told, { timeout: 10_000 }).toHaveLength(1);
  expect(lines.join()).toContain("A refused request could not be kept");
});
