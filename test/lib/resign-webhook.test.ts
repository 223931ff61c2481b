import { existsSync } from "node:fs";
import { App, Tags } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { directoryNames } from "../../lambda/resignation/source-names.ts";
import { ResignWebhookStack } from "../../lib/resign-webhook.ts";
import { rightsOf } from "./roles.ts";

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
  for (const [role, statements] of Object.entries(rightsOf(template))) {
    const actions = statements.flatMap(({ Action, Resource }) => {
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
  const secretOf = (role: string) =>
    JSON.stringify(rightsOf(template)[role]).match(/ResignWebhook(Keys|Token|Targets)/g);
  for (const role of ["Webhook", "Desk"]) expect(new Set(secretOf(role))).toEqual(new Set(["ResignWebhookKeys"]));
  expect(new Set(secretOf("Resigner"))).toEqual(new Set(["ResignWebhookToken"]));
  expect(new Set(secretOf("Notifier"))).toEqual(new Set(["ResignWebhookTargets"]));
});

test("nobody but the desk can read the quarantine", () => {
  const readers = Object.entries(rightsOf(template)).flatMap(([role, statements]) =>
    statements
      .filter(({ Resource }) => JSON.stringify(Resource).includes("ResignWebhookQuarantine"))
      .flatMap(({ Action }) => [Action].flat())
      .filter((action) => /Query|Get|Scan/.test(action))
      .map(() => role),
  );
  expect(readers).toEqual(["Desk"]);
});

test("what holds data stays when the stack goes; of a first deployment that fails only the protected tables do", () => {
  const kept = { UpdateReplacePolicy: "Retain" };
  template.allResources("AWS::DynamoDB::GlobalTable", { ...kept, DeletionPolicy: "Retain" });
  for (const type of ["AWS::SQS::Queue", "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"]) {
    template.allResources(type, { ...kept, DeletionPolicy: "RetainExceptOnCreate" });
  }
});

test("the stack cannot be deleted by mistake", () => {
  const stack = new ResignWebhookStack(new App({ context: { "aws:cdk:bundling-stacks": [] } }), "Test", { genauth });
  expect(stack.terminationProtection).toBe(true);
});

test("the access log has a name that needs no room in the region's policy, and that no stack before had", () => {
  const stackId = { "Fn::Select": [2, { "Fn::Split": ["/", { Ref: "AWS::StackId" }] }] };
  template.hasResourceProperties("AWS::Logs::LogGroup", {
    LogGroupName: { "Fn::Join": ["", ["/aws/vendedlogs/resign-webhook/", stackId]] },
  });
});

test("a flood's writes to the quarantine end at 50 units a second; nothing limits the ledger's", () => {
  const limit = { WriteOnDemandThroughputSettings: { MaxWriteRequestUnits: 50 } };
  template.resourcePropertiesCountIs("AWS::DynamoDB::GlobalTable", limit, 1);
  template.hasResource("AWS::DynamoDB::GlobalTable", {
    Properties: { ...limit, AttributeDefinitions: Match.arrayWith([{ AttributeName: "slot", AttributeType: "S" }]) },
  });
});

test("there are 90 resources at most: 14 alarms, and 76 others", () => {
  const types = Object.values((template.toJSON() as { Resources: Record<string, { Type: string }> }).Resources);
  expect(types.filter(({ Type }) => Type !== "AWS::CloudWatch::Alarm").length).toBeLessThanOrEqual(76);
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
  const watching = Object.values(template.findResources("AWS::CloudWatch::Alarm")).filter(({ Properties }) =>
    JSON.stringify(Properties).includes(JSON.stringify(getAtt("QueueName"))),
  );
  expect(watching.map(({ Properties }) => Properties.AlarmName)).toEqual([expect.stringMatching(/-NotTold$/)]);
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
  expect(MetricTransformations).toMatchObject([
    { MetricName: "AlarmApi", MetricNamespace: "ResignWebhook", Dimensions: [{ Key: "Stack", Value: "$.stack" }] },
  ]);
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
  const domain = { name: "resign.example.com", certificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/1" };

  test("leaves the address that AWS gave, until only is set", () => {
    const isOff = (given: object) =>
      Object.values(synthesize({ domain: given }).findResources("AWS::ApiGatewayV2::Api")).map(
        ({ Properties }) => Properties.DisableExecuteApiEndpoint,
      );
    expect(isOff(domain)).toEqual([false]);
    expect(isOff({ ...domain, only: true })).toEqual([true]);
  });

  test("is the address of every output", () => {
    const own = synthesize({ domain });
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
    const concurrency = { webhookProvisioned: 2, webhookReserved: 30, resignerMax: 3 };
    const made = synthesize({ concurrency });
    const warm = { ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 2 } };
    made.resourcePropertiesCountIs("AWS::Lambda::Alias", warm, 1);
    made.hasResourceProperties("AWS::Lambda::Function", { ReservedConcurrentExecutions: 30 });
    made.hasResourceProperties("AWS::Lambda::EventSourceMapping", { ScalingConfig: { MaximumConcurrency: 3 } });
  });

  test("X-Ray", () => {
    synthesize({ xRay: true }).allResourcesProperties("AWS::Lambda::Function", { TracingConfig: { Mode: "Active" } });
  });

  test("a second listener: a queue that keeps the order, and a function that has no secret", () => {
    const made = synthesize({ lark: { forwardTo: "https://sync.example.com/lark" } });
    made.hasResourceProperties("AWS::SQS::Queue", { FifoQueue: true, RedrivePolicy: Match.anyValue() });
    template.resourcePropertiesCountIs("AWS::SQS::Queue", { FifoQueue: true }, 0);
    expect(JSON.stringify(rightsOf(made).Forwarder)).not.toMatch(/secretsmanager|dynamodb/);
  });
});

test("the dashboard shows only metrics that exist", () => {
  const [dashboard] = Object.values(template.findResources("AWS::CloudWatch::Dashboard"));
  const shown = JSON.stringify(dashboard).match(/\\"ResignWebhook\\",\\"(\w+)\\"/g) ?? [];
  expect(shown.length).toBeGreaterThan(15);
});

describe("a network of one's own", () => {
  const network = { vpcId: "vpc-0a1b2c3d", subnetIds: ["subnet-0a1b2c3d", "subnet-1a1b2c3d"] };
  const forwarding = { lark: { forwardTo: "https://sync.example.com/lark" } };
  const connected = (made: Template) =>
    Object.entries(made.findResources("AWS::Lambda::Function")).flatMap(([id, { Properties }]) =>
      Properties.VpcConfig ? [[id.replace(/^ResignWebhook|[0-9A-F]{8}$/g, ""), Properties.VpcConfig]] : [],
    );

  test("is of the functions that call out, and of no other", () => {
    const securityGroupIds = ["sg-0a1b2c3d"];
    const made = synthesize({ ...forwarding, network: { ...network, securityGroupIds } });
    const VpcConfig = { SubnetIds: network.subnetIds, SecurityGroupIds: securityGroupIds };
    expect(Object.fromEntries(connected(made))).toEqual({
      ...{ Desk: VpcConfig, Resigner: VpcConfig, Notifier: VpcConfig, Forwarder: VpcConfig },
    });
    made.resourceCountIs("AWS::EC2::SecurityGroup", 0);
    expect(connected(synthesize(forwarding))).toEqual([]);
  });

  test("makes a security group, where none is named, that lets https out and nothing in", () => {
    const made = synthesize({ network });
    made.hasResourceProperties("AWS::EC2::SecurityGroup", {
      VpcId: network.vpcId,
      SecurityGroupIngress: Match.absent(),
      SecurityGroupEgress: [Match.objectLike({ IpProtocol: "tcp", FromPort: 443, ToPort: 443 })],
    });
    expect(connected(made).map(([, { SecurityGroupIds }]) => SecurityGroupIds.length)).toEqual([1, 1, 1]);
  });

  test("gives Lambda what it needs to connect them, and the functions' own code nothing of EC2", () => {
    const { Resigner = [], Webhook = [] } = rightsOf(synthesize({ network }));
    const ofEc2 = (statements: typeof Resigner) => statements.filter(({ Action }) => /ec2:/.test(String(Action)));
    expect(ofEc2(Webhook)).toEqual([]);
    expect(ofEc2(Resigner)).toMatchObject([
      { Effect: "Allow", Action: expect.arrayContaining(["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"]) },
      { Effect: "Deny", Action: "ec2:*", Condition: { Null: { "lambda:SourceFunctionArn": "false" } } },
    ]);
  });
});

describe("tags of a company", () => {
  const tagged = (env?: { region: string; account: string }) => {
    const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
    const stack = new ResignWebhookStack(app, "Test", { genauth }, env && { env });
    Tags.of(app).add("CostCenter", "42");
    return Template.fromStack(stack);
  };

  test.each([
    ["in China", { region: "cn-north-1", account: "123456789012" }],
    ["where no region is named", undefined],
  ])("are on no event source mapping %s: CloudFormation refuses them there", (_, env) => {
    tagged(env).allResourcesProperties("AWS::Lambda::EventSourceMapping", { Tags: Match.absent() });
    tagged(env).allResourcesProperties("AWS::SQS::Queue", { Tags: Match.anyValue() });
  });

  test("are on everything in any other region", () => {
    const made = tagged({ region: "eu-central-1", account: "123456789012" });
    made.allResourcesProperties("AWS::Lambda::EventSourceMapping", { Tags: [{ Key: "CostCenter", Value: "42" }] });
  });
});

describe("what AWS refuses in a region is refused at synth", () => {
  const beijing = { region: "cn-north-1", account: "123456789012" };
  afterEach(() => vi.unstubAllEnvs());

  test("X-Ray in China, also where the region is the shell's", () => {
    expect(() => synthesize({ xRay: true }, beijing)).toThrow("resignWebhook.xRay: AWS has no X-Ray");
    vi.stubEnv("CDK_DEFAULT_REGION", "cn-northwest-1");
    expect(() => synthesize({ xRay: true })).toThrow("resignWebhook.xRay: AWS has no X-Ray");
    vi.stubEnv("CDK_DEFAULT_REGION", "us-east-1");
    expect(() => synthesize({ xRay: true })).not.toThrow();
  });

  test("a key or a certificate of another region", () => {
    const kmsKeyArn = "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef";
    const frankfurt = { region: "eu-central-1", account: "123456789012" };
    expect(() => synthesize({ kmsKeyArn }, frankfurt)).toThrow("resignWebhook.kmsKeyArn: is of eu-west-1, and the");
    const domain = { name: "hook.example.com", certificateArn: "arn:aws:acm:us-east-1:123456789012:certificate/1" };
    expect(() => synthesize({ domain }, frankfurt)).toThrow("resignWebhook.domain.certificateArn: is of us-east-1");
  });
});

test("China is a partition of its own", () => {
  const { Outputs, Resources } = synthesize({}, { region: "cn-north-1", account: "123456789012" }).toJSON();
  expect(JSON.stringify(Outputs)).toContain('.execute-api.cn-north-1.",{"Ref":"AWS::URLSuffix"}');
  expect(JSON.stringify(Resources)).not.toContain("arn:aws:");
});
