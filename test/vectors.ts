import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../shared/vectors/", import.meta.url));

/** Known answers that others published, where they are at hand; `undefined` elsewhere, and the tests report themselves skipped. */
export function readVectors<T>(name: string): T | undefined {
  return existsSync(folder + name) ? (JSON.parse(readFileSync(folder + name, "utf8")) as T) : undefined;
}
