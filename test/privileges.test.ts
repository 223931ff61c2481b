/**
 * Least privilege, proved: what each function really calls is what its role in the template grants, no less and
 * no more. Lambda itself polls and logs with the same roles; those actions are named here.
 */
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { afterAll, beforeAll, expect, test } from "vitest";
import { larkDeleted, send, signApi, signLark, signSlack, slackClick, slackCommand } from "../cli/sign.ts";
import { ledgerItems } from "../lambda/aws/schema.ts";
import { toForward } from "../lambda/intake/forward.ts";
import { createQuarantine } from "../lambda/intake/quarantine.ts";
import { toResignation } from "../lambda/resignation/departure.ts";
import { toMessages } from "../lambda/resignation/notice.ts";
import { isUnderWay } from "../lambda/resignation/status.ts";
import type { SyncRelation } from "../lambda/resignation/sync-relation.ts";
import { lark as larkSource } from "../lambda/sources/lark.ts";
import { ResignWebhookStack } from "../lib/resign-webhook.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import type { Listening } from "../local/listen.ts";
import { startNoticeStandIns } from "../local/notice-stand-ins.ts";
import { startSlackStandIn } from "../local/slack.ts";
import { newApiSecret, newKeys, startStack } from "../local/stack.ts";
import { type AwsCall, services, startAwsProxy } from "./aws-proxy.ts";
import { toRequest } from "./parts.ts";
import { readItems } from "./person/parts.ts";

const called: Record<string, Set<string>> = {};
const keys = newKeys();
let aws: LocalAws;
let genauth: GenAuthSimulator;
let proxies: Listening[] = [];

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
  proxies = await Promise.all(services.map((service) => startAwsProxy(service, note)));
});
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await Promise.all([aws.close(), genauth.close()]);
});

function note({ service, caller, action, body }: AwsCall): "pass" {
  if (!caller) return "pass";
  const prefix = { DYNAMODB: "dynamodb", SQS: "sqs", SECRETS_MANAGER: "secretsmanager" }[service];
  // Both take the same permission.
  const needed = action === "SendMessageBatch" ? "SendMessage" : action;
  const mine = `${prefix}:${needed} ${resource(body)}`.trim();
  called[caller] ??= new Set();
  called[caller].add(mine);
  return "pass";
}

/** The local resource by its name in the template. */
function resource(body: Record<string, unknown>): string {
  const { IndexName, QueueUrl, RequestItems, SecretId } = body;
  // A batch names its tables as keys.
  const TableName = body.TableName ?? Object.keys(RequestItems ?? {})[0];
  if (typeof IndexName === "string") return IndexName;
  if (typeof SecretId === "string")
    return { keys: "Keys", token: "Token", targets: "Targets" }[SecretId.split("/")[1] ?? ""] ?? SecretId;
  if (typeof TableName === "string") return TableName.endsWith("-quarantine") ? "Quarantine" : "Ledger";
  if (typeof QueueUrl !== "string") return "";
  if (QueueUrl.endsWith("-forwards.fifo")) return "Forwards";
  if (QueueUrl.endsWith("-forwards-dead.fifo")) return "ForwardsDeadLetters";
  if (QueueUrl.endsWith("-notices")) return "Notices";
  if (QueueUrl.endsWith("-dead")) return "DeadLetters";
  return "Queue";
}

/** What Lambda does with a function's role: polling its queue, and writing its log. */
const ofLambda = /^(logs:|sqs:(ReceiveMessage|DeleteMessage|GetQueueAttributes))/;

function granted(): Record<string, Set<string>> {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const template = Template.fromStack(
    new ResignWebhookStack(app, "Test", {
      genauth: { host: "https://api.genauth.ai", userPoolId: "pool" },
      lark: { forwardTo: "https://sync.example.com" },
    }),
  );
  const found: Record<string, Set<string>> = {};
  for (const [id, { Properties }] of Object.entries(template.findResources("AWS::IAM::Policy"))) {
    const name = id
      .replace(/^ResignWebhook/, "")
      .replace(/RoleDefaultPolicy.*$/, "")
      .toLowerCase();
    if (name === "sweepschedule") continue;
    const statements = Properties.PolicyDocument.Statement as { Action: string | string[]; Resource: unknown }[];
    found[name] = new Set(
      statements.flatMap(({ Action, Resource }) =>
        [Action].flat().flatMap((action) => [Resource].flat().map((one) => `${action} ${nameOf(one)}`.trim())),
      ),
    );
  }
  return found;
}

function nameOf(arn: unknown): string {
  const text = JSON.stringify(arn);
  const index = /\/index\/(\w+)/.exec(text)?.[1];
  return (
    index ??
    /ResignWebhook(Keys|Token|Targets|Ledger|Quarantine|(Notices|Forwards)?DeadLetters|Notices|Forwards|Queue)[0-9A-F]{8}/.exec(
      text,
    )?.[1] ??
    ""
  );
}

