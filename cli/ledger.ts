import { userInfo } from "node:os";
import { confirm } from "@inquirer/prompts";
import Table from "cli-table3";
import { Command, Option } from "commander";
import { stringify } from "csv-stringify/sync";
import type { HourCount } from "../lambda/intake/quarantine.ts";
import { type HeldFor, holds, type operatorView, statuses } from "../lambda/resignation.ts";
import { localUrl } from "./defaults.ts";
import { connectOperator } from "./operator.ts";

/** A resignation as the interface gives it to operators. */
type Shown = ReturnType<typeof operatorView>;

interface Common {
  url: string;
  key?: string;
  operator: string;
  json?: boolean;
}

interface Decision {
  reason?: string;
  brake?: string;
  as?: string;
  heldFor?: HeldFor;
  yes?: boolean;
}

interface Filter {
  status?: string;
  user?: string;
  since?: string;
}

const columns = [
  ...[
    "id",
    "userId",
    "genauthUserId",
    "name",
    "source",
    "requestedBy",
    "status",
    "heldFor",
    "occurredAt",
    "acceptedAt",
  ],
  ...["resignedAt", "confirmedAt", "attempts", "requestId", "statusCode", "apiCode", "history"],
  ...["backAfterResigned", "acknowledged"],
];

const program = new Command("ledger").description(
  "What operators do with resignations, local or deployed, over the signed interface.",
);

withFilter(add("list", "who left and what came of it, the newest first"))
  .option("--limit <n>", "at most so many", Number, 50)
  .option("--back", "only those who were resigned though they are said to be back, and are not acknowledged yet")
  .action(async (options: Common & Filter & { limit: number; back?: boolean }) => {
    const found: Shown[] = [];
    for await (const one of all(options, options.back ? { ...options, status: "resigned" } : options)) {
      if (options.back && !isUrgent(one)) continue;
      if (found.push(one) >= options.limit) break;
    }
    print(found, options, () => console.log(toTable(found)));
  });

add("show <id>", "everything about one, with its history").action(async (id: string, options: Common) => {
  const one = await call<Shown>(options, "GET", `/resignations/${id}`);
  print(one, options, () => {
    const { history, ...fields } = one;
    const table = new Table(plain());
    for (const [name, value] of Object.entries(fields)) table.push({ [name]: toText(name, value) });
    console.log(table.toString());
    for (const { at, by, status, why } of history)
      console.log(`${at}  ${status.padEnd(10)} by ${by}${why ? `: ${why}` : ""}`);
  });
});

for (const [name, description] of [
  [
    "approve",
    "let those that are held go through: it answers for what they were held for and shown, and for nothing else",
  ],
  ["cancel", "refuse them; those who are suspended get their access back"],
  ["retry", "try those that failed once more"],
  ["acknowledge", "take those who were resigned though they are back off the urgent list"],
] as const) {
  const command = add(`${name} [ids...]`, description)
    .option("--reason <text>", "why; it stands in the history")
    .option("--yes", "do not ask")
    .action((ids: string[], options: Common & Decision) => act(name, ids, options));
  if (name !== "acknowledge") command.option("--brake <id>", "all that this brake event held");
  if (name === "approve") {
    command.option("--as <candidate>", "whom it means, of the candidates: a GenAuth user id, or a sync relation");
    command.addOption(
      new Option("--held-for <hold>", "the hold that you answer (default: the one that is shown now)").choices(holds),
    );
  }
}

add("quarantine", "what was refused or could not be read in the last 14 days, counted").action(
  async (options: Common) => {
    const { items } = await call<{ items: HourCount[] }>(options, "GET", "/quarantine");
    print(items, options, () => {
      const table = new Table({ ...plain(), head: ["source", "reason", "how many", "first", "last"] });
      for (const row of bySourceAndReason(items)) table.push(row);
      console.log(items.length > 0 ? table.toString() : "Nothing was refused.");
    });
  },
);

add("reverify", "verify it again with the keys of today: who left becomes held").action(async (options: Common) => {
  const total = { looked: 0, verified: 0, departures: 0 };
  let after: string | undefined;
  do {
    const page = await call<typeof total & { next?: string }>(options, "POST", "/quarantine/reverify", { after });
    for (const name of ["looked", "verified", "departures"] as const) total[name] += page[name];
    after = page.next;
  } while (after);
  print(total, options, () => {
    const { looked, verified, departures } = total;
    console.log(`${looked} were kept, ${verified} verify now, ${departures} departures are in the ledger.`);
    if (departures > 0) console.log("They wait for an operator: npm run ledger -- list --status held");
    if (verified < looked) console.log(`${looked - verified} still do not: they stay for the rest of their 14 days.`);
  });
});

