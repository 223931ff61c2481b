import { createReadStream, existsSync } from "node:fs";
import { parse } from "csv-parse";
import { syncRelation } from "../../lambda/resignation/sync-relation.ts";
import { sourceList } from "../sources/index.ts";
import type { DirectoryOptions } from "../sources/source.ts";

/** The directories that are asked over their own interface, by the name of their source. */
export const directories = new Map(
  sourceList.flatMap(([name, { directory }]) => (directory ? [[name as string, directory] as const] : [])),
);

/** `from`: a CSV file, or the name of a source whose own interface is asked. */
export interface From extends DirectoryOptions {
  from: string;
}

/** Every id that a directory knows, one after the other. Throws an error that says what is wrong with it. */
export function readDirectory(options: From): AsyncIterable<string> {
  return directories.get(options.from)?.read(options) ?? readCsv(options);
}

/** A file with a header; the column `userIdInIdp` (or `id`) counts, all others may be there. */
async function* readCsv({ from, provider }: From): AsyncIterable<string> {
  if (!existsSync(from))
    throw new Error(`There is no file ${from}: --from takes ${either("a CSV file", ...directories.keys())}`);
  const rows = createReadStream(from).pipe(parse({ columns: true, bom: true, skip_empty_lines: true }));
  let number = 1;
  for await (const row of rows as AsyncIterable<Record<string, string>>) {
    number += 1;
    const id = row.userIdInIdp ?? row.id;
    if (id === undefined) throw new Error(`${from} has no column userIdInIdp (nor id) in its first line`);
    if (!syncRelation(provider, id)) throw new Error(`${from}, row ${number}: the id is empty or holds white space`);
    yield id;
  }
}

/** As in `a, b or c`. */
export const either = (...names: string[]): string =>
  new Intl.ListFormat("en-GB", { type: "disjunction" }).format(names);
