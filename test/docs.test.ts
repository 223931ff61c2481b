/** What the documents say is what the code does. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createContext, runInContext } from "node:vm";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { abouts, holds } from "../lambda/resignation.ts";
import { api } from "../lambda/sources/api.ts";
import { routes } from "../lambda/sources/index.ts";
import { ResignWebhookStack } from "../lib/resign-webhook.ts";
import { parseSettings } from "../lib/settings.ts";
import { drawPicture, pictureFile } from "../local/picture.ts";
import { newApiSecret } from "../local/stack.ts";
import { settings, toRequest } from "./parts.ts";

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

test("docs/how-a-person-is-decided.md has exactly the rows of the table of decisions", () => {
  const rows = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, row]) => row))];
  const told = rows(read("docs/how-a-person-is-decided.md"), /^\| (\d\S*(?: before|, \d+)?) \|/gm);
  expect(told.toSorted()).toEqual(rows(read("lambda/departure/decide.ts"), / row: "(.+?)"/g).toSorted());
});

test("the runbook says what to do for every hold, and docs/notices.md for every notice", () => {
  const [runbook, notices] = [read("docs/runbook.md"), read("docs/notices.md")];
  for (const heldFor of holds) expect(runbook).toContain(`\n| \`${heldFor}\` |`);
  for (const about of abouts) expect(notices).toContain(`\n| \`${about}\` |`);
});

test("docs/architecture.md is the template's picture (npm run picture)", () => {
  expect(read(pictureFile)).toBe(drawPicture());
});

test.each(["docs/signed-orders.md", "docs/zapier.md", "docs/n8n.md"])(
  "the sample in %s signs what the verifier takes",
  async (path) => {
    const [, sample = ""] = /```js\n([\s\S]*?)```/.exec(read(path)) ?? [];
    const secret = newApiSecret();
    const sent: { url: string; headers: Record<string, string>; body: string }[] = [];
    let answer: object = { ok: true, json: async () => ({ id: "res_1", status: "accepted" }) };
    const input = { secret, openId: "ou_1", eventId: "42", leftAt: "2026-11-24T00:00:00Z", url: "https://example.com" };
    const context = createContext({
      require: createRequire(import.meta.url),
      Buffer,
      inputData: input,
      $json: input,
      fetch: async (url: string, init: { headers: Record<string, string>; body: string }) => {
        sent.push({ url, ...init });
        return answer;
      },
    });
    const run = () => runInContext(`(async () => {${sample}})()`, context) as Promise<unknown>;
    expect(JSON.stringify(await run())).toContain('"id":"res_1","status":"accepted"');
    expect(sent[0]?.url).toBe("https://example.com/resignations");
    const { body = "", headers = {} } = sent[0] ?? {};
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({ userId: "lark:ou_1" });
    const request = toRequest({ method: "POST", path: "/resignations", headers, body });
    const received = api.routes["POST /resignations"]?.(request, {
      keys: { hr: [secret] },
      settings: settings(),
      now: new Date(),
    });
    expect(received).toMatchObject({ departures: [{ eventId: "hr/hr-42", userId: "lark:ou_1" }] });

    answer = {
      ok: false,
      status: 401,
      json: async () => ({ code: "unauthorized", title: "The request could not be verified" }),
    };
    await expect(run()).rejects.toThrow("401 unauthorized");
  },
);

test("the manifest in docs/slack.md is valid, and asks for what the sources have", () => {
  const [, manifest = ""] = /```yaml\n([\s\S]*?)```/.exec(read("docs/slack.md")) ?? [];
  const parsed = parse(manifest.replaceAll(/^ {3}/gm, "")) as {
    features: { slash_commands: { command: string; url: string }[] };
    settings: { interactivity: { request_url: string } };
  };
  const [command] = parsed.features.slash_commands;
  expect(command?.command).toBe(parseSettings({ genauth }).slack.command);
  expect(routes.has(`POST ${new URL(command?.url ?? "").pathname}`)).toBe(true);
  expect(routes.has(`POST ${new URL(parsed.settings.interactivity.request_url).pathname}`)).toBe(true);
});

test("README.zh-CN.md has the chapters of README.md", () => {
  const chapters = (path: string) => read(path).match(/^## /gm)?.length;
  expect(chapters("README.zh-CN.md")).toBe(chapters("README.md"));
});
