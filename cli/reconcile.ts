import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { SingleBar } from "cli-progress";
import Table from "cli-table3";
import { Command, Option } from "commander";
import * as z from "zod";
import { byUserId, type Outcome } from "../lambda/genauth/genauth.ts";
import { localGenAuthUrl, localUrl, simulatorCredentials } from "./defaults.ts";
import type { Played } from "./event.ts";
import { folder, readJson } from "./files.ts";
import { connectGenAuth, type GenAuthClient, partsOf, readToken } from "./genauth-client.ts";
import { positive } from "./numbers.ts";
import { connectOperator } from "./operator.ts";
import { directories, either, type From, readDirectory } from "./reconcile/directories.ts";

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

const personSchema = z.object({
  userId: z.string(),
  name: z.string().nullish(),
  createdAt: z.string().nullish(),
  lastLogin: z.string().nullish(),
});
const pageSchema = z.object({ totalCount: z.number(), list: z.array(personSchema) });

const foundSchema = personSchema.extend({ syncRelation: z.string() });
type Found = z.infer<typeof foundSchema>;

/** How far a run has come. It holds names: only for this user's eyes, and gone when the run is over. */
const progressSchema = z.object({
  /** The sync sources that GenAuth's people have. */
  providers: z.array(z.string()).default([]),
  /** Of those who are active, so many have an id of the provider. */
  active: z.number().default(0),
  status: z.enum(["Activated", "Resigned"]),
  page: z.number(),
  compared: z.number(),
  missing: z.array(foundSchema),
  resignedByMistake: z.array(foundSchema),
});
type Progress = z.infer<typeof progressSchema>;

/** GenAuth gives no longer pages. */
const pageSize = 50;
const saveEveryPages = 20;

async function reconcile(options: Options): Promise<void> {
  const given = readToken(options.token);
  if ("wrong" in given) throw new Error(`The GenAuth token: ${given.wrong}`);
  const directory = new Set<string>();
  for await (const id of readDirectory(options)) directory.add(id);
  if (directory.size === 0) throw new Error("The directory is empty: that would make everybody a leaver");
  console.error(`${directory.size} people in the directory.`);

  const genauth = connectGenAuth({ host: options.genauth, pool: options.pool, given });
  const progress = readProgress(options);
  await compare(genauth, directory, progress, options);
  rmSync(progressFile(options), { force: true });

  const { missing, resignedByMistake, compared, active, providers } = progress;
  if (compared === 0) {
    const found = providers.length > 0 ? `Its providers are: ${providers.toSorted().join(", ")}` : "It has none at all";
    throw new Error(`Nobody in GenAuth has an id of ${options.provider}. ${found}. Say another --provider`);
  }
  if (missing.length > active / 2 && !options.yes) {
    throw new Error(
      `${missing.length} of ${active} active people of ${options.provider} are not in the directory: ${missing[0]?.syncRelation} is not, for one. Is it complete, and are its ids of the kind that GenAuth stored (--id-field)? If that is really so, say --yes.`,
    );
  }
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

async function compare(genauth: GenAuthClient, directory: Set<string>, progress: Progress, options: Options) {
  const bar = new SingleBar({ format: "{status} [{bar}] {percentage}% {value}/{total}", stream: process.stderr });
  for (const status of ["Activated", "Resigned"] as const) {
    if (status === "Activated" && progress.status === "Resigned") continue;
    if (progress.status !== status) Object.assign(progress, { status, page: 1 });
    for (let total = Number.POSITIVE_INFINITY; (progress.page - 1) * pageSize < total; progress.page += 1) {
      const query = new URLSearchParams({ status, page: String(progress.page), limit: String(pageSize) });
      const { totalCount, list } = await insist(() => genauth.ask(`list-users?${query}`, pageSchema));
      total = totalCount;
      bar.start(total, Math.min(total, (progress.page - 1) * pageSize), { status });
      for (const found of await relationsOf(genauth, list, options, progress)) {
        progress.compared += 1;
        if (status === "Activated") progress.active += 1;
        const isInDirectory = directory.has(found.syncRelation.slice(options.provider.length + 1));
        if (status === "Activated" && !isInDirectory) progress.missing.push(found);
        if (status === "Resigned" && isInDirectory) progress.resignedByMistake.push(found);
      }
      if (progress.page % saveEveryPages === 0) saveProgress(progress, options);
    }
    bar.stop();
  }
}

/** Those of the people whom the provider's sync made, with the id that they have there. */
async function relationsOf(
  genauth: GenAuthClient,
  people: z.infer<typeof personSchema>[],
  { provider, concurrency }: Options,
  progress: Progress,
): Promise<Found[]> {
  const found: (Found | undefined)[] = people.map(() => undefined);
  const waiting = [...people.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, person] = next;
      const relations = await insist(() => genauth.relations(byUserId(person.userId)));
      progress.providers = [...new Set([...progress.providers, ...relations.map((one) => partsOf(one).provider)])];
      const syncRelation = relations.find((one) => partsOf(one).provider === provider);
      if (syncRelation) found[index] = { ...person, syncRelation };
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return found.filter((one) => one !== undefined);
}

/** The same again while GenAuth is busy or throttles. Throws what is to be done about anything else. */
async function insist<T>(ask: () => Promise<Outcome<T>>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await ask();
    if (outcome.kind === "done") return outcome.data;
    const isOver = outcome.kind !== "busy" || tries === 8;
    if (isOver) {
      throw new Error(`GenAuth: ${outcome.kind} (${outcome.answer.message}). Go on with --resume when that is mended.`);
    }
    await wait((outcome.retryAfterSeconds ?? 0) * 1000 || 100 * 2 ** tries);
  }
}

