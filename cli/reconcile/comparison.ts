import { setTimeout as wait } from "node:timers/promises";
import { SingleBar } from "cli-progress";
import * as z from "zod";
import { byUserId, type Outcome } from "../../lambda/genauth/genauth.ts";
import { type GenAuthClient, partsOf } from "../genauth-client.ts";
import { type Found, type Person, type Progress, personSchema, saveProgress } from "./progress.ts";

interface Comparing {
  provider: string;
  /** So many questions to GenAuth at once. */
  concurrency: number;
}

/** GenAuth gives no longer pages. */
const pageSize = 50;
const saveEveryPages = 20;

const pageSchema = z.object({ totalCount: z.number(), list: z.array(personSchema) });

/** Compares all people of GenAuth with the directory, from where the progress stands. Throws what is to be done about an error. */
export async function compare(
  genauth: GenAuthClient,
  directory: ReadonlySet<string>,
  progress: Progress,
  options: Comparing,
): Promise<void> {
  const bar = new SingleBar({ format: "{status} [{bar}] {percentage}% {value}/{total}", stream: process.stderr });
  for (const status of ["Activated", "Resigned"] as const) {
    if (status === "Activated" && progress.status === "Resigned") continue;
    if (progress.status !== status) Object.assign(progress, { status, page: 1 });
    for (let total = Number.POSITIVE_INFINITY; (progress.page - 1) * pageSize < total; progress.page += 1) {
      const query = new URLSearchParams({ status, page: String(progress.page), limit: String(pageSize) });
      const { totalCount, list } = await insist(() => genauth.ask(`list-users?${query}`, pageSchema));
      total = totalCount;
      bar.start(total, Math.min(total, (progress.page - 1) * pageSize), { status });
      for (const found of await relationsOf(genauth, list, options, progress)) enter(found, directory, progress);
      if (progress.page % saveEveryPages === 0) saveProgress(progress, options.provider);
    }
    bar.stop();
  }
}

function enter(found: Found, directory: ReadonlySet<string>, progress: Progress): void {
  const isActive = progress.status === "Activated";
  const isInDirectory = directory.has(partsOf(found.syncRelation).id);
  progress.compared += 1;
  if (isActive) progress.active += 1;
  if (isActive && !isInDirectory) progress.missing.push(found);
  if (!isActive && isInDirectory) progress.resignedByMistake.push(found);
}

/** Those of the people whom the provider's sync made, with the id that they have there. */
async function relationsOf(
  genauth: GenAuthClient,
  people: Person[],
  { provider, concurrency }: Comparing,
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
