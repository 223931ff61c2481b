import { type AcceptParts, accept, noteReturn } from "../departure/accept.ts";
import { putBrakeOn } from "../departure/brake.ts";
import type { Request } from "../http.ts";
import type { Resignation } from "../resignation/resignation.ts";
import type { Event, Source } from "../sources/source.ts";
import type { Quarantine } from "./quarantine.ts";

export interface TakeParts extends AcceptParts {
  readonly quarantine: Pick<Quarantine, "keepAuthentic">;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/**
 * Writes down each thing that a verified request says, returns before departures, and gives back the resignations of
 * its departures. Throws if something could not be written down: the sender gets 503 and sends again.
 */
export async function take(
  parts: TakeParts,
  events: readonly Event[],
  source: Pick<Source, "section" | "kept">,
  request: Request,
): Promise<Resignation[]> {
  await Promise.all(events.filter((event) => event.kind === "return").map((back) => noteReturn(parts, back)));
  const departures = events.filter((event) => event.kind === "departure");
  const taken = await Promise.all(departures.map(({ kind, ...departure }) => accept(parts, departure)));
  for (const event of events) await takeNote(parts, event, source, request);
  return taken;
}

async function takeNote(
  parts: TakeParts,
  event: Event,
  source: Pick<Source, "section" | "kept">,
  request: Request,
): Promise<void> {
  const { ledger, quarantine, log, now } = parts;
  if ("metric" in event) log.count(event.metric, event.message, event.facts, event.level ?? "ERROR");
  if (event.kind === "renamed") await ledger.noteRename(event.former, event.next, now());
  if (event.kind === "scope_narrowed") await putBrakeOn(parts, event.why);
  if (event.kind === "unusable") await quarantine.keepAuthentic(source, request, event.reason);
}
