/** The abstract world of one person: what GenAuth shows, what the ledger holds, what two workers are about to do. */
import type { Call, decide } from "../../lambda/departure/decide.ts";
import { type Effect, noEffect, type Seen } from "../../lambda/departure/effect.ts";
import type { Returned } from "../../lambda/departure/returns.ts";
import type { Resignation, Status } from "../../lambda/resignation/resignation.ts";

/** What may happen in a world, and how often. */
export interface Scenario {
  readonly name: string;
  /** What each source tells, in its order: L leaves, F leaves on a later day, R is back, r is back without a time. */
  readonly tells: readonly [string, string];
  readonly budget: Readonly<Partial<Record<Act, number>>>;
  /** Two things of one source may happen at the same moment. */
  readonly hasTies?: boolean;
  /** Places at the returns' brake and at the departures' brake. @default - no brake */
  readonly returnPlaces?: number;
  readonly places?: number;
  /** An order may be unclear as to whom it means. */
  readonly isAmbiguous?: boolean;
  /** What an administrator does besides suspending and activating. */
  readonly hands?: readonly ("deactivates" | "deletes" | "resigns")[];
  /** The administrator acts between our look and our call as well (W2). */
  readonly hasW2?: boolean;
  /** GenAuth shows no `statusChangedAt`. */
  readonly hasNoMarks?: boolean;
  /** Departures and returns of different sources come within five minutes of each other. */
  readonly isClose?: boolean;
  /** A worker reads the departure some time before it takes the lease. */
  readonly readsBefore?: boolean;
}

export type Act =
  | "repeat"
  | "order"
  | "schedule"
  | "cancel"
  | "approve"
  | "hand"
  | "crash"
  | "lose"
  | "pause"
  | "refuseLook"
  | "busyLook"
  | "refuse"
  | "busy"
  | "giveUp"
  | "protect"
  | "stop"
  | "hour"
  | "vanish"
  | "noMark";

/** A scenario with the rules to be tried in it. */
export interface Setup extends Scenario {
  readonly graceDays: 0 | 1;
  readonly decide: typeof decide;
  readonly isBroken?: Partial<Record<"rereading" | "waking" | "gate" | "stop", boolean>> | undefined;
}

/** A departure: its record, and what only the judge and the queue know of it. */
export interface Item {
  readonly record: Resignation;
  readonly source: number;
  readonly isCancelledByOperator: boolean;
  readonly isApproved: boolean;
  readonly told: readonly string[];
  /** A message with its id is in the queue. */
  readonly hasMessage: boolean;
  /** A return sent it: every fact has to be read before the turn is denied. */
  readonly isSaid: boolean;
  /** When the sweep finds it. `start`: when the stop is over. */
  readonly due: "soon" | "day" | "start" | undefined;
  /** GenAuth knew no user of its relation, and no user had been known before. */
  readonly isNeverKnown: boolean;
}

export interface Person {
  readonly status: Exclude<Seen["state"], "blind">;
  readonly by: "nobody" | "us" | "hand";
  /** What it was, and by whom, before we cut them off. */
  readonly before: Exclude<Seen["state"], "blind">;
  readonly beforeBy: "nobody" | "us" | "hand";
  readonly changedAt: string;
  readonly hasRelation: boolean;
  /** The tick at which a hand ended a resignation. */
  readonly undoneAt?: number;
  /** A hand acted where no look could show it (W2). */
  readonly isInWindow?: boolean;
  /** A hand resigned them between our look and our call. */
  readonly isResignedInWindow?: boolean;
  readonly resignedFor?: string;
}

export interface Mail {
  readonly kind: "left" | "leaves later" | "back" | "back, untimed";
  readonly source: number;
  readonly at: string;
}

