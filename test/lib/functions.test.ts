/** How functions are called, and what they have that nothing else can take: versions, aliases, executions, throttles. */
import { App, Fn, Lazy, Token } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { routes as webhookRoutes } from "../../lambda/webhook.ts";
import { ResignWebhookStack } from "../../lib/resign-webhook.ts";

const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };

const synthesize = (settings: object = {}) => {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  return Template.fromStack(new ResignWebhookStack(app, "Test", { genauth, ...settings }));
};

let template: Template;
beforeAll(() => {
  template = synthesize();
});

/** A function's logical id → its name. */
const namesOf = (made: Template) =>
  Object.fromEntries(
    Object.entries(made.findResources("AWS::Lambda::Function")).map(([id, { Properties }]) => {
      const [, name = ""] = /ResignWebhook(\w+)Role/.exec(JSON.stringify(Properties.Role)) ?? [];
      return [id, name.toLowerCase()];
    }),
  );

describe("functions are called as published versions, by the alias live", () => {
  const forwarding = { lark: { forwardTo: "https://sync.example.com/lark" } };
  let made: Template;
  /** An alias's logical id → its function's name. */
  let aliases: Record<string, string>;
  beforeAll(() => {
    made = synthesize(forwarding);
    const names = namesOf(made);
    aliases = Object.fromEntries(
      Object.entries(made.findResources("AWS::Lambda::Alias", { Properties: { Name: "live" } })).map(
        ([id, { Properties }]) => [id, names[Properties.FunctionName.Ref as string] ?? ""],
      ),
    );
  });
  const aliasIn = (reference: unknown) =>
    Object.entries(aliases).flatMap(([id, name]) => (JSON.stringify(reference).includes(`"${id}"`) ? [name] : []));

  test("each has one version and one alias, and the alias points to the version", () => {
    expect(Object.values(aliases).toSorted()).toEqual(Object.values(namesOf(made)).toSorted());
    expect(Object.keys(aliases)).toHaveLength(6);
    const versions = made.findResources("AWS::Lambda::Version");
    const pointed = Object.values(made.findResources("AWS::Lambda::Alias")).map(({ Properties }) => {
      const [version] = Properties.FunctionVersion["Fn::GetAtt"] as string[];
      expect(versions[version ?? ""]?.Properties.FunctionName).toEqual(Properties.FunctionName);
      return version;
    });
    expect(pointed.toSorted()).toEqual(Object.keys(versions).toSorted());
  });

  test("a version stays for a roll-back; one that a failed deployment made goes, so that the next can publish it", () => {
    made.allResources("AWS::Lambda::Version", {
      DeletionPolicy: "RetainExceptOnCreate",
      UpdateReplacePolicy: "Retain",
    });
  });

  test("routes, queues and the clock call the alias, and may", () => {
    const uris = Object.values(made.findResources("AWS::ApiGatewayV2::Integration"));
    expect(uris.map(({ Properties }) => Properties.IntegrationUri.Ref).flatMap((Ref) => aliasIn({ Ref }))).toEqual([
      "webhook",
      "desk",
    ]);
    const mappings = Object.values(made.findResources("AWS::Lambda::EventSourceMapping"));
    const fed = mappings.map(({ Properties }) => Properties.FunctionName as unknown);
    expect(fed.flatMap(aliasIn).toSorted()).toEqual(["forwarder", "notifier", "resigner"]);
    for (const name of fed) expect(JSON.stringify(name)).toContain('":live"');
    const [schedule] = Object.values(made.findResources("AWS::Scheduler::Schedule"));
    expect(aliasIn(schedule?.Properties.Target.Arn)).toEqual(["sweep"]);
    const [[, role] = []] = Object.entries(made.findResources("AWS::IAM::Role")).filter(([id]) =>
      id.includes("SweepSchedule"),
    );
    expect(aliasIn(role?.Properties.Policies[0].PolicyDocument.Statement[0].Resource)).toEqual(["sweep"]);
  });

  test("the API may call the two aliases before a route leads there, and nothing else may call anything", () => {
    const permissions = made.findResources("AWS::Lambda::Permission");
    const called = Object.values(permissions).map(({ Properties }) => {
      expect(Properties).toMatchObject({ Action: "lambda:InvokeFunction", Principal: "apigateway.amazonaws.com" });
      expect(JSON.stringify(Properties.SourceArn)).toMatch(/:execute-api:.*ResignWebhookApi/);
      return aliasIn(Properties.FunctionName);
    });
    expect(called).toEqual([["webhook"], ["desk"]]);
    for (const integration of Object.values(made.findResources("AWS::ApiGatewayV2::Integration"))) {
      const [name] = aliasIn(integration.Properties.IntegrationUri);
      const needed = (integration.DependsOn as string[]).map((id) => aliasIn(permissions[id]?.Properties.FunctionName));
      expect(needed).toEqual([[name]]);
    }
  });

  test("what Lambda does not put into a version publishes none; what it does, publishes one", () => {
    const versions = (changes: object) => Object.keys(synthesize(changes).findResources("AWS::Lambda::Version"));
    const before = versions({});
    expect(versions({ concurrency: { webhookReserved: 30, webhookProvisioned: 1 } })).toEqual(before);
    expect(versions({ logRetentionDays: 30, throttle: { ratePerSecond: 10 } })).toEqual(before);
    const changed = (after: string[]) => after.filter((id) => !before.includes(id)).map((id) => id.slice(0, -32));
    expect(changed(versions({ notices: { language: "zh" } }))).toEqual([expect.stringContaining("NotifierCurrent")]);
    expect(changed(versions({ graceDays: 1 }))).toEqual([expect.stringContaining("ResignerCurrentVersion")]);
    expect(changed(versions({ xRay: true }))).toHaveLength(5);
  });
});

