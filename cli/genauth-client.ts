import type * as z from "zod";
import { byUserId, createGenAuth, type NamedUser, type Outcome } from "../lambda/genauth/genauth.ts";
import { parseToken, type Token } from "../lambda/genauth/token.ts";
import { simulatorCredentials } from "./defaults.ts";
import { readJson } from "./files.ts";

/** GenAuth's management API for the commands: what the functions call, and any other operation. */
export type GenAuthClient = ReturnType<typeof connectGenAuth>;

/** The functions' own client with a token that is at hand. Nothing is asked yet; no call throws. */
export function connectGenAuth({ host, pool, given }: { host: string; pool: string; given: Token }) {
  const secret = { read: async () => given, refresh: async () => false };
  const genauth = createGenAuth({ host, userPoolId: pool, secret, now: () => new Date() });
  return {
    ...genauth,
    /** Calls an operation, as in `list-users?page=1`; with a body it is a POST. */
    ask: <T>(operation: string, data: z.ZodType<T>, body?: object): Promise<Outcome<T>> =>
      genauth.call(body ? "POST" : "GET", `/api/v3/${operation}`, body, data),
  };
}

/** What GenAuth takes, from a file as it stands in the secret; without one, the simulator's. */
export function readToken(file: string | undefined): Token | { wrong: string } {
  const { accessKeyId, accessKeySecret } = simulatorCredentials;
  return parseToken(JSON.stringify(file ? readJson(file, "token") : { accessKeyId, accessKeySecret }));
}

/** Somebody as an operator names them: by a sync relation, which has a colon, or by GenAuth's own id, which has none. */
export function named(person: string): NamedUser {
  return person.includes(":") ? { userId: person, userIdType: "sync_relation" } : byUserId(person);
}

/** A sync relation in its two parts: whose sync made it, and the id there. */
export function partsOf(relation: string): { provider: string; id: string } {
  const colon = relation.indexOf(":");
  return { provider: relation.slice(0, colon), id: relation.slice(colon + 1) };
}
