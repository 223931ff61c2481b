import { larkDeleted, send, signLark } from "../cli/sign.ts";
import { startAws } from "../local/aws.ts";
import { startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { services, startAwsProxy } from "../test/aws-proxy.ts";
import { type Section, tableOf } from "./measure.ts";

/** Prices of us-east-1, on demand, without the free tier (aws.amazon.com, November 2026). */
const dollarsPerMillion = {
  "HTTP API requests": 1,
  "Lambda requests": 0.2,
  /** arm64, 512 MB: $13.3334 per million GB-seconds. */
  "Lambda half-GB-seconds": 6.6667,
  "SQS requests": 0.4,
  "DynamoDB writes (1 kB)": 0.625,
  "DynamoDB reads (4 kB)": 0.125,
  "Secrets Manager calls": 5,
};
type Item = keyof typeof dollarsPerMillion;

/** A write of a resignation is written to each of the ledger's indexes as well. */
const indexes = 4;
/** As many as may go in a day at the defaults: the brake's log grows with them. */
const departures = 50;

/** What a departure costs, from the AWS calls that the real functions make for it, counted at their endpoints. */
export async function benchCost(): Promise<Section> {
  const counts = new Map<Item, number>();
  const add = (item: Item, count: number) => counts.set(item, (counts.get(item) ?? 0) + count);

  const aws = await startAws();
  const proxies = await Promise.all(
    services.map((service) =>
      startAwsProxy(service, ({ caller, action, body }) => {
        // The poller here is ours; Lambda's own receives and deletes are added below.
        if (!caller) return "pass";
        if (service === "SQS") add("SQS requests", 1);
        if (service === "SECRETS_MANAGER") add("Secrets Manager calls", 1);
        if (service === "DYNAMODB") {
          const item = body.Item as { id?: { S?: string } } | undefined;
          const copies = item?.id?.S?.startsWith("res_") ? 1 + indexes : 1;
          const units = Math.ceil(JSON.stringify(item ?? {}).length / 1024);
          if (action === "PutItem" || action === "UpdateItem") add("DynamoDB writes (1 kB)", units * copies);
          else add("DynamoDB reads (4 kB)", 1);
        }
        return "pass";
      }),
    ),
  );
  const genauth = await startGenAuthSimulator();
  const keys = newKeys();
  const brake = { perHour: departures };
  const stack = await startStack({ aws, genauth, keys, settings: { brake } });
  for (let start = 1; start <= departures; start += 10) {
    const people = Array.from({ length: 10 }, (_, index) => `ou_demo_${start + index}`);
    const { verificationToken: token } = keys.lark;
    await Promise.all(
      people.map((id) => send(signLark(larkDeleted({ open_id: id }, { token }), keys.lark), stack.url)),
    );
  }
  while (genauth.calls().length < departures) await new Promise((resolve) => setTimeout(resolve, 200));
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await stack.close();
  await Promise.all([...proxies, aws, genauth].map((one) => one.close()));

  // Once each: a request, the webhook, a batch of one, and half a second of the two functions together with GenAuth's answers; the webhook has twice the memory for half the time.
  add("HTTP API requests", departures);
  add("Lambda requests", 3 * departures);
  add("Lambda half-GB-seconds", 1.5 * departures);
  add("SQS requests", 4 * departures);

  let sum = 0;
  const rows: (string | number)[][] = [];
  for (const [item, price] of Object.entries(dollarsPerMillion) as [Item, number][]) {
    const each = (counts.get(item) ?? 0) / departures;
    sum += each * price;
    rows.push([item, each.toFixed(2), (each * price).toFixed(2)]);
  }
  rows.push(["in all", "", sum.toFixed(2)]);
  const text = [
    `${departures} departures from Lark, one notice each, everything at its defaults but the brake. The calls are counted; half a second of 512 MB a function is assumed, and a quarter of a second of webhook's 1,024 MB.`,
    tableOf(["per departure", "count", "$ per million departures"], rows),
  ].join("\n");
  return { text, headline: [["A thousand departures in AWS", `$${(sum / 1000).toFixed(3)}`, "", ""]] };
}
