import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseKeys, trimEnds, whatIsWrong } from "../lambda/aws/secrets.ts";
import { newKeys } from "./new-keys.ts";

/** Where `npm start` leaves what it made: ignored by git. */
export const folder = ".local";
const keysFile = `${folder}/keys.json`;

/** The keys of the secret *webhook keys*, as they stand in a file. */
export type KeysFile = Record<string, Record<string, string | string[]> | undefined>;

/** Reads a keys file: the one that is named, or the local one, made if need be. Throws an error that names what is wrong. */
export function readKeys(path = process.env.LOCAL_KEYS): KeysFile {
  if (path === undefined && !existsSync(keysFile)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(keysFile, `${JSON.stringify(newKeys(), null, 2)}\n`, { mode: 0o600 });
  }
  const file = path ?? keysFile;
  const keys = trimEnds(readJson(file, "keys")) as KeysFile;
  const wrong = whatIsWrong(parseKeys(JSON.stringify(keys)));
  if (wrong.length > 0) throw new Error(`The keys in ${file} are wrong: ${wrong.join("; ")}`);
  return withoutNull(keys) as KeysFile;
}

/** What is off on purpose has no key to sign with. */
function withoutNull(keys: object): object {
  const given = Object.entries(keys).filter(([, value]) => value !== null);
  return Object.fromEntries(given.map(([name, value]) => [name, isPlain(value) ? withoutNull(value) : value]));
}

const isPlain = (value: unknown): value is object => typeof value === "object" && !Array.isArray(value);

/** Reads a JSON object. Throws an error that names the file. */
export function readJson(path: string, what: string): object {
  if (!existsSync(path)) throw new Error(`There is no ${what} file at ${path}`);
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // told below
  }
  throw new Error(`The ${what} file ${path} is not a JSON object`);
}

/** A stack's outputs, as `npx cdk deploy --outputs-file` writes them. */
export function readOutputs(file: string): Record<string, string> {
  const [outputs] = Object.values(readJson(file, "outputs") as Record<string, Record<string, string>>);
  if (!outputs?.KeysSecret)
    throw new Error(`${file} holds no outputs of this stack: npx cdk deploy --outputs-file ${file}`);
  return outputs;
}

/** The one key, or the first of several. */
export const first = (given: string | string[] | undefined): string | undefined =>
  Array.isArray(given) ? given[0] : given;
