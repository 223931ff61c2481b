/** What happens around the turns: sources, operators, administrators, and time. */
import { type Effect, isDoubt, settledAtMs } from "../../lambda/departure/effect.ts";
import type { Returned } from "../../lambda/departure/returns.ts";
import { moveTo, type Resignation } from "../../lambda/resignation/resignation.ts";
import { isFinal } from "../../lambda/resignation/status.ts";
import { changeStatus, execute } from "./genauth.ts";
import {
  hasCome,
  type Item,
  iso,
  type Mail,
  may,
  nowMs,
  relationOf,
  type Setup,
  type State,
  settleSeconds,
  sourceOf,
  spend,
  toCome,
  type Worker,
  withItem,
  worldMs,
} from "./state.ts";
import { type Next, othersAreStale } from "./turns.ts";

/** Whatever may happen next that no worker does. */
export function* worldGoes(state: State, setup: Setup): Generator<Next> {
  yield* sourcesTell(state, setup);
  yield* mailArrives(state);
  yield* operatorActs(state, setup);
  yield* administratorActs(state, setup);
  yield* timePasses(state, setup);
}

function* sourcesTell(state: State, setup: Setup): Generator<Next> {
  for (const source of [0, 1] as const) {
    const [told, ...rest] = state.tells[source];
    if (told === undefined) continue;
    for (const ticks of setup.hasTies ? [0, 1] : [1]) {
      const later = { ...state, tick: state.tick + ticks };
      const at = iso(worldMs(later, setup));
      const tells =
        source === 0 ? ([rest.join(""), state.tells[1]] as const) : ([state.tells[0], rest.join("")] as const);
      const kind = ({ L: "left", F: "leaves later", R: "back", r: "back, untimed" } as const)[told as "L"];
      yield [
        `${sourceOf(source)}: ${kind}, at ${at}`,
        { ...later, tells, mail: [...state.mail, { kind, source, at }] },
      ];
    }
  }
}

/** In any order; a repeat costs. */
function* mailArrives(state: State): Generator<Next> {
  for (const [index, mail] of state.mail.entries()) {
    const arrived = deliver({ ...state, mail: state.mail.toSpliced(index, 1) }, mail);
    yield [`delivered from ${sourceOf(mail.source)}: ${mail.kind}`, arrived];
    if (may(state, "repeat")) {
      yield [
        `delivered from ${sourceOf(mail.source)}, and comes again: ${mail.kind}`,
        deliver(spend(state, "repeat"), mail),
      ];
    }
  }
}

function deliver(state: State, { kind, source, at }: Mail): State {
  if (kind === "left" || kind === "leaves later") {
    const isKnown = state.items.some(({ record, source: by }) => by === source && record.occurredAt === at);
    return isKnown
      ? state
      : enter(state, source, at, kind === "leaves later" ? { orderedAt: at, leavesAt: toCome } : {});
  }
  const moment = kind === "back" ? { from: at, to: at } : { from: iso(Date.parse(at) - 8 * 3_600_000), to: at };
  const relation = relationOf(source);
  const name = sourceOf(source);
  const before = state.returns.find((one) => one.source === name);
  const isMore = !before || moment.from > before.from || moment.to > before.to;
  const after: Returned = {
    ...{ relation, source: name },
    from: before && before.from > moment.from ? before.from : moment.from,
    to: before && before.to > moment.to ? before.to : moment.to,
    count: (before?.count ?? 0) + (isMore ? 1 : 0),
  };
  const returns = isMore ? [...state.returns.filter((one) => one !== before), after].sort(bySource) : state.returns;
  const isSaid = state.said.some((one) => one.source === source && one.from === moment.from && one.to === moment.to);
  const said = isSaid ? state.said : [...state.said, { source, ...moment, count: after.count }];
  const items = state.items.map((item) => {
    const { record } = item;
    const waits = record.userId === relation && (!isFinal(record) || record.status === "failed");
    const stands = state.isKnown[source] && state.effect.for.includes(record.id);
    return waits || stands ? { ...item, hasMessage: true, isSaid: true } : item;
  });
  return { ...state, returns, said, items };
}

