/** A worker's turn in steps, as `lambda/departure/{turn,call,conclude,retries}.ts` go: anything may happen between two. */
import type { Call, Decision, Gate } from "../../lambda/departure/decide.ts";
import { type Effect, isDoubt, isOurs, noEffect, type Seen } from "../../lambda/departure/effect.ts";
import { closedGate } from "../../lambda/departure/gates.ts";
import { hasTurn } from "../../lambda/departure/has-turn.ts";
import { countsOf, covers, verdictOf } from "../../lambda/departure/returns.ts";
import { moveTo, type Resignation, type Status } from "../../lambda/resignation/resignation.ts";
import { precededBy } from "../../lambda/resignation/status.ts";
import { execute } from "./genauth.ts";
import {
  broken,
  hasCome,
  type Item,
  iso,
  itemOf,
  may,
  nowMs,
  nowOf,
  type Pending,
  type Setup,
  type State,
  settleSeconds,
  spend,
  toCome,
  type Worker,
  withItem,
  withWorker,
} from "./state.ts";

export type Next = readonly [story: string, state: State];

/** `mayHaveTurn` of `turn.ts`: before the lease, by the returns of its own relation alone, unless a return woke it. */
export function mayHaveTurn({ record, isSaid }: Item, state: State, setup: Setup): boolean {
  const { status, userId } = record;
  if (status === "resigning") return state.lease !== "held";
  if (setup.isBroken?.gate) return true;
  if (status === "duplicate" || status === "not_found") return false;
  if (isSaid || status === "accepted" || status === "scheduled") return true;
  const own = state.returns.filter(({ relation }) => relation === userId);
  return hasTurn(record, state.effect, own, nowOf(state, setup));
}

/** Every turn that may begin, and every next step of those that have. */
export function* workersGo(state: State, setup: Setup): Generator<Next> {
  for (const [index, worker] of state.workers.entries()) {
    if (!worker) {
      // The two are alike.
      if (index === 1 && !state.workers[0]) continue;
      yield* begins(state, index, setup);
      continue;
    }
    const say = `worker ${index + 1}`;
    if (may(state, "crash")) yield [`${say} dies at: ${worker.at}`, die(spend(state, "crash"), index, worker)];
    if (may(state, "pause") && worker.isOwner && worker.at !== "call") {
      const paused = withWorker(spend(state, "pause"), index, { ...worker, isOwner: false });
      yield [`${say} is paused past its lease`, { ...paused, lease: "left" }];
    }
    for (const [story, next] of goes(state, index, worker, setup)) yield [`${say} ${story}`, next];
  }
}

function* begins(state: State, index: number, setup: Setup): Generator<Next> {
  for (const item of state.items) {
    const { id } = item.record;
    if (!mayHaveTurn(item, state, setup)) continue;
    const worker: Worker = {
      ...{ at: "look", id, isSaid: item.isSaid, isOwner: true, isStale: false, effect: state.effect },
    };
    if (setup.readsBefore) {
      const reading = { ...worker, at: "read", isOwner: false } as const;
      yield [`worker ${index + 1} reads ${id}`, withWorker(state, index, reading)];
    } else if (state.lease !== "held") yield [`worker ${index + 1} takes ${id}`, take(state, index, worker)];
  }
}

const take = (state: State, index: number, worker: Worker): State => ({
  ...withWorker(withItem(state, worker.id, { hasMessage: false, isSaid: false }), index, worker),
  lease: "held",
});

function die(state: State, index: number, worker: Worker): State {
  const left = withWorker(sendBack(state, worker), index, undefined);
  return worker.isOwner ? { ...left, lease: "left" } : left;
}

/** The message that woke the turn is in the queue again. */
const sendBack = (state: State, { id, isSaid }: Worker): State =>
  withItem(state, id, { hasMessage: true, isSaid: isSaid || itemOf(state, id).isSaid });

/** The turn ends, and so does the lease. `comesAgain`: its message goes back. */
function leave(state: State, index: number, worker: Worker, comesAgain: boolean): State {
  const left = withWorker(comesAgain ? sendBack(state, worker) : state, index, undefined);
  return worker.isOwner ? { ...left, lease: "free" } : left;
}