async function propose(missing: Found[], options: Options): Promise<void> {
  const operator = connectOperator(options);
  const { limit } = options;
  let entered = 0;
  let before = 0;
  for (const { syncRelation } of missing) {
    if (entered === limit) break;
    const body = { userId: syncRelation, reason: "no longer in the directory", propose: true };
    const played = await operator.ask("POST", "/resignations", body, proposalId(syncRelation)).catch((error: Error) => {
      throw new Error(`${syncRelation}: ${error.message}`);
    });
    if (isFormer(played)) before += 1;
    else entered += 1;
  }
  console.log(`${entered} proposed. They wait for an operator: npm run ledger -- list --status held`);
  if (before > 0) console.log(`${before} were proposed before, this month.`);
  const left = missing.length - entered - before;
  if (left > 0) console.log(`${left} more: decide on these, then run it again.`);
}

const acceptedSchema = z.object({ acceptedAt: z.iso.datetime() });

/** Whether the ledger had it before: by the webhook's own clock. */
function isFormer({ text, dateMs }: Played): boolean {
  const { acceptedAt } = acceptedSchema.parse(JSON.parse(text));
  return dateMs - Date.parse(acceptedAt) > 60_000;
}

/** One proposal a person and month, however often this is run. */
function proposalId(syncRelation: string): string {
  const hash = createHash("sha256").update(syncRelation).digest("hex").slice(0, 24);
  return `reconcile-${new Date().toISOString().slice(0, 7)}-${hash}`;
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

const progressFile = ({ provider }: Options) => `${folder}/reconcile-${provider}.json`;

function readProgress(options: Options): Progress {
  const file = progressFile(options);
  if (options.resume && existsSync(file)) {
    const progress = progressSchema.parse(readJson(file, "progress"));
    console.error(`Going on at page ${progress.page} of those ${progress.status}.`);
    return progress;
  }
  return { status: "Activated", page: 1, providers: [], active: 0, compared: 0, missing: [], resignedByMistake: [] };
}

/** The page to go on with, and all that was found before it. */
function saveProgress(progress: Progress, options: Options): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(progressFile(options), JSON.stringify({ ...progress, page: progress.page + 1 }), { mode: 0o600 });
}