const bySource = (one: Returned, other: Returned) => (one.source < other.source ? -1 : 1);

function enter(state: State, source: number, at: string, more: object): State {
  const id = String(state.items.length);
  const record = {
    ...{ id, version: 0, userId: relationOf(source), source: sourceOf(source), requestedBy: "", acceptedAt: hasCome },
    ...{ occurredAt: at, moment: { from: at, to: at }, attempts: 0, history: [], status: "accepted" },
    ...more,
  } as unknown as Resignation;
  const item: Item = {
    ...{ record, source, isCancelledByOperator: false, isApproved: false, told: [], hasMessage: true, due: "soon" },
    ...{ isSaid: false, isNeverKnown: false },
  };
  return { ...state, items: [...state.items, item] };
}

function* operatorActs(state: State, setup: Setup): Generator<Next> {
  if (may(state, "order")) {
    const later = { ...spend(state, "order"), tick: state.tick + 1 };
    yield ["the operator orders", enter(later, 2, iso(worldMs(later, setup)), {})];
  }
  if (may(state, "schedule")) {
    const later = { ...spend(state, "schedule"), tick: state.tick + 1 };
    const at = iso(worldMs(later, setup));
    const toLeave = { orderedAt: at, leavesAt: toCome };
    yield ["the operator orders for a later day", enter(later, 2, at, toLeave)];
    if (setup.isAmbiguous) {
      yield [
        "the operator orders for a later day, it is unclear whom",
        enter(later, 2, at, { ...toLeave, reason: "unclear" }),
      ];
    }
  }
  for (const item of state.items) {
    const { record, told } = item;
    const { id, status } = record;
    if (may(state, "cancel") && ["scheduled", "accepted", "held", "suspended", "failed"].includes(status)) {
      const cancelled = moveTo(record, "cancelled", { cancelled: { by: "op", at: hasCome } }) as Resignation;
      const isTold = record.resignAfter !== undefined || told.includes("called_off");
      const changes = { told: isTold ? told : [...told, "called_off"].sort(), isCancelledByOperator: true };
      yield [`the operator cancels ${id}`, act(spend(state, "cancel"), id, cancelled, changes)];
    }
    if (may(state, "approve") && (record.status === "held" || record.status === "failed")) {
      const from = record.status === "held" ? record.heldFor : "failed";
      const shown = record.status === "held" ? record.shown : undefined;
      const release = { from, ...(shown && { shown }), by: "op", at: hasCome } as const;
      const next = record.leavesAt === toCome ? "scheduled" : "accepted";
      const released = moveTo(record, next, { released: [...(record.released ?? []), release] }) as Resignation;
      const approved = act(spend(state, "approve"), id, released, { isApproved: true });
      yield [`the operator approves ${id}, which was ${status === "held" ? `held for ${from}` : status}`, approved];
    }
  }
  if (may(state, "stop") && !state.isStopped) {
    yield ["the operator stops everything", { ...spend(state, "stop"), isStopped: true }];
  }
  if (state.isStopped) {
    const items = state.items.map((item) => (item.due === "start" ? { ...item, due: "soon" as const } : item));
    yield ["the operator lets it go on", { ...state, isStopped: false, items }];
  }
  if (may(state, "hour") && state.inHour > 0) {
    yield ["an hour passes at the returns' brake", { ...spend(state, "hour"), inHour: 0 }];
  }
  if (may(state, "protect"))
    yield ["the person is protected from now on", { ...spend(state, "protect"), isProtected: true }];
  if (may(state, "vanish") && state.person.hasRelation) {
    const person = { ...state.person, hasRelation: false };
    yield ["the relation vanishes from GenAuth", { ...spend(state, "vanish"), person }];
  }
}

const act = (state: State, id: string, record: Resignation, changes: Partial<Item>) =>
  othersAreStale(withItem(state, id, { record, hasMessage: true, due: "soon", ...changes }), id);

