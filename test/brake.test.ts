/** The brake's log is written once for each whom it lets through, and resigners at once are not in each other's way. */
import type { SQSEvent } from "aws-lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { larkDeleted, send, signApi, signLark } from "../cli/sign.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import type { Listening } from "../local/listen.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { startAwsProxy } from "./aws-proxy.ts";
import { checkBrake, limits } from "./parallel-resigners.ts";

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

test("what has failed, and finds no place among the returns of the hour, is held for an operator", async () => {
  genauth.reset();
  const settings = { brake: { perHour: 1, headcount: 10_000 } };
  const stack = await startStack({ aws, genauth, keys, settings, isPolling: false });
  const departure = async () =>
    (await stack.ledger.list({ userId: "lark:ou_demo_1", now: new Date(), limit: 1 })).items[0];
  const turnOf = (body: string) =>
    stack.resigner({ Records: [{ body, messageId: "m", receiptHandle: "r" }] } as unknown as SQSEvent);

  const left = larkDeleted({ open_id: "ou_demo_1" }, { token: keys.lark.verificationToken });
  genauth.fail({ mode: "403" });
  await send(signLark(left, keys.lark), stack.url);
  await turnOf((await departure())?.id ?? "");
  expect(await departure()).toMatchObject({ status: "failed" });

  const at = new Date();
  await stack.ledger.saveBrake("brake|returns", { version: 0, passed: [{ id: "res_x", at: at.toISOString() }] });
  const header = { ...left.header, event_id: "back", event_type: "contact.user.created_v3" };
  await send(signLark({ ...left, header: { ...header, create_time: String(at.getTime()) } }, keys.lark), stack.url);
  expect(await turnOf("relation|lark:ou_demo_1")).toEqual({ batchItemFailures: [] });
  expect(await departure()).toMatchObject({
    ...{ status: "held", heldFor: "returned", brakeId: expect.stringMatching(/^brake_/) },
    ...{ shown: { returns: { "lark:ou_demo_1 lark": 1 } }, returnsHeld: { "lark:ou_demo_1 lark": 1 } },
  });
  // Once more changes nothing.
  expect(await turnOf("relation|lark:ou_demo_1")).toEqual({ batchItemFailures: [] });
  await stack.close();
});

// By each limit, and with 50 of them: brake.long.test.ts.
test.each(limits.slice(0, 1))("by %s: under 12 parallel resigners exactly as many go as may", (_, brake, allowed) =>
  checkBrake({ aws, genauth }, { resigners: 12, brake, allowed }),
);