describe("nothing else in the account or on the API can cost a departure", () => {
  const functionOf = (made: Template, name: string) => {
    const [id = ""] = Object.entries(namesOf(made)).find(([, one]) => one === name) ?? [];
    return made.findResources("AWS::Lambda::Function")[id]?.Properties as Record<string, unknown>;
  };

  test("webhook has executions of its own, unless they are switched off", () => {
    expect(functionOf(template, "webhook")).toMatchObject({ ReservedConcurrentExecutions: 50 });
    template.resourcePropertiesCountIs("AWS::Lambda::Function", { ReservedConcurrentExecutions: Match.anyValue() }, 1);
    const without = synthesize({ concurrency: { webhookReserved: 0 } });
    expect(functionOf(without, "webhook")).not.toHaveProperty("ReservedConcurrentExecutions");
  });

  test("webhook has the memory that makes it fast when cold; the others wait for others", () => {
    const memories = Object.values(namesOf(template)).map((name) => [name, functionOf(template, name).MemorySize]);
    expect(Object.fromEntries(memories)).toEqual({
      ...{ webhook: 1_024, desk: 512, resigner: 512, notifier: 512, sweep: 512 },
    });
  });

  test("each directory's route has a throttle of its own, made when the route is there", () => {
    const made = synthesize({ throttle: { ratePerSecond: 7, burst: 9 } });
    const [stage] = Object.values(made.findResources("AWS::ApiGatewayV2::Stage"));
    const limits = { ThrottlingRateLimit: 7, ThrottlingBurstLimit: 9 };
    const own = [...webhookRoutes.keys()];
    expect(stage?.Properties.RouteSettings).toEqual(Object.fromEntries(own.map((route) => [route, limits])));
    expect(stage?.Properties.DefaultRouteSettings).toEqual(limits);
    const routes = made.findResources("AWS::ApiGatewayV2::Route");
    const awaited = (stage?.DependsOn ?? []).flatMap((id: string) => routes[id]?.Properties.RouteKey ?? []);
    expect(awaited.toSorted()).toEqual(own.toSorted());
  });
});

describe("a setting that is known only once the stack is deployed", () => {
  const token = (name: string) => Fn.importValue(name);
  test.each([
    [{ genauth: { ...genauth, userPoolId: token("Pool") } }, "resignWebhook.genauth.userPoolId: is known only once"],
    [{ protected: ["lark:ou_1", `lark:${token("Ceo")}`] }, "resignWebhook.protected.1: is known only once"],
    [{ endSessionsIn: Fn.split(",", token("Apps")) }, "resignWebhook.endSessionsIn: is known only once"],
    [{ graceDays: Token.asNumber(token("Days")) }, "resignWebhook.graceDays: is known only once"],
    [{ lark: { appId: Lazy.string({ produce: () => "cli_1" }) } }, "resignWebhook.lark.appId: is known only once"],
  ])("is refused by its name: %#", (settings, expected) => {
    expect(() => synthesize(settings)).toThrow(expected);
  });

  test("is taken where no function reads it", () => {
    const hostedZone = { id: token("ZoneId"), name: "example.com" };
    expect(() => synthesize({ domain: { name: "hook.example.com", hostedZone } })).not.toThrow();
  });
});
