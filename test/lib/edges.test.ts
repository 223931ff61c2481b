/**
 * Every edge from one service to another is allowed on both sides, and nothing is allowed that is no edge. Edges are
 * found by what resources refer to, not by what is granted; one that is not listed here fails the test.
 */
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { describe, expect, test } from "vitest";
import { ResignWebhookStack } from "../../lib/resign-webhook.ts";
import type { Statement } from "./roles.ts";

const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };
const keyArn = "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef";
const everything = {
  domain: { name: "hook.example.com", hostedZone: { id: "Z0123456789ABCDEFGHIJ", name: "example.com" } },
  kmsKeyArn: keyArn,
  concurrency: { webhookProvisioned: 2, webhookReserved: 20, resignerMax: 3 },
  lark: { forwardTo: "https://sync.example.com/lark" },
  alarmEmail: "it@example.com",
  network: { vpcId: "vpc-0a1b2c3d", subnetIds: ["subnet-0a1b2c3d"] },
  xRay: true,
};

/** The edges of a stack in which everything is on. */
const listed = [
  ...["Api → Webhook: invoke", "Api → Desk: invoke", "Stage → AccessLogs: deliver", "Alarms → AlarmsTopic: publish"],
  ...["AlarmsTopic → it@example.com: e-mail", "SweepSchedule → Sweep: invoke"],
  ...["Queue → Resigner: feed", "Notices → Notifier: feed", "Forwards → Forwarder: feed"],
  ...["Queue → DeadLetters: bury", "Notices → NoticesDeadLetters: bury", "Forwards → ForwardsDeadLetters: bury"],
  ...["Webhook → WebhookLogs: log", "Desk → DeskLogs: log", "Resigner → ResignerLogs: log"],
  ...["Notifier → NotifierLogs: log", "Sweep → SweepLogs: log", "Forwarder → ForwarderLogs: log"],
  ...["Webhook → Keys: secret", "Desk → Keys: secret", "Resigner → Token: secret", "Notifier → Targets: secret"],
  ...["Webhook → Ledger: table", "Desk → Ledger: table", "Resigner → Ledger: table", "Notifier → Ledger: table"],
  ...["Sweep → Ledger: table", "Webhook → Quarantine: table", "Desk → Quarantine: table"],
  ...["Webhook → Queue: queue", "Desk → Queue: queue", "Resigner → Queue: queue", "Sweep → Queue: queue"],
  ...["Resigner → DeadLetters: queue", "Resigner → Notices: queue", "Notifier → Notices: queue"],
  ...["Sweep → Notices: queue", "Webhook → Forwards: queue"],
  ...["Desk → Forwards: queue", "Forwarder → Forwards: queue", "Forwarder → ForwardsDeadLetters: queue"],
  ...["Desk → Network: call out", "Resigner → Network: call out", "Notifier → Network: call out"],
  ...["Forwarder → Network: call out"],
];
/** Those that only a setting brings. */
const bySetting = /Forward|Network|e-mail/;

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

interface Edge {
  /** The ids of the two in the template. */
  readonly from: string;
  readonly to: string;
  readonly kind: string;
}

/** Which references are an edge, by the kind of what refers and its property. */
const kinds: Readonly<Record<string, string>> = {
  "ApiGatewayV2::Integration.IntegrationUri": "invoke",
  "ApiGatewayV2::Stage.AccessLogSettings": "deliver",
  "CloudWatch::Alarm.AlarmActions": "publish",
  "CloudWatch::Alarm.OKActions": "publish",
  "Lambda::EventSourceMapping.EventSourceArn": "feed",
  "Lambda::Function.LoggingConfig": "log",
  "Lambda::Function.VpcConfig": "call out",
  "SQS::Queue.RedrivePolicy": "bury",
  "Scheduler::Schedule.Target": "invoke",
};

/** What a function's environment names. */
const kindsOfData: Readonly<Record<string, string>> = {
  "AWS::DynamoDB::GlobalTable": "table",
  "AWS::SQS::Queue": "queue",
  "AWS::SecretsManager::Secret": "secret",
};

/** References by which nobody calls anybody: names in figures, and parts of one and the same thing. */
const noCalls = new Set([
  ...["CloudWatch::Alarm.Dimensions", "CloudWatch::Alarm.Metrics", "CloudWatch::Dashboard.DashboardBody"],
  ...["ApiGatewayV2::DomainName.DomainNameConfigurations", "Route53::RecordSet.AliasTarget"],
]);

