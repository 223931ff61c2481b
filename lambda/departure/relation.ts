import type { Ledger } from "../ledger.ts";
import { personId, type Relation, relationId } from "./people.ts";
import type { Next } from "./turn.ts";

export interface RelationParts {
  readonly ledger: Pick<Ledger, "getRelation" | "getPerson" | "waiting" | "restRelation">;
  readonly now: () => Date;
  readonly turn: (id: string, isSaid: true) => Promise<Next>;
}

/**
 * A return was written at a sync relation: runs one turn for each departure that waits at the relation or stands on the
 * user's effect, the oldest first. The relation stays due until each turn came to a decision.
 */
export async function runRelation({ ledger, now, turn }: RelationParts, relation: string): Promise<Next> {
  const said = await ledger.getRelation(relation);
  const { effect } = said.user === undefined ? {} : await ledger.getPerson(personId(said.user));
  const ids = new Set([...(await ledger.waiting(relation, now())), ...(effect?.for ?? [])]);
  let inSeconds = Number.POSITIVE_INFINITY;
  for (const id of ids) {
    const next = await turn(id, true);
    if (next !== "done") inSeconds = Math.min(inSeconds, next.inSeconds);
  }
  if (inSeconds < Number.POSITIVE_INFINITY) return { inSeconds };
  await ledger.restRelation(relationId(relation), countOf(said));
  return "done";
}

/** How often anything was said of the relation, by each source. */
const countOf = ({ returns }: Relation) => Object.fromEntries(returns.map(({ source, count }) => [source, count]));
