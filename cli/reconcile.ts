import Table from "cli-table3";
import { Command, Option } from "commander";
import { localGenAuthUrl, localUrl, simulatorCredentials } from "./defaults.ts";
import { connectGenAuth, readToken } from "./genauth-client.ts";
import { positive } from "./numbers.ts";
import { compare } from "./reconcile/comparison.ts";
import { directories, either, type From, readDirectory } from "./reconcile/directories.ts";
import { dropProgress, type Found, type Progress, readProgress } from "./reconcile/progress.ts";
import { propose } from "./reconcile/proposals.ts";

interface Options extends From {
  genauth: string;
  pool: string;
  token?: string;
  concurrency: number;
  resume?: boolean;
  propose?: boolean;
  limit: number;
  url: string;
  key?: string;
  json?: boolean;
  yes?: boolean;
}

const command = new Command("reconcile")
  .description(
    "Compares a directory with GenAuth: who is active there and no longer in the directory, and who was resigned and still is in it.",
  )
  .requiredOption(
    `--from <${["file.csv", ...directories.keys()].join(" | ")}>`,
    "the directory: a CSV with a column userIdInIdp, or the vendor's interface",
  )
  .option("--provider <name>", "whose people: GenAuth's name of the sync source", "lark")
  .option("--credentials <file>", `for --from ${either(...directories.keys())}`)
  .option("--host <address>", "another host than the vendor's")
  .option("--genauth <host>", "GenAuth's address", localGenAuthUrl)
  .option("--pool <id>", "the user pool", simulatorCredentials.userPoolId)
  .option("--token <file>", "what GenAuth takes, as it stands in the secret (default: the simulator's)")
  .option("--concurrency <n>", "so many questions to GenAuth at once", positive, 20)
  .option("--resume", "go on where the last run broke off")
  .option("--propose", "enter who is no longer in the directory as held: an operator decides")
  .option("--limit <n>", "propose at most so many", positive, 20)
  .option("--url <address>", "where the webhook is, for --propose", process.env.RESIGN_URL ?? localUrl)
  .addOption(new Option("--key <whsec>", "an operator's API secret, for --propose").env("RESIGN_KEY"))
  .option("--json", "for programs")
  .option("--yes", "go on though less than half of GenAuth's people are in the directory")
  .addHelpText("after", "\nEnds 0 where nobody is found, 2 where somebody is, 1 where it could not be done.")
  .action(reconcile);
for (const { options = [] } of directories.values()) for (const option of options) command.addOption(option);
command.parseAsync().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

async function reconcile(options: Options): Promise<void> {
  const given = readToken(options.token);
  if ("wrong" in given) throw new Error(`The GenAuth token: ${given.wrong}`);
  const directory = await readWhole(options);
  const genauth = connectGenAuth({ host: options.genauth, pool: options.pool, given });
  const progress = readProgress(options);
  await compare(genauth, directory, progress, options);
  dropProgress(options.provider);
  demandPlausible(progress, options);

  const { missing, resignedByMistake, compared } = progress;
  if (options.json) console.log(JSON.stringify({ compared, missing, resignedByMistake }, null, 2));
  else {
    console.log(`${compared} people with an id of ${options.provider} in GenAuth.`);
    show("Active in GenAuth, and no longer in the directory:", missing);
    show("Resigned in GenAuth, and still in the directory (by mistake?):", resignedByMistake);
  }
  if (missing.length > 10 && missing.length > compared / 10) {
    console.error("More than a tenth: is the directory complete, and its ids of the kind that GenAuth stored?");
  }
  if (options.propose) await propose(missing, options);
  if (missing.length > 0 || resignedByMistake.length > 0) process.exitCode = 2;
}

async function readWhole(options: Options): Promise<Set<string>> {
  const directory = new Set<string>();
  for await (const id of readDirectory(options)) directory.add(id);
  if (directory.size === 0) throw new Error("The directory is empty: that would make everybody a leaver");
  console.error(`${directory.size} people in the directory.`);
  return directory;
}

/** Throws where the comparison is more likely a wrong directory than so many leavers. */
function demandPlausible({ missing, compared, active, providers }: Progress, { provider, yes }: Options): void {
  if (compared === 0) {
    const found = providers.length > 0 ? `Its providers are: ${providers.toSorted().join(", ")}` : "It has none at all";
    throw new Error(`Nobody in GenAuth has an id of ${provider}. ${found}. Say another --provider`);
  }
  if (missing.length > active / 2 && !yes) {
    throw new Error(
      `${missing.length} of ${active} active people of ${provider} are not in the directory: ${missing[0]?.syncRelation} is not, for one. Is it complete, and are its ids of the kind that GenAuth stored (--id-field)? If that is really so, say --yes.`,
    );
  }
}

function show(title: string, people: Found[]): void {
  console.log(`\n${title}${people.length === 0 ? " nobody." : ""}`);
  if (people.length === 0) return;
  const table = new Table({ head: ["person", "name", "since", "last login"], style: { head: [], border: [] } });
  for (const { syncRelation, name, createdAt, lastLogin } of people) {
    table.push([syncRelation, name ?? "", age(createdAt), age(lastLogin)]);
  }
  console.log(table.toString());
}

function age(instant: string | null | undefined): string {
  const days = Math.floor((Date.now() - Date.parse(instant ?? "")) / 86_400_000);
  return Number.isNaN(days) ? "never" : `${days} days ago`;
}
