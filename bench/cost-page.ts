import { readFileSync, writeFileSync } from "node:fs";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { quarantineTable } from "../lambda/aws/schema.ts";
import { ResignWebhookStack } from "../lib/resign-webhook.ts";
import { accessLogBytes, coldStartSeconds, lambdaLogBytes, lineBytes, memoryGb, prices } from "./prices.ts";

/** What it costs: computed from the template and from what `npm run bench` counted. `npm run cost` makes it anew. */
export const costFile = "docs/cost.md";

const month = { seconds: 2_592_000, minutes: 43_200 };
const dollars = (sum: number) => sum.toFixed(2);
const thousands = (count: number) => Math.round(count).toLocaleString("en-US");

interface Line {
  readonly what: string;
  readonly how: string;
  readonly sum: number;
}

export function drawCost(): string {
  const departure = readCounts("departure");
  const refused = readCounts("refused request");
  const { resources, routesPerSecond } = readTemplate();
  const idle = idleMonth();
  const flood = floodMonth(refused, routesPerSecond);
  const warm = sumOf(departure);
  const cold = 3 * coldStartSeconds * memoryGb * prices.lambdaGbSecond * 1e6;
  const writes = departure.get("DynamoDB writes (1 kB)")?.count ?? 0;
  return [
    "# What it costs",
    "",
    "Prices of us-east-1, on demand, without the free tier, November 2026. Other regions differ by some tenths. This page is computed by `npm run cost`, from the template and from what `npm run bench` counts, and compared with both in the tests.",
    "",
    "## A departure",
    "",
    "`npm run bench` lets 50 people leave through the real functions, and counts the AWS calls at their endpoints and the lines that they log:",
    "",
    "| per departure | count | $ per million departures |",
    "|---|---|---|",
    ...[...departure].map(([name, { count, price }]) => `| ${name} | ${count.toFixed(2)} | ${dollars(price)} |`),
    `| **in all** | | **${dollars(warm)}** |`,
    `| and where each function starts cold, as for rare departures: ${coldStartSeconds} s more of each of the three | | ${dollars(cold)} |`,
    "",
    `So **$${(warm / 1000).toFixed(3)} per 1,000 departures**, and $${((warm + cold) / 1000).toFixed(3)} where each is cold. Most of it is the ledger's writes: each write of a resignation goes to four indexes as well. It stays so: in a mass event of 100,000 the last cost what the first did ([RESULTS](../bench/RESULTS.md), *Load*). The one thing that grows is the brake's log, 5 of the ${Math.round(writes)} write units at 50 a day and 46 at 500, which is why \`brake.perDay\` ends there. The calls and the lines are counted; the half second of a function is an assumption (measure yours: \`@duration\` in the functions' logs), and so are Lambda's own three SQS requests a message and one for what it deletes.`,
    "",
    "## Why 512 MB",
    "",
    "A function gets its share of a core by its memory, and WeCom waits one second for the check of its URL. Cold, with that share, ours answers in 1,780 ms at 128 MB, 799 at 256, **437 at 512**, 179 at 1,024 (RESULTS, *Cold start*; Node's own start is not in it). 512 MB is the least that leaves room; Lambda's start besides is what `concurrency.webhookProvisioned` is for.",
    "",
    "## A month in which nobody leaves",
    "",
    ...table("what", idle),
    "",
    `The template has ${resources} resources. AWS bills each metric that an alarm watches, so what belongs to one adds to one metric (\`alarmParts\` in \`lambda/log.ts\`), and what only tells sooner what another alarm hears is not watched ([what is heard where](runbook.md#what-is-heard-where)). Custom metrics are billed by the hour in which they are sent: ${dollars(prices.metric)} for a month in which that is every hour. A sweep sends a gauge only where something waits, and a count comes only where something happens; then its alarm's metric comes with it. So a state that stays for a whole month (a departure that is held) costs about ${dollars(3 * prices.metric)} more.`,
    "",
    "## Settings that cost",
    "",
    "| setting | $ a month |",
    "|---|---|",
    `| \`concurrency.webhookProvisioned: 1\` (512 MB, arm64) | ${memoryGb} GB × ${thousands(month.seconds)} s × 0.0000033334 = ${dollars(memoryGb * month.seconds * prices.provisionedGbSecond)} |`,
    `| \`kmsKeyArn\` | ${dollars(prices.kmsKey)} for the key, ${dollars(prices.kmsCall * 1e6)} per million calls |`,
    "| `xRay` | 5.00 per million traces |",
    "| `domain.hostedZone` | 0.50 for the zone |",
    `| \`network\` | ${dollars(prices.natGateway)} for a NAT gateway where there is none, and ${prices.natGb} a GB; or about ${dollars(prices.endpoint)} a zone for each endpoint of SQS, Secrets Manager and what else is called (DynamoDB's is free) |`,
    `| \`lark.forwardTo\`, \`wechatwork.forwardTo\` | ${dollars(polling(1))} for polling, ${dollars(metricsOfForwarding() * prices.alarm)} for ${metricsOfForwarding()} more metrics of alarms, 2.00 per million requests passed on |`,
    "",
    "## While somebody floods us",
    "",
    `API Gateway lets ${routesPerSecond} requests a second through (\`throttle\`): ${thousands((routesPerSecond * month.seconds) / 1e6)} million a month, if it goes on for so long and each has a signature of the right form:`,
    "",
    ...table("what", flood),
    "",
    `AWS takes no more than ${quarantineTable.maxWrites} write units a second for the quarantine: about ${Math.floor(quarantineTable.maxWrites / (refused.get("DynamoDB writes to the quarantine")?.count ?? 1))} requests, of more some by chance. Lower \`throttle.ratePerSecond\` if that is too much; a company's own senders need less than one a second. Junk without the form of a signature is not kept at all, and costs half as much.`,
    "",
  ].join("\n");
}

