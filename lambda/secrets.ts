import { GetSecretValueCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import * as z from "zod/mini";
import { placeholder } from "./environment.ts";

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
  wechatwork: z.object({
    token: keys(z.string().check(z.regex(/^[A-Za-z0-9]{1,32}$/, "must be 1 to 32 letters and digits"))),
    encodingAesKey: keys(z.string().check(z.regex(/^[A-Za-z0-9]{43}$/, "must be 43 letters and digits"))),
    receiveIds: keys(z.string()),
  }),
  slack: z.object({ signingSecret: keys(key) }),
  api: z
    .record(
      z.string().check(z.regex(/^[A-Za-z0-9_-]{1,32}$/)),
      keys(
        z
          .string()
          .check(
            z.refine(
              isApiKey,
              "must be whsec_ and the base64 of 24 to 64 bytes, or whpk_ and the base64 of an Ed25519 public key",
            ),
          ),
      ),
      {
        error: ({ code }) =>
          code === "invalid_key" ? "a caller's name is 1 to 32 letters, digits, _ and -" : undefined,
      },
    )
    .check(z.refine(hasNoSharedKey, "two callers must not share a key")),
};

/** What proves a sender, one section a source. */
export type Keys = { [S in keyof typeof sections]: z.infer<(typeof sections)[S]> };

/** The keys as they were found: a section that is absent is off, one that is wrong says what is wrong with it. */
export type KeyRing = { [S in keyof Keys]?: { keys: Keys[S] } | { wrong: string } };

/**
 * Reads the secret *webhook keys*. A mistake in one section leaves the others working. Never throws; what is
 * wrong is told by the field's name, never by its value.
 */
export function parseKeys(text: string): KeyRing {
  const whole = parseObject(text);
  const ring: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(sections)) {
    if (!whole || placeholder in whole) {
      ring[name] = {
        wrong: whole ? "the secret still holds the placeholder" : "the secret is not a JSON object",
      };
    } else if (Object.hasOwn(whole, name)) {
      const parsed = schema.safeParse(whole[name]);
      ring[name] = parsed.success ? { keys: parsed.data } : { wrong: describe(parsed.error, name) };
    }
  }
  return ring as KeyRing;
}

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

/** The bytes of a `whsec_` secret, or of a `whpk_` public key. Anything else than strict base64 gives no bytes. */
export function apiKeyBytes(apiKey: string): Buffer {
  const encoded = apiKey.replace(/^wh(sec|pk)_/, "");
  const bytes = Buffer.from(encoded, "base64");
  return bytes.toString("base64") === encoded ? bytes : Buffer.alloc(0);
}

/** A `whsec_` secret of 24 to 64 bytes. */
export function isApiSecret(given: string): boolean {
  const { length } = apiKeyBytes(given);
  return given.startsWith("whsec_") && length >= 24 && length <= 64;
}

function isApiKey(given: string): boolean {
  return isApiSecret(given) || (given.startsWith("whpk_") && apiKeyBytes(given).length === 32);
}

function hasNoSharedKey(callers: Record<string, string[]>): boolean {
  const all = Object.values(callers).flatMap((given) => [...new Set(given)]);
  return new Set(all).size === all.length;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Names the fields that are wrong. A long name is masked: it may be a key that stands in a name's place. */
function describe(error: z.core.$ZodError, root: string): string {
  return error.issues.map(({ path, message }) => `${[root, ...path.map(mask)].join(".")}: ${message}`).join("; ");
}

const mask = (name: PropertyKey) => (String(name).length > 32 ? "(masked)" : String(name));