withFilter(add("export", "the trail for auditors, the newest first"))
  .addOption(new Option("--format <format>", "csv or jsonl").choices(["csv", "jsonl"]).default("csv"))
  .action(async (options: Common & Filter & { format: "csv" | "jsonl" }) => {
    if (options.format === "csv") process.stdout.write(toCsv([columns]));
    for await (const one of all(options, options)) {
      process.stdout.write(options.format === "csv" ? toCsv([toRow(one)]) : `${JSON.stringify(one)}\n`);
    }
  });

program.parseAsync().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

function add(command: string, description: string): Command {
  return program
    .command(command)
    .description(description)
    .addOption(new Option("--url <address>", "where the webhook is").env("RESIGN_URL").default(localUrl))
    .addOption(
      new Option("--key <whsec>", "an operator's API secret (default: that of ops in LOCAL_KEYS or of npm start)").env(
        "RESIGN_KEY",
      ),
    )
    .addOption(
      new Option("--operator <name>", "who you are; it stands in the history")
        .env("RESIGN_OPERATOR")
        .default(userInfo().username),
    )
    .option("--json", "for programs");
}

function withFilter(command: Command): Command {
  return command
    .addOption(new Option("--status <status>", "only those").choices(statuses))
    .option("--user <sync relation>", "only this person's")
    .option("--since <date>", "no older than this, as in 2026-11-01");
}

async function act(name: string, given: string[], options: Common & Decision): Promise<void> {
  const { reason, brake, as } = options;
  if (brake !== undefined && given.length > 0) {
    throw new Error(`--brake means all that the event held: name ids, or --brake ${brake}, not both`);
  }
  const listed = brake ? await heldBy(brake, options) : [];
  const ids = brake ? listed.map(({ id }) => id) : given;
  if (ids.length === 0) {
    throw new Error(`Nothing to ${name}: name ids${name === "acknowledge" ? "" : ", or a brake event by --brake"}`);
  }
  if (as !== undefined && ids.length > 1) throw new Error("--as names the person of one resignation: name one id");
  const holdOf = name === "approve" ? await showHolds(ids, listed, options) : new Map<string, HeldFor>();
  const wanted = name === "approve" ? [...holdOf.keys()] : ids;
  if (wanted.length > 1 && !options.yes) {
    const isSure = await confirm({ message: `${name} ${wanted.length} resignations?`, default: false });
    if (!isSure) return;
  }
  const said = { operator: options.operator, ...(reason && { reason }), ...(as !== undefined && candidate(as)) };
  const done = await forEach(wanted, (id) => {
    const heldFor = options.heldFor ?? holdOf.get(id);
    return call<Shown>(options, "POST", `/resignations/${id}/${name}`, { ...said, ...(heldFor && { heldFor }) });
  });
  if (done.length > 0) print(done, options, () => console.log(toTable(done)));
}

/** Shows what each is held for: an approval answers that, and nothing that it is held for by then. */
async function showHolds(ids: string[], listed: Shown[], options: Common): Promise<Map<string, HeldFor>> {
  const looked = await forEach(ids, async (id) => {
    const one = listed.find((found) => found.id === id) ?? (await call<Shown>(options, "GET", `/resignations/${id}`));
    if (one.status !== "held") throw new Error(`The resignation is ${one.status}`);
    return one;
  });
  if (looked.length > 0 && !options.json) console.log(toTable(looked));
  return new Map(looked.map(({ id, heldFor }) => [id, heldFor]));
}

/** One after the other. What does not work is told, and the others go on. */
async function forEach<T>(ids: string[], work: (id: string) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  for (const id of ids) {
    try {
      done.push(await work(id));
    } catch (error) {
      console.error(`${id}: ${(error as Error).message}`);
      process.exitCode = 1;
    }
  }
  return done;
}

/** A sync relation has a colon, which GenAuth's own ids have not. */
function candidate(as: string) {
  return as.includes(":") ? { userId: as } : { genauthUserId: as };
}

async function heldBy(brakeId: string, options: Common): Promise<Shown[]> {
  const held: Shown[] = [];
  for await (const one of all(options, { status: "held" })) {
    if (one.status === "held" && one.brakeId === brakeId) held.push(one);
  }
  return held;
}

