/** The secret *webhook keys*: what proves each sender, one section a source. */
import * as z from "zod/mini";
import { apiKeyBytes, describe, isApiSecret, isObject, mask, parseSecret, placeholder } from "../secrets.ts";

const key = z.string().check(z.minLength(1));

/** One key or, while they are being changed, the old and the new one. */
const keys = (one: typeof key) =>
  z.pipe(
    z.union([one, z.array(one).check(z.minLength(1))], { error: "must be a string or a list of strings" }),
    z.transform((given) => (typeof given === "string" ? [given] : given)),
  );

const sections = {
  lark: z
    .object({ encryptKey: z.optional(keys(key)), verificationToken: z.optional(keys(key)) })
    .check(z.refine((lark) => lark.encryptKey ?? lark.verificationToken, "needs encryptKey or verificationToken")),
  wechatwork: z
    .object({
      token: keys(z.string().check(z.regex(/^[A-Za-z0-9]{1,32}$/, "must be 1 to 32 letters and digits"))),
      encodingAesKey: keys(z.string().check(z.regex(/^[A-Za-z0-9]{43}$/, "must be 43 letters and digits"))),
      receiveIds: keys(z.string()),
      /** The one corp whose people these are. Where there is a single receive id and no suite, it is that one. */
      corpId: z.optional(key),
    })
    .check(
      z.refine(
        ({ corpId, receiveIds }) => corpId !== undefined || new Set(receiveIds).size === 1,
        "needs corpId, which of the receiveIds' corps is yours",
      ),
    ),
  slack: z.object({ signingSecret: keys(key) }),
  api: z.record(
    z.string().check(z.regex(/^[A-Za-z0-9_-]{1,32}$/)),
    keys(
      z.string().check(
        z.refine(isApiKey, {
          error: ({ input }) =>
            String(input).startsWith("v1,")
              ? "must stand without `v1,` in front of it"
              : "must be whsec_ and the base64 of 24 to 64 bytes, or whpk_ and the base64 of an Ed25519 public key",
        }),
      ),
    ),
    {
      error: ({ code }) => (code === "invalid_key" ? "a caller's name is 1 to 32 letters, digits, _ and -" : undefined),
    },
  ),
};

/** What proves a sender, one section a source. */
export type Keys = { [S in keyof typeof sections]: z.infer<(typeof sections)[S]> };

/**
 * A section as it was found: its keys, what is wrong with it, or off on purpose (`null`). `odd`: what does not count
 * in a section that serves, as a caller whose key is wrong or a field that nobody knows.
 */
export type Section<K = unknown> = { keys: K; odd?: string[] } | { wrong: string } | { isOff: true };

/** The sections by their names; one that nobody knows is there as well, and is wrong. What is absent was not in the secret. */
export type KeyRing = { [S in keyof Keys]?: Section<Keys[S]> };

/**
 * Reads the secret *webhook keys*. A mistake in one section leaves the others working, and in `api` a mistake in one
 * caller leaves the other callers working. Never throws; what is wrong is told by the field's name, never by its value.
 */
export function parseKeys(text: string): KeyRing {
  const whole = parseSecret(text);
  if (!whole || placeholder in whole) {
    const wrong = whole ? "the secret still holds the placeholder" : "the secret is not a JSON object";
    return Object.fromEntries(Object.keys(sections).map((name) => [name, { wrong }])) as KeyRing;
  }
  return Object.fromEntries(
    Object.entries(whole).map(([name, given]) => [mask(name), readSection(name, given)]),
  ) as KeyRing;
}

function readSection(name: string, given: unknown): Section {
  const schema = Object.hasOwn(sections, name) ? sections[name as keyof Keys] : undefined;
  if (!schema) return { wrong: `${mask(name)}: no source is called so, there are ${Object.keys(sections).join(", ")}` };
  if (given === null) return { isOff: true };
  if (name === "api" && isObject(given)) return readCallers(given);
  const parsed = schema.safeParse(given);
  if (!parsed.success) return { wrong: describe(parsed.error, name) };
  const known = fieldsOf(schema);
  const odd = Object.keys(given as object).flatMap((field) =>
    known && !known.includes(field)
      ? [`${name}.${mask(field)}: nobody knows this field, there are ${known.join(", ")}`]
      : [],
  );
  return { keys: parsed.data, ...(odd.length > 0 && { odd }) };
}

/** Each caller by itself: one whose key is wrong is off, and so are two that share one, since nobody knows whose it is. */
function readCallers(given: Record<string, unknown>): Section<Keys["api"]> {
  const right: { caller: string; keys: string[] }[] = [];
  const odd: string[] = [];
  for (const [caller, value] of Object.entries(given)) {
    if (value === null) continue;
    const parsed = sections.api.safeParse(Object.fromEntries([[caller, value]]));
    if (parsed.success) right.push({ caller, keys: Object.values(parsed.data).flat() });
    else odd.push(describe(parsed.error, "api"));
  }
  const isShared = ({ caller, keys }: (typeof right)[number]) =>
    right.some(
      (other) => other.caller !== caller && other.keys.some((key) => keys.map(plainKey).includes(plainKey(key))),
    );
  odd.push(...right.filter(isShared).map(({ caller }) => `api.${caller}: two callers must not share a key`));
  const good = right.filter((one) => !isShared(one));
  if (good.length === 0 && odd.length > 0) return { wrong: odd.join("; ") };
  const keys = Object.fromEntries(good.map(({ caller, keys }) => [caller, keys]));
  return { keys, ...(odd.length > 0 && { odd }) };
}

/** All that is wrong or odd in a secret, each once. */
export function whatIsWrong(ring: KeyRing): string[] {
  const all = Object.values(ring).flatMap((section: Section) => {
    if ("wrong" in section) return [section.wrong];
    return "odd" in section ? (section.odd ?? []) : [];
  });
  return [...new Set(all)];
}

/** The sections of a secret that belong to no source: one of them may be the section that another source lacks. */
export const unknownSections = (ring: KeyRing): string[] =>
  Object.keys(ring).filter((name) => !Object.hasOwn(sections, name));

function isApiKey(given: string): boolean {
  return isApiSecret(given) || (given.startsWith("whpk_") && apiKeyBytes(given).length === 32);
}

/** The same for a key with and without its `=`. */
const plainKey = (key: string) => key.replace(/=+$/, "");

/** The fields of a section's schema, where it is an object. */
function fieldsOf(schema: z.core.$ZodType): string[] | undefined {
  const { shape, in: before } = schema._zod.def as { shape?: object; in?: z.core.$ZodType };
  if (shape) return Object.keys(shape);
  return before && fieldsOf(before);
}
