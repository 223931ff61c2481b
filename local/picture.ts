import { writeFileSync } from "node:fs";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { ResignWebhookStack } from "../lib/resign-webhook.ts";

/** The picture's file: made from the template, so that it cannot lie. `npm run picture` makes it anew. */
export const pictureFile = "docs/architecture.md";

interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
}

/** What is deployed, drawn from the synthesized template: routes, who polls what, and who may do what with what. */
export function drawPicture(): string {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };
  const forwardTo = "https://sync.example.com/lark";
  const stack = new ResignWebhookStack(app, "ResignWebhook", { genauth, lark: { forwardTo } });
  const { Resources } = Template.fromStack(stack).toJSON() as { Resources: Record<string, Resource> };
  const all = Object.entries(Resources);
  const of = (type: string) => all.filter(([, { Type }]) => Type === type).map(([, { Properties }]) => Properties);

  const nodes = new Set<string>();
  const edges = new Set<string>();
  const node = (reference: unknown): string | undefined => {
    const id = all.map(([name]) => name).find((name) => JSON.stringify(reference)?.includes(`"${name}"`));
    const shape = id && shapes[Resources[id]?.Type ?? ""];
    if (!id || !shape) return undefined;
    const name = nameOf(id);
    nodes.add(`  ${name}${shape(name)}`);
    return name;
  };

  const routes = new Map<string, string[]>();
  for (const { RouteKey, Target } of of("AWS::ApiGatewayV2::Route")) {
    const integration = all.find(([id]) => JSON.stringify(Target).includes(`"${id}"`))?.[1].Properties;
    const target = node(integration?.IntegrationUri);
    if (target) routes.set(target, [...(routes.get(target) ?? []), String(RouteKey)]);
  }
  for (const [target, keys] of routes) edges.add(`  senders -- "${keys.sort().join("<br/>")}" --> ${target}`);
  for (const { EventSourceArn, FunctionName } of of("AWS::Lambda::EventSourceMapping")) {
    edges.add(`  ${node(EventSourceArn)} ==> ${node(FunctionName)}`);
  }
  for (const { ScheduleExpression, Target } of of("AWS::Scheduler::Schedule")) {
    edges.add(`  clock(["${ScheduleExpression}"]) ==> ${node(Target)}`);
  }
  for (const { Roles, PolicyDocument } of of("AWS::IAM::Policy")) {
    const name = /ResignWebhook(\w+?)Role/.exec(JSON.stringify(Roles))?.[1] ?? "";
    const { Statement } = PolicyDocument as { Statement: { Action: string | string[]; Resource: unknown }[] };
    const allowed = new Map<string, Set<string>>();
    for (const { Action, Resource } of Statement) {
      const actions = [Action]
        .flat()
        .filter((action) => !ofThePoller.test(action))
        .map((action) => action.split(":")[1] ?? "");
      for (const one of [Resource].flat()) {
        const target = node(one);
        if (!target || target === name || actions.length === 0) continue;
        allowed.set(target, new Set([...(allowed.get(target) ?? []), ...actions]));
      }
    }
    if (name === "SweepSchedule") continue;
    for (const [target, actions] of allowed)
      edges.add(`  ${name} -- "${[...actions].sort().join("<br/>")}" --> ${target}`);
  }
  const outside = [
    "  Resigner --> GenAuth{{GenAuth}}",
    "  Notifier --> people{{people and programs}}",
    "  Forwarder --> second{{second listener}}",
  ];
  return [
    "# Architecture",
    "",
    "`Webhook` answers what the directories send: it writes departures and returns into the ledger and queues them. `Desk` answers people and tools: signed orders, Slack, operators' lists and decisions, and the quarantine of refused requests. `Resigner` alone may read GenAuth's token, and calls GenAuth. `Sweep` queues again what was left behind; `Notifier` tells people and programs. Step by step: [how a departure travels](how-a-departure-travels.md).",
    "",
    "The picture is drawn from the synthesized template by `npm run picture`, and compared with it in the tests. A thick arrow feeds a function; a thin one is what its role allows. `Forwards` and `Forwarder` are there if `forwardTo` is set.",
    "",
    "```mermaid",
    "flowchart LR",
    ...[...nodes].sort(),
    ...[...edges].sort(),
    ...outside,
    "```",
    "",
  ].join("\n");
}

const shapes: Record<string, (name: string) => string> = {
  "AWS::Lambda::Function": (name) => `["λ ${name}"]`,
  "AWS::SQS::Queue": (name) => `[/"${name} (SQS)"/]`,
  "AWS::DynamoDB::GlobalTable": (name) => `[("${name} (DynamoDB)")]`,
  "AWS::SecretsManager::Secret": (name) => `>"${name} (secret)"]`,
};

/** What Lambda does with a function's role. */
const ofThePoller = /^(logs:|sqs:(ReceiveMessage|DeleteMessage|GetQueueAttributes))/;

/** CDK leaves out of an id what the part before it ends with: of the webhook nothing is left. */
const nameOf = (id: string) => id.replace(/^ResignWebhook/, "").replace(/[0-9A-F]{8}$/, "") || "Webhook";

if (import.meta.main) writeFileSync(pictureFile, drawPicture());
