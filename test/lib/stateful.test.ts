/**
 * What holds data is what it was in every version: the same ids and types, and the same of all that CloudFormation
 * changes by making a new, empty resource. A line that is gone or changed takes a company's departures, keys or logs
 * away with the next upgrade; a new line is for a new resource.
 */
import { readFileSync } from "node:fs";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { expect, test } from "vitest";
import { ResignWebhookStack } from "../../lib/resign-webhook.ts";

/** Properties that replace the resource. Of a table's indexes none can be changed in place either. */
const replacing: Readonly<Record<string, readonly string[]>> = {
  "AWS::DynamoDB::GlobalTable": ["TableName", "KeySchema", "LocalSecondaryIndexes", "GlobalSecondaryIndexes"],
  "AWS::SQS::Queue": ["QueueName", "FifoQueue"],
  "AWS::SecretsManager::Secret": ["Name"],
  "AWS::Logs::LogGroup": ["LogGroupName"],
};

/** Of every setting the value that could touch one. */
const settings = [
  {},
  { lark: { forwardTo: "https://sync.example.com/lark" } },
  { kmsKeyArn: "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef", logRetentionDays: 7 },
];

function statefulOf(changes: object): Record<string, object> {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };
  const template = Template.fromStack(new ResignWebhookStack(app, "ResignWebhook", { genauth, ...changes })).toJSON();
  const all = Object.entries(template.Resources as Record<string, { Type: string; Properties: object }>);
  return Object.fromEntries(
    all.flatMap(([id, { Type, Properties }]) => {
      const names = replacing[Type];
      if (!names) return [];
      const kept = Object.entries(Properties ?? {}).filter(([name]) => names.includes(name));
      return [[id, { Type, ...Object.fromEntries(kept) }]];
    }),
  );
}

const listed = JSON.parse(readFileSync("test/fixtures/stateful.json", "utf8")) as Record<string, object>;

test.each(settings)("nothing that holds data is replaced or gone: %j", (changes) => {
  const made = statefulOf(changes);
  const isForwarding = "lark" in changes;
  const expected = Object.entries(listed).filter(([id]) => isForwarding || !id.includes("Forward"));
  expect(made).toEqual(Object.fromEntries(expected));
});