test("each function calls what it may, and may call nothing else", async () => {
  const standIns = await startNoticeStandIns();
  const slack = await startSlackStandIn();
  const who = { team: "T0LOCAL", user: "U0ALICE" };
  const settings = {
    genauth: { settleSeconds: 0 },
    retry: { firstDelaySeconds: 1, maxDelaySeconds: 1, giveUpAfterSeconds: 2 },
    lark: { forwardTo: "http://127.0.0.1:9" },
  };
  const stack = await startStack({ aws, genauth, keys, settings, targets: standIns.targets });
  const api = (method: "GET" | "POST", path: string, body?: object) =>
    send(signApi({ method, path, body }, keys.api.ops), stack.url);
  const all = async (userId: string) => (await stack.ledger.list({ userId, now: new Date(), limit: 5 })).items;
  const settled = (userId: string) =>
    expect.poll(async () => (await all(userId)).some((one) => !isUnderWay(one)), { timeout: 15_000 }).toBe(true);

  // Departures, repeats, lists and look-ups.
  const left = signLark(larkDeleted({ open_id: "ou_demo_1" }, { token: keys.lark.verificationToken }), keys.lark);
  await send(left, stack.url);
  await settled("lark:ou_demo_1");
  await send(left, stack.url);
  // They are back, too late: the turn of their relation tells.
  const created = (openId: string, eventId: string) => {
    const event = larkDeleted({ open_id: openId }, { token: keys.lark.verificationToken });
    return { ...event, header: { ...event.header, event_id: eventId, event_type: "contact.user.created_v3" } };
  };
  await send(signLark(created("ou_demo_1", "back 1"), keys.lark), stack.url);
  await expect
    .poll(async () => (await all("lark:ou_demo_1")).map((one) => one.backAfterResigned?.returns), { timeout: 15_000 })
    .toEqual([{ "lark:ou_demo_1 lark": 1 }]);
  await expect
    .poll(async () => (await stack.ledger.getRelation("lark:ou_demo_1")).dueAt, { timeout: 5_000 })
    .toBeUndefined();
  for (const query of ["", "?status=held", "?userId=lark:ou_demo_1"]) await api("GET", `/resignations${query}`);
  // Retries until they run out: a dead letter.
  genauth.fail({ mode: "500" });
  await api("POST", "/resignations", { userId: "lark:ou_demo_2" });
  await settled("lark:ou_demo_2");
  genauth.fail({ mode: "none" });
  // Slack: asked twice and ordered twice for one person.
  for (let times = 0; times < 2; times += 1) {
    await send(
      signSlack(
        "/slack/commands",
        slackCommand("/resign lark:ou_demo_3", who, slack.replyUrl),
        keys.slack.signingSecret,
      ),
      stack.url,
    );
    const value = (await slack.next())?.blocks?.[1]?.elements?.[0]?.value ?? "";
    await send(
      signSlack("/slack/interactions", slackClick("resign", value, who, slack.replyUrl), keys.slack.signingSecret),
      stack.url,
    );
    await slack.next();
  }
  // What was left behind is swept.
  const departure = {
    source: "lark" as const,
    eventId: "old",
    userId: "lark:ou_demo_4" as SyncRelation,
    occurredAt: new Date(),
    requestedBy: "lark",
  };
  await stack.ledger.enter(toResignation(departure, new Date(Date.now() - 600_000)));
  await stack.sweep();
  await settled("lark:ou_demo_4");
  // Refused, kept, counted, and verified again: somebody left, somebody is back, and one who is known.
  const wrong = { encryptKey: "wrong" };
  const { lark } = keys;
  const back = larkDeleted({ open_id: "ou_demo_5" }, { token: lark.verificationToken });
  expect((await send(signLark(back, wrong), stack.url)).status).toBe(401);
  const order = { method: "POST", path: "/resignations", body: { userId: "lark:ou_demo_6" } } as const;
  expect((await send(signApi(order, newApiSecret()), stack.url)).status).toBe(401);
  const client = new DynamoDBClient();
  const table = stack.environment.QUARANTINE_TABLE;
  const quarantine = createQuarantine({ client, table, now: () => new Date(), random: () => 0.5 });
  for (const event of [created("ou_demo_5", "back 5"), back])
    await quarantine.keepRefused(larkSource, toRequest(signLark(event, lark)), "");
  await quarantine.keepRefused(larkSource, toRequest(left), "");
  await api("GET", "/quarantine");
  await api("POST", "/quarantine/reverify", {});
  // A second listener that is away, and has been for two days.
  const forward = toForward("lark", toRequest(left), new Date(Date.now() - 2 * 86_400_000));
  const toForwards = { QueueUrl: stack.environment.FORWARDS_URL, MessageBody: JSON.stringify(forward) };
  await new SQSClient().send(
    new SendMessageCommand({ ...toForwards, MessageGroupId: "old", MessageDeduplicationId: "old" }),
  );
  await expect.poll(() => called.forwarder?.size, { timeout: 10_000 }).toBe(2);
  // A notice that is not taken: told again later.
  standIns.answer(() => ({ status: 500 }));
  const [MessageBody] = toMessages({ about: "failed", id: "res_1" });
  await new SQSClient().send(new SendMessageCommand({ QueueUrl: stack.environment.NOTICES_URL, MessageBody }));
  const delayed = () => called.notifier?.has("sqs:ChangeMessageVisibility Notices");
  await expect.poll(delayed, { timeout: 10_000 }).toBe(true);
  const ids = (await readItems(client, stack.table)).map(({ id }) => id);
  await Promise.all([stack.close(), standIns.close(), slack.close()]);

  // The list of kinds has all that really stands in the ledger.
  expect(ids.length).toBeGreaterThan(10);
  expect(ids.filter((id) => !ledgerItems.some((kind) => id.startsWith(kind.id)))).toEqual([]);

  const roles = granted();
  expect(Object.keys(roles).sort()).toEqual(Object.keys(called).sort());
  for (const [name, grants] of Object.entries(roles)) {
    const own = [...grants].filter((grant) => !ofLambda.test(grant)).sort();
    expect([name, [...(called[name] ?? [])].sort()]).toEqual([name, own]);
  }
});
