/** What the documents say is what the code does. */
import { createHmac } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { costFile, drawCost, idleMonth, total } from "../bench/cost-page.ts";
import { receiveWith } from "../lambda/intake/receive.ts";
import { holds } from "../lambda/resignation/resignation.ts";
import { abouts } from "../lambda/settings/settings.ts";
import { orders } from "../lambda/sources/orders.ts";
import { type AlarmName, alarms, behind } from "../lib/alarms.ts";
import { ResignWebhookStack } from "../lib/resign-webhook.ts";
import { parseSettings } from "../lib/settings.ts";
import { drawPicture, pictureFile } from "../local/picture.ts";
import { drawSettings, settingsFile } from "../local/settings-page.ts";
import { newApiSecret } from "../local/stack.ts";
import { type AlarmProperties, alarmsOf, watchedBy } from "./alarm-states.ts";
import { gist, routes, settings, toRequest } from "./parts.ts";

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

test("docs/settings.md is made from the declaration of the settings (npm run settings)", () => {
  expect(read(settingsFile)).toBe(drawSettings());
});

test("docs/runbook.md has a row and a chapter for every alarm and its metrics, and docs/cost.md counts them", () => {
  const runbook = read("docs/runbook.md");
  const chapters = anchorsOf("docs/runbook.md");
  for (const [name, alarm] of Object.entries(alarmsOf("Test"))) {
    const [, chapter = ""] = /runbook\.md#([a-z-]+)$/.exec(alarm.AlarmDescription) ?? [];
    expect(chapters).toContain(chapter);
    const [, row = ""] = new RegExp(`^\\| \\[\`${name}\`\\]\\(#${chapter}\\) \\| (.*)$`, "m").exec(runbook) ?? [];
    expect(row).toContain(`${alarms[name as AlarmName].severity} | `);
    for (const metric of behind(name as AlarmName)) expect(row).toContain(`\`${metric}\``);
    const [, named = ""] = / Metrics: (.*)\. Runbook:/.exec(alarm.AlarmDescription) ?? [];
    for (const metric of named.split(", ")) expect(runbook).toContain(`\`${metric}\``);
  }
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const byDefault = Template.fromStack(new ResignWebhookStack(app, "Test", { genauth }));
  const all = Object.values(byDefault.findResources("AWS::CloudWatch::Alarm"));
  const watched = all.flatMap(({ Properties }) => watchedBy(Properties as AlarmProperties));
  const row = `| ${all.length} alarms on ${watched.length} metrics: AWS bills each metric of an alarm | ${watched.length} × 0.10 |`;
  expect(read("docs/cost.md")).toContain(row);
});