/** Every page of a list. */
async function* all(options: Common, { status, user, since }: Filter): AsyncGenerator<Shown> {
  const filter = { ...(status && { status }), ...(user && { userId: user }), ...(since && { since }), limit: "100" };
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ ...filter, ...(cursor && { cursor }) });
    const page = await call<{ items: Shown[]; nextCursor?: string }>(options, "GET", `/resignations?${query}`);
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor);
}

function bySourceAndReason(items: HourCount[]): [string, string, number, string, string][] {
  const rows = new Map<string, [string, string, number, string, string]>();
  for (const { source, hour, reasons } of items) {
    for (const [reason, count] of Object.entries(reasons)) {
      const key = `${source} ${reason}`;
      const [, , before, first] = rows.get(key) ?? [source, reason, 0, hour, hour];
      rows.set(key, [source, reason, before + count, first, hour]);
    }
  }
  return [...rows.values()];
}

async function call<T>(options: Common, method: "GET" | "POST", path: string, body?: object): Promise<T> {
  return connectOperator(options).call<T>(method, path, body);
}

function print(value: unknown, { json }: Common, forPeople: () => void): void {
  if (json) console.log(JSON.stringify(value, null, 2));
  else forPeople();
}

function toTable(resignations: Shown[]): string {
  const table = new Table({ ...plain(), head: ["id", "person", "name", "status", "why", "occurred", "tries"] });
  for (const one of resignations) {
    table.push([one.id, one.userId, one.person?.name ?? "", one.status, whyOf(one), one.occurredAt, one.attempts]);
  }
  return resignations.length > 0 ? table.toString() : "None.";
}

function whyOf(one: Shown): string {
  if (one.status === "held") {
    const said = one.history.findLast(({ status }) => status === "held")?.why;
    return `${one.heldFor}${one.brakeId ? ` (${one.brakeId})` : ""}${said ? `: ${said}` : ""}`;
  }
  return isUrgent(one) ? "SAID TO BE BACK: acknowledge" : (one.genauth?.message ?? "");
}

/** Resigned though said to be back, and no operator has taken it off the list. */
function isUrgent({ status, backAfterResigned, acknowledged }: Shown): boolean {
  return status === "resigned" && backAfterResigned !== undefined && acknowledged === undefined;
}

/** A field as people read it: what an operator decides by in words, the rest as it is. */
function toText(name: string, value: unknown): string {
  switch (name) {
    case "candidates":
      return (value as { userId?: string; genauthUserId?: string; name?: string }[])
        .map(({ userId, genauthUserId, name }) => [genauthUserId, userId, name].filter(Boolean).join("  "))
        .join("\n");
    case "shown": {
      const { returns, ...rest } = value as { returns?: Record<string, number> };
      const others = Object.entries(rest).map(([what, told]) => `${what}: ${told}`);
      return [...others, ...toReturns(returns)].join("\n");
    }
    case "returnsHeld":
      return toReturns(value as Record<string, number>).join("\n");
    case "backAfterResigned": {
      const { at, returns } = value as { at: string; returns: Record<string, number> };
      return [`told at ${at}`, ...toReturns(returns)].join("\n");
    }
    default:
      return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}

/** Returns stand in the ledger as how often each was told, by relation and source. */
function toReturns(counts: Record<string, number> = {}): string[] {
  return Object.entries(counts).map(([key, count]) => {
    const [relation, source] = key.split(" ");
    return `${relation} is back, says ${source} (told ${count === 1 ? "once" : `${count} times`})`;
  });
}

function toRow(one: Shown): unknown[] {
  const history = one.history
    .map(({ at, by, status, why }) => `${at} ${status} by ${by}${why ? `: ${why}` : ""}`)
    .join("; ");
  const [backAfterResigned, acknowledged] = [one.backAfterResigned?.at, one.acknowledged?.by];
  const flat: Record<string, unknown> = {
    ...one,
    ...one.person,
    ...one.genauth,
    history,
    backAfterResigned,
    acknowledged,
  };
  return columns.map((column) => flat[column]);
}

/** A name that begins with = must not be run as a formula by the auditor's spreadsheet. */
function toCsv(rows: unknown[][]): string {
  return stringify(rows, { escape_formulas: true });
}

function plain() {
  return { style: { head: [], border: [] } };
}
