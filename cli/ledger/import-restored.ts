/** What a table of point-in-time recovery holds and the live ledger lacks, brought over so that nobody is cut off by it. */
import { DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import Table from "cli-table3";
import { type Item, openTable } from "../../lambda/aws/table.ts";
import { parseStop, stopId } from "../../lambda/departure/stop.ts";
import { readOutputs } from "../files.ts";
import { type Copied, copyItem, type Live, openLive } from "./restored-items.ts";
import { plain, print } from "./table.ts";

export interface ImportOptions {
  /** The restored table. */
  from: string;
  /** The live one. */
  to?: string;
  /** Of the stack whose ledger is the live one. */
  outputs?: string;
  dryRun?: boolean;
  /** Who brings it over; it stands in the history. */
  operator: string;
  json?: boolean;
}

/**
 * Copies what only the restored table has. What is at its end stays as it is, everything else waits for an operator.
 * Repeated, it copies what is left. Throws where all is not stopped, and where a table is not there.
 */
export async function importRestored(options: ImportOptions): Promise<void> {
  const { from, dryRun = false, operator } = options;
  const to = options.to ?? (options.outputs ? readOutputs(options.outputs).LedgerTable : undefined);
  if (!to) throw new Error("Which table is the live one? Say --to <table>, or --outputs <the stack's outputs>");
  if (to === from) throw new Error(`${from} is the live table itself: --from names the one that was restored`);
  const client = new DynamoDBClient();
  try {
    const table = openTable({ client, table: to });
    const stop = parseStop(await named(to, table.get({ id: stopId })));
    if (!stop.isStopped && !dryRun) {
      throw new Error("Stop everything first: npm run ledger -- stop (docs/runbook.md#restore-the-ledger)");
    }
    const live = openLive({ client, table: to, operator, isDryRun: dryRun, now: new Date() });
    const copied = await copyAll(client, from, live);
    print(toReport(copied, options, to), options, () => console.log(toText(copied, from, to, dryRun)));
    if (copied.some(({ became }) => became === "unreadable" || became === "broken" || became === "busy")) {
      process.exitCode = 2;
    }
  } finally {
    client.destroy();
  }
}

/** First what is known of people, then their departures: a departure's turn must find what was done to its person. */
async function copyAll(client: DynamoDBClient, from: string, live: Live): Promise<Copied[]> {
  const copied: Copied[] = [];
  for (const isDeparture of [false, true]) {
    for await (const page of pagesOf(client, from)) {
      const items = page.filter(({ id }) => String(id).startsWith("res_") === isDeparture);
      const there = await live.items(items.map(({ id }) => String(id)));
      for (const item of items) copied.push(await copyItem(item, there.get(String(item.id)), live));
    }
  }
  return copied;
}

async function* pagesOf(client: DynamoDBClient, TableName: string): AsyncGenerator<Item[]> {
  let start: Record<string, never> | undefined;
  do {
    const command = new ScanCommand({ TableName, ConsistentRead: true, ...(start && { ExclusiveStartKey: start }) });
    const { Items = [], LastEvaluatedKey } = await named(TableName, client.send(command));
    yield Items.map((item) => unmarshall(item));
    start = LastEvaluatedKey as typeof start;
  } while (start);
}

/** Says which table is not there. */
async function named<T>(table: string, asked: Promise<T>): Promise<T> {
  return asked.catch((error: Error) => {
    if (error.name !== "ResourceNotFoundException") throw error;
    throw new Error(`There is no table ${table} in this account and region`);
  });
}

function toReport(copied: Copied[], { from, dryRun = false }: ImportOptions, to: string) {
  const held = copied.filter(({ became }) => became === "held");
  const idsOf = (wanted: Copied["became"]) => copied.filter(({ became }) => became === wanted).map(({ id }) => id);
  const counts = Object.fromEntries([...countsOf(copied)]);
  const bad = { unreadable: idsOf("unreadable"), broken: idsOf("broken"), busy: idsOf("busy") };
  return { from, to, dryRun, counts, held, ...bad };
}

function countsOf(copied: Copied[]): Map<Copied["became"], number> {
  const counts = new Map<Copied["became"], number>();
  for (const { became } of copied) counts.set(became, (counts.get(became) ?? 0) + 1);
  return counts;
}

const sentences: readonly [Copied["became"], (n: number) => string][] = [
  ["held", (n) => `${n} departures are only in the restored table and not at their end: held for stale`],
  ["final", (n) => `${n} departures are only there and at their end: copied as they are`],
  ["person", (n) => `${n} people: copied, without leases, and without sessions that were to be ended`],
  ["relation", (n) => `${n} relations: copied, with the returns that were told`],
  ["returns", (n) => `${n} relations stand in both tables: returns that the live one lacked were added`],
  ["there", (n) => `${n} stand in the live table already: left as they are`],
  ["never", (n) => `${n} are never taken back: brakes, stop, notes and what was asked in Slack`],
  ["expired", (n) => `${n} are past their time: left`],
  ["busy", (n) => `${n} people are being worked on: run this again`],
  ["unreadable", (n) => `${n} cannot be read: left`],
  [
    "broken",
    (n) => `${n} stand in the live table in a form that cannot be read: remove them there, then run this again`,
  ],
];

function toText(copied: Copied[], from: string, to: string, isDryRun: boolean): string {
  const counts = countsOf(copied);
  const told = sentences.flatMap(([became, say]) => {
    const ids = copied.filter((one) => one.became === became).map(({ id }) => id);
    const isNamed = ids.length > 0 && (became === "unreadable" || became === "broken" || became === "busy");
    return [...(counts.has(became) ? [say(ids.length)] : []), ...(isNamed ? ids.map((id) => `  ${id}`) : [])];
  });
  const table = new Table({ ...plain(), head: ["id", "person", "was", "left", "said to be back"] });
  const held = copied.filter(({ became }) => became === "held");
  for (const { id, userId, was, occurredAt, back } of held) table.push([id, userId, was, occurredAt, back ?? ""]);
  const head = isDryRun ? `Nothing is written. From ${from} to ${to} it would be so:` : `From ${from} to ${to}:`;
  const next = isDryRun ? "" : "\nLook at each, then approve or cancel it: npm run ledger -- list --status held";
  return [head, ...told, ...(held.length > 0 ? [`${table.toString()}${next}`] : [])].join("\n");
}
