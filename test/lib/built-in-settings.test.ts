/** Settings travel in the bundles: as many as an administrator has, and with the code, in one step. */
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import type { SQSEvent } from "aws-lambda";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { simulatorCredentials } from "../../cli/defaults.ts";
import { createLedger } from "../../lambda/ledger.ts";
import { toResignation } from "../../lambda/resignation/departure.ts";
import type { SyncRelation } from "../../lambda/resignation/sync-relation.ts";
import { settingsTextOf } from "../../lib/parts.ts";
import { ResignWebhookStack } from "../../lib/resign-webhook.ts";
import { parseSettings, type ResignWebhookProps } from "../../lib/settings.ts";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { makeFolder } from "../folder.ts";

const names = ["webhook", "desk", "resigner", "notifier", "sweep", "forwarder"] as const;
type Name = (typeof names)[number];

const folder = makeFolder();
/** Everybody of Lark's whom the simulator knows: about 9 kB. */
const everybody = Array.from({ length: 500 }, (_, index) => `lark:ou_demo_${index + 1}`);
let aws: LocalAws;
let genauth: GenAuthSimulator;
let settings: ResignWebhookProps;
let made: ReturnType<typeof synthesize>;

beforeAll(async () => {
  [aws, genauth] = await Promise.all([startAws(), startGenAuthSimulator()]);
  settings = {
    genauth: { host: genauth.url, userPoolId: simulatorCredentials.userPoolId },
    // What a shell, a quotation mark or a template would change.
    lark: { appId: `cli_$HOME\`id\`\\'"$\{1}`, forwardTo: "https://sync.example.com/lark" },
    protected: everybody,
  };
  made = synthesize("one", settings);
});
afterAll(() => Promise.all([aws.close(), genauth.close()]));

/** The stack with its bundles: each function's folder, and what its template says. */
function synthesize(outdir: string, props: ResignWebhookProps) {
  const app = new App({ outdir: `${folder}/${outdir}` });
  const stack = new ResignWebhookStack(app, "Test", props);
  const template = Template.fromStack(stack);
  const functions = Object.values(template.findResources("AWS::Lambda::Function")).map(({ Properties }) => {
    const [, id = ""] = /ResignWebhook(\w+)Role/.exec(JSON.stringify(Properties.Role)) ?? [];
    const [hash] = String(Properties.Code.S3Key).split(".");
    const variables = Object.keys(Properties.Environment.Variables);
    return [id.toLowerCase(), { hash, file: `${folder}/${outdir}/asset.${hash}/index.mjs`, variables }] as const;
  });
  return Object.fromEntries(functions) as Record<Name, (typeof functions)[number][1]>;
}

/** The text that stands in a bundle where the source reads `process.env.RESIGN_SETTINGS`. */
function builtIn(name: Name): unknown {
  const code = readFileSync(made[name].file, "utf8");
  expect(code).not.toContain("RESIGN_SETTINGS");
  const [, literal = ""] =
    /\.parse\(JSON\.parse\(('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`)\)\)/.exec(code) ?? [];
  return JSON.parse(runInNewContext(literal));
}

test.each(names)("%s has its part of the settings in its bundle, and none in its environment", (name) => {
  expect(builtIn(name)).toEqual(JSON.parse(settingsTextOf(name, parseSettings(settings))));
  expect(made[name].variables).not.toContain("RESIGN_SETTINGS");
  const mayKnow = name === "resigner";
  expect(readFileSync(made[name].file, "utf8").includes("lark:ou_demo_500")).toBe(mayKnow);
});

test("500 protected people are protected by the resigner that was built", async () => {
  const client = new DynamoDBClient();
  await aws.createLedgerTable("built");
  const ledger = createLedger({ client, table: "built" });
  const { accessKeyId, accessKeySecret } = simulatorCredentials;
  aws.putSecret("token", JSON.stringify({ accessKeyId, accessKeySecret }));
  const places = {
    ...{ LEDGER_TABLE: "built", TOKEN_SECRET_ID: "token", QUEUE_URL: aws.createQueue("built", 30) },
    ...{ DEAD_LETTERS_URL: aws.createQueue("built-dead", 30), NOTICES_URL: aws.createQueue("built-notices", 30) },
  };
  for (const [name, value] of Object.entries(places)) vi.stubEnv(name, value);
  const enter = async (userId: string) => {
    const now = new Date();
    const departure = { source: "api", eventId: userId, userId: userId as SyncRelation, occurredAt: now } as const;
    const resignation = toResignation({ ...departure, requestedBy: "ops" }, now);
    await ledger.enter(resignation);
    return resignation.id;
  };
  const ids = await Promise.all(["lark:ou_demo_1", "lark:ou_demo_500", "wechatwork:demo_1"].map(enter));
  const { handler } = (await import(made.resigner.file)) as { handler: (event: SQSEvent) => Promise<object> };
  const Records = ids.map((body) => ({ body, messageId: body, receiptHandle: body, attributes: {} }));
  expect(await handler({ Records } as unknown as SQSEvent)).toEqual({ batchItemFailures: [] });
  vi.unstubAllEnvs();
  expect(await Promise.all(ids.map((id) => ledger.get(id)))).toMatchObject([
    { status: "held", heldFor: "protected" },
    { status: "held", heldFor: "protected" },
    { status: "resigned" },
  ]);
});

test("a setting that changes changes the code of those that read it, and of no other", () => {
  const changed = synthesize("two", { ...settings, notices: { language: "zh" } });
  expect(names.filter((name) => changed[name].hash !== made[name].hash)).toEqual(["notifier"]);
});
