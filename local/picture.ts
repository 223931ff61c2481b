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
  const drawing = createDrawing(synthesize());
  drawRoutes(drawing);
  drawTriggers(drawing);
  for (const [id, statements] of drawing.roles()) {
    const name = nameOf(id).replace(/Role$/, "");
    if (name !== "SweepSchedule") drawRights(drawing, name, statements);
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
    ...[...drawing.nodes].sort(),
    ...[...drawing.edges].sort(),
    ...outside,
    "```",
    "",
  ].join("\n");
}

function synthesize(): Record<string, Resource> {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };
  const forwardTo = "https://sync.example.com/lark";
  const stack = new ResignWebhookStack(app, "ResignWebhook", { genauth, lark: { forwardTo } });
  return (Template.fromStack(stack).toJSON() as { Resources: Record<string, Resource> }).Resources;
}

type Drawing = ReturnType<typeof createDrawing>;

function createDrawing(resources: Record<string, Resource>) {
  const all = Object.entries(resources);
  const nodes = new Set<string>();

  /** The resource that something refers to; in place of an alias its function. */
  function find(reference: unknown): [id: string, resource: Resource] | undefined {
    const found = all.find(([id]) => JSON.stringify(reference)?.includes(`"${id}"`));
    return found?.[1].Type === "AWS::Lambda::Alias" ? find(found[1].Properties.FunctionName) : found;
  }

  return {
    nodes,
    edges: new Set<string>(),
    find,
    /** The properties of all resources of a type. */
    of: (type: string) => all.filter(([, { Type }]) => Type === type).map(([, { Properties }]) => Properties),
    /** What each role may do, by its id. */
    roles: () =>
      all.flatMap(([id, { Type, Properties }]): [string, Statement[]][] =>
        Type === "AWS::IAM::Role" ? [[id, (Properties.Policies as Policy[]).flatMap(statementsOf)]] : [],
      ),
    /** Draws what something refers to, if that has a shape, and gives back its name. */
    node(reference: unknown): string | undefined {
      const [id = "", resource] = find(reference) ?? [];
      const shape = shapes[resource?.Type ?? ""];
      if (!shape) return undefined;
      const name = nameOf(id);
      nodes.add(`  ${name}${shape(name)}`);
      return name;
    },
  };
}

function drawRoutes({ of, find, node, edges }: Drawing): void {
  const routes = new Map<string, string[]>();
  for (const { RouteKey, Target } of of("AWS::ApiGatewayV2::Route")) {
    const target = node(find(Target)?.[1].Properties.IntegrationUri);
    if (target) routes.set(target, [...(routes.get(target) ?? []), String(RouteKey)]);
  }
  for (const [target, keys] of routes) edges.add(`  senders -- "${keys.sort().join("<br/>")}" --> ${target}`);
}

function drawTriggers({ of, node, edges }: Drawing): void {
  for (const { EventSourceArn, FunctionName } of of("AWS::Lambda::EventSourceMapping")) {
    edges.add(`  ${node(EventSourceArn)} ==> ${node(FunctionName)}`);
  }
  for (const { ScheduleExpression, Target } of of("AWS::Scheduler::Schedule")) {
    edges.add(`  clock(["${ScheduleExpression}"]) ==> ${node(Target)}`);
  }
}

interface Statement {
  Action: string | string[];
  Resource: unknown;
}

interface Policy {
  PolicyDocument: { Statement: Statement[] };
}

const statementsOf = ({ PolicyDocument }: Policy): Statement[] => PolicyDocument.Statement;

/** What the role of a function, called `name`, allows it. */
function drawRights({ node, edges }: Drawing, name: string, statements: readonly Statement[]): void {
  const allowed = new Map<string, Set<string>>();
  for (const { Action, Resource } of statements) {
    const actions = [Action].flat().filter((action) => !ofThePoller.test(action));
    for (const one of [Resource].flat()) {
      const target = node(one);
      if (!target || target === name || actions.length === 0) continue;
      allowed.set(target, new Set([...(allowed.get(target) ?? []), ...actions.map(withoutService)]));
    }
  }
  for (const [target, actions] of allowed)
    edges.add(`  ${name} -- "${[...actions].sort().join("<br/>")}" --> ${target}`);
}

const withoutService = (action: string) => action.split(":")[1] ?? "";

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
