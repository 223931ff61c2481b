import type { CachedSecret } from "../aws/secret.ts";
import type { Request } from "../http.ts";
import type { Ledger } from "../ledger.ts";
import { Problem } from "../problem.ts";
import { unknownSections } from "../sources/index.ts";
import type { KeyRing } from "../sources/keys.ts";
import type { Source } from "../sources/source.ts";

/** `S`: the settings that the sources read requests with. */
export interface ReceiveParts<S> {
  readonly ledger: Pick<Ledger, "readPulse">;
  readonly keys: CachedSecret<KeyRing>;
  readonly settings: S;
  readonly now: () => Date;
}

/**
 * Verifies a request and reads what it says. If the proof fails or keys are missing, the keys may just have been
 * changed: they are read afresh, once. Throws a `Problem`.
 */
export async function receive<R, S>(parts: ReceiveParts<S>, source: Source<R, S>, request: Request): Promise<R> {
  const { keys, settings, now } = parts;
  const tryOnce = async () => receiveWith(await keys.read(), source, request, settings, now());
  try {
    return await tryOnce().catch(async (error) => {
      const mayBeOldKeys = error instanceof Problem && keyProblems.has(error.code);
      if (!mayBeOldKeys || !(await keys.refresh())) throw error;
      return tryOnce();
    });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "not_found") throw error;
    throw (await whyGone(parts, source.section)) ?? error;
  }
}

/**
 * A source without a section in the secret is off, unless it was heard before or the section may stand there under
 * another name: then it is a mistake, and its senders get 503 and send again. `null` switches a source off.
 */
async function whyGone(
  { keys, ledger }: Pick<ReceiveParts<unknown>, "keys" | "ledger">,
  section: Source["section"],
): Promise<Problem | undefined> {
  const ring = await keys.read();
  if (ring[section]) return undefined;
  const unknown = unknownSections(ring);
  const isMisnamed = unknown.length > 0;
  const pulse = isMisnamed ? undefined : await ledger.readPulse(section);
  if (!isMisnamed && (pulse?.heard === undefined || pulse.isOff)) return undefined;
  const why = isMisnamed
    ? `is not there, but ${unknown.join(", ")} is, which no source is called`
    : "is gone, and the source was heard before: null would switch it off";
  return new Problem("keys_not_filled_in", { reason: `The webhook keys' section ${section} ${why}` });
}

/** Verifies and reads a request with these keys, as at this time. */
export function receiveWith<R, S>(ring: KeyRing, source: Source<R, S>, request: Request, settings: S, now: Date): R {
  const section = ring[source.section];
  const route = source.routes[request.route];
  if (!section || "isOff" in section || !route) throw new Problem("not_found");
  if ("wrong" in section) {
    throw new Problem("keys_not_filled_in", {
      reason: `The webhook keys are not filled in: ${section.wrong}`,
    });
  }
  return route(request, { keys: section.keys, settings, now });
}

const keyProblems: ReadonlySet<string> = new Set(["unauthorized", "not_found", "keys_not_filled_in"]);
