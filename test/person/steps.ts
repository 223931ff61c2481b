/** What can happen in a run, drawn from a seed: a list of plain steps, so that a story can be told again and made shorter. */
import type { Fault } from "../../local/genauth-simulator.ts";

/** One of them has two relations. */
export const people = [
  { name: "ann", relations: ["lark:ou_ann", "wechatwork:ann"] },
  { name: "bob", relations: ["lark:ou_bob"] },
  { name: "cid", relations: ["wechatwork:cid"] },
] as const;

/** How far an invocation goes: for so many calls, and then it waits for its next turn, or dies. */
export interface Run {
  readonly calls: number;
  readonly ending: "wait" | "kill";
}

export const toEnd: Run = { calls: Number.POSITIVE_INFINITY, ending: "wait" };

export type ActName = "approve" | "cancel" | "retry";
export type Mode = Fault["mode"] | "unsent";

export type Step =
  | { do: "leaves" | "returns"; who: number; relation: number; run?: Run | undefined }
  | { do: "orders"; who: number; relation: number; run: Run }
  | { do: "delivers"; which: number; isRepeat: boolean; run: Run }
  | { do: "works"; which: number; isEarly: boolean; run: Run }
  | { do: "goes on"; which: number; run: Run }
  | { do: "sweeps"; run: Run }
  | { do: "passes"; seconds: number }
  | { do: "hand"; who: number; relation: number; what: string }
  | { do: "operates"; name: ActName; which: number }
  | Fails
  | { do: "token" }
  | { do: "loses"; which: number }
  | { do: "settings"; what: "protect" | "grace"; who: number };

interface Fails {
  do: "fails";
  mode: Mode;
  path: string;
  count: number;
  afterSeconds: number;
}

/** Everything that a run depends on. */
export interface Plan {
  readonly seed: number;
  readonly graceDays: number;
  readonly isBrakeSmall: boolean;
  readonly endsSessions: boolean;
  /** How far each clock is ahead of ours, in milliseconds. */
  readonly skews: { lark: number; wechatwork: number; api: number; genauth: number };
  readonly steps: readonly Step[];
}

export const suits: Record<ActName, readonly string[]> = {
  approve: ["held"],
  cancel: ["scheduled", "accepted", "held", "suspended", "failed"],
  retry: ["failed"],
};

/** Draws a run. */
export function planOf(seed: number): Plan {
  const random = randomOf(seed);
  const chance = (share: number) => random() < share;
  const nat = (below: number) => Math.floor(random() * below);
  const oneOf = <T>(all: readonly T[]): T => all[nat(all.length)] as T;
  const skew = (most: number) => (chance(0.5) ? 0 : Math.round((random() * 2 - 1) * most));

  const straight = oneOf([0.6, 0.75, 0.9]);
  const run = (): Run => (chance(straight) ? toEnd : { calls: nat(14), ending: chance(0.5) ? "wait" : "kill" });
  // Mostly the first, who has two relations, and in half of the runs by one of them: only what happens to one person meets.
  const most = oneOf([0.7, 0.9, 1]);
  const relations = oneOf([1, 2]);
  const who = () => (chance(most) ? 0 : 1 + nat(people.length - 1));
  const draw: readonly (readonly [weight: number, () => Step | Step[]])[] = [
    [6, () => missed()],
    [10, () => ({ do: "leaves", who: who(), relation: nat(relations), run: chance(0.8) ? run() : undefined })],
    [9, () => ({ do: "returns", who: who(), relation: nat(relations), run: chance(0.8) ? run() : undefined })],
    [3, () => ({ do: "orders", who: who(), relation: nat(relations), run: run() })],
    [6, () => ({ do: "delivers", which: nat(100), isRepeat: chance(0.25), run: run() })],
    [26, () => ({ do: "works", which: nat(100), isEarly: chance(0.25), run: run() })],
    [8, () => ({ do: "goes on", which: nat(100), run: run() })],
    [5, () => ({ do: "sweeps", run: chance(0.85) ? toEnd : run() })],
    [9, () => ({ do: "passes", seconds: oneOf([1, 3, 12, 12, 40, 130, 400, 700, 4_000, 90_000]) })],
    [3, () => ({ do: "hand", who: who(), relation: nat(2), what: oneOf(hands) })],
    [6, () => ({ do: "operates", name: oneOf(["approve", "approve", "cancel", "cancel", "retry"]), which: nat(100) })],
    [8, () => fault()],
    [1, () => ({ do: "token" })],
    [2, () => ({ do: "loses", which: nat(100) })],
    [1, () => ({ do: "settings", what: chance(0.7) ? "protect" : "grace", who: who() })],
  ];
  /** Somebody leaves, an answer is missing at the worst moment, and then something speaks against it. */
  const missed = (): Step[] => {
    const [one, relation] = [who(), nat(relations)];
    const others: Step[] = [
      { do: "returns", who: one, relation, run: toEnd },
      { do: "operates", name: "cancel", which: 0 },
      { do: "hand", who: one, relation, what: oneOf(hands) },
      { do: "leaves", who: one, relation: nat(2), run: toEnd },
    ];
    return [
      { do: "leaves", who: one, relation, run: toEnd },
      { ...fault(), path: oneOf(["resign-user", "update-user", "kick-users", "get-user"]), count: 1 },
      { do: "works", which: nat(100), isEarly: true, run: run() },
      oneOf(others),
    ];
  };
  const fault = (): Fails => ({
    do: "fails",
    mode: oneOf(["500", "429", "403", "cut", "cut", "unsent", "late", "late", "401"]),
    path: oneOf([
      "get-user",
      "get-user",
      "get-user-sync-relations",
      "resign-user",
      "resign-user",
      "update-user",
      "update-user",
      "update-user",
      "kick-users",
      "get-management-token",
    ]),
    count: 1 + nat(2),
    afterSeconds: oneOf([2, 5, 15, 25]),
  });
  // Every run does some things often and others not at all: so it gets further into each.
  const drawn = draw.map(([weight, make]) => [weight * oneOf([0.2, 1, 1, 3]), make] as const);
  const total = drawn.reduce((sum, [weight]) => sum + weight, 0);
  const step = (): Step | Step[] => {
    let left = random() * total;
    for (const [weight, make] of drawn) {
      left -= weight;
      if (left < 0) return make();
    }
    return { do: "passes", seconds: 1 };
  };
  const plan = {
    ...{ seed, graceDays: chance(0.55) ? 1 : 0, isBrakeSmall: chance(0.15), endsSessions: chance(0.4) },
    skews: { lark: skew(240_000), wechatwork: skew(240_000), api: skew(200_000), genauth: skew(30_000) },
  };
  const length = 6 + nat(20);
  return { ...plan, steps: Array.from({ length }, step).flat() };
}

const hands = [
  "Activated",
  "Activated",
  "Activated",
  "Suspended",
  "Suspended",
  "Deactivated",
  "Resigned",
  "delete",
  "cut",
];

/** The same numbers for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of them, by any number; none where there is none. */
export const pick = <T>(all: readonly T[], which: number): T | undefined => all[which % Math.max(1, all.length)];
