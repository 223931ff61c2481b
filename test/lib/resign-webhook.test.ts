import { existsSync } from "node:fs";
import { App } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { directoryNames } from "../../lambda/resignation/source-names.ts";
import { ResignWebhookStack } from "../../lib/resign-webhook.ts";

const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };

/** Without the bundles, which `npm run synth` makes: they take seconds and say nothing here. */
const synthesize = (settings: object = {}, env?: { region: string; account: string }) => {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  return Template.fromStack(new ResignWebhookStack(app, "Test", { genauth, ...settings }, env && { env }));
};

let template: Template;
beforeAll(() => {
  template = synthesize();
});

/** Role → what it may do, on what kind of resource. */
function grants(): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [id, { Properties }] of Object.entries(template.findResources("AWS::IAM::Policy"))) {
    const role = id.replace(/^ResignWebhook/, "").replace(/RoleDefaultPolicy.*$/, "");
    const { Statement } = Properties.PolicyDocument as {
      Statement: { Action: string | string[]; Resource: unknown }[];
    };
    const actions = Statement.flatMap(({ Action, Resource }) => {
      expect(JSON.stringify(Resource)).not.toContain("*");
      return [Action].flat();
    });
    found[role] = [...new Set(actions)].sort();
  }
  return found;
}

test("each function may do what it does, and nothing else", () => {
  const logs = ["logs:CreateLogStream", "logs:PutLogEvents"];
  expect(grants()).toEqual({
    Webhook: [
      ...["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
      ...[...logs, "secretsmanager:GetSecretValue", "sqs:SendMessage"],
    ],
    Desk: [
      ...["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
      ...[...logs, "secretsmanager:GetSecretValue", "sqs:SendMessage"],
    ],
    Resigner: [
      ...[
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        ...logs,
        "secretsmanager:GetSecretValue",
      ],
      ...[
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
      ],
    ],
    Notifier: [
      ...["dynamodb:GetItem", ...logs, "secretsmanager:GetSecretValue"],
      ...["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
    ],
    Sweep: [
      ...["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
      ...[...logs, "sqs:SendMessage"],
    ],
    SweepSchedule: ["lambda:InvokeFunction"],
  });
});

test("webhook and desk read the keys alone, and resigner the token alone", () => {
  const secretOf = (role: string) => {
    const [policy] = Object.entries(template.findResources("AWS::IAM::Policy")).filter(([id]) =>
      id.startsWith(`ResignWebhook${role}Role`),
    );
    return JSON.stringify(policy).match(/ResignWebhook(Keys|Token|Targets)/g);
  };
  for (const role of ["Webhook", "Desk"]) expect(new Set(secretOf(role))).toEqual(new Set(["ResignWebhookKeys"]));
  expect(new Set(secretOf("Resigner"))).toEqual(new Set(["ResignWebhookToken"]));
  expect(new Set(secretOf("Notifier"))).toEqual(new Set(["ResignWebhookTargets"]));
});

test("nobody but the desk can read the quarantine", () => {
  const readers = Object.entries(template.findResources("AWS::IAM::Policy")).flatMap(([id, { Properties }]) =>
    (Properties.PolicyDocument.Statement as { Action: string | string[]; Resource: unknown }[])
      .filter(({ Resource }) => JSON.stringify(Resource).includes("ResignWebhookQuarantine"))
      .flatMap(({ Action }) => [Action].flat())
      .filter((action) => /Query|Get|Scan/.test(action))
      .map(() => id.replace(/RoleDefaultPolicy.*$/, "")),
  );
  expect(readers).toEqual(["ResignWebhookDesk"]);
});

test("what holds departures and secrets stays when the stack goes", () => {
  for (const type of ["AWS::DynamoDB::GlobalTable", "AWS::SQS::Queue", "AWS::SecretsManager::Secret"]) {
    template.allResources(type, { DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" });
  }
});

test("the ledger can be restored to any second, forgets after its time, and cannot be deleted by mistake", () => {
  template.hasResourceProperties("AWS::DynamoDB::GlobalTable", {
    BillingMode: "PAY_PER_REQUEST",
    TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
    Replicas: [
      Match.objectLike({
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      }),
    ],
  });
});

test("queues are encrypted, over TLS alone, with dead letters, and no filter drops anything", () => {
  template.allResourcesProperties("AWS::SQS::Queue", { SqsManagedSseEnabled: true, MessageRetentionPeriod: 1_209_600 });
  template.resourceCountIs("AWS::SQS::QueuePolicy", 4);
  template.hasResourceProperties("AWS::SQS::Queue", {
    RedrivePolicy: Match.objectLike({ maxReceiveCount: 1000 }),
    VisibilityTimeout: 540,
  });
  template.hasResourceProperties("AWS::Lambda::EventSourceMapping", {
    FunctionResponseTypes: ["ReportBatchItemFailures"],
    FilterCriteria: Match.absent(),
  });
});

test("a notice is tried eight times; then it is a dead letter, and the alarm looks at those", () => {
  const [[deadLetters] = []] = Object.entries(template.findResources("AWS::SQS::Queue")).filter(([id]) =>
    id.includes("NoticesDeadLetters"),
  );
  const getAtt = (name: string) => ({ "Fn::GetAtt": [deadLetters, name] });
  template.hasResourceProperties("AWS::SQS::Queue", {
    RedrivePolicy: { deadLetterTargetArn: getAtt("Arn"), maxReceiveCount: 8 },
  });
  template.hasResourceProperties("AWS::CloudWatch::Alarm", {
    AlarmDescription: Match.stringLikeRegexp("runbook.md#noticefailed"),
    MetricName: "ApproximateNumberOfMessagesVisible",
    Dimensions: [{ Name: "QueueName", Value: getAtt("QueueName") }],
    Threshold: 1,
  });
  template.hasResourceProperties("AWS::Lambda::EventSourceMapping", {
    BatchSize: 400,
    FunctionResponseTypes: ["ReportBatchItemFailures"],
    MaximumBatchingWindowInSeconds: 20,
  });
});

test("the API has exactly the routes that the sources have", () => {
  const routes = Object.values(template.findResources("AWS::ApiGatewayV2::Route")).map(
    ({ Properties }) => Properties.RouteKey as string,
  );
  expect(routes.sort()).toEqual([
    "GET /quarantine",
    "GET /resignations",
    "GET /resignations/{id}",
    "GET /stop",
    "GET /wechatwork",
    "POST /dingtalk",
    "POST /lark",
    "POST /quarantine/reverify",
    "POST /resignations",
    "POST /resignations/{id}/acknowledge",
    "POST /resignations/{id}/approve",
    "POST /resignations/{id}/cancel",
    "POST /resignations/{id}/retry",
    "POST /slack/commands",
    "POST /slack/interactions",
    "POST /start",
    "POST /stop",
    "POST /wechatwork",
  ]);
  template.hasResourceProperties("AWS::ApiGatewayV2::Stage", {
    DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 },
    AccessLogSettings: Match.objectLike({ Format: Match.not(Match.stringLikeRegexp("authorization|header|body")) }),
  });
});

test("every directory's address is an output, under the name of its console's page", () => {
  const own = synthesize({
    domain: { name: "hook.example.com", certificateArn: "arn:aws:acm:us-east-1:1:certificate/1" },
  });
  for (const name of directoryNames) {
    const output = `${name.charAt(0).toUpperCase()}${name.slice(1)}Url`;
    own.hasOutput(output, { Value: `https://hook.example.com/${name}`, Description: Match.stringLikeRegexp(name) });
    expect(existsSync(`docs/${name}.md`)).toBe(true);
  }
});

test("functions run on Node 24 on arm64, and their logs are kept as long as said", () => {
  template.allResourcesProperties("AWS::Lambda::Function", { Runtime: "nodejs24.x", Architectures: ["arm64"] });
  template.allResourcesProperties("AWS::Logs::LogGroup", { RetentionInDays: 365 });
});

test("the sweep runs every five minutes: what it missed is not repeated, and no other account's schedule has its role", () => {
  template.hasResourceProperties("AWS::Scheduler::Schedule", {
    ScheduleExpression: "rate(5 minutes)",
    Target: Match.objectLike({ RetryPolicy: { MaximumRetryAttempts: 0 } }),
  });
  const Condition = { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } };
  const Principal = { Service: "scheduler.amazonaws.com" };
  template.hasResourceProperties("AWS::IAM::Role", {
    AssumeRolePolicyDocument: { Statement: [Match.objectLike({ Principal, Condition })] },
  });
});

test("what API Gateway itself turns away is counted: 429, and 413 on a directory's route", () => {
  const [filter] = Object.values(template.findResources("AWS::Logs::MetricFilter"));
  const { FilterPattern, MetricTransformations } = filter?.Properties ?? {};
  const [, conditions = ""] = /^\{ (.+) \}$/.exec(FilterPattern) ?? [];
  const isCounted = (status: string, route: string) =>
    new Function("$", `return ${conditions.replaceAll(" = ", " === ")}`)({ status, route });
  expect(isCounted("429", "POST /resignations")).toBe(true);
  expect(isCounted("413", "POST /dingtalk")).toBe(true);
  expect(isCounted("413", "POST /resignations")).toBe(false);
  expect(isCounted("401", "POST /lark")).toBe(false);
  expect(MetricTransformations[0].Dimensions).toEqual([{ Key: "Stack", Value: "$.stack" }]);
  template.hasResourceProperties("AWS::ApiGatewayV2::Stage", {
    AccessLogSettings: Match.objectLike({ Format: Match.stringLikeRegexp('"stack":"') }),
  });
});

test("every alarm is told to the topic and says what to do", () => {
  template.allResourcesProperties("AWS::CloudWatch::Alarm", {
    AlarmActions: [Match.anyValue()],
    AlarmDescription: Match.stringLikeRegexp(".{30,}"),
  });
});

/** A topic's policy is all that lets anybody publish to it: SNS's own is gone as soon as there is one. */
test.each([
  ["in any account", {}, undefined, { Ref: "AWS::AccountId" }],
  ["in China", {}, { region: "cn-north-1", account: "123456789012" }, "123456789012"],
  [
    "with a key of one's own",
    { kmsKeyArn: "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef" },
    undefined,
    { Ref: "AWS::AccountId" },
  ],
])("the account's alarms may publish to their topic, over TLS alone: %s", (_, settings, env, account) => {
  const made = synthesize(settings, env);
  const alarms = Object.values(made.findResources("AWS::CloudWatch::Alarm"));
  const actions = alarms.flatMap(({ Properties }) => Properties.AlarmActions as { Ref: string }[]);
  const topics = new Set(actions.map(({ Ref }) => Ref));
  expect(topics.size).toBe(1);
  for (const Ref of topics) {
    const common = { Action: "sns:Publish", Resource: { Ref } };
    made.hasResourceProperties("AWS::SNS::TopicPolicy", {
      Topics: [{ Ref }],
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ ...common, Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } }),
          Match.objectLike({
            ...common,
            Effect: "Allow",
            Principal: { Service: "cloudwatch.amazonaws.com" },
            Condition: { StringEquals: { "aws:SourceAccount": account } },
          }),
        ]),
      },
    });
    // Encrypted with a key, CloudWatch would need that key's leave as well.
    made.hasResourceProperties("AWS::SNS::Topic", { KmsMasterKeyId: Match.absent() });
  }
});

