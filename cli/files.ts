import { existsSync, readFileSync } from "node:fs";
import type * as z from "zod";

/** Where `npm start` leaves what it made: ignored by git. */
export const folder = ".local";

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

/** A stack's outputs, as `npx cdk deploy --outputs-file` writes them. Throws an error that names the file. */
export function readOutputs(file: string): Record<string, string> {
  const [outputs] = Object.values(readJson(file, "outputs") as Record<string, Record<string, string>>);
  if (!outputs?.KeysSecret)
    throw new Error(`${file} holds no outputs of this stack: npx cdk deploy --outputs-file ${file}`);
  return outputs;
}

/** Reads what a directory's interface takes. Throws an error that shows the form. */
export function readCredentials<T>(file: string | undefined, schema: z.ZodType<T>, form: string): T {
  if (file === undefined) throw new Error(`Whose directory is it? Say --credentials <file>, with ${form}`);
  const parsed = schema.safeParse(readJson(file, "credentials"));
  if (!parsed.success) throw new Error(`The credentials in ${file} must be ${form}`);
  return parsed.data;
}

/** The one key, or the first of several. */
export const first = (given: string | string[] | undefined): string | undefined =>
  Array.isArray(given) ? given[0] : given;