/** They say what is allowed, and are no end of an edge. */
const policies = new Set([
  ...["AWS::IAM::Role", "AWS::Lambda::Permission", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"],
]);

const serviceOf = (type: string) => type.split("::")[1];

const stacks = {
  "with the defaults": read({}),
  "with everything": read(everything),
  "in China": read({}, { region: "cn-north-1", account: "123456789012" }),
};
type Stack = ReturnType<typeof read>;

function read(settings: object, env?: { region: string; account: string }) {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const stack = new ResignWebhookStack(app, "Test", { genauth, ...settings }, env && { env });
  const { Resources: given } = Template.fromStack(stack).toJSON() as { Resources: Record<string, Partial<Resource>> };
  const Resources = Object.fromEntries(
    Object.entries(given).map(([id, { Type = "", Properties = {} }]): [string, Resource] => [id, { Type, Properties }]),
  );
  const all = Object.entries(Resources);
  const typeOf = (id: string) => Resources[id]?.Type ?? "";

  /** The resources that something refers to. */
  const refersTo = (value: unknown): string[] => {
    if (typeof value !== "object" || value === null) return [];
    const { Ref, "Fn::GetAtt": attribute } = value as { Ref?: string; "Fn::GetAtt"?: string[] };
    const id = Ref ?? attribute?.[0];
    return id !== undefined && id in Resources ? [id] : Object.values(value).flatMap(refersTo);
  };
  /** The function of a version or an alias; anything else as it is. */
  const functionOf = (id: string): string => {
    const isPart = ["AWS::Lambda::Alias", "AWS::Lambda::Version"].includes(typeOf(id));
    return isPart ? functionOf(refersTo(Resources[id]?.Properties.FunctionName)[0] ?? "") : id;
  };
  const nameOf = (id: string) =>
    functionOf(id)
      .replace(/^ResignWebhook/, "")
      .replace(/[0-9A-F]{8}$/, "") || "Webhook";
  const of = (type: string) => all.filter(([, { Type }]) => Type === type);
  const one = (id: string, property: string) => refersTo(Resources[id]?.Properties[property])[0] ?? "";

  function edges(): Edge[] {
    return all.flatMap(([id, { Type, Properties }]) => {
      if (policies.has(Type)) return [];
      return Object.entries(Properties).flatMap(([property, value]) => {
        const place = `${Type.replace("AWS::", "")}.${property}`;
        const targets = [...new Set(refersTo(value))].filter((to) => !policies.has(typeOf(to)));
        const isWithin = (to: string) => kinds[place] === undefined && serviceOf(typeOf(to)) === serviceOf(Type);
        return targets
          .filter((to) => !isWithin(to) && !noCalls.has(place))
          .map((to) => ({ ...ends(id, to, place), kind: kindOf(place, typeOf(to)) }));
      });
    });
  }

  function kindOf(place: string, type: string): string {
    const kind = place === "Lambda::Function.Environment" ? kindsOfData[type] : kinds[place];
    return kind ?? `${place} → ${type}, which this test does not know`;
  }

  /** Who calls whom. What only connects two is neither of them. */
  function ends(id: string, to: string, place: string): { from: string; to: string } {
    if (place === "ApiGatewayV2::Integration.IntegrationUri") return { from: one(id, "ApiId"), to };
    if (place === "Lambda::EventSourceMapping.EventSourceArn") return { from: to, to: one(id, "FunctionName") };
    return { from: id, to };
  }

  const told = (edge: Edge) =>
    `${typeOf(edge.from) === "AWS::CloudWatch::Alarm" ? "Alarms" : nameOf(edge.from)} → ${nameOf(edge.to)}: ${edge.kind}`;
  const emails = of("AWS::SNS::Subscription").map(
    ([id, { Properties }]) => `${nameOf(one(id, "TopicArn"))} → ${Properties.Endpoint}: e-mail`,
  );
  const found = edges();

  return {
    Resources,
    edges: found,
    all: [...new Set([...found.map(told), ...emails])].sort(),
    ...{ of, one, typeOf, nameOf, functionOf, refersTo },
  };
}

/** The role that acts for a function or a schedule, and what it may do. */
function roleOf({ Resources, functionOf, refersTo }: Stack, id: string) {
  const { Role, Target } = (Resources[functionOf(id)]?.Properties ?? {}) as { Role?: unknown; Target?: unknown };
  const given = Role ?? (Target as { RoleArn?: unknown } | undefined)?.RoleArn;
  const [role = ""] = refersTo(given);
  const { Policies, AssumeRolePolicyDocument } = (Resources[role] as Resource).Properties as {
    Policies: { PolicyDocument: { Statement: Statement[] } }[];
    AssumeRolePolicyDocument: { Statement: { Principal: { Service: string }; Condition?: object }[] };
  };
  return {
    rights: Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement),
    trusts: AssumeRolePolicyDocument.Statement.map(({ Principal, Condition }) => [Principal.Service, Condition]),
  };
}

