import { userInfo } from "node:os";
import { Command, Option } from "commander";
import { holds } from "../lambda/resignation/resignation.ts";
import { statuses } from "../lambda/resignation/status.ts";
import { localUrl } from "./defaults.ts";
import { type DecisionOptions, decide } from "./ledger/decision.ts";
import { type ImportOptions, importRestored } from "./ledger/import-restored.ts";
import { reverify, showQuarantine } from "./ledger/quarantine.ts";
import { type Filter, isUrgent, listAll, type Shown } from "./ledger/resignations.ts";
import { type StopOptions, startAll, stopAll, warnIfStopped } from "./ledger/stop.ts";
import { print, toCard, toTable } from "./ledger/table.ts";
import { type Format, formats, toHead, toLine } from "./ledger/trail.ts";
import { connectOperator } from "./operator.ts";

interface Common {
  url: string;
  key?: string;
  operator: string;
  json?: boolean;
}

const program = new Command("ledger").description(
  "What operators do with resignations, local or deployed, over the signed interface.",
);

withFilter(add("list", "who left and what came of it, the newest first"))
  .option("--limit <n>", "at most so many", Number, 50)
  .option("--back", "only those who were resigned though they are said to be back, and are not acknowledged yet")
  .action(async (options: Common & Filter & { limit: number; back?: boolean }) => {
    const found: Shown[] = [];
    const filter = options.back ? { ...options, status: "resigned" } : options;
    const operator = connectOperator(options);
    await warnIfStopped(operator);
    for await (const one of listAll(operator, filter)) {
      if (options.back && !isUrgent(one)) continue;
      if (found.push(one) >= options.limit) break;
    }
    print(found, options, () => console.log(toTable(found)));
  });

add("show <id>", "everything about one, with its history").action(async (id: string, options: Common) => {
  const operator = connectOperator(options);
  await warnIfStopped(operator);
  const one = await operator.call<Shown>("GET", `/resignations/${id}`);
  print(one, options, () => console.log(toCard(one)));
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
    .action((ids: string[], options: DecisionOptions) => decide(name, ids, options));
  if (name !== "acknowledge") command.option("--brake <id>", "all that this brake event held");
  if (name === "approve") {
    command.option("--as <candidate>", "whom it means, of the candidates: a GenAuth user id, or a sync relation");
    command.addOption(
      new Option("--held-for <hold>", "the hold that you answer (default: the one that is shown now)").choices(holds),
    );
  }
}

add("stop", "stop everything at once: nobody is resigned or suspended until start; what arrives waits")
  .option("--why <text>", "why; it stands in the ledger")
  .addHelpText("after", '\nExample:\n  npm run ledger -- stop --why "the directory was written anew"')
  .action(async (options: StopOptions) => stopAll(connectOperator(options), options));

add("start", "go on after a stop: what waited is carried out within minutes, as far as the brake lets it")
  .option("--why <text>", "why; it stands in the ledger")
  .addHelpText("after", '\nExample:\n  npm run ledger -- start --why "looked at everybody"')
  .action(async (options: StopOptions) => startAll(connectOperator(options), options));

add("quarantine", "what was refused or could not be read in the last 14 days, counted").action(
  async (options: Common) => showQuarantine(connectOperator(options), options),
);

add("reverify", "verify it again with the keys of today: who left becomes held").action(async (options: Common) =>
  reverify(connectOperator(options), options),
);

withFilter(add("export", "the trail for auditors, the newest first"))
  .addOption(new Option("--format <format>", "csv or jsonl").choices(formats).default("csv"))
  .action(async (options: Common & Filter & { format: Format }) => {
    process.stdout.write(toHead(options.format));
    for await (const one of listAll(connectOperator(options), options)) {
      process.stdout.write(toLine(one, options.format));
    }
  });

program
  .command("import-restored")
  .description(
    "after point-in-time recovery: copy what only the restored table has, with this shell's AWS credentials. " +
      "What is not at its end waits for an operator; repeated, it copies what is left",
  )
  .requiredOption("--from <table>", "the restored table")
  .option("--to <table>", "the live table (default: LedgerTable in --outputs)")
  .option("--outputs <file>", "the stack's outputs (npx cdk deploy --outputs-file <file>)")
  .option("--dry-run", "write nothing, and say what would be copied")
  .addOption(operatorOption())
  .option("--json", "for programs")
  .addHelpText(
    "after",
    "\nEnds 0 where all is copied, 2 where something could not be read or must be run again, 1 where it could not be done.\n\n" +
      "Example (docs/runbook.md, Restore the ledger):\n" +
      "  npm run ledger -- import-restored --from restored-ledger --outputs outputs.json --dry-run",
  )
  .action(async (options: ImportOptions) => importRestored(options));

// A reader that has enough, as in `… export | head`, ends the command quietly.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
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
    .addOption(operatorOption())
    .option("--json", "for programs");
}

function operatorOption(): Option {
  return new Option("--operator <name>", "who you are; it stands in the history")
    .env("RESIGN_OPERATOR")
    .default(userInfo().username);
}

function withFilter(command: Command): Command {
  return command
    .addOption(new Option("--status <status>", "only those").choices(statuses))
    .option("--user <sync relation>", "only this person's")
    .option("--since <date>", "no older than this, as in 2026-11-01");
}