/** GenAuth has no compare-and-set: a hand between our look and our call cannot be seen (W2). */
function* administratorActs(state: State, setup: Setup): Generator<Next> {
  if (!may(state, "hand")) return;
  const { person, workers, late, effect } = state;
  const { hands = [], hasW2 = false } = setup;
  const isWorking = workers.some((one) => one && ["decide", "claim", "mean", "again", "call"].includes(one.at));
  const isInWindow = late !== undefined || isWorking;
  const mayArrive = isDoubt(effect) && !isSettled(state, setup);
  const set = (status: (typeof person)["status"], story: string): Next => {
    const isUndone = person.status === "Resigned";
    // What was carried out and undone before our first look has never arrived, as far as a look can show.
    const isOverDoubt = isDoubt(effect) && status === "Activated";
    const changes = {
      ...{ status, by: "hand" as const, isResignedInWindow: status === "Resigned" && isInWindow },
      ...(isUndone && { undoneAt: state.tick }),
      ...((isInWindow || mayArrive || isOverDoubt) && { isInWindow: true }),
    };
    return [`the administrator ${story}`, changeStatus(spend(state, "hand"), setup, changes)];
  };
  if (hasW2 || !isInWindow) {
    if (person.status === "Activated") {
      if (hasW2 || !mayArrive) yield set("Suspended", "suspends");
      if (hands.includes("deactivates")) yield set("Cut", "deactivates");
    } else if (person.status !== "absent") yield set("Activated", "activates");
    if (hands.includes("deactivates") && person.status === "Suspended" && person.by === "us")
      yield set("Cut", "deactivates");
    if (hands.includes("deletes") && person.status !== "absent") yield set("absent", "deletes");
  }
  if (hands.includes("resigns") && person.status !== "Resigned" && person.status !== "absent") {
    yield set("Resigned", "resigns");
  }
}

const isSettled = (state: State, setup: Setup) => nowMs(state, setup) >= settledAtMs(state.effect, settleSeconds);

function* timePasses(state: State, setup: Setup): Generator<Next> {
  for (const item of state.items) {
    if (item.record.leavesAt === toCome) yield [`the day of ${item.record.id} has come`, dayComes(state, item)];
  }
  if (state.effect.state === "suspended" && state.effect.resignAfter === toCome) {
    yield ["the day of the suspended has come", suspendedDayComes(state)];
  }
  const isCalling = state.workers.some((one) => one?.isOwner && ["again", "call", "answered"].includes(one.at));
  if (isDoubt(state.effect) && !isSettled(state, setup) && !state.late && !isCalling) {
    yield ["the doubt settles", { ...state, fine: state.fine + 1 }];
  }
  if (state.late) {
    const { state: next } = execute({ ...state, late: undefined }, { ...state.late, isLate: true }, setup);
    yield [`the late call arrives: ${state.late.call}`, next];
  }
}

/** A day that comes is no write: every copy of the moment is past now. */
function dayComes(state: State, { record, due }: Item): State {
  const come = (one: Resignation): Resignation => ({ ...one, leavesAt: hasCome });
  const workers = state.workers.map((one) => {
    if (!one || one.id !== record.id || !one.record) return one;
    const fields = one.pending?.fields;
    const pending =
      fields && "leavesAt" in fields ? { ...one.pending, fields: { ...fields, leavesAt: hasCome } } : one.pending;
    return { ...one, record: come(one.record), ...(pending && { pending }) } as Worker;
  });
  const isDue = due === "day" && record.status === "scheduled";
  return { ...withItem(state, record.id, { record: come(record), due: isDue ? "soon" : due }), workers };
}

function suspendedDayComes(state: State): State {
  const come = <T extends Effect | undefined>(one: T): T =>
    one?.resignAfter === toCome ? { ...one, resignAfter: hasCome } : one;
  const workers = state.workers.map((one) => {
    if (!one) return one;
    const pending = one.pending && { ...one.pending, effect: come(one.pending.effect) };
    const before = one.before && come(one.before);
    return { ...one, effect: come(one.effect), ...(pending && { pending }), ...(before && { before }) };
  });
  const items = state.items.map((item) =>
    item.record.status === "suspended" && item.due === "day" ? { ...item, due: "soon" as const } : item,
  );
  return { ...state, effect: come(state.effect), workers, items };
}
