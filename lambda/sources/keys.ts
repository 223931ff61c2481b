/** The secret *webhook keys*: what proves each sender, one section a source. */
import * as z from "zod/mini";
import { describe, mask, parseSecret, placeholder } from "../settings/secret-text.ts";

/**
 * A section as it was found: its keys, what is wrong with it, or off on purpose (`null`). `odd`: what does not count
 * in a section that serves, as a caller whose key is wrong or a field that nobody knows.
 */
export type Section<K = unknown> = { keys: K; odd?: string[] } | { wrong: string } | { isOff: true };

/** The sections by their names; one that nobody knows is there as well, and is wrong. What is absent was not in the secret. */
export type KeyRing = Readonly<Record<string, Section>>;

/** Reads what stands in a section of this name; `null` is read elsewhere. */
export type ReadSection<K> = (given: unknown, name: string) => Section<K>;

export const key = z.string().check(z.minLength(1));

/** One key or, while they are being changed, the old and the new one. */
export const oneOrMore = (one: z.ZodMiniType<string, string>) =>
  z.pipe(
    z.union([one, z.array(one).check(z.minLength(1))], { error: "must be a string or a list of strings" }),
    z.transform((given) => (typeof given === "string" ? [given] : given)),
  );

/** A section with fields. One that nobody knows is told, and harms nothing. */
export const readFields =
  <K>(schema: z.ZodMiniType<K>): ReadSection<K> =>
  (given, name) => {
    const parsed = schema.safeParse(given);
    if (!parsed.success) return { wrong: describe(parsed.error, name) };
    const known = Object.keys((schema._zod.def as { shape?: object }).shape ?? {});
    const odd = Object.keys(given as object).flatMap((field) =>
      known.includes(field) ? [] : [`${name}.${mask(field)}: nobody knows this field, there are ${known.join(", ")}`],
    );
    return { keys: parsed.data, ...(odd.length > 0 && { odd }) };
  };

/**
 * Reads the secret. A mistake in one section leaves the others working. Never throws; what is wrong is told by the
 * field's name, never by its value.
 */
export function readRing(text: string, sections: Readonly<Record<string, ReadSection<unknown>>>): KeyRing {
  const whole = parseSecret(text);
  const names = Object.keys(sections);
  if (!whole || placeholder in whole) {
    const wrong = whole ? "the secret still holds the placeholder" : "the secret is not a JSON object";
    return Object.fromEntries(names.map((name) => [name, { wrong }]));
  }
  const readSection = (name: string, given: unknown): Section => {
    const read = Object.hasOwn(sections, name) ? sections[name] : undefined;
    if (!read) return { wrong: `${mask(name)}: no source is called so, there are ${names.join(", ")}` };
    return given === null ? { isOff: true } : read(given, name);
  };
  return Object.fromEntries(Object.entries(whole).map(([name, given]) => [mask(name), readSection(name, given)]));
}

/** All that is wrong or odd in a secret, each once. */
export function whatIsWrong(ring: KeyRing): string[] {
  const all = Object.values(ring).flatMap((section) => {
    if ("isOff" in section) return [];
    return "wrong" in section ? [section.wrong] : (section.odd ?? []);
  });
  return [...new Set(all)];
}