function* goes(state: State, index: number, worker: Worker, setup: Setup): Generator<Next> {
  switch (worker.at) {
    case "read": {
      if (state.lease === "held") yield ["finds the lease taken", withWorker(state, index, undefined)];
      else {
        const taken = { ...worker, at: "look", isOwner: true, isStale: false, effect: state.effect } as const;
        yield [`takes ${worker.id}`, take(state, index, taken)];
      }
      return;
    }
    case "look":
      return yield* looks(state, index, worker, setup);
    case "decide":
      return yield* decides(state, index, worker, setup);
    case "claim":
      return yield* claims(state, index, worker);
    case "mean":
      return yield* means(state, index, worker, setup);
    case "again":
      return yield* asksAgain(state, index, worker, setup);
    case "call":
      return yield* calls(state, index, worker, setup);
    case "answered":
      return yield* concludes(state, index, worker, setup);
    case "effect": {
      const pending = worker.pending as Pending;
      if (!worker.isOwner) yield ["has lost its lease", leave(state, index, worker, true)];
      else {
        const saved = saveEffect(state, worker, pending.effect, setup);
        const writing = { ...worker, at: "write", effect: pending.effect } as const;
        yield [
          `writes the effect: ${pending.effect.state} for ${pending.effect.for}`,
          withWorker(saved, index, writing),
        ];
      }
      return;
    }
    case "write":
      return yield* writes(state, index, worker, worker.pending as Pending);
  }
}

/** The departure as it is under the lease, then GenAuth. */
function* looks(state: State, index: number, worker: Worker, setup: Setup): Generator<Next> {
  const { record, source } = itemOf(state, worker.id);
  const { person, isKnown } = state;
  const read = { ...worker, at: "decide", isStale: false, record } as const;
  const go = (story: string, seen: Seen, more: Partial<Worker> = {}, from = state): Next => [
    story,
    withWorker(from, index, { ...read, seen, ...more }),
  ];
  // Only whether a doubt has settled depends on when.
  const beganAt = isDoubt(worker.effect) ? nowOf(state, setup) : new Date(0);
  const blind: Seen = { state: "blind", beganAt, serverAheadMs: 0 };
  if (record.leavesAt === toCome) {
    yield go(`reads ${worker.id}, whose day is to come`, blind, { isToCome: true });
    return;
  }
  const isGone = source !== 1 && !person.hasRelation && !isKnown[0];
  const mark = setup.hasNoMarks ? { updatedAt: person.changedAt } : { statusChangedAt: person.changedAt };
  const seen: Seen = isGone
    ? { state: "absent", beganAt, serverAheadMs: 0 }
    : { state: person.status, ...(person.status !== "absent" && mark), beganAt, serverAheadMs: 0 };
  const callsByRelation = source === 1 || person.hasRelation;
  yield go(`looks: ${seen.state}`, seen, { ...(isGone && { isGone }), callsByRelation });
  if (may(state, "refuseLook")) yield go("looks: refused", blind, {}, spend(state, "refuseLook"));
  if (may(state, "busyLook")) {
    const unanswered = spend(state, "busyLook");
    yield writeLater(unanswered, index, read, comeBack(record, worker.effect), "looks: busy");
    const isOpen = ["accepted", "resigning", "suspended", "scheduled"].includes(record.status);
    const own = state.returns.filter(({ relation }) => relation === record.userId);
    if (may(state, "giveUp") && isOpen && verdictOf(record, own) !== "own") {
      const givenUp = spend(unanswered, "giveUp");
      yield writeLater(givenUp, index, read, failed(worker.effect), "looks: busy, gives up");
    }
  }
}

/** Reads what was said, asks whether there is a turn at all, and decides. */
function* decides(state: State, index: number, worker: Worker, setup: Setup): Generator<Next> {
  const record = worker.record as Resignation;
  const known = worker.isGone ? noEffect : worker.effect;
  if (!setup.isBroken?.gate && !hasTurn(record, known, state.returns, nowOf(state, setup))) {
    yield ["has no turn any more", leave(state, index, worker, false)];
    return;
  }
  yield carryOut(noteUser(state, worker), index, worker, known, setup);
}