/** What a role may do with a resource, and with a table's indexes. */
function actionsOn(stack: Stack, role: string, id: string): string[] {
  return roleOf(stack, role).rights.flatMap(({ Effect, Action, Resource }) =>
    Effect === "Allow" && stack.refersTo([Resource].flat()).includes(id) ? [Action].flat() : [],
  );
}

/** The statements of the policies that a resource has itself. */
function ownPolicy({ Resources, refersTo }: Stack, id: string): (Statement & { Principal: { Service?: string } })[] {
  return Object.values(Resources).flatMap(({ Type, Properties }) => {
    const of = Type === "AWS::SQS::QueuePolicy" ? "Queues" : Type === "AWS::SNS::TopicPolicy" ? "Topics" : undefined;
    if (of === undefined || !refersTo(Properties[of]).includes(id)) return [];
    return (Properties.PolicyDocument as { Statement: (Statement & { Principal: { Service?: string } })[] }).Statement;
  });
}

const isDenialWithoutTls = ({ Effect, Condition }: Statement) =>
  Effect === "Deny" && JSON.stringify(Condition) === '{"Bool":{"aws:SecureTransport":"false"}}';

/** With a key of one's own, the role of who reads or writes needs the key, through the service that holds the data. */
function expectKey(stack: Stack, role: string, service: string): void {
  const { rights } = roleOf(stack, role);
  const ofKey = rights.filter(({ Action }) => /kms:/.test(String(Action)));
  if (stack !== stacks["with everything"]) return void expect(ofKey).toEqual([]);
  expect(ofKey).toMatchObject([
    {
      Effect: "Allow",
      // What AWS's example of a key policy grants to those who use a table.
      Action: ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
      Resource: keyArn,
    },
  ]);
  const services = JSON.stringify(ofKey[0]?.Condition?.StringEquals?.["kms:ViaService"]).match(/(?<=")[a-z]+(?=\.")/g);
  expect(services).toContain(service);
}

const actionsOfData = { table: /^dynamodb:/, queue: /^sqs:/, secret: /^secretsmanager:GetSecretValue$/ };
const servicesOfData = { table: "dynamodb", queue: "sqs", secret: "secretsmanager" };

/** What has to be allowed, on both sides, for each kind of edge. */
const checks: Readonly<Record<string, (stack: Stack, edge: Edge) => void>> = {
  invoke(stack, { from, to }) {
    if (stack.typeOf(from) === "AWS::Scheduler::Schedule") {
      expect(actionsOn(stack, from, to)).toEqual(["lambda:InvokeFunction"]);
      const [[service, condition] = []] = roleOf(stack, from).trusts;
      expect(service).toBe("scheduler.amazonaws.com");
      expect(condition).toEqual({ StringEquals: { "aws:SourceAccount": expect.anything() } });
      return;
    }
    const permissions = stack
      .of("AWS::Lambda::Permission")
      .filter(([, { Properties }]) => stack.refersTo(Properties.FunctionName).includes(to));
    expect(permissions.map(([, { Properties }]) => Properties)).toEqual([
      {
        Action: "lambda:InvokeFunction",
        Principal: "apigateway.amazonaws.com",
        FunctionName: expect.anything(),
        SourceArn: expect.anything(),
      },
    ]);
    // All stages and routes of this API, and of no other.
    const sourceArn = permissions[0]?.[1].Properties.SourceArn;
    expect(stack.refersTo(sourceArn)).toEqual([from]);
    expect(JSON.stringify(sourceArn)).toMatch(/:execute-api:.*"\/\*\/\*\/\*"/);
  },

  deliver(stack, { to }) {
    // API Gateway enters itself into no policy for these names: CloudWatch Logs lets it deliver to them.
    expect(JSON.stringify(stack.Resources[to]?.Properties.LogGroupName)).toContain("/aws/vendedlogs/");
  },

  publish(stack, { to }) {
    const [...allowed] = ownPolicy(stack, to).filter((statement) => !isDenialWithoutTls(statement));
    expect(allowed).toMatchObject([
      {
        Effect: "Allow",
        Action: "sns:Publish",
        Principal: { Service: "cloudwatch.amazonaws.com" },
        Condition: { StringEquals: { "aws:SourceAccount": expect.anything() } },
      },
    ]);
    // With a key, CloudWatch would need it, and lose alarms without a word where it lacks it.
    expect(stack.Resources[to]?.Properties).not.toHaveProperty("KmsMasterKeyId");
  },

  feed(stack, { from, to }) {
    const needed = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
    expect(actionsOn(stack, to, from)).toEqual(expect.arrayContaining(needed));
    expect(roleOf(stack, to).trusts).toEqual([["lambda.amazonaws.com", undefined]]);
    expectKey(stack, to, "sqs");
  },

  /** SQS moves them itself, in the account, unless the dead letters say from whom they take. */
  bury(stack, { from, to }) {
    const queues = [from, to].map((id) => stack.Resources[id]?.Properties ?? {});
    expect(queues[1]).not.toHaveProperty("RedriveAllowPolicy");
    expect(queues[1]?.KmsMasterKeyId).toEqual(queues[0]?.KmsMasterKeyId);
    expect(queues[1]?.FifoQueue).toEqual(queues[0]?.FifoQueue);
  },

  log(stack, { from, to }) {
    expect(actionsOn(stack, from, to)).toEqual(["logs:CreateLogStream", "logs:PutLogEvents"]);
    expect(stack.Resources[to]?.Properties).not.toHaveProperty("KmsKeyId");
  },

  "call out"(stack, { from }) {
    const actions = roleOf(stack, from).rights.filter(({ Effect }) => Effect === "Allow");
    expect(actions.flatMap(({ Action }) => Action)).toContain("ec2:CreateNetworkInterface");
  },

  ...Object.fromEntries(
    (["table", "queue", "secret"] as const).map((kind) => [
      kind,
      (stack: Stack, { from, to }: Edge) => {
        const actions = actionsOn(stack, from, to).filter((action) => actionsOfData[kind].test(action));
        expect(actions).not.toEqual([]);
        expect(ownPolicy(stack, to).filter((statement) => !isDenialWithoutTls(statement))).toEqual([]);
        expectKey(stack, from, servicesOfData[kind]);
      },
    ]),
  ),
};