/** A return as it was delivered; `count`: how many there were then. */
export interface Said {
  readonly source: number;
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/** What a worker is about to write: the effect first, the departure second. */
export interface Pending {
  readonly effect: Effect;
  readonly status?: Status;
  readonly fields?: object;
  readonly tell?: string | undefined;
  readonly due?: Item["due"];
  readonly comesAgain: boolean;
}

export interface Worker {
  readonly at: "read" | "look" | "decide" | "claim" | "mean" | "again" | "call" | "answered" | "effect" | "write";
  readonly id: string;
  /** A return woke it. */
  readonly isSaid: boolean;
  /** Its lease lives. */
  readonly isOwner: boolean;
  /** The departure was written since it was read. */
  readonly isStale: boolean;
  readonly record?: Resignation;
  /** As it stands in the ledger, as far as this worker knows. */
  readonly effect: Effect;
  readonly seen?: Seen;
  readonly isGone?: boolean;
  /** The departure's day was to come when the turn began. */
  readonly isToCome?: boolean;
  readonly callsByRelation?: boolean;
  readonly call?: Call;
  readonly before?: Effect;
  /** A gate was closed when it decided. */
  readonly isGated?: boolean;
  readonly wasStopped?: boolean;
  /** How many returns were delivered when it read them last. */
  readonly known?: number;
  readonly answer?: "done" | "gone" | "refused" | "busy" | "lost";
  readonly pending?: Pending;
}

export interface State {
  /** Clocks: what happens in the world; time in which a doubt settles; changes of the status in GenAuth. */
  readonly tick: number;
  readonly fine: number;
  readonly marks: number;
  readonly person: Person;
  readonly mail: readonly Mail[];
  readonly returns: readonly Returned[];
  readonly said: readonly Said[];
  readonly items: readonly Item[];
  readonly effect: Effect;
  readonly lease: "free" | "held" | "left";
  readonly workers: readonly (Worker | undefined)[];
  readonly late?: { readonly call: Call; readonly id: string; readonly known: number } | undefined;
  readonly isProtected: boolean;
  readonly isStopped: boolean;
  /** Which relations' user is known in the ledger. */
  readonly isKnown: readonly boolean[];
  /** Returns have a brake. */
  readonly hasReturnBrake: boolean;
  /** Ids that passed each brake, and how many returns did within the hour. */
  readonly passed: readonly string[];
  readonly returned: readonly string[];
  readonly inHour: number;
  /** The tick of our last executed resignation's call. */
  readonly cutAt?: string | undefined;
  readonly tells: readonly [string, string];
  readonly budget: Readonly<Partial<Record<Act, number>>>;
  readonly broken: readonly string[];
}

/** Moments that are to come, or have come, however far the clock is. */
export const toCome = "2099-01-01T00:00:00.000Z";
export const hasCome = "2001-01-01T00:00:00.000Z";

/** A doubt settles when `fine` moves on: no sooner by all that may happen in between, and no later. */
export const settleSeconds = 6_500;
const fineSeconds = 14_000;
const markSeconds = 12;
const baseMs = Date.parse("2026-11-25T00:00:00Z");

/** Our clock, ten seconds after the last change in GenAuth. */
export const nowMs = (state: State, setup: Setup) => momentMs(state, setup) + 10_000;
export const nowOf = (state: State, setup: Setup) => new Date(nowMs(state, setup));

/** The moment of the latest change in GenAuth. */
export const momentMs = ({ tick, fine, marks }: State, { isClose }: Setup) =>
  baseMs + (fine * fineSeconds + tick * (isClose ? 240 : 500) + marks * markSeconds) * 1_000;

/** The moment of what happens in the world: the same for all of one tick. */
export const worldMs = (state: State, setup: Setup) => momentMs({ ...state, marks: 0 }, setup);

const texts = new Map<number, string>();
export function iso(ms: number): string {
  const known = texts.get(ms);
  if (known) return known;
  const text = new Date(ms).toISOString();
  texts.set(ms, text);
  return text;
}

export const startOf = (setup: Setup): State => ({
  ...{ tick: 1, fine: 0, marks: 0, mail: [], returns: [], said: [], items: [], effect: noEffect, lease: "free" },
  person: {
    ...{ status: "Activated", by: "nobody", before: "Activated", beforeBy: "nobody" },
    ...{ changedAt: iso(baseMs), hasRelation: true },
  },
  ...{ workers: [undefined, undefined], isProtected: false, isStopped: false, isKnown: [false, false] },
  hasReturnBrake: setup.returnPlaces !== undefined,
  ...{ passed: [], returned: [], inHour: 0, tells: setup.tells, budget: setup.budget, broken: [] },
});

export const relationOf = (source: number) => (source === 1 ? "wechatwork:ada" : "lark:ada");
export const sourceOf = (source: number) => (["lark", "wechatwork", "api"] as const)[source] ?? "api";

export const itemOf = (state: State, id: string): Item => state.items[Number(id)] as Item;

/** The state with one departure changed. */
export const withItem = (state: State, id: string, changes: Partial<Item>): State => ({
  ...state,
  items: state.items.map((item) => (item.record.id === id ? { ...item, ...changes } : item)),
});

export const withWorker = (state: State, index: number, worker: Worker | undefined): State => ({
  ...state,
  workers: state.workers.map((one, other) => (other === index ? worker : one)),
});

export const spend = (state: State, act: Act): State => ({
  ...state,
  budget: { ...state.budget, [act]: (state.budget[act] ?? 0) - 1 },
});

export const may = ({ budget }: State, act: Act) => (budget[act] ?? 0) > 0;

export const broken = (state: State, what: string): State =>
  state.broken.includes(what) ? state : { ...state, broken: [...state.broken, what] };

/** Two states with one key are the same. Parts that were seen before are named by a number. */
export function keyOf(state: State): string {
  const workers = state.workers.map(nameOf).sort();
  const { tick, fine, marks, lease, isProtected, isStopped, isKnown, inHour, cutAt, tells } = state;
  const flags = `${+isProtected}${+isStopped}${isKnown.map(Number)}${inHour}${lease[0]}`;
  const parts = [person, mail, returns, said, items, effect, late, passed, returned, budget, broken_];
  return `${tick}.${fine}.${marks}.${flags}.${workers}.${tells}.${cutAt ?? ""}.${parts.map((part) => part(state))}`;
}
const person = (state: State) => nameOf(state.person);
const mail = (state: State) => state.mail.map(nameOf).sort().join("+");
const returns = (state: State) => nameOf(state.returns);
const said = (state: State) => nameOf(state.said);
const items = (state: State) => state.items.map(nameOf).join("+");
const effect = (state: State) => nameOf(state.effect);
const late = (state: State) => nameOf(state.late);
const passed = (state: State) => nameOf(state.passed);
const returned = (state: State) => nameOf(state.returned);
const budget = (state: State) => nameOf(state.budget);
const broken_ = (state: State) => nameOf(state.broken);

/** Where a part keeps its name: not enumerable, so that no copy of the part has it. */
const nameKey = Symbol("name");
const names = new Map<string, number>();

function nameOf(part: (object & { [nameKey]?: number }) | undefined): number {
  if (part === undefined) return 0;
  const known = part[nameKey];
  if (known !== undefined) return known;
  const text = canonical(part);
  const name = names.get(text) ?? names.size + 1;
  names.set(text, name);
  Object.defineProperty(part, nameKey, { value: name, configurable: true });
  return name;
}

/** The fields in one order; parts of parts by their names. */
function canonical(part: object): string {
  if (part instanceof Date) return String(part.getTime());
  if (Array.isArray(part)) return `[${part.map(word)}]`;
  let text = "";
  for (const name of Object.keys(part).sort()) {
    const value = (part as Record<string, unknown>)[name];
    if (value !== undefined) text += `${name}:${word(value)},`;
  }
  return text;
}

const word = (value: unknown) => (typeof value === "object" && value !== null ? `#${nameOf(value)}` : String(value));