/** The user is known from now on at the departure's own relation, and at the other where GenAuth lists it. */
function noteUser(state: State, { id, seen, isGone }: Worker): State {
  const isShown = !isGone && seen?.state !== "blind" && seen?.state !== "absent";
  const own = itemOf(state, id).source === 1 ? 1 : 0;
  const isListed = [own === 0 || state.person.hasRelation, true];
  const isKnown = state.isKnown.map((known, relation) => known || isListed[relation] === true);
  return isShown && isKnown.join() !== state.isKnown.join() ? { ...state, isKnown } : state;
}

function carryOut(state: State, index: number, worker: Worker, known: Effect, setup: Setup): Next {
  const record = worker.record as Resignation;
  const gate = gateOf(state, record, setup);
  // Its day was to come when the turn began: that holds for the whole decision.
  const departure = worker.isToCome ? { ...record, leavesAt: toCome } : record;
  const decision = setup.decide({
    ...{ departure, effect: known, returns: state.returns, seen: worker.seen as Seen, gate },
    ...{ isStopped: isStopped(state, setup), graceDays: setup.graceDays, settleSeconds, now: nowOf(state, setup) },
  });
  const effect = normal(decision.effect);
  const { places } = setup;
  if ((decision.do === "call" || decision.do === "suspended") && decision.takesPlace && places !== undefined) {
    const isReleased = (record.released ?? []).some(({ from }) => from === "brake");
    if (!isReleased && !state.passed.includes(record.id)) {
      if (state.passed.length >= places) {
        const fields = { heldFor: "brake", brakeId: "brake_1" };
        return concludeWith(
          state,
          index,
          worker,
          { effect: normal(decision.settled), status: "held", fields, tell: "held", comesAgain: false },
          "is held by the brake",
        );
      }
      return carryOut({ ...state, passed: [...state.passed, record.id].sort() }, index, worker, known, setup);
    }
  }
  if (decision.do === "take return place") return asksReturnsBrake(state, index, worker, effect, setup);
  const story = `decides (row ${decision.row}): ${decision.do} ${told(decision)}`;
  const isShown = state.person.status === "Resigned" || state.person.status === "absent" || worker.isGone;
  if (decision.do === "close" && decision.as === "duplicate" && !isShown) {
    return [story, broken(state, "7 duplicate, and GenAuth does not show it")];
  }
  if (decision.do === "call") {
    const tried = { ...worker, at: "claim", call: decision.call, before: effect, isGated: gate !== undefined } as const;
    return [story, withWorker(state, index, tried)];
  }
  return concludeWith(state, index, worker, pendingOf(decision, effect, worker, state), story);
}

function told(decision: Decision): string {
  if (decision.do === "hold") return decision.heldFor;
  if (decision.do === "wait") return decision.for;
  if (decision.do === "close") return decision.as;
  return decision.do === "call" ? decision.call : "";
}

function gateOf(state: State, record: Resignation, setup: Setup): Gate | undefined {
  const isUnclear = record.reason === "unclear" && !(record.released ?? []).some(({ from }) => from === "ambiguous");
  if (isUnclear) return { heldFor: "ambiguous", why: "several" };
  const settings = {
    ...{ protected: state.isProtected ? ["lark:ada"] : [], maxEventAgeSeconds: 1e9, dryRun: false },
    slack: { secondOperator: false },
  };
  return closedGate(record, { relations: ["lark:ada", "wechatwork:ada"] }, settings, nowOf(state, setup));
}

