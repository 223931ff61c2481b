/** GenAuth's side: what a call does when it is carried out, and what must not be done, judged at that moment. */
import type { Call } from "../../lambda/departure/decide.ts";
import { momentOf } from "../../lambda/departure/returns.ts";
import {
  broken,
  hasCome,
  type Item,
  iso,
  itemOf,
  momentMs,
  type Person,
  type Said,
  type Setup,
  type State,
  toCome,
} from "./state.ts";

export interface Executed {
  readonly call: Call;
  readonly id: string;
  /** How many returns had been delivered at the last reading. */
  readonly known: number;
  readonly isLate: boolean;
  readonly isGated?: boolean | undefined;
  readonly wasStopped?: boolean | undefined;
}

/** Carries a call out. GenAuth refuses whatever is asked of a Resigned person. */
export function execute(
  state: State,
  one: Executed,
  setup: Setup,
): { state: State; answer: "done" | "refused" | "gone" } {
  const { person } = state;
  if (person.status === "absent") return { state, answer: "gone" };
  const judged = judgeCall(state, one, setup);
  if (person.status === "Resigned") return { state: judged, answer: "refused" };
  switch (one.call) {
    case "suspend": {
      if (person.status === "Suspended") return { state: judged, answer: "done" };
      const isFirst = person.by !== "us" || person.status === "Activated";
      const before = isFirst ? { before: person.status, beforeBy: person.by } : {};
      return { state: changeStatus(judged, setup, { status: "Suspended", by: "us", ...before }), answer: "done" };
    }
    case "give back":
      if (person.status === "Activated") return { state: judged, answer: "done" };
      return { state: changeStatus(judged, setup, { status: "Activated", by: person.beforeBy }), answer: "done" };
    case "resign": {
      const cut = changeStatus(judged, setup, { status: "Resigned", by: "us", resignedFor: one.id });
      return { state: { ...cut, cutAt: state.effect.calledAt }, answer: "done" };
    }
  }
}

/** The status changes, and so does its moment. */
export function changeStatus(state: State, setup: Setup, changes: Partial<Person>): State {
  const next = { ...state, marks: state.marks + 1 };
  return { ...next, person: { ...state.person, ...changes, changedAt: iso(momentMs(next, setup)) } };
}

function judgeCall(before: State, one: Executed, setup: Setup): State {
  const { person } = before;
  const { isLate, call, id } = one;
  const item = itemOf(before, id);
  let state = before;
  const forbid = (isWrong: boolean, what: string) => {
    if (isWrong) state = broken(state, what);
  };
  const isResigned = person.status === "Resigned";
  const isCut = call !== "give back";
  forbid(isCut && !isLate && one.wasStopped === true, "9 cut off though all was stopped");
  forbid(isCut && !isLate && one.isGated === true, "9 cut off behind a closed gate");
  if (call === "suspend") {
    forbid(isResigned && !isLate && !person.isResignedInWindow, "5 suspended a resigned person");
  } else if (call === "give back") {
    forbid(isResigned && !isLate && !person.isResignedInWindow, "4 gave a resigned person back");
    const isSuspended = person.status === "Suspended" && !person.isInWindow;
    forbid(isSuspended && person.by !== "us", "4 lifted an administrator's suspension");
    forbid(isSuspended && person.by === "us" && person.before !== "Activated", "4 gave more back than there was");
    const stands = state.items.some((other) => other.record.id !== id && isStandingSuspended(state, other));
    forbid(stands, "4 gave back while another departure stands");
  } else {
    forbid(isResigned && (isLate ? person.by === "us" : !person.isResignedInWindow), "5 resigned twice");
    if (isResigned) return state;
    const known = before.said.slice(0, one.known);
    forbid(
      known.some((said) => isAgainst(item, said)),
      "2 resigned against a return known at the last reading",
    );
    forbid(item.isCancelledByOperator && !isLate, "2 resigned after an operator's cancel");
    const isTooEarly = setup.graceDays > 0 && before.effect.resignAfter !== hasCome;
    forbid(isTooEarly || item.record.leavesAt === toCome, "5 resigned too early");
    const isGivenBack = person.status === "Activated" && person.by === "hand" && before.effect.prev === "suspended";
    const isSeen = isGivenBack && !item.isApproved && !person.isInWindow;
    forbid(isSeen, "3 resigned the suspended, against the hand that gave back");
    forbid(isAgainstHand(before, item), "3 resigned again, against the hand that gave back after our call");
  }
  return state;
}

/** GenAuth shows them active by a hand after our call, and this was said before it. */
function isAgainstHand({ person, cutAt }: State, { record, isApproved }: Item): boolean {
  if (person.status !== "Activated" || person.by !== "hand" || person.undoneAt === undefined) return false;
  if (isApproved || person.isInWindow || person.resignedFor === record.id || !cutAt) return false;
  return Date.parse(cutAt) >= momentOf(record).to.getTime();
}

const isStandingSuspended = (state: State, item: Item) => item.record.status === "suspended" && !isRefuted(state, item);

/** Its own source said that they are back, surely after it. */
export const isRefuted = ({ said }: State, item: Item) => said.some((one) => isAgainst(item, one));

/** An operator who approved against the returns that the brake had held has settled these. */
function isAgainst({ record, source }: Item, one: Said): boolean {
  if (one.source !== source || Date.parse(one.from) <= momentOf(record).to.getTime()) return false;
  const key = `${record.userId} ${record.source}`;
  const isHeld = (record.returnsHeld?.[key] ?? 0) >= one.count;
  const isShown = (record.released ?? []).some(
    ({ from, shown }) => from === "returned" && (shown?.returns?.[key] ?? 0) >= one.count,
  );
  return !(isHeld && isShown);
}
