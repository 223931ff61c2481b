import type { CachedSecret } from "../aws/secret.ts";
import { type PassOnParts, passOn } from "../intake/pass-on.ts";
import { type HourCount, isKeptAsAuthentic, type Kept, type Quarantine, toRequest } from "../intake/quarantine.ts";
import { receiveWith } from "../intake/receive.ts";
import { type TakeParts, take } from "../intake/take.ts";
import { countUnreadable, isUnreadable } from "../log.ts";
import { malformed, Problem } from "../problem.ts";
import type { SourceName } from "../resignation/source-names.ts";
import type { DeskSettings } from "../settings/by-function.ts";
import { senderRoutes } from "../sources/index.ts";
import type { KeyRing } from "../sources/keys.ts";
import type { Event } from "../sources/source.ts";

/** The operators' look at the quarantine: counts the refused requests, and verifies them with today's keys. */
export type Reverify = ReturnType<typeof createReverify>;

export interface ReverifyParts extends TakeParts, Omit<PassOnParts, "settings"> {
  readonly settings: DeskSettings;
  readonly quarantine: Quarantine;
  readonly keys: CachedSecret<KeyRing>;
}

/** The sources whose refused requests are kept. */
const keptSources: readonly SourceName[] = [
  ...new Set([...senderRoutes.values()].flatMap(({ kept, section }) => (kept ? [section] : []))),
];

export function createReverify(parts: ReverifyParts) {
  const { quarantine, keys, log } = parts;

  return {
    /** How many were refused or could not be read, by source and hour. */
    async count(): Promise<{ items: HourCount[] }> {
      return { items: (await Promise.all(keptSources.map((source) => quarantine.counts(source)))).flat() };
    },

    /** One page of one source; `next` names the one that follows. Throws `malformed` where `after` is no such name. */
    async page(after: string | undefined) {
      const [source, slot] = readPosition(after);
      await keys.refresh();
      const ring = await keys.read();
      const { items, unreadable, next } = await quarantine.page(source, slot);
      for (const one of unreadable) countUnreadable(log, placeName(source, one));
      let departures = 0;
      let verified = 0;
      for (const kept of items) {
        const found = await verifyAgain(kept, ring);
        if (found === undefined) continue;
        verified += 1;
        departures += found;
        await quarantine.forget(kept);
      }
      const nextSource = keptSources[keptSources.indexOf(source) + 1];
      const following = next === undefined ? nextSource : `${source} ${next}`;
      return { source, looked: items.length, verified, departures, ...(following && { next: following }) };
    },
  };

  /**
   * Carries a kept request out as the webhook would have, except that a departure waits for an operator. Returns how
   * many departures it told of, or nothing if it still cannot be verified or read.
   */
  async function verifyAgain(kept: Kept, ring: KeyRing): Promise<number | undefined> {
    const source = senderRoutes.get(kept.route);
    if (!source) return undefined;
    const request = toRequest(kept);
    try {
      // As at the time it came: a request that was too old then stays refused.
      const { events } = receiveWith(ring, source, request, parts.settings, new Date(kept.receivedAt));
      const unusable = events.filter(({ kind }) => kind === "unusable").length;
      // Of what was authentic when it came, all that can be used was carried out then.
      if (unusable > 0 && (unusable === events.length || isKeptAsAuthentic(kept))) return undefined;
      const taken = await take(
        parts,
        events.map((event) => toReverified(event, kept)),
        source,
        request,
      );
      // A request that was authentic when it came was passed on then.
      if (!isKeptAsAuthentic(kept)) await passOn(parts, source, request);
      return taken.length;
    } catch (error) {
      if (error instanceof Problem) return undefined;
      if (!isUnreadable(error)) throw error;
      // The ledger's item of this departure cannot be read: the request stays here, and the others go on.
      countUnreadable(log, placeName(kept.source, kept.slot));
      return undefined;
    }
  }
}

const placeName = (source: string, slot: string) => `quarantine ${source} ${slot}`;

/** The same event; a departure of it waits for an operator. */
function toReverified(event: Event, { receivedAt, reason }: Kept): Event {
  if (event.kind !== "departure") return event;
  const why = `Came at ${receivedAt} and was not taken (${reason}); verified since`;
  return { ...event, approvalNeeded: { heldFor: "reverified", why } };
}

/** Where a page starts: a source, and the slot that the page before ended at. */
function readPosition(after = keptSources[0] as string): [SourceName, string | undefined] {
  const [name, ...slot] = after.split(" ");
  const source = keptSources.find((one) => one === name);
  if (!source) throw malformed("after: it is the next of another page, or left out");
  return [source, slot.length > 0 ? slot.join(" ") : undefined];
}
