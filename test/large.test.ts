/** A directory's event is as large as its people are many: what the gateway takes is taken, and what is not is told. */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { Context } from "aws-lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { larkDeleted, send, signLark, signWechatwork, wechatworkDeleted } from "../cli/sign.ts";
import { createDesk } from "../lambda/desk.ts";
import { createQuarantine } from "../lambda/intake/quarantine.ts";
import { createLog } from "../lambda/log.ts";
import { lark } from "../lambda/sources/lark.ts";
import { wechatwork } from "../lambda/sources/wechatwork.ts";
import { createWebhook } from "../lambda/webhook.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { settings, toRequest } from "./parts.ts";

const keys = newKeys();
const token = keys.lark.verificationToken;
let aws: LocalAws;
let genauth: GenAuthSimulator;

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
afterAll(() => Promise.all([aws.close(), genauth.close()]));

test("600 people who left the app's scope in one event put the brake on: the next leaver is held", async () => {
  const stack = await startStack({ aws, genauth, keys });
  const users = Array.from({ length: 600 }, (_, n) => ({ open_id: `ou_${n}`, name: "x".repeat(760) }));
  const { header } = larkDeleted({}, { token });
  const scope = {
    ...{ schema: "2.0", header: { ...header, event_type: "contact.scope.updated_v3" } },
    event: { removed: { users } },
  };
  const request = signLark(scope, keys.lark);
  expect(request.body.length).toBeGreaterThan(600_000);
  expect((await send(request, stack.url)).status).toBe(200);
  expect((await send(signLark(larkDeleted({ open_id: "ou_demo_1" }, { token }), keys.lark), stack.url)).status).toBe(
    200,
  );
  const status = async () => (await stack.ledger.list({ now: new Date(), limit: 1 })).items[0];
  await expect.poll(status, { timeout: 10_000 }).toMatchObject({ status: "held", heldFor: "brake" });
  await stack.close();
});

test("an authentic event that cannot be carried out and is too large to be kept is kept without its body", async () => {
  const stack = await startStack({ aws, genauth, keys, isPolling: false });
  const event = larkDeleted({ name: "x".repeat(500_000) }, { token });
  expect((await send(signLark(event, keys.lark), stack.url)).status).toBe(200);
  const { items } = await quarantineOf(stack.environment.QUARANTINE_TABLE ?? "").page("lark");
  expect(items).toMatchObject([{ reason: "no open_id", body: new Uint8Array() }]);
  await stack.close();
});

test.each([
  ["lark", 413, 1],
  ["wechatwork", 413, 1],
  ["resignations", 413, 0],
])("what is too large for /%s is answered %i, and counted %i times", async (path, expected, times) => {
  const lines: string[] = [];
  const kept: unknown[] = [];
  const create = path === "resignations" ? createDesk : createWebhook;
  const handle = create({
    log: createLog("webhook", (line) => lines.push(line)),
    quarantine: {
      keepRefused: async (source: { section: string }, { body }: { body: Buffer }, reason: string) => {
        kept.push([source.section, body.length, reason]);
        return 1;
      },
    },
    ledger: { readPulse: async () => ({ heardAt: new Date().toISOString() }) },
    ...{ settings: settings(), now: () => new Date(), sleep: () => new Promise(() => {}) },
  } as never);
  const call = (bytes: number) =>
    handle(
      { routeKey: `POST /${path}`, rawQueryString: "", headers: {}, body: "x".repeat(bytes) } as never,
      { getRemainingTimeInMillis: () => 60_000 } as Context,
    );
  expect((await call(10 * 1024 * 1024 + 1)).statusCode).toBe(expected);
  expect(lines.filter((line) => JSON.parse(line).TooLarge === 1)).toHaveLength(times);
  expect(lines.filter((line) => JSON.parse(line).StartedFailing === 1)).toHaveLength(0);
  expect(kept).toEqual(times ? [[path, 0, "too_large"]] : []);
});

test("what is refused and too large to be kept is kept without its body", async () => {
  const table = "large";
  await aws.createQuarantineTable(table);
  const quarantine = quarantineOf(table);
  const body = Buffer.alloc(64 * 1024 + 1);
  const larkRequest = toRequest(signLark(larkDeleted({}, { token }), keys.lark));
  expect(await quarantine.keepRefused(lark, { ...larkRequest, body }, "signature")).toBe(true);
  expect((await quarantine.page("lark")).items).toMatchObject([
    { reason: "signature, without its body", body: new Uint8Array(), headers: larkRequest.headers },
  ]);
  const one = { token: "t", encodingAesKey: "a".repeat(43), receiveId: "ww1" };
  const wecom = toRequest(signWechatwork(wechatworkDeleted("a", "ww1"), one));
  await quarantine.keepRefused(wechatwork, { ...wecom, body: body.subarray(1) }, "signature");
  expect((await quarantine.page("wechatwork")).items).toMatchObject([
    { reason: "signature", rawQuery: wecom.rawQuery },
  ]);
});

function quarantineOf(table: string) {
  return createQuarantine({ client: new DynamoDBClient(), table, now: () => new Date(), random: () => 0.5 });
}
