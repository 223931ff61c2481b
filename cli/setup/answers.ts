import * as z from "zod";
import { readJson } from "../files.ts";
import { type SourceName, sourceList } from "../sources/index.ts";

/** What `--answers` holds; for what it lacks, a person at a terminal is asked. */
export interface Answers {
  /** By source: a section's fields, or the names of callers. */
  readonly sections: { readonly [S in SourceName]?: Readonly<Record<string, string>> | readonly string[] };
  /** What GenAuth takes. */
  readonly token?: Readonly<Record<string, string>> | undefined;
  /** GenAuth's user id of somebody whom its sync made, or a sync relation of theirs. */
  readonly person?: string | undefined;
}

/** Reads a file of answers. Throws an error that names each wrong one. */
export function readAnswers(file: string | undefined): Answers {
  if (file === undefined) return { sections: {} };
  const parsed = answersSchema.safeParse(readJson(file, "answers"));
  if (!parsed.success) throw new Error(`The answers in ${file} are wrong:\n${z.prettifyError(parsed.error)}`);
  const { token, person, ...sections } = parsed.data;
  return { sections: sections as Answers["sections"], token, person };
}

const fieldsSchema = z.record(z.string(), z.string());
const callersSchema = z.array(z.string());
const sections = sourceList.map(([name, { asks }]) => [
  name,
  (asks === "callers" ? callersSchema : fieldsSchema).optional(),
]);
const answersSchema = z.strictObject({
  ...(Object.fromEntries(sections) as Record<SourceName, z.ZodOptional<typeof fieldsSchema | typeof callersSchema>>),
  token: fieldsSchema.optional(),
  person: z.string().optional(),
});
