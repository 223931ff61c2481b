/** Which function is given which settings, as a table; and that settings of a version before are still read. */
import { readFileSync } from "node:fs";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { describe, expect, test } from "vitest";
import type * as z from "zod/mini";
import { connectGround } from "../../lambda/aws/connect.ts";
import * as settingsOf from "../../lambda/settings/by-function.ts";
import { ResignWebhookStack } from "../../lib/resign-webhook.ts";
import { parseSettings } from "../../lib/settings.ts";

const ofDirectories = [
  ...["lark.provider", "lark.userIdField", "lark.appId", "lark.tenantKey", "lark.strictTimestamp", "lark.forwardTo"],
  "wechatwork.forwardTo",
];
const ofOperators = [
  ...["allowedProviders", "operators.api", "operators.slack", "slack.command", "slack.appId", "slack.replyHosts"],
];
const reads: Record<keyof typeof settingsOf, string[]> = {
  webhook: ofDirectories,
  desk: [...ofDirectories, ...ofOperators],
  resigner: [
    ...["genauth.host", "genauth.userPoolId", "genauth.settleSeconds", "notices.about", "protected", "dryRun"],
    ...["brake.perHour", "brake.perDay", "brake.percentPerDay", "brake.headcount", "slack.replyHosts"],
    ...["slack.secondOperator", "maxEventAgeSeconds", "notFoundInARow", "graceDays", "endSessionsIn"],
    ...["retry.firstDelaySeconds", "retry.maxDelaySeconds", "retry.giveUpAfterSeconds"],
  ],
  notifier: ["notices.language"],
  sweep: ["silenceDays", "notices.about"],
  forwarder: ["lark.forwardTo", "wechatwork.forwardTo"],
};
const functions = Object.entries(settingsOf) as [keyof typeof reads, () => z.ZodMiniType<object>][];

/** Settings of versions before, with everything set: as they stand in the environment of a deployed function. */
const former: Record<string, object> = JSON.parse(readFileSync("test/fixtures/settings.json", "utf8"));

function flatten(value: object, prefix = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === "object" && !Array.isArray(inner)
      ? flatten(inner, `${prefix}${name}.`)
      : [[prefix + name, inner] as [string, unknown]],
  );
}

test("each function's environment holds exactly the settings that it reads, as they were given", () => {
  const { forwardToPrivate, ...former3db5bbd } = former["3db5bbd"] as { forwardToPrivate: boolean };
  const settings = parseSettings(former3db5bbd);
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const found = Template.fromStack(new ResignWebhookStack(app, "Test", settings)).findResources(
    "AWS::Lambda::Function",
  );
  const given: Record<string, object> = {};
  for (const { Properties } of Object.values(found)) {
    const text: string = Properties.Environment.Variables.RESIGN_SETTINGS;
    const [, id = ""] = /ResignWebhook(\w+)Role/.exec(JSON.stringify(Properties.Role)) ?? [];
    given[id.toLowerCase()] = Object.fromEntries(flatten(JSON.parse(text)));
  }
  const all = new Map(flatten(settings));
  const expected = functions.map(([name]) => [name, Object.fromEntries(reads[name].map((key) => [key, all.get(key)]))]);
  expect(given).toEqual(Object.fromEntries(expected));
});

/** Newer than some environment, or without a default. */
const mayBeMissing = [
  ...["genauth.settleSeconds", "lark.appId", "lark.tenantKey", "lark.forwardTo", "wechatwork.forwardTo"],
  "slack.appId",
];

test.each(functions)("%s does not run where one of its settings is missing", (name, part) => {
  const read = (settings: object) =>
    connectGround({ name, environment: { RESIGN_SETTINGS: JSON.stringify(settings) } }, part, () => {});
  for (const key of reads[name]) {
    const settings = structuredClone(former["3db5bbd"]) as Record<string, Record<string, unknown>>;
    const [first = "", second] = key.split(".");
    if (second === undefined) delete settings[first];
    else delete settings[first]?.[second];
    if (mayBeMissing.includes(key)) expect(() => read(settings)).not.toThrow();
    else expect(() => read(settings)).toThrow(`"${second ?? first}"`);
  }
});

describe.each(Object.entries(former))("a function of today reads the settings of %s", (_, settings) => {
  const all = new Map<string, unknown>([["genauth.settleSeconds", 30], ...flatten(settings)]);

  test.each(functions)("%s", (name, part) => {
    const environment = { RESIGN_SETTINGS: JSON.stringify(settings) };
    const read = connectGround({ name, environment }, part, () => {}).settings;
    const expected = reads[name].filter((key) => all.has(key)).map((key) => [key, all.get(key)]);
    expect(Object.fromEntries(flatten(read))).toEqual(Object.fromEntries(expected));
  });
});
