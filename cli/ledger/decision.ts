/** What an operator decides about resignations. */
import { confirm } from "@inquirer/prompts";
import type { HeldFor } from "../../lambda/resignation/resignation.ts";
import { connectOperator, type Operator } from "../operator.ts";
import { listHeldBy, type Shown } from "./resignations.ts";
import { warnIfStopped } from "./stop.ts";
import { print, toTable } from "./table.ts";

export type DecisionName = "approve" | "cancel" | "retry" | "acknowledge";

export interface DecisionOptions {
  url: string;
  key?: string;
  /** Who decides. */
  operator: string;
  json?: boolean;
  reason?: string;
  /** All that this brake event holds. */
  brake?: string;
  /** Whom an approval means, of the candidates. */
  as?: string;
  /** The hold that an approval answers, if it is another one than the one that is shown. */
  heldFor?: HeldFor;
  /** Ask nothing. */
  yes?: boolean;
}

/** Decides about those that are named, or that a brake event holds, and prints them as they are then. */
export async function decide(name: DecisionName, given: string[], options: DecisionOptions): Promise<void> {
  demandClear(given, options);
  const operator = connectOperator(options);
  await warnIfStopped(operator);
  const { ids, listed } = await choose(operator, name, given, options);
  const holdOf = name === "approve" ? await showHolds(operator, ids, listed, options) : undefined;
  const wanted = holdOf ? [...holdOf.keys()] : ids;
  if (wanted.length > 1 && !options.yes) {
    const isSure = await confirm({ message: `${name} ${wanted.length} resignations?`, default: false });
    if (!isSure) return;
  }
  const { reason, as } = options;
  const said = { operator: options.operator, ...(reason && { reason }), ...(as !== undefined && candidate(as)) };
  const done = await forEach(wanted, (id) => {
    const heldFor = options.heldFor ?? holdOf?.get(id);
    return operator.call<Shown>("POST", `/resignations/${id}/${name}`, { ...said, ...(heldFor && { heldFor }) });
  });
  if (done.length > 0) print(done, options, () => console.log(toTable(done)));
}

function demandClear(given: string[], { brake }: DecisionOptions): void {
  if (brake !== undefined && given.length > 0) {
    throw new Error(`--brake means all that the event held: name ids, or --brake ${brake}, not both`);
  }
}

/** The ids that are meant; `listed`: the resignations of a brake event, which were read for that. */
async function choose(
  operator: Operator,
  name: DecisionName,
  given: string[],
  { brake, as }: DecisionOptions,
): Promise<{ ids: string[]; listed: Shown[] }> {
  const listed = brake ? await listHeldBy(operator, brake) : [];
  const ids = brake ? listed.map(({ id }) => id) : given;
  if (ids.length === 0) {
    throw new Error(`Nothing to ${name}: name ids${name === "acknowledge" ? "" : ", or a brake event by --brake"}`);
  }
  if (as !== undefined && ids.length > 1) throw new Error("--as names the person of one resignation: name one id");
  return { ids, listed };
}

/** Shows what each is held for: an approval answers that, and nothing that it is held for by then. */
async function showHolds(
  operator: Operator,
  ids: string[],
  listed: Shown[],
  { json }: DecisionOptions,
): Promise<Map<string, HeldFor>> {
  const looked = await forEach(ids, async (id) => {
    const one = listed.find((found) => found.id === id) ?? (await operator.call<Shown>("GET", `/resignations/${id}`));
    if (one.status !== "held") throw new Error(`The resignation is ${one.status}`);
    return one;
  });
  if (looked.length > 0 && !json) console.log(toTable(looked));
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