function asksReturnsBrake(state: State, index: number, worker: Worker, effect: Effect, setup: Setup): Next {
  const record = worker.record as Resignation;
  const hasPassed = state.returned.includes(record.id);
  if (hasPassed || setup.returnPlaces === undefined || state.inHour < setup.returnPlaces) {
    const isBraked = setup.returnPlaces !== undefined && !hasPassed;
    const counted = isBraked
      ? { ...state, inHour: state.inHour + 1, returned: [...state.returned, record.id].sort() }
      : state;
    const { isToCome, ...asked } = worker;
    const placed = { ...asked, record: { ...record, hasReturnPlace: true } as Resignation };
    return carryOut(counted, index, placed, effect, setup);
  }
  const returns = countsOf(state.returns);
  const fields = { heldFor: "returned", shown: { returns }, returnsHeld: returns, brakeId: "brake_2" };
  const held = { effect, status: "held", fields, tell: "held", comesAgain: false } as const;
  return concludeWith(state, index, worker, held, "finds no place at the returns' brake");
}

/** `conclude.ts`: what is to be written for a step without a call. */
function pendingOf(decision: Decision, effect: Effect, worker: Worker, state: State): Pending {
  const record = worker.record as Resignation;
  const once = { effect, comesAgain: false };
  const { resignAfter } = effect;
  switch (decision.do) {
    case "hold": {
      const { heldFor, shown } = decision;
      return { ...once, status: "held", fields: { heldFor, ...(shown && { shown }) }, tell: "held" };
    }
    case "suspended":
      return { ...once, status: "suspended", fields: { resignAfter }, due: "day", tell: "suspended" };
    case "close":
      if (decision.as === "cancelled")
        return { ...once, status: "cancelled", fields: { resignAfter: undefined }, tell: decision.tell };
      if (decision.as !== "resigned") return { ...once, status: decision.as, tell: decision.tell };
      if (!decision.tell) return { ...once, status: "resigned", tell: "resigned" };
      return {
        ...{ ...once, status: "resigned", tell: decision.tell },
        fields: { backAfterResigned: { at: hasCome, returns: countsOf(state.returns) } },
      };
    case "wait":
      break;
    default:
      throw new Error(`Nothing is written for ${decision.do}`);
  }
  switch (decision.for) {
    case "day":
      return { ...once, status: "suspended", fields: { resignAfter }, due: "day" };
    case "moment": {
      const against = state.returns.filter((one) => verdictOf(record, [one]) !== "no");
      const before = record.status === "scheduled" ? (record.shown?.returns ?? {}) : {};
      const isNew = !covers(before, against);
      const shown = { returns: isNew ? countsOf(against) : before };
      return {
        ...once,
        status: "scheduled",
        fields: { shown },
        due: "day",
        ...(isNew && { tell: "returned_scheduled" }),
      };
    }
    case "start":
      return { ...comeBack(record, effect), due: "start" };
    default:
      return comeBack(record, effect);
  }
}

/** `retries.ts`: the same status later; what was left as `resigning` is accepted again. */
function comeBack(record: Resignation, effect: Effect): Pending {
  const status = record.status === "resigning" ? "accepted" : record.status;
  const { dueAt, lease, ...fields } = record as Resignation & { lease?: unknown };
  return { effect, status, fields: { ...fields, retryAt: "later" }, due: "soon", comesAgain: true };
}

const failed = (effect: Effect): Pending => ({ effect, status: "failed", tell: "failed", comesAgain: false });

/** The effect first, where it is another than the ledger's; the departure second, and only under the lease. */
function concludeWith(state: State, index: number, worker: Worker, pending: Pending, story: string): Next {
  const { call, before, seen, isToCome, ...rest } = worker;
  const isSame = worker.isGone || sameEffect(worker.effect, pending.effect);
  if (!isSame) return [story, withWorker(state, index, { ...rest, pending, at: "effect" })];
  if (!worker.isOwner) return [`${story}, and has lost its lease`, leave(state, index, worker, true)];
  return writeLater(state, index, worker, pending, story);
}

/** The departure alone: the effect is as it was. */
function writeLater(state: State, index: number, worker: Worker, pending: Pending, story: string): Next {
  const { call, before, seen, isToCome, ...rest } = worker;
  return [story, withWorker(state, index, { ...rest, pending, at: "write" })];
}

