import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { trimEnds } from "../lambda/settings/secret-text.ts";
import { parseKeys } from "../lambda/sources/index.ts";
import { whatIsWrong } from "../lambda/sources/keys.ts";
import { folder, readJson } from "./files.ts";
import { newKeys } from "./sources/index.ts";
import type { Section } from "./sources/source.ts";

/** Where `npm start` keeps the keys that it made. */
export const localKeysFile = `${folder}/keys.json`;

/** The keys of the secret *webhook keys*, as they stand in a file. */
export type KeysFile = Record<string, Section | undefined>;

/** Reads a keys file: the one that is named, or the local one, made if need be. Throws an error that names what is wrong. */
export function readKeys(path = process.env.LOCAL_KEYS): KeysFile {
  if (path === undefined && !existsSync(localKeysFile)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(localKeysFile, `${JSON.stringify(newKeys(), null, 2)}\n`, { mode: 0o600 });
  }
  const file = path ?? localKeysFile;
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
