import { GetSecretValueCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

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
