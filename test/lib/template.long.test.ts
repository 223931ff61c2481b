/** CloudFormation's own schemas and rules, offline: what it would refuse after minutes fails here. */
import { writeFileSync } from "node:fs";
import { type Engine, RegoEngine, TemplateFile } from "@aws/cloudformation-validate";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ResignWebhookStack } from "../../lib/resign-webhook.ts";
import { makeFolder } from "../folder.ts";

const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };
const everything = {
  domain: { name: "hook.example.com", hostedZone: { id: "Z0123456789ABCDEFGHIJ", name: "example.com" } },
  kmsKeyArn: "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
  concurrency: { webhookProvisioned: 2, webhookReserved: 20, resignerMax: 3 },
  lark: { forwardTo: "https://sync.example.com/lark" },
  network: { vpcId: "vpc-0a1b2c3d", subnetIds: ["subnet-0a1b2c3d"] },
  alarmEmail: "it@example.com",
  xRay: true,
};
const folder = makeFolder();
let engine: Engine;
beforeAll(() => {
  engine = new RegoEngine();
});
afterAll(() => engine.free());

function findings(template: object): string[] {
  const file = `${folder}/template.json`;
  writeFileSync(file, JSON.stringify(template));
  const { diagnostics } = engine.validateStandard(new TemplateFile(file));
  // W3005: CDK names a role in DependsOn that GetAtt names as well. W9013: an administrator's own ARN.
  const isMeant = new Set(["W3005", "W9013"]);
  return diagnostics.flatMap(({ severity, ruleId, message }) =>
    severity === "INFO" || isMeant.has(ruleId) ? [] : [`${ruleId}: ${message}`],
  );
}

test.each([
  ["with the defaults", {}, undefined],
  ["with everything", everything, undefined],
  ["in China", {}, { region: "cn-north-1", account: "123456789012" }],
])("%s", (_, settings, env) => {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const stack = new ResignWebhookStack(app, "Test", { genauth, ...settings }, env && { env });
  expect(findings(Template.fromStack(stack).toJSON())).toEqual([]);
});

test("a template that CloudFormation would refuse is found", () => {
  const Properties = { VisibilityTimeout: "soon", NoSuchProperty: 1 };
  expect(findings({ Resources: { Queue: { Type: "AWS::SQS::Queue", Properties } } }).join()).toMatch(/NoSuchProperty/);
});
