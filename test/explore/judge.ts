/** The nine invariants, judged where nothing moves: by what GenAuth shows and by what was really said. */
import { isDoubt } from "../../lambda/departure/effect.ts";
import { hasTurn } from "../../lambda/departure/has-turn.ts";
import { isRefuted } from "./genauth.ts";
import { hasCome, type Item, nowOf, type Setup, type State, toCome } from "./state.ts";
import { mayHaveTurn } from "./turns.ts";

/** Nothing undelivered, no turn under way, and no departure is about to have a turn. */
export function isAtRest(state: State, setup: Setup): boolean {
  if (state.mail.length > 0 || state.late || state.workers.some(Boolean)) return false;
  return !state.items.some((item) => isAwake(item) && mayHaveTurn(item, state, setup));
}

const isAwake = ({ hasMessage, due }: Item) => hasMessage || due === "soon";

/** What is not as it must be, each with the number of its invariant. */
export function judge(state: State, setup: Setup): string[] {
  return [
    ...ofThePerson(state, setup),
    ...state.items.flatMap((item) => [...ofDeparture(state, item, setup)]),
    ...ofTheEffect(state),
  ];
}

function* ofThePerson(state: State, setup: Setup): Generator<string> {
  const { person, items } = state;
  const standing = items.filter((item) => !item.isCancelledByOperator && !isRefuted(state, item));
  if (items.length > 0 && standing.length === 0 && person.by === "us") {
    // Who is held by the returns' brake is told, and owned.
    const isBraked = items.some(({ record, isCancelledByOperator }) => {
      return record.status === "held" && record.returnsHeld !== undefined && !isCancelledByOperator;
    });
    // Where GenAuth tells no moments, a suspension whose answer was lost is never taken for ours.
    if (person.status === "Suspended" && person.before === "Activated" && !isBraked && !setup.hasNoMarks) {
      yield "1 nobody says that they left, and they are suspended by us";
    }
    const isTold = items.some(({ told }) => told.includes("back_after_resigned"));
    if (person.status === "Resigned" && !isTold) yield "1 back, resigned by us, and nobody was told";
  }
  if (person.status !== "Activated" || state.isStopped || items.some(isOwned)) return;
  for (const item of standing) {
    const { record, isNeverKnown } = item;
    const isSpokenAgainst = state.said.some(({ to }) => Date.parse(to) >= Date.parse(record.moment?.from ?? ""));
    const isUndone =
      (person.undoneAt !== undefined && (record.status === "resigned" || record.status === "duplicate")) ||
      (person.by === "hand" && record.status === "suspended" && state.effect.resignAfter !== hasCome);
    if (isSpokenAgainst || isUndone || (record.status === "not_found" && isNeverKnown)) continue;
    yield `3 left, ${record.status}, has access, and nobody waits`;
  }
}

const isOwned = ({ record: { status } }: Item) => status === "held" || status === "failed" || status === "scheduled";

function* ofDeparture(state: State, item: Item, setup: Setup): Generator<string> {
  const { record, told, isCancelledByOperator, isNeverKnown } = item;
  const { status, id } = record;
  if ((status === "accepted" && !state.isStopped) || status === "resigning") yield `6 ${status} at rest`;
  if (status === "cancelled" && !isCancelledByOperator && !isRefuted(state, item)) {
    yield "7 cancelled, and nobody said so";
  }
  const { person, effect } = state;
  const isCutOff = person.status === "Resigned" || person.status === "absent";
  if (status === "resigned" && !isCutOff && person.undoneAt === undefined)
    yield "7 resigned in the ledger, not in GenAuth";
  if (status === "suspended" && !(effect.state === "suspended" && effect.for.includes(id))) {
    yield "7 suspended in the ledger, not by the effect";
  }
  const isToCome = record.leavesAt === toCome;
  if (isToCome && !["scheduled", "held", "cancelled"].includes(status) && !isNeverKnown)
    yield `5 ${status} before its day`;
  if (isToCome && record.status === "held" && record.heldFor !== "ambiguous" && !record.returnsHeld) {
    yield `5 held for ${record.heldFor} before its day`;
  }
  const wasRefused = (setup.budget.refuseLook ?? 0) > (state.budget.refuseLook ?? 0);
  if (record.status === "held" && record.heldFor === "unseen" && !wasRefused) {
    yield "7 held as unseen, and no look was refused";
  }
  if (status === "held" && !told.includes("held")) yield "3 held, and nobody was told";
  if (status === "cancelled" && !told.includes("called_off") && !told.includes("given_back")) {
    yield "7 cancelled, and nobody was told";
  }
  if (state.isStopped || isAwake(item) || isToCome) return;
  // Cancelled once more is no change: a hand undid what it had carried out.
  if (status === "cancelled" && effect.state === "resigned" && !isCutOff) return;
  if (mayHaveTurn(item, state, setup)) yield `8 ${status} has a turn, and nobody wakes it`;
  else if (hasTurn(record, effect, state.returns, nowOf(state, setup)))
    yield `8 ${status} has a turn by the table, and none by the question before it`;
}

function* ofTheEffect({ effect, items, isStopped }: State): Generator<string> {
  const standing = items.filter(({ record }) => effect.for.includes(record.id));
  if (isDoubt(effect) && !standing.some(isOwned) && !isStopped) yield "6 a doubt that nobody owns";
  const isOwnedBy = (item: Item) => {
    const { status } = item.record;
    return isOwned(item) || status === "suspended" || (isStopped && status === "accepted");
  };
  if (effect.state === "suspended" && !standing.some(isOwnedBy)) yield "6 a suspension that nobody owns";
}
