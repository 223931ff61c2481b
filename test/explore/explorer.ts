/** Explores every order in which things may happen to a person, breadth first, with the project's own `decide`. */
import { decide } from "../../lambda/departure/decide.ts";
import { isFinal } from "../../lambda/resignation/status.ts";
import { worldGoes } from "./events.ts";
import { isAtRest, judge } from "./judge.ts";
import { keyOf, type Scenario, type Setup, type State, startOf } from "./state.ts";
import { mayHaveTurn, type Next, workersGo } from "./turns.ts";

export interface Found {
  readonly what: string;
  /** What happened until then, one step a line. */
  readonly story: readonly string[];
}

export interface Explored {
  readonly states: number;
  readonly steps: number;
  readonly atRest: number;
  readonly depth: number;
  /** Nothing was left out. */
  readonly isComplete: boolean;
  readonly found: readonly Found[];
}

export const setupOf = (scenario: Scenario, graceDays: 0 | 1, more: Partial<Setup> = {}): Setup => ({
  ...scenario,
  ...{ graceDays, decide },
  ...more,
});

/** Breadth first, so that the first story of each kind is the shortest. `until`: stops at the first of these. */
export function explore(setup: Setup, most: number, until?: (what: string) => boolean): Explored {
  const first = settle(startOf(setup), setup);
  const seen = new Set([keyOf(first)]);
  const parents: number[] = [-1];
  const labels: number[] = [0];
  const names = new Map<string, number>([["", 0]]);
  const found = new Map<string, Found>();
  let frontier: [State, number][] = [[first, 0]];
  let [steps, atRest, depth, isComplete] = [0, 0, 0, true];

  const storyOf = (index: number): string[] => {
    const stories = [...names.keys()];
    const story: string[] = [];
    for (let one = index; one > 0; one = parents[one] ?? 0) story.unshift(stories[labels[one] ?? 0] ?? "");
    return story;
  };
  const note = (what: string, index: number) => {
    if (!found.has(what)) found.set(what, { what, story: storyOf(index) });
  };
  const isOver = () => until !== undefined && [...found.keys()].some(until);

  for (; frontier.length > 0 && !isOver(); depth += 1) {
    const after: [State, number][] = [];
    for (const [state, index] of frontier) {
      for (const what of state.broken) note(what, index);
      if (isAtRest(state, setup)) {
        atRest += 1;
        for (const what of judge(state, setup)) note(what, index);
      }
      if (state.broken.length > 0) continue;
      for (const [label, next] of nextOf(state, setup)) {
        steps += 1;
        const key = keyOf(next);
        if (seen.has(key)) continue;
        if (seen.size >= most) {
          isComplete = false;
          continue;
        }
        seen.add(key);
        const name = names.get(label) ?? names.size;
        names.set(label, name);
        after.push([next, parents.length]);
        parents.push(index);
        labels.push(name);
      }
    }
    frontier = after;
  }
  return { states: seen.size, steps, atRest, depth, isComplete, found: [...found.values()] };
}

function* nextOf(state: State, setup: Setup): Generator<Next> {
  for (const [label, next] of worldGoes(state, setup)) yield [label, settle(next, setup)];
  for (const [label, next] of workersGo(state, setup)) yield [label, settle(next, setup)];
}

/** `endWithoutTurn` of `turn.ts`: a message too many is gone, and what has no turn is off the list of what is due. */
function settle(state: State, setup: Setup): State {
  if (!state.items.some(({ hasMessage, due }) => hasMessage || due === "soon")) return state;
  const items = state.items.map((item) => {
    const { record, hasMessage, due } = item;
    if ((!hasMessage && due !== "soon") || record.status === "resigning" || mayHaveTurn(item, state, setup))
      return item;
    // The suspended wait for their day.
    const isAtRest = isFinal(record) || record.status === "held";
    const next = due !== "soon" ? due : isAtRest ? undefined : "day";
    return { ...item, hasMessage: false, isSaid: false, due: next };
  });
  return items.some((item, index) => item !== state.items[index]) ? { ...state, items } : state;
}

/** What comes of itself, and no fault: with these alone every state must come to rest. */
const isCalm = (label: string) =>
  !/^(lark|wechatwork|the operator (orders|cancels|approves|stops)|the administrator|the person|the relation|an hour)/.test(
    label,
  ) && !/dies|paused|refused|busy|lost$|never arrives|arrives later|comes again|gives up|not since when/.test(label);

/** Long random walks; each is brought to rest at its end, without further faults. */
export function walk(setup: Setup, walks: number, seed: number): Omit<Explored, "states" | "depth" | "isComplete"> {
  const random = xorshift(seed);
  const found = new Map<string, Found>();
  let [steps, atRest] = [0, 0];
  for (let one = 0; one < walks; one += 1) {
    let state = settle(startOf(setup), setup);
    const story: string[] = [];
    const note = (what: string) => {
      if (!found.has(what)) found.set(what, { what, story: [...story] });
    };
    const look = () => {
      for (const what of state.broken) note(what);
      if (!isAtRest(state, setup)) return;
      atRest += 1;
      for (const what of judge(state, setup)) note(what);
    };
    const go = (isAllowed: (label: string) => boolean) => {
      const all = [...nextOf(state, setup)].filter(([label]) => isAllowed(label));
      const chosen = all[Math.floor(random() * all.length)];
      if (!chosen) return false;
      story.push(chosen[0]);
      state = chosen[1];
      steps += 1;
      look();
      return state.broken.length === 0;
    };
    // Mostly the work goes on, or all that can happen would happen at the beginning.
    for (let step = 0; step < 300; step += 1) if (!go(random() < 0.8 ? isCalm : () => true) && !go(() => true)) break;
    for (let step = 0; step < 600 && state.broken.length === 0 && go(isCalm); step += 1);
    if (state.broken.length === 0 && !isAtRest(state, setup)) note("8 does not come to rest");
  }
  return { steps, atRest, found: [...found.values()] };
}

function xorshift(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 4_294_967_296;
  };
}
