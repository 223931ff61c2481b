import * as z from "zod/mini";

declare const synced: unique symbol;

/** GenAuth's id for a synced user, `<provider>:<userIdInIdp>`. A string to the last byte: `00123` stays `00123`. */
export type SyncRelation = string & { readonly [synced]: true };

export const syncRelationSchema = z.pipe(
  z.string(),
  z.transform((text) => text as SyncRelation),
);

/**
 * The sync relation of a user at a provider; `undefined` where the text cannot be one: empty, over 128 bytes,
 * or with white space or control characters. Never trimmed, folded or otherwise made to fit.
 */
export function syncRelation(provider: string, userIdInIdp: unknown): SyncRelation | undefined {
  const isId =
    typeof userIdInIdp === "string" &&
    userIdInIdp.isWellFormed() &&
    /^[^\s\p{C}]+$/u.test(userIdInIdp) &&
    Buffer.byteLength(userIdInIdp) <= 128;
  return isId ? (`${provider}:${userIdInIdp}` as SyncRelation) : undefined;
}

/** Reads `<provider>:<userIdInIdp>` of one of the providers; `undefined` where it is none. */
export function parseSyncRelation(whole: string, providers: readonly string[]): SyncRelation | undefined {
  const colon = whole.indexOf(":");
  const provider = whole.slice(0, Math.max(colon, 0));
  return providers.includes(provider) ? syncRelation(provider, whole.slice(colon + 1)) : undefined;
}