describe("a domain of one's own", () => {
  test("switches the address that AWS gives off", () => {
    const domain = { name: "resign.example.com", certificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/1" };
    const own = synthesize({ domain });
    own.hasResourceProperties("AWS::ApiGatewayV2::Api", { DisableExecuteApiEndpoint: true });
    own.hasResourceProperties("AWS::ApiGatewayV2::DomainName", { DomainName: "resign.example.com" });
    own.hasOutput("DomainTarget", {});
    own.hasOutput("LarkUrl", { Value: "https://resign.example.com/lark" });
  });
});

describe("what costs or takes more is a setting", () => {
  test("a hosted zone: the name is entered there, and a certificate made", () => {
    const made = synthesize({ domain: { name: "hook.example.com", hostedZone: { id: "Z1", name: "example.com" } } });
    made.hasResourceProperties("AWS::Route53::RecordSet", { Name: "hook.example.com.", Type: "A", HostedZoneId: "Z1" });
    made.hasResourceProperties("AWS::CertificateManager::Certificate", { DomainName: "hook.example.com" });
  });

  test("a KMS key of one's own, for everything that holds data", () => {
    const arn = "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef";
    const made = synthesize({ kmsKeyArn: arn });
    made.allResourcesProperties("AWS::SQS::Queue", { KmsMasterKeyId: arn });
    made.allResourcesProperties("AWS::SecretsManager::Secret", { KmsKeyId: arn });
    made.allResourcesProperties("AWS::DynamoDB::GlobalTable", {
      SSESpecification: { SSEEnabled: true, SSEType: "KMS" },
    });
  });

  test("concurrency: webhooks kept warm, webhooks reserved, resigners at once", () => {
    const concurrency = { webhookProvisioned: 2, webhookReserved: 20, resignerMax: 3 };
    const made = synthesize({ concurrency });
    made.hasResourceProperties("AWS::Lambda::Alias", {
      ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 2 },
    });
    made.hasResourceProperties("AWS::Lambda::Function", { ReservedConcurrentExecutions: 20 });
    made.hasResourceProperties("AWS::Lambda::EventSourceMapping", { ScalingConfig: { MaximumConcurrency: 3 } });
    made.hasResourceProperties("AWS::ApiGatewayV2::Integration", {
      IntegrationUri: { Ref: Match.stringLikeRegexp("WebhookAliaslive") },
    });
  });

  test("X-Ray", () => {
    synthesize({ xRay: true }).allResourcesProperties("AWS::Lambda::Function", { TracingConfig: { Mode: "Active" } });
  });

  test("a second listener: a queue that keeps the order, and a function that has no secret", () => {
    const made = synthesize({ lark: { forwardTo: "https://sync.example.com/lark" } });
    made.hasResourceProperties("AWS::SQS::Queue", { FifoQueue: true, RedrivePolicy: Match.anyValue() });
    template.resourcePropertiesCountIs("AWS::SQS::Queue", { FifoQueue: true }, 0);
    const [policy] = Object.entries(made.findResources("AWS::IAM::Policy")).filter(([id]) => id.includes("Forwarder"));
    expect(JSON.stringify(policy)).not.toMatch(/secretsmanager|dynamodb/);
  });
});

test("the dashboard shows only metrics that exist", () => {
  const [dashboard] = Object.values(template.findResources("AWS::CloudWatch::Dashboard"));
  const shown = JSON.stringify(dashboard).match(/\\"ResignWebhook\\",\\"(\w+)\\"/g) ?? [];
  expect(shown.length).toBeGreaterThan(15);
});

test("settings that no function could hold are refused at synth", () => {
  const many = Array.from({ length: 200 }, (_, index) => `lark:ou_${String(index).padStart(20, "0")}`);
  expect(() => synthesize({ protected: many })).toThrow("shorten protected");
  expect(() => synthesize({ protected: many.slice(0, 60) })).not.toThrow();
});

test("China is a partition of its own", () => {
  const { Outputs, Resources } = synthesize({}, { region: "cn-north-1", account: "123456789012" }).toJSON();
  expect(JSON.stringify(Outputs)).toContain('.execute-api.cn-north-1.",{"Ref":"AWS::URLSuffix"}');
  expect(JSON.stringify(Resources)).not.toContain("arn:aws:");
});
