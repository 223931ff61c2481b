import type { RuntimeSettings } from "./environment.ts";
import type { Request } from "./http.ts";
import { Problem } from "./problem.ts";
import type { CachedSecret, KeyRing, Keys } from "./secrets.ts";
import type { Source } from "./sources/index.ts";

export interface ReceiveParts {
  readonly keys: CachedSecret<KeyRing>;
  readonly settings: RuntimeSettings;
  readonly now: () => Date;
}

/**
 * Verifies a request and says what it asks of us. Where the proof fails or keys are missing, these may just have
 * been changed: they are read afresh, once. Throws a `Problem`.
 */
export async function receive<R>(
  { keys, settings, now }: ReceiveParts,
  source: Source<keyof Keys, R>,
  request: Request,
): Promise<R> {
  try {
    return receiveWith(await keys.read(), source, request, settings, now());
  } catch (error) {
    const mayBeOldKeys = error instanceof Problem && keyProblems.has(error.code);
    if (!mayBeOldKeys || !(await keys.refresh())) throw error;
    return receiveWith(await keys.read(), source, request, settings, now());
  }
}

/** The same with these keys, as at this time. */
export function receiveWith<R>(
  ring: KeyRing,
  source: Source<keyof Keys, R>,
  request: Request,
  settings: RuntimeSettings,
  now: Date,
): R {
  const section = ring[source.section];
  const receiveRequest = source.routes[request.route];
  if (!section || "isOff" in section || !receiveRequest) throw new Problem("not_found");
  if ("wrong" in section) {
    throw new Problem("keys_not_filled_in", {
      reason: `The webhook keys are not filled in: ${section.wrong}`,
    });
  }
  return receiveRequest(request, { keys: section.keys, settings, now });
}

const keyProblems: ReadonlySet<string> = new Set(["unauthorized", "not_found", "keys_not_filled_in"]);
