import { larkDeleted, send, signLark } from "../cli/sign.ts";
import { startAws } from "../local/aws.ts";
import { startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { services, startAwsProxy } from "../test/aws-proxy.ts";
import { type Section, tableOf } from "./measure.ts";
import { accessLogBytes, lambdaLogBytes, lineBytes, memoryGb, prices } from "./prices.ts";

/** What is counted, with its price. */
const priced = {
  "HTTP API requests": prices.httpRequest,
  "Lambda requests": prices.lambdaRequest,
  "Lambda half-GB-seconds": memoryGb * prices.lambdaGbSecond,
  "SQS requests": prices.sqsRequest,
  "DynamoDB writes (1 kB)": prices.tableWrite,
  "DynamoDB writes to the quarantine": prices.tableWrite,
  "DynamoDB reads (4 kB)": prices.tableRead,
  "Secrets Manager calls": prices.secretCall,
  "CloudWatch logs, kB": prices.logGb / 1e6,
};
type Item = keyof typeof priced;
type Counts = ReadonlyMap<Item, number>;

/** A write of a resignation is written to each of the ledger's indexes as well. */
const indexes = 4;
/** As many as may go in a day at the defaults: the brake's log grows with them. */
const departures = 50;
const refusals = 50;
const sweeps = 5;

/**
 * What a departure, a refused request and a sweep in which nothing is due cost, from the AWS calls that the real
 * functions make for them and the lines that they log, counted at their endpoints.
 */
export async function benchCost(): Promise<Section> {
  const stage = await startStage();
  // The first one sends the week's line.
  await stage.count(() => stage.sweep(1));
  const sweep = await stage.count(() => stage.sweep(sweeps));
  const metrics = stage.metrics();
  const refusal = await stage.count(() => stage.refuse(refusals));
  const departure = await stage.count(() => stage.leave(departures));
  await stage.close();

  // Once each: a request, the webhook, a batch of one, and half a second of the two functions together with GenAuth's answers.
  const ofDepartures = plus(departure, {
    "HTTP API requests": departures,
    "Lambda requests": 3 * departures,
    "Lambda half-GB-seconds": 1.5 * departures,
    "SQS requests": 4 * departures,
    "CloudWatch logs, kB": (departures * (accessLogBytes + lineBytes + 3 * lambdaLogBytes)) / 1000,
  });
  // 50 ms: nothing is waited for but one note.
  const ofRefusals = plus(refusal, {
    "HTTP API requests": refusals,
    "Lambda requests": refusals,
    "Lambda half-GB-seconds": 0.05 * refusals,
    "CloudWatch logs, kB": (refusals * (accessLogBytes + lineBytes + lambdaLogBytes)) / 1000,
  });
  const ofSweeps = plus(sweep, {
    "Lambda requests": sweeps,
    "Lambda half-GB-seconds": 0.5 * sweeps,
    "CloudWatch logs, kB": (sweeps * lambdaLogBytes) / 1000,
  });
  const [table, sum] = toTable("departure", ofDepartures, departures);
  const text = [
    `${departures} departures from Lark, one notice each, everything at its defaults but the brake. The calls and the lines are counted; half a second of 512 MB a function is assumed.`,
    table,
    `${refusals} requests with a wrong signature of the right form; 50 ms each are assumed.`,
    toTable("refused request", ofRefusals, refusals)[0],
    `${sweeps} sweeps in which nothing is due; half a second each is assumed. Each measures ${metrics.join(", ")}.`,
    toTable("sweep", ofSweeps, sweeps)[0],
  ].join("\n");
  return { text, headline: [["A thousand departures in AWS", `$${(sum / 1000).toFixed(3)}`, "", ""]] };
}

/** The real functions, and what they ask of AWS and log. */
async function startStage() {
  let counts = new Map<Item, number>();
  const measured = new Set<string>();
  const add = (item: Item, count: number) => counts.set(item, (counts.get(item) ?? 0) + count);
  const aws = await startAws();
  const proxies = await Promise.all(
    services.map((service) =>
      startAwsProxy(service, ({ caller, action, body }) => {
        // The poller here is ours; Lambda's own receives and deletes are added above.
        if (!caller) return "pass";
        if (service === "SQS") add("SQS requests", 1);
        if (service === "SECRETS_MANAGER") add("Secrets Manager calls", 1);
        if (service === "DYNAMODB") {
          const item = body.Item as { id?: { S?: string } } | undefined;
          const copies = item?.id?.S?.startsWith("res_") ? 1 + indexes : 1;
          const units = Math.ceil(JSON.stringify(item ?? {}).length / 1024);
          const isKept = String(body.TableName).endsWith("-quarantine");
          const written = isKept ? "DynamoDB writes to the quarantine" : "DynamoDB writes (1 kB)";
          if (action === "PutItem" || action === "UpdateItem") add(written, units * copies);
          else add("DynamoDB reads (4 kB)", 1);
        }
        return "pass";
      }),
    ),
  );
  const genauth = await startGenAuthSimulator();
  const keys = newKeys();
  const { verificationToken: token } = keys.lark;
  const writeLog = (line: string) => {
    add("CloudWatch logs, kB", (Buffer.byteLength(line) + lineBytes) / 1000);
    const { _aws } = JSON.parse(line) as { _aws?: { CloudWatchMetrics: { Metrics: { Name: string }[] }[] } };
    for (const { Metrics } of _aws?.CloudWatchMetrics ?? []) for (const { Name } of Metrics) measured.add(Name);
  };
  // No sweep comes by itself.
  const settings = { brake: { perHour: departures } };
  const stack = await startStack({ aws, genauth, keys, settings, writeLog, sweepEverySeconds: 3_600 });
  const sendAll = async (count: number, encryptKey: string) => {
    for (let start = 1; start <= count; start += 10) {
      const people = Array.from({ length: 10 }, (_, index) => `ou_demo_${start + index}`);
      const signed = people.map((id) =>
        signLark(larkDeleted({ open_id: id }, { token }), { ...keys.lark, encryptKey }),
      );
      await Promise.all(signed.map((request) => send(request, stack.url)));
    }
  };

  return {
    async count(act: () => Promise<void>): Promise<Counts> {
      counts = new Map();
      measured.clear();
      await act();
      // What it has queued is done.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return counts;
    },
    metrics: () => [...measured].sort(),
    async sweep(times: number): Promise<void> {
      for (let done = 0; done < times; done += 1) await stack.sweep();
    },
    refuse: (count: number) => sendAll(count, "wrong"),
    async leave(count: number): Promise<void> {
      await sendAll(count, keys.lark.encryptKey);
      while (genauth.calls().length < count) await new Promise((resolve) => setTimeout(resolve, 200));
    },
    async close(): Promise<void> {
      await stack.close();
      await Promise.all([...proxies, aws, genauth].map((one) => one.close()));
    },
  };
}

const plus = (counts: Counts, more: Partial<Record<Item, number>>): Counts =>
  new Map((Object.keys(priced) as Item[]).map((item) => [item, (counts.get(item) ?? 0) + (more[item] ?? 0)]));

function toTable(what: string, counts: Counts, times: number): [table: string, sum: number] {
  let sum = 0;
  const rows: (string | number)[][] = [];
  for (const [item, price] of Object.entries(priced) as [Item, number][]) {
    const each = (counts.get(item) ?? 0) / times;
    sum += each * price * 1e6;
    if (each > 0) rows.push([item, each.toFixed(2), (each * price * 1e6).toFixed(2)]);
  }
  rows.push(["in all", "", sum.toFixed(2)]);
  return [tableOf([`per ${what}`, "count", `$ per million`], rows), sum];
}