test("docs/runbook.md says of every former alarm where it is heard now, where its metric is still watched", () => {
  const [, table = ""] = /^\| former alarm \| now \|\n([\s\S]*?)\n\n/m.exec(read("docs/runbook.md")) ?? [];
  const heard = new Map(
    [...table.matchAll(/^\| (`.*) \| `(\w+)` \|$/gm)].flatMap(([, former = "", now = ""]) =>
      former.split(", ").map((name) => [name.replaceAll("`", ""), now] as const),
    ),
  );
  const template = alarmsOf("Test");
  const named = (name: string) => / Metrics: (.*)\. Runbook:/.exec(template[name]?.AlarmDescription ?? "")?.[1];
  const renamed: Record<string, string> = {
    HeldTooLong: "OldestHeldSeconds",
    Failed: "FailedWaiting",
    NoticeFailed: "NoticesDeadLetters",
    Silent: "SilentSources",
  };
  const unwatched: Record<string, string> = {
    ...{ webhookErrors: "Api", deskErrors: "Api", notifierErrors: "NotTold", sweepErrors: "Heartbeat" },
    ...{ webhookThrottles: "Api", deskThrottles: "Api", notifierThrottles: "NotTold", sweepThrottles: "Heartbeat" },
  };
  expect(heard.size).toBe(41);
  for (const [former, now] of heard) {
    // Nobody watches it itself: test/alarms.test.ts shows how its state is heard.
    if (now === unwatched[former]) continue;
    expect(named(now)?.split(", ")).toContain(renamed[former] ?? former);
  }
});

test("docs/cost.md is computed from the template and the bench (npm run cost)", () => {
  expect(read(costFile)).toBe(drawCost());
});

test("a month in which nobody leaves costs $4 at most, each metric of an alarm counted; the READMEs say it", () => {
  const lines = idleMonth();
  expect(total(lines)).toBeLessThanOrEqual(4);
  const month = Math.round(total(lines));
  expect(read("README.md")).toContain(`[about $${month} a month](docs/cost.md)`);
  expect(read("README.zh-CN.md")).toContain(`[每月约 ${month} 美元](docs/cost.md)`);
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

interface Sent {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** Runs the samples of a page as their tool does, with what it gives them and nothing else. */
const recipes: Record<
  string,
  (samples: string[], input: object, secret: string, send: (sent: Sent) => object) => Promise<unknown>
> = {
  "docs/signed-orders.md": runInZapier,
  "docs/zapier.md": runInZapier,
  "docs/n8n.md": runInN8n,
};

async function runInZapier(samples: string[], input: object, secret: string, send: (sent: Sent) => object) {
  const context = createContext({
    require: createRequire(import.meta.url),
    Buffer,
    inputData: { ...input, secret, url: "https://resign.example.com" },
    fetch: async (url: string, init: Omit<Sent, "url">) => {
      const { status, ...body } = send({ url, ...init }) as { status: number };
      return { ok: status < 300, status, json: async () => ({ ...body, ...("is" in body && { status: body.is }) }) };
    },
  });
  return runInContext(`(async () => {${samples[0]}})()`, context);
}

/** Its Code node has no `fetch` and no `require`; between the two stands the Crypto node with its credential. */
async function runInN8n(
  [make = "", deliver = ""]: string[],
  input: object,
  secret: string,
  send: (sent: Sent) => object,
) {
  const run = (code: string, $json: object, helpers: object) =>
    runInContext(`(async function () {${code}}).call({ helpers })`, createContext({ $json, helpers, Buffer }));
  const { json } = (await run(make, input, {})) as { json: { signed: string } };
  const textKey = Buffer.from(secret.slice("whsec_".length), "base64").toString();
  const signature = createHmac("sha256", textKey).update(json.signed).digest("base64");
  return run(
    deliver,
    { ...json, signature },
    {
      httpRequest: async (request: Sent & Record<string, unknown>) => {
        expect(request).toMatchObject({ method: "POST", returnFullResponse: true, ignoreHttpStatusErrors: true });
        const { status, ...body } = send(request) as { status: number };
        return { statusCode: status, body: { ...body, ...("is" in body && { status: body.is }) } };
      },
    },
  );
}

const input = { openId: "ou_1", eventId: "42", leftAt: "2026-11-24T00:00:00Z" };
const samplesOf = (path: string) => [...read(path).matchAll(/```js\n([\s\S]*?)```/g)].map(([, sample = ""]) => sample);

describe.each(Object.entries(recipes))("the recipe in %s", (path, run) => {
  const secret = newApiSecret();

  test("signs what the verifier takes, and waits for the outcome", async () => {
    const sent: Sent[] = [];
    const done = await run(samplesOf(path), input, secret, (one) => {
      sent.push(one);
      return { status: 200, id: "res_1", is: "resigned" };
    });
    expect(JSON.stringify(done)).toContain('"id":"res_1","status":"resigned"');
    expect(sent[0]?.url).toBe("https://resign.example.com/resignations");
    const { body = "", headers = {} } = sent[0] ?? {};
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({ userId: "lark:ou_1" });
    const request = toRequest({ method: "POST", path: "/resignations", headers, body });
    const ring = { api: { keys: { hr: [secret] } } };
    expect(gist(receiveWith(ring, orders, request, settings(), new Date()))).toMatchObject({
      departures: [{ eventId: "hr/hr-42", userId: "lark:ou_1" }],
      waitSeconds: 10,
    });
  });

  test("stops at what is refused, and at nobody by that id", async () => {
    const answered = (answer: object) => () => run(samplesOf(path), input, secret, () => answer);
    await expect(answered({ status: 401, code: "unauthorized", title: "x" })).rejects.toThrow("401 unauthorized: x");
    await expect(answered({ status: 422, code: "c", detail: "d" })).rejects.toThrow("422 c: d");
    await expect(answered({ status: 200, id: "res_1", is: "not_found" })).rejects.toThrow("GenAuth knows nobody");
  });

  test.each(["openId", "eventId"])("sends nothing where %s is missing", async (name) => {
    for (const missing of [undefined, null, "", "undefined", "null", "None", "NaN"]) {
      const sent: Sent[] = [];
      const going = run(samplesOf(path), { ...input, [name]: missing }, secret, (one) => {
        sent.push(one);
        return { status: 202 };
      });
      await expect(going).rejects.toThrow(`${name} is missing`);
      expect(sent).toEqual([]);
    }
  });
});

test("docs/signed-orders.md has a row for every code that an order may get", () => {
  const page = read("docs/signed-orders.md");
  for (const code of [
    ...["bad_header", "clock_off", "malformed", "unauthorized", "unsupported_media_type", "invalid_user_id"],
    ...["id_reused", "occurred_in_future", "occurred_out_of_range", "unavailable"],
  ]) {
    expect(page).toMatch(new RegExp(`^\\| \\d{3} \`${code}\` \\|`, "m"));
  }
});

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

test.each(["README.md", "README.zh-CN.md"])("%s has four rows of bench/RESULTS.md at most", (page) => {
  const figures = /<!-- made by npm run bench -->([\s\S]*)<!-- until here -->/.exec(read(page))?.[1] ?? "";
  const rows = figures.trim().split("\n").slice(2);
  expect(rows.length).toBeLessThanOrEqual(4);
  const results = read("bench/RESULTS.md").split("\n");
  expect(rows.filter((row) => !results.includes(row))).toEqual([]);
});

test("lambda/README.md has a row for every room, with the functions that contain it", () => {
  const [, ...bundles] = read("test/fixtures/bundles.txt").split(/^\[(?=\w+\]$)/m);
  const filesOf = new Map(bundles.map((text) => text.split("]\n") as [string, string]));
  // What the sweep contains of a room is there for the ledger's items.
  const ofTheLedger = new Set(filesOf.get("sweep")?.split("\n"));
  const functionsOf = (room: string) =>
    [...filesOf].flatMap(([name, files]) =>
      files.split("\n").some((file) => file.startsWith(room) && !ofTheLedger.has(file)) ? [name] : [],
    );
  const rows = [...read("lambda/README.md").matchAll(/^\| `(\w+\/)` \|.*\| ([\w, ]+) \|$/gm)];
  const told = new Map(rows.map(([, room = "", functions = ""]) => [room, functions]));
  const rooms = globSync("lambda/*/").map((path) => `${basename(path)}/`);
  expect(rooms.length).toBeGreaterThan(5);
  for (const room of rooms) {
    const functions = told.get(room);
    if (functions !== "all") expect([room, functions]).toEqual([room, functionsOf(room).join(", ")]);
  }
});

describe.each(globSync("{*,{bench,docs,lambda,test}/**/*}.md").toSorted())("%s", (page) => {
  const text = read(page).replaceAll(/^ *```[\s\S]*?^ *```/gm, "");

  test("has no link that leads nowhere", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)];
    const broken = links.flatMap(([link, path, anchor]) => {
      const target = path ? join(dirname(page), path) : page;
      const isThere = existsSync(target) && (anchor === undefined || anchorsOf(target).includes(anchor));
      return isThere ? [] : [link];
    });
    expect(broken).toEqual([]);
  });

  test("names no file that there is not", () => {
    const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
    const named = spans.flatMap((span) => span.match(/(?<![\w./-])(?:[\w-]+\/)*[\w.-]+\.(?:ts|md)\b/g) ?? []);
    const roots = [".", dirname(page)];
    const real = named.filter((file) => !ofTheExample.test(file));
    const missing = real.filter((file) =>
      file.includes("/") ? !roots.some((root) => existsSync(join(root, file))) : !fileNames.has(file),
    );
    expect(missing).toEqual([]);
  });
});

/** The files that a reader of docs/new-source.md makes: test/new-source.test.ts makes them. */
const ofTheExample = /\/acme\.(test\.)?(ts|md)$/;

/** A page may name a file by its last part alone. */
const fileNames = new Set(
  globSync("{*,{bench,cli,docs,lambda,lib,local,test}/**/*}.{ts,md}").map((file) => basename(file)),
);

/** What GitHub makes of the headings of a page. */
const anchorsOf = (page: string) =>
  [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
