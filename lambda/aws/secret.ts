import { GetSecretValueCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

/** A value that is older is read afresh: the longest that a changed secret may go unnoticed. */
const maxAgeMs = 5 * 60_000;
/** Shortest time between two reads that a failed proof asks for. */
const minRefreshMs = 30_000;

/** A secret kept in memory. */
export interface CachedSecret<T> {
  /** The value, at most 5 minutes old. Throws if it could never be read. */
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
      // The former value serves on: an old key that still verifies is better than a refused departure.
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
