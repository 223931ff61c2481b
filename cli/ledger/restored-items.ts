/** What becomes of each item of a restored table. */
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { type Item, openTable } from "../../lambda/aws/table.ts";
import { parsePerson, parseRelation, type Relation } from "../../lambda/departure/people.ts";
import { verdictOf } from "../../lambda/departure/returns.ts";
import { createLedger } from "../../lambda/ledger.ts";
import { isUnreadable } from "../../lambda/log.ts";
import { moveTo, parseResignation, type Resignation } from "../../lambda/resignation/resignation.ts";
import type { SourceName } from "../../lambda/resignation/source-names.ts";
import { isFinal } from "../../lambda/resignation/status.ts";
import type { SyncRelation } from "../../lambda/resignation/sync-relation.ts";

/** An item, and what became of it. */
export interface Copied {
  readonly id: string;
  /** `there`: left, as the live table has it. `broken`: the live one cannot be read. `busy`: a worker has the person. */
  readonly became:
    | ("held" | "final" | "person" | "relation" | "returns")
    | ("there" | "never" | "expired" | "busy" | "unreadable" | "broken");
  /** Of what is held now: who, what it was, when they left, and which sources say that they are back. */
  readonly userId?: string;
  readonly was?: string;
  readonly occurredAt?: string;
  readonly back?: string;
}

/** The live ledger, to which nothing is written in a dry run. */
export type Live = ReturnType<typeof openLive>;

export function openLive(given: {
  client: DynamoDBClient;
  table: string;
  operator: string;
  isDryRun: boolean;
  now: Date;
}) {
  const table = openTable(given);
  const ledger = createLedger(given);
  const { operator, isDryRun, now } = given;
  return { table, ledger, operator, isDryRun, now, items: ledger.items };
}

/** Copies an item if the live ledger lacks it. `there`: the live one's. */
export async function copyItem(item: Item, there: Item | undefined, live: Live): Promise<Copied> {
  const id = String(item.id);
  const { expiresAt } = item;
  if (typeof expiresAt === "number" && expiresAt * 1_000 < live.now.getTime()) return { id, became: "expired" };
  try {
    if (id.startsWith("res_")) return await copyDeparture(parseResignation(item), there, live);
    if (id.startsWith("relation|")) return await copyRelation(item, there, live);
    if (id.startsWith("person|")) return await copyPerson(item, there, live);
    return { id, became: "never" };
  } catch (error) {
    if (isUnreadable(error)) return { id, became: "unreadable" };
    throw error;
  }
}

async function copyDeparture(departure: Resignation, there: Item | undefined, live: Live): Promise<Copied> {
  const { id, userId, status: was, occurredAt } = departure;
  if (there) return { id, became: isReadable(() => parseResignation(there)) ? "there" : "broken" };
  if (isFinal(departure)) {
    if (!live.isDryRun) await live.ledger.enter(departure);
    return { id, became: "final" };
  }
  const { returns } = await live.ledger.getRelation(userId);
  const against = returns.filter((one) => verdictOf(departure, [one]) !== "no");
  const why = `From a restored copy of the ledger, where it was ${was}: what happened since is not known`;
  const entry = { at: live.now, by: `${live.operator} (import-restored)`, why };
  // What the copy still had to tell is old, and what it was released from counts returns that may begin anew.
  const anew = { tell: undefined, released: undefined, returnsHeld: undefined, ageJudgedFor: undefined };
  const held = moveTo(departure, "held", { heldFor: "stale", ...anew, hasReturnPlace: undefined }, entry);
  if (!live.isDryRun) await live.ledger.enter(held);
  const back = [...new Set(against.map(({ source, to }) => `${source} (${to})`))].join(", ");
  return { id, became: "held", userId, was, occurredAt, ...(back && { back }) };
}

/** Returns are never lost: where both tables know the relation, the latest of each source counts. */
async function copyRelation(item: Item, there: Item | undefined, live: Live): Promise<Copied> {
  const id = String(item.id);
  const name = id.slice("relation|".length);
  const restored = parseRelation(name, item);
  if (!there) {
    if (!live.isDryRun) await live.table.putIf(item, { condition: "attribute_not_exists(id)" });
    return { id, became: "relation" };
  }
  if (!isReadable(() => parseRelation(name, there))) return { id, became: "broken" };
  const known = parseRelation(name, there);
  const lost = restored.returns.filter((one) => !isKnown(one, known));
  const isRenameLost = restored.former !== undefined && known.former === undefined;
  if (!live.isDryRun) {
    for (const { source, from, to } of lost) {
      const moment = { from: new Date(from), to: new Date(to) };
      await live.ledger.noteReturn(name as SyncRelation, source as SourceName, moment, live.now);
    }
    if (isRenameLost) await live.ledger.noteRename(restored.former as SyncRelation, name as SyncRelation, live.now);
  }
  return { id, became: lost.length > 0 || isRenameLost ? "returns" : "there" };
}

const isKnown = ({ source, from, to }: Relation["returns"][number], { returns }: Relation) =>
  returns.some((one) => one.source === source && one.from >= from && one.to >= to);

/** What was done to a person, without the lease and without what was to be done next. */
async function copyPerson(item: Item, there: Item | undefined, live: Live): Promise<Copied> {
  const id = String(item.id);
  const { effect, relations } = parsePerson(item);
  const hasNothing = effect === undefined && relations === undefined;
  if (hasNothing) return { id, became: "never" };
  if (!there) {
    const { expiresAt } = item;
    if (!live.isDryRun)
      await live.table.putIf({ id, effect, relations, expiresAt }, { condition: "attribute_not_exists(id)" });
    return { id, became: "person" };
  }
  if (!isReadable(() => parsePerson(there))) return { id, became: "broken" };
  // A turn that found nothing there leaves no more than its lease.
  if (there.effect !== undefined || effect === undefined) return { id, became: "there" };
  const written =
    live.isDryRun ||
    (await live.table.updateIf({
      key: { id },
      expression: "SET effect = :effect, relations = :relations",
      condition: ["attribute_not_exists(effect)", "attribute_not_exists(lease) OR lease.#until < :now"],
      names: { "#until": "until" },
      values: {
        ":effect": effect,
        ":relations": [...new Set([...(relations ?? []), ...(parsePerson(there).relations ?? [])])],
        ":now": live.now.toISOString(),
      },
    }));
  return { id, became: written ? "person" : "busy" };
}

function isReadable(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