function sameEffect(one: Effect, other: Effect): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof Effect>;
  return [...names].every((name) => String(one[name]) === String(other[name]));
}

/** `saveEffect` of `call.ts`: all others that stand on it are made due first, each with a version of its own. */
function saveEffect(state: State, worker: Worker, next: Effect, setup: Setup): State {
  const { effect, id } = worker;
  if (sameEffect(effect, next)) return state;
  let saved: State = { ...state, effect: next };
  if (effect.state !== next.state && !isDoubt(next) && !setup.isBroken?.waking) {
    for (const other of effect.for.filter((one) => one !== id)) {
      saved = othersAreStale(withItem(saved, other, { due: "soon" }), other);
    }
  }
  const isFirst = effect.state === "none" && (next.state === "suspended" || isDoubt(next));
  const hasPlace = state.passed.includes(id) || (worker.record?.released ?? []).some(({ from }) => from === "brake");
  if (isFirst && setup.places !== undefined && !hasPlace)
    saved = broken(saved, "9 cut off without a place at the brake");
  return saved;
}

function* writes(state: State, index: number, worker: Worker, pending: Pending): Generator<Next> {
  if (pending.status === undefined) {
    yield ["leaves the departure as it is", leave(state, index, worker, pending.comesAgain)];
    return;
  }
  const written = write(state, index, worker, pending.status, pending.fields ?? {}, pending.due, pending.tell);
  // While all is stopped, what waits for the start comes again and again: that is rest.
  const comesAgain = pending.comesAgain && !(pending.due === "start" && state.isStopped);
  if (written) yield [`writes ${worker.id}: ${pending.status}`, leave(written, index, worker, comesAgain)];
  else yield [`may not write ${worker.id} as ${pending.status}`, leave(state, index, worker, true)];
}

/** `records.write`: by version, and by the table of transitions. */
function write(
  state: State,
  index: number,
  worker: Worker,
  status: Status,
  fields: object,
  due: Item["due"],
  tell?: string,
): State | undefined {
  const item = itemOf(state, worker.id);
  if (worker.isStale || !precededBy[status].includes(item.record.status)) return undefined;
  const record = moveTo(worker.record as Resignation, status, fields as never) as Resignation;
  const told = tell && !item.told.includes(tell) ? [...item.told, tell].sort() : item.told;
  const dueNow = due === "start" && !state.isStopped ? "soon" : due;
  let next = withItem(state, worker.id, { record, due: dueNow, told, ...(worker.isGone && { isNeverKnown: true }) });
  if (record.status === "suspended" && due === "day" && state.effect.resignAfter === hasCome) {
    next = withItem(next, worker.id, { due: "soon" });
  }
  if (due === "day" && record.leavesAt === hasCome) next = withItem(next, worker.id, { due: "soon" });
  const isFirst = status === "cancelled" && item.record.status !== "cancelled";
  if (isFirst && lacksReturnPlace(state, worker.id)) next = broken(next, "9 called off by a return without a place");
  return othersAreStale(next, worker.id, index);
}

/** It is not called off by an operator, there is a brake, and it never took a place at it. */
function lacksReturnPlace(state: State, id: string): boolean {
  return state.hasReturnBrake && !itemOf(state, id).isCancelledByOperator && !state.returned.includes(id);
}

/** The departure has another version now: workers that read it before may not write it any more. */
export function othersAreStale(state: State, id: string, index = -1): State {
  const workers = state.workers.map((one, other) =>
    one && one.id === id && other !== index && one.record ? { ...one, isStale: true } : one,
  );
  return { ...state, workers };
}