/** What a stack costs in a month in which nothing comes. */
export function idleMonth(): Line[] {
  const { count, alarmMetrics } = readTemplate();
  const sweep = readCounts("sweep");
  const feeds = count("AWS::Lambda::EventSourceMapping");
  const secrets = count("AWS::SecretsManager::Secret");
  const alarms = count("AWS::CloudWatch::Alarm");
  const sweeps = month.minutes / 5;
  return [
    { what: "secrets", how: `${secrets} × ${dollars(prices.secret)}`, sum: secrets * prices.secret },
    {
      what: `${alarms} alarms on ${alarmMetrics} metrics: AWS bills each metric of an alarm`,
      how: `${alarmMetrics} × ${dollars(prices.alarm)}`,
      sum: alarmMetrics * prices.alarm,
    },
    {
      what: "custom metrics that every sweep sends, though nothing waits",
      how: `${metricsOfSweep.length} × ${dollars(prices.metric)} (${metricsOfSweep.map((name) => `\`${name}\``).join(", ")})`,
      sum: metricsOfSweep.length * prices.metric,
    },
    {
      what: `Lambda polling ${feeds} queues`,
      how: `${feeds} × 5 pollers × 3 a minute × ${thousands(month.minutes)} minutes × ${dollars(prices.sqsRequest * 1e6)} a million`,
      sum: polling(feeds),
    },
    {
      what: "the sweep, every five minutes, with its log",
      how: `${thousands(sweeps)} × $${(sumOf(sweep) / 1e6).toFixed(7)}`,
      sum: (sweeps * sumOf(sweep)) / 1e6,
    },
    { what: "the dashboard", how: "the first three of an account are free, then 3.00", sum: 0 },
  ];
}

export const total = (lines: readonly Line[]) => lines.reduce((sum, line) => sum + line.sum, 0);

/** What the sweep measures each time, as `npm run bench` heard it. */
const metricsOfSweep = /Each measures ([\w, ]+)\./.exec(readResults())?.[1]?.split(", ") ?? [];

function floodMonth(refused: Counts, ratePerSecond: number): Line[] {
  const millions = (ratePerSecond * month.seconds) / 1e6;
  const at = (name: string) => (refused.get(name)?.price ?? 0) * millions;
  const cap = quarantineTable.maxWrites * month.seconds * prices.tableWrite;
  const storedGb = (quarantineTable.maxWrites * 1024 * 14 * 86_400) / 1e9;
  const logKb = refused.get("CloudWatch logs, kB")?.count ?? 0;
  return [
    { what: "HTTP API", how: "1.00 a million", sum: at("HTTP API requests") },
    {
      what: "Lambda",
      how: "0.20 a million, and 50 ms of 512 MB each",
      sum: at("Lambda requests") + at("Lambda half-GB-seconds"),
    },
    {
      what: "CloudWatch logs",
      how: `${logKb.toFixed(2)} kB each: our line, Lambda's (${lambdaLogBytes} B), the access log's (${accessLogBytes} B), ${lineBytes} B more for a line`,
      sum: at("CloudWatch logs, kB"),
    },
    {
      what: "the count of refusals in the ledger, at most",
      how: `${(refused.get("DynamoDB writes (1 kB)")?.count ?? 0).toFixed(2)} write units each`,
      sum: at("DynamoDB writes (1 kB)"),
    },
    {
      what: "the quarantine's writes, at most",
      how: `${quarantineTable.maxWrites} write units × ${thousands(month.seconds)} s`,
      sum: Math.min(cap, at("DynamoDB writes to the quarantine")),
    },
    {
      what: "14 days of it stored, with recovery, at most",
      how: `${storedGb.toFixed(0)} GB × ${dollars(prices.tableGb + prices.recoveryGb)}`,
      sum: storedGb * (prices.tableGb + prices.recoveryGb),
    },
  ];
}

const polling = (queues: number) => queues * 5 * 3 * month.minutes * prices.sqsRequest;

const table = (what: string, lines: readonly Line[]) => [
  `| ${what} | arithmetic | $ |`,
  "|---|---|---|",
  ...lines.map((line) => `| ${line.what} | ${line.how} | ${dollars(line.sum)} |`),
  `| **in all** | | **${dollars(total(lines))}** |`,
];

type Counts = ReadonlyMap<string, { readonly count: number; readonly price: number }>;

const sumOf = (counts: Counts) => [...counts.values()].reduce((sum, { price }) => sum + price, 0);

function readResults(): string {
  return readFileSync("bench/RESULTS.md", "utf8");
}

/** A table of RESULTS.md's chapter *Cost*: how often, and for how much in a million. */
function readCounts(what: string): Counts {
  const [, rows = ""] = new RegExp(`│ per ${what} +│([^]*?)│ in all`).exec(readResults()) ?? [];
  const found = [...rows.matchAll(/^│ (.+?) +│ ([\d.]+) +│ ([\d.]+) +│$/gm)];
  return new Map(found.map(([, name = "", count, price]) => [name, { count: Number(count), price: Number(price) }]));
}

/** So many metrics of alarms more with a second listener. */
const metricsOfForwarding = () =>
  readTemplate({ lark: { forwardTo: "https://sync.example.com" } }).alarmMetrics - readTemplate().alarmMetrics;

/** The template with the defaults, or with settings besides. */
function readTemplate(settings: object = {}) {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };
  const template = Template.fromStack(new ResignWebhookStack(app, "ResignWebhook", { genauth, ...settings }));
  const [stage] = Object.values(template.findResources("AWS::ApiGatewayV2::Stage"));
  const alarms = Object.values(template.findResources("AWS::CloudWatch::Alarm"));
  const watched = alarms.flatMap(({ Properties }) =>
    Properties.Metrics ? Properties.Metrics.filter((one: { MetricStat?: object }) => one.MetricStat) : [Properties],
  );
  return {
    resources: Object.keys((template.toJSON() as { Resources: object }).Resources).length,
    count: (type: string) => Object.keys(template.findResources(type)).length,
    alarmMetrics: watched.length,
    routesPerSecond: Number(stage?.Properties.DefaultRouteSettings.ThrottlingRateLimit),
  };
}

if (import.meta.main) writeFileSync(costFile, drawCost());
