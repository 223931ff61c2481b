import type { Ledger } from "../ledger.ts";
import { parseResignation, type Resignation } from "../resignation/resignation.ts";
import type { Effect } from "./effect.ts";
import { missesId } from "./misses.ts";
import { parseRelation, type Relation, relationId } from "./people.ts";
import type { Returned } from "./returns.ts";
import { parseStop, type Stop, stopId } from "./stop.ts";

/** What the ledger knows of a person besides the departure: read at every present and former relation of theirs. */
export interface LedgerFacts {
  readonly returns: readonly Returned[];
  /** The departure's own relation. */
  readonly own: string;
  readonly relation: Relation;
  /** Every relation that was read, and the user that it last led to. */
  readonly known: readonly { readonly relation: string; readonly user?: string | undefined }[];
  /** Every relation that was read. */
  readonly relations: readonly string[];
  /** The other departures that stand on the effect. */
  readonly others: readonly Resignation[];
  readonly stop: Stop;
  /** GenAuth knew nobody for the source's last departure. */
  readonly hasMisses: boolean;
}

/**
 * Reads the returns at every relation of the person: those that GenAuth lists or once listed, the departure's own,
 * those of all departures on the effect, and the former ids of each.
 */
export async function readFacts(
  ledger: Pick<Ledger, "items">,
  departure: Resignation,
  effect: Effect,
  listed: readonly string[],
): Promise<LedgerFacts> {
  const otherIds = effect.for.filter((id) => id !== departure.id);
  const formerNote = `renamed|${departure.userId}`;
  const relations = new Map<string, Relation>();
  const others: Resignation[] = [];
  let stop = parseStop(undefined);
  let hasMisses = false;
  let more = [...new Set([departure.userId as string, ...listed])];
  for (let isFirst = true; more.length > 0; isFirst = false) {
    const ids = more.map(relationId);
    const besides = isFirst ? [...otherIds, stopId, missesId(departure.source), formerNote] : [];
    const items = await ledger.items([...ids, ...besides]);
    for (const relation of more) relations.set(relation, parseRelation(relation, items.get(relationId(relation))));
    if (isFirst) {
      others.push(...otherIds.flatMap((id) => readable(items.get(id))));
      stop = parseStop(items.get(stopId));
      hasMisses = Number(items.get(missesId(departure.source))?.count ?? 0) > 0;
      const own = relations.get(departure.userId) as Relation;
      // Before 0.1.0 a rename was an item of its own.
      const former = own.former ?? items.get(formerNote)?.former;
      relations.set(departure.userId, { ...own, ...(typeof former === "string" && { former }) });
    }
    const named = [...others.map(({ userId }) => userId), ...[...relations.values()].map(({ former }) => former)];
    more = [...new Set(named.filter((one) => one !== undefined))].filter((one) => !relations.has(one));
  }
  return {
    returns: [...relations.values()].flatMap(({ returns }) => returns),
    own: departure.userId,
    relation: relations.get(departure.userId) as Relation,
    known: [...relations].map(([relation, { user }]) => ({ relation, user })),
    relations: [...relations.keys()].toSorted(),
    others,
    stop,
    hasMisses,
  };
}

/** A departure that cannot be read still stands on the effect; only its relation is not known. */
function readable(item: unknown): Resignation[] {
  try {
    return item === undefined ? [] : [parseResignation(item)];
  } catch {
    return [];
  }
}
