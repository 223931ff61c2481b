import { parseSyncRelation, type SyncRelation, syncRelation } from "../resignation/sync-relation.ts";
import { kindOf } from "./json.ts";

/** An id that people or their tools gave us, or what is wrong with it and what would do. */
export type ReadId = { userId: SyncRelation } | { wrong: string };

/**
 * What the text of a missing value or of a placeholder looks like, where a tool fills in a field that its trigger
 * lacks. At the sources' own doors it may be somebody's real id.
 */
export function missingText(text: string): string | undefined {
  // Some languages write it as "null", <nil> or [None].
  const [, word] = /^[^\p{L}\p{N}]*(undefined|null|none|nil|nan)[^\p{L}\p{N}]*$/iu.exec(text) ?? [];
  const [placeholder] = /\{\{|\}\}|[$#%]\{|<%|%>|[{}]|%7b/i.exec(text) ?? [];
  const what = word ?? placeholder;
  return what === undefined ? undefined : `the id is the text ${what}: the trigger lacks the field`;
}

/** Reads `<provider>:<id>`. */
export function readRelation(value: unknown, allowed: readonly string[]): ReadId {
  const would = `Allowed are ids like ${allowed.map((provider) => `${provider}:…`).join(", ")}`;
  const wrong = (what: string) => ({ wrong: `${what}. ${would}` });
  if (typeof value !== "string" || value === "") return wrong(`userId is ${kindOf(value)}: send a text`);
  const userId = parseSyncRelation(value, allowed);
  const colon = value.indexOf(":");
  const [provider, id] = [value.slice(0, Math.max(colon, 0)), value.slice(colon + 1)];
  const missing = missingText(value) ?? missingText(provider) ?? missingText(id);
  if (missing) return wrong(`userId: ${missing}`);
  if (userId && !isDoubled(id, allowed)) return { userId };
  if (colon < 0) return wrong("userId has no provider before its id");
  if (!allowed.includes(provider)) return wrong(`userId: ${wrongProvider(provider, allowed)}`);
  return wrong(`userId: the id ${wrongId(id, allowed)}`);
}

/** Reads provider and id value apart. */
export function readParts(provider: string, value: unknown, allowed: readonly string[]): ReadId {
  const would = `Allowed are the providers ${allowed.join(", ")}, and as userIdInIdp the person's id there as a text`;
  const wrong = (what: string) => ({ wrong: `${what}. ${would}` });
  const missing = missingText(provider);
  if (missing) return wrong(`provider: ${missing}`);
  if (typeof value !== "string" || value === "") return wrong(`userIdInIdp is ${kindOf(value)}: send a text`);
  const ofId = missingText(value);
  if (ofId) return wrong(`userIdInIdp: ${ofId}`);
  if (!allowed.includes(provider)) return wrong(`provider: ${wrongProvider(provider, allowed)}`);
  const userId = isDoubled(value, allowed) ? undefined : syncRelation(provider, value);
  return userId ? { userId } : wrong(`userIdInIdp ${wrongId(value, allowed)}`);
}

const isDoubled = (id: string, allowed: readonly string[]) =>
  allowed.some((provider) => id.toLowerCase().startsWith(`${provider.toLowerCase()}:`));

function wrongProvider(provider: string, allowed: readonly string[]): string {
  const meant = allowed.find((one) => one.toLowerCase() === provider.trim().toLowerCase());
  if (provider === "") return "the provider is empty";
  if (!meant) return "the provider is none of those allowed";
  return provider.trim() === meant ? "the provider has white space around it" : `write ${meant} in small letters`;
}

/** What keeps a text from being an id; never the text. */
function wrongId(id: string, allowed: readonly string[]): string {
  if (id === "") return "is empty";
  if (isDoubled(id, allowed)) return "begins with a provider once more: name the provider once";
  if (!id.isWellFormed()) return "holds half a character (a lone surrogate)";
  if (/^\s|\s$/u.test(id)) return "has white space at an end: trim it";
  if (/^\p{C}|\p{C}$/u.test(id)) return "has a control or invisible character at an end: remove it";
  if (/\s/u.test(id)) return "has white space in it";
  if (/\p{C}/u.test(id)) return "has a control or invisible character in it: remove it";
  return "is longer than 128 bytes";
}