function* claims(state: State, index: number, worker: Worker): Generator<Next> {
  const { call, id } = worker;
  const record = worker.record as Resignation;
  if (call === "give back") {
    if (!record.hasReturnPlace || itemOf(state, id).record.hasReturnPlace) {
      yield ["means to give back", withWorker(state, index, { ...worker, at: "mean" })];
      return;
    }
    const { dueAt, ...fields } = record;
    const kept = write(state, index, worker, record.status, fields, "soon");
    if (kept)
      yield ["keeps its place", withWorker(kept, index, { ...worker, record: itemOf(kept, id).record, at: "mean" })];
    else yield ["finds it changed", leave(state, index, worker, true)];
    return;
  }
  const before = itemOf(state, id).record.status;
  const claimed = write(state, index, worker, "resigning", { lease: { owner: "me", until: hasCome } }, "soon");
  if (!claimed) yield ["finds it changed", leave(state, index, worker, true)];
  else {
    const isWrong = ["held", "failed", "duplicate", "not_found"].includes(before);
    const next = isWrong ? broken(claimed, `9 called for a departure that is ${before}`) : claimed;
    yield [`claims ${id}`, withWorker(next, index, { ...worker, record: itemOf(claimed, id).record, at: "mean" })];
  }
}

/** The effect in -ing is written before the call. */
function* means(state: State, index: number, worker: Worker, setup: Setup): Generator<Next> {
  if (!worker.isOwner) {
    yield ["has lost its lease", leave(state, index, worker, true)];
    return;
  }
  const trying = toTry(worker, state, setup);
  const saved = saveEffect(state, worker, trying, setup);
  const known = state.said.length;
  yield [
    `writes that it means to ${worker.call}`,
    withWorker(saved, index, { ...worker, effect: trying, at: "again", known }),
  ];
}

/** `toTry` of `call.ts`. */
function toTry({ call, before, id, seen }: Worker, state: State, setup: Setup): Effect {
  const effect = before as Effect;
  const ms = nowMs(state, setup);
  const isFound = effect.changedAt === undefined && seen !== undefined && isOurs(effect, seen, settleSeconds);
  const mark = isFound && seen.statusChangedAt ? { changedAt: seen.statusChangedAt } : {};
  const begun = { ...effect, ...mark, calledAt: iso(ms), triedUntil: iso(ms + 120_000) };
  const prev = effect.state === "suspended" ? ("suspended" as const) : ("none" as const);
  const standing = [...new Set([...effect.for, id])].sort();
  if (call === "resign") return { ...begun, state: "resigning", for: standing, by: id, prev };
  if (call === "give back") return { ...begun, state: "restoring", prev };
  const { answeredAt, changedAt, ...fresh } = begun;
  const resignAfter = effect.resignAfter ?? toCome;
  return { ...fresh, state: "suspending", for: standing, by: id, hadCall: true, prev, resignAfter };
}

const isStopped = (state: State, { isBroken }: Setup) => state.isStopped && !isBroken?.stop;

/** The returns and the stop are read once more. */
function* asksAgain(state: State, index: number, worker: Worker, setup: Setup): Generator<Next> {
  const record = worker.record as Resignation;
  const isSpokenAgainst =
    worker.call !== "give back" &&
    !setup.isBroken?.rereading &&
    (isStopped(state, setup) || verdictOf(record, state.returns) !== "no");
  if (!worker.isOwner || isSpokenAgainst) {
    const status = record.status === "resigning" ? ({ status: "accepted", due: "soon" } as const) : {};
    const undone: Pending = { effect: worker.before as Effect, ...status, comesAgain: true };
    yield concludeWith(state, index, worker, undone, isSpokenAgainst ? "hears what speaks against it" : "is too late");
    return;
  }
  const known = setup.isBroken?.rereading ? worker.known : state.said.length;
  const asked = { ...worker, at: "call", wasStopped: state.isStopped, ...(known !== undefined && { known }) } as const;
  yield ["asks once more", withWorker(state, index, asked)];
}

