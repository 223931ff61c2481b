import { GetSecretValueCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import * as z from "zod/mini";
import { placeholder } from "../environment.ts";

const maxAgeMs = 5 * 60_000;
const minRefreshMs = 30_000;

/** A secret kept in memory. */
export interface CachedSecret<T> {
  /** The value, at most 5 minutes old. Throws when it was never to be had. */
  read(): Promise<T>;
  /**
   * Reads the secret afresh because the value at hand did not serve, and tells whether it changed. Asks
   * Secrets Manager at most once every 30 s, so that a flood of forgeries does not become a flood there.
   */
  refresh(): Promise<boolean>;
}

export function cachedSecret<T>(options: {
  client: SecretsManagerClient;
  secretId: string;
  parse: (text: string) => T;
  now: () => Date;
}): CachedSecret<T> {
  const { client, secretId, parse, now } = options;
  let cached: { text: string; value: T } | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<T> | undefined;

  const ageMs = () => now().getTime() - askedAtMs;

  const fetchOnce = () => {
    underWay ??= fetchSecret().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };

  async function fetchSecret(): Promise<T> {
    askedAtMs = now().getTime();
    try {
      const { SecretString = "" } = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
      if (SecretString !== cached?.text) cached = { text: SecretString, value: parse(SecretString) };
      return cached.value;
    } catch (error) {
      // An old key that still verifies is better than a departure turned away.
      if (cached) return cached.value;
      askedAtMs = Number.NEGATIVE_INFINITY;
      throw error;
    }
  }

  return {
    async read() {
      return cached && ageMs() < maxAgeMs ? cached.value : fetchOnce();
    },
    async refresh() {
      if (underWay === undefined && ageMs() < minRefreshMs) return false;
      const before = cached?.text;
      await fetchOnce();
      return cached?.text !== before;
    },
  };
}

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
  const whole = parseObject(text);
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

const tokenSchema = z.union([z.object({ token: key }), z.object({ accessKeyId: key, accessKeySecret: key })], {
  error: "must hold either token, or accessKeyId and accessKeySecret",
});

/** What GenAuth takes: a token, or a key pair that is exchanged for one. */
export type Token = z.infer<typeof tokenSchema>;

/** Reads the secret *GenAuth token*; `wrong` says what is wrong with it, never with a value. */
export function parseToken(text: string): Token | { wrong: string } {
  const whole = parseObject(text);
  if (!whole) return { wrong: "the secret is not a JSON object" };
  if (placeholder in whole) return { wrong: "the secret still holds the placeholder" };
  const parsed = tokenSchema.safeParse(whole);
  return parsed.success ? parsed.data : { wrong: describe(parsed.error, "secret") };
}

const address = z
  .string()
  .check(
    z.refine(
      (url) => URL.canParse(url) && /^(https:\/\/|http:\/\/127\.0\.0\.1[:/])/.test(url),
      "must be an https address",
    ),
  );

/** The secret *notice targets*: where notices go. A robot's address is a secret itself. Every section is optional. */
const targetsSchema = z.object({
  slack: z.optional(z.object({ url: address })),
  lark: z.optional(z.object({ url: address, secret: z.optional(z.string()) })),
  wechatwork: z.optional(z.object({ url: address })),
  webhook: z.optional(z.object({ url: address, secret: z.string().check(z.refine(isApiSecret, "must be whsec_…")) })),
});
export type Targets = z.infer<typeof targetsSchema>;

/** The targets that can be told, and what is wrong with the others, by their names. */
export type TargetRing = Targets & {
  readonly wrong?: Readonly<Record<string, string>>;
  /** There are none yet. */
  readonly isUnfilled?: true;
};

/** Reads the secret *notice targets*. A mistake in one section leaves the others working. Never throws. */
export function parseTargets(text: string): TargetRing {
  const whole = parseObject(text);
  const names = Object.keys(targetsSchema.shape);
  if (!whole) return { wrong: Object.fromEntries(names.map((name) => [name, "the secret is not a JSON object"])) };
  if (placeholder in whole) return { isUnfilled: true };
  const ring: Record<string, unknown> = {};
  const wrong: Record<string, string> = {};
  for (const [name, section] of Object.entries(whole)) {
    if (!names.includes(name)) {
      wrong[mask(name)] = `secret.${mask(name)}: there is no such target, only ${names.join(", ")}`;
      continue;
    }
    const parsed = targetsSchema.safeParse({ [name]: section });
    if (parsed.success) Object.assign(ring, parsed.data);
    else wrong[name] = describe(parsed.error, "secret");
  }
  return { ...(ring as Targets), ...(Object.keys(wrong).length > 0 && { wrong }) };
}

/**
 * The bytes of a `whsec_` secret, or of a `whpk_` public key. Anything else than base64 gives no bytes; only the `=`
 * at its end may be missing, which some tools drop.
 */
export function apiKeyBytes(apiKey: string): Buffer {
  const encoded = apiKey.replace(/^wh(sec|pk)_/, "");
  const bytes = Buffer.from(encoded, "base64");
  const whole = bytes.toString("base64");
  return whole === encoded || whole.replace(/=+$/, "") === encoded ? bytes : Buffer.alloc(0);
}

/** A `whsec_` secret of 24 to 64 bytes. */
export function isApiSecret(given: string): boolean {
  const { length } = apiKeyBytes(given);
  return given.startsWith("whsec_") && length >= 24 && length <= 64;
}

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

/**
 * Without the white space and the invisible characters at the ends of every text: `$(cat file)` and a copy out of a
 * console or a chat leave some.
 */
export function trimEnds(given: unknown): unknown {
  if (typeof given === "string") return given.replace(/^[\s\p{C}]+|[\s\p{C}]+$/gu, "");
  if (Array.isArray(given)) return given.map(trimEnds);
  if (!isObject(given)) return given;
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, trimEnds(value)]));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The secret's object, its texts trimmed. */
function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    // Some editors begin a file with a byte-order mark.
    const value = trimEnds(JSON.parse(text.replace(/^\ufeff/, "")));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A long name is masked: it may be a key that stands in a name's place. */
const mask = (name: PropertyKey): string => (String(name).length > 32 ? "(masked)" : String(name));

/** Names the fields that are wrong. */
function describe(error: z.core.$ZodError, root: string): string {
  return error.issues.map(({ path, message }) => `${[root, ...path.map(mask)].join(".")}: ${message}`).join("; ");
}
