/** What the documents say is what the code does. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createContext, runInContext } from "node:vm";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { ResignWebhookStack } from "../lib/resign-webhook.ts";
import { parseSettings } from "../lib/settings.ts";
import { newApiSecret } from "../local/stack.ts";

const read = (path: string) => readFileSync(path, "utf8");
const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };

function flatten(value: object, prefix = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === "object" && !Array.isArray(inner)
      ? flatten(inner, `${prefix}${name}.`)
      : [[prefix + name, inner] as [string, unknown]],
  );
}

test("docs/settings.md names every setting with its default", () => {
  const rows = new Map(
    [...read("docs/settings.md").matchAll(/^\| `([\w.]+)`.*? \| (?:`(.*?)`|none) \|/gm)].map(([, name, value]) => [
      name,
      value,
    ]),
  );
  for (const [name, value] of flatten(parseSettings({ genauth }))) {
    if (name.startsWith("genauth.")) expect(rows.has(name)).toBe(true);
    else expect([name, rows.get(name)]).toEqual([name, JSON.stringify(value)]);
  }
});

test("docs/runbook.md has a chapter for every alarm", () => {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const alarms = Template.fromStack(new ResignWebhookStack(app, "Test", { genauth })).findResources(
    "AWS::CloudWatch::Alarm",
  );
  const runbook = read("docs/runbook.md");
  for (const id of Object.keys(alarms)) {
    const name = id.replace(/^ResignWebhookAlarms/, "").replace(/[0-9A-F]{8}$/, "");
    expect(runbook).toContain(name);
  }
});

test("the sample in docs/signed-orders.md signs what the verifier takes", async () => {
  const [, sample = ""] = /```js\n([\s\S]*?)```/.exec(read("docs/signed-orders.md")) ?? [];
  const secret = newApiSecret();
  const sent: { url: string; headers: Record<string, string>; body: string }[] = [];
  const context = createContext({
    require: createRequire(import.meta.url),
    Buffer,
    inputData: { secret, openId: "ou_1", eventId: "42", leftAt: "2026-11-24T00:00:00Z", url: "https://example.com" },
    fetch: async (url: string, init: { headers: Record<string, string>; body: string }) => {
      sent.push({ url, ...init });
      return { ok: true, json: async () => ({ id: "res_1", status: "accepted" }) };
    },
  });
  const result = await (runInContext(`(async () => {${sample}})()`, context) as Promise<unknown>);
  expect(result).toEqual({ id: "res_1", status: "accepted" });
  expect(sent[0]?.url).toBe("https://example.com/resignations");
  expect(new Webhook(secret).verify(sent[0]?.body ?? "", sent[0]?.headers ?? {})).toMatchObject({
    userId: "lark:ou_1",
  });
});

test("README.zh-CN.md has the chapters of README.md", () => {
  const chapters = (path: string) => read(path).match(/^## /gm)?.length;
  expect(chapters("README.zh-CN.md")).toBe(chapters("README.md"));
});