function* calls(state: State, index: number, worker: Worker, setup: Setup): Generator<Next> {
  const { id, callsByRelation } = worker;
  const call = worker.call as Call;
  const answered = (story: string, next: State, answer: Worker["answer"]): Next => [
    `calls: ${call} for ${id}: ${story}`,
    withWorker(next, index, { ...worker, at: "answered", ...(answer && { answer }) }),
  ];
  if (call === "resign" && callsByRelation && itemOf(state, id).source !== 1 && !state.person.hasRelation) {
    yield answered("not found", state, "gone");
    return;
  }
  const tried = { call, id, known: worker.known ?? 0, isLate: false };
  const { state: next, answer } = execute(
    state,
    { ...tried, isGated: worker.isGated, wasStopped: worker.wasStopped },
    setup,
  );
  yield answered(answer, next, answer);
  if (may(state, "lose")) {
    yield answered(`${answer}, answer lost`, spend(next, "lose"), "lost");
    yield answered("never arrives", spend(state, "lose"), "lost");
    const late = { call, id, known: worker.known ?? 0 };
    if (!state.late) yield answered("arrives later", { ...spend(state, "lose"), late }, "lost");
  }
  if (may(state, "refuse")) yield answered("refused for good", spend(state, "refuse"), "refused");
  if (may(state, "busy")) yield answered("busy, surely not done", spend(state, "busy"), "busy");
}

/** `conclude` of `call.ts`. */
function* concludes(state: State, index: number, worker: Worker, setup: Setup): Generator<Next> {
  const call = worker.call as Call;
  const before = worker.before as Effect;
  const record = worker.record as Resignation;
  const go = (story: string, pending: Pending, from = state) => concludeWith(from, index, worker, pending, story);
  const giveUp = (effect: Effect) => (call === "give back" ? comeBack(record, effect) : failed(effect));
  switch (worker.answer) {
    case "done":
      yield go("hears that it is done", done(worker, state, setup, true));
      if (call === "suspend" && may(state, "noMark")) {
        yield go(
          "hears that it is done, not since when",
          done(worker, state, setup, true, false),
          spend(state, "noMark"),
        );
      }
      return;
    case "refused": {
      const wanted = { resign: "Resigned", suspend: "Suspended", "give back": "Activated" }[call];
      const isThere = state.person.status === wanted;
      yield go(
        `looks: ${state.person.status}`,
        isThere ? done(worker, state, setup, call !== "suspend") : giveUp(before),
      );
      if (may(state, "refuseLook")) yield go("looks: refused", giveUp(before), spend(state, "refuseLook"));
      return;
    }
    case "gone":
      if (call === "give back") yield go("gives up for now", giveUp(before));
      else {
        const undone = { effect: before, status: "accepted", due: "soon", comesAgain: true } as const;
        yield go("finds nobody", undone);
      }
      return;
    default: {
      const triedUntil = iso(nowMs(state, setup));
      const left = worker.answer === "lost" ? { ...worker.effect, triedUntil } : before;
      yield go("will try again", comeBack(record, left));
      if (call !== "give back" && may(state, "giveUp")) yield go("gives up", failed(left), spend(state, "giveUp"));
    }
  }
}

/** `suspended`, `resigned` and `givenBack` of `call.ts`. */
function done({ call, effect, id }: Worker, state: State, setup: Setup, isOurs: boolean, hasMark = true): Pending {
  const once = { comesAgain: false };
  if (call === "give back")
    return { ...once, effect: noEffect, status: "cancelled", fields: { resignAfter: undefined }, tell: "given_back" };
  if (call === "resign")
    return { ...once, effect: { ...effect, state: "resigned", by: id }, status: "resigned", tell: "resigned" };
  const changedAt = hasMark && !setup.hasNoMarks ? state.person.changedAt : undefined;
  const mark = isOurs
    ? { hadCall: true, answeredAt: hasCome, triedUntil: iso(nowMs(state, setup)), ...(changedAt && { changedAt }) }
    : { hadCall: false };
  const next: Effect = { ...effect, ...mark, state: "suspended", prev: "none" };
  return {
    ...once,
    effect: next,
    status: "suspended",
    fields: { resignAfter: next.resignAfter },
    due: "day",
    tell: "suspended",
  };
}

/** A day that `decide` sets is to come, whatever the clock says. */
function normal(effect: Effect): Effect {
  const { resignAfter, ...rest } = effect;
  const day = resignAfter === undefined ? {} : { resignAfter: resignAfter === hasCome ? hasCome : toCome };
  const plain = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return { ...plain, ...day } as Effect;
}