describe.each(Object.entries(stacks))("%s", (name, stack) => {
  test("the edges are those that are listed, and no other", () => {
    const expected = name === "with everything" ? listed : listed.filter((edge) => !bySetting.test(edge));
    expect(stack.all).toEqual(expected.toSorted());
  });

  test("each is allowed on both sides", () => {
    for (const edge of stack.edges) {
      const check = checks[edge.kind];
      expect([edge, typeof check]).toEqual([edge, "function"]);
      check?.(stack, edge);
    }
  });

  test("a role may touch only what its edges lead to", () => {
    for (const [id] of [...stack.of("AWS::Lambda::Function"), ...stack.of("AWS::Scheduler::Schedule")]) {
      const edges = stack.edges.filter(({ from, to, kind }) =>
        kind === "feed" ? stack.functionOf(to) === id : from === id,
      );
      const reached = new Set(edges.flatMap(({ from, to }) => [from, to]));
      const allowed = roleOf(stack, id).rights.filter(({ Effect }) => Effect === "Allow");
      const touched = allowed.flatMap(({ Resource }) => stack.refersTo([Resource].flat()));
      expect(touched.filter((one) => !reached.has(one))).toEqual([]);
      // Beyond them the key, and what AWS grants for no narrower resource.
      const wide = allowed.filter(({ Resource }) => stack.refersTo([Resource].flat()).length === 0);
      const actions = wide.flatMap(({ Action }) => Action);
      expect(actions.filter((action) => !/^(kms|xray|ec2):/.test(action))).toEqual([]);
      if (name !== "with everything") expect(actions).toEqual([]);
    }
  });

  test("a role's key serves the services of its edges alone", () => {
    for (const [id] of stack.of("AWS::Lambda::Function")) {
      const used = stack.edges.flatMap(({ from, to, kind }) => {
        if (kind === "feed" && stack.functionOf(to) === id) return ["sqs"];
        return from === id && kind in servicesOfData ? [servicesOfData[kind as keyof typeof servicesOfData]] : [];
      });
      const key = roleOf(stack, id).rights.find(({ Action }) => /kms:/.test(String(Action)));
      const via = JSON.stringify(key?.Condition ?? {}).match(/(dynamodb|secretsmanager|sqs)(?=\.)/g) ?? [];
      expect(via.toSorted()).toEqual(key ? [...new Set(used)].sort() : []);
    }
  });

  test("nobody else may invoke a function or publish an alarm", () => {
    const invoked = stack.edges.filter(
      ({ from, kind }) => kind === "invoke" && stack.typeOf(from) === "AWS::ApiGatewayV2::Api",
    );
    expect(stack.of("AWS::Lambda::Permission").length).toBe(new Set(invoked.map(({ to }) => to)).size);
    expect(stack.of("AWS::SNS::TopicPolicy").length).toBe(1);
    for (const [id] of stack.of("AWS::SQS::Queue")) {
      expect(ownPolicy(stack, id).map(isDenialWithoutTls)).toEqual([true]);
    }
  });
});
