/**
 * What must be so at rest, and at each call that was carried out: judged by GenAuth's own state and by what was really
 * said, never by what the ledger says of itself.
 */
import type { Person } from "../../local/genauth-people.ts";
import type { Change, EffectCall, Facts, Final, Said } from "./facts.ts";
import type { LedgerItem } from "./parts.ts";

export interface Violation {
  /** The name of the rule. */
  readonly rule: string;
  readonly why: string;
}

export interface Rest {
  readonly facts: Facts;
  readonly finals: readonly Final[];
  readonly items: readonly LedgerItem[];
  readonly rests: boolean;
  readonly settleSeconds: number;
  readonly user: (userId: string) => Person | undefined;
  readonly label: (id: string) => string;
}

const fiveMinutesMs = 300_000;
const dayMs = 86_400_000;

export function judge(rest: Rest): Violation[] {
  const found: Violation[] = [];
  const { facts, finals, user, label } = rest;
  const flag = (rule: string, why: string) => void found.push({ rule, why });
  const departures = facts.said.filter(({ kind, heard }) => kind === "leaves" && heard !== undefined);
  const returns = facts.said.filter(({ kind, heard }) => kind === "returns" && heard !== undefined);
  const finalOf = (id: string) => finals.find((one) => one.id === id);
  const userIds = [...new Set(departures.map(({ userId }) => userId))];

  for (const userId of userIds) atRest(userId);
  for (const one of departures) ledgerIsRight(one);
  for (const change of facts.changes) if (change.by === "us") atChange(change);
  for (const { userId, call } of facts.twice) {
    const before = facts.changes.findLast((one) => one.userId === userId && one.to === "Resigned");
    if (before?.by === "us")
      flag("5 resigned twice", `${label(call?.departure ?? "?")}, after ${label(before.call?.departure ?? "?")}`);
  }
  effectsHaveOwners();
  if (!rest.rests) flag("8 does not come to rest", "messages or due items are left after an hour");
  return found;

  // ---------------------------------------------------------------- who stands

  /** Returns of its own source that are surely after it, and that no operator approved against. */
  function against(departure: Said, before = Number.POSITIVE_INFINITY): Said[] {
    const approved = facts.acts.findLast(
      ({ id, name, heldFor }) => id === departure.id && name === "approve" && heldFor === "returned",
    );
    return returns.filter(
      (one) =>
        one.source === departure.source &&
        one.relation === departure.relation &&
        one.from > departure.to &&
        (one.heard ?? 0) < before &&
        (one.heard ?? 0) > (approved?.seq ?? -1),
    );
  }

  function isCancelled({ id }: Said, before = Number.POSITIVE_INFINITY): boolean {
    return facts.acts.some((act) => act.id === id && act.name === "cancel" && act.seq < before);
  }

  function stands(departure: Said, before = Number.POSITIVE_INFINITY): boolean {
    return !isCancelled(departure, before) && against(departure, before).length === 0;
  }

  /** No return that could speak against it, from whatever source. */
  function isClear(departure: Said): boolean {
    return !returns.some((one) => {
      const isOwn = one.source === departure.source && one.relation === departure.relation;
      return one.userId === departure.userId && one.to + (isOwn ? 0 : fiveMinutesMs) >= departure.from;
    });
  }

  function isTold({ id }: { id: string }, ...codes: string[]): boolean {
    const brakeId = finalOf(id)?.brakeId;
    return facts.notices.some(
      ({ about, id: of }) =>
        (of === id && (codes.length === 0 || codes.includes(about))) ||
        (codes.length === 0 && brakeId !== undefined && of === brakeId),
    );
  }

  // ---------------------------------------------------------------- at rest

  function atRest(userId: string): void {
    const theirs = departures.filter((one) => one.userId === userId);
    const person = user(userId);
    const changes = facts.changes.filter((one) => one.userId === userId);
    const last = changes.at(-1);
    const standing = theirs.filter((one) => stands(one));
    const waiting = theirs.filter(({ id }) => ["held", "failed", "scheduled"].includes(finalOf(id)?.status ?? ""));
    const isHeldByReturns = theirs.some(({ id }) => finalOf(id)?.heldFor === "returned" && isTold({ id }));

    if (standing.length === 0 && last?.by === "us" && person?.status === last.to) {
      const by = label(last.call?.departure ?? "?");
      if (last.to === "Suspended" && last.from === "Activated" && !isHeldByReturns) {
        flag("1 called off, and still suspended by us", `${theirs[0]?.person}: suspended for ${by}`);
      }
      const isToldBack = theirs.some((one) => isTold(one, "back_after_resigned"));
      if (last.to === "Resigned" && !isToldBack) {
        const own = theirs.find(({ id }) => id === last.call?.departure);
        if (own && isCancelled(own)) flag("1 cancelled, resigned by us, and nobody told", by);
        else flag("1 back, resigned by us, and nobody told", by);
      }
    }

    for (const one of standing) {
      if (person?.status !== "Activated" || !isClear(one)) continue;
      const told = waiting.filter((other) => isTold(other));
      if (told.length > 0) continue;
      const status = finalOf(one.id)?.status ?? "not in the ledger";
      // Given back by hand after the fact, be that our act or what somebody else had done before us.
      const wasDone = changes.slice(0, -1).some(({ by }) => by === "us") || ["resigned", "duplicate"].includes(status);
      const isByHand = wasDone && last?.by === "hand" && last.atMs > one.from - fiveMinutesMs;
      if (isByHand || (status === "not_found" && facts.hidden.has(userId))) continue;
      if (waiting.length > 0) flag("3 waits, and nobody was told", label(one.id));
      else if (status === "duplicate") flag("3 left, duplicate, and has access", label(one.id));
      else flag("3 left, and has access", `${label(one.id)} is ${status}`);
    }
  }

  function ledgerIsRight(one: Said): void {
    const { status } = finalOf(one.id) ?? { status: "not in the ledger" };
    const name = label(one.id);
    const changes = facts.changes.filter(({ userId }) => userId === one.userId);
    const wasResigned = changes.some(({ to }) => to === "Resigned") || facts.hidden.has(one.userId);
    const isOver = isCancelled(one) || returns.some((back) => isOwnAfter(back, one));
    const effect = rest.items.find(({ id }) => id === `person|${one.userId}`)?.effect;
    const isInEffect = effect === undefined || (effect.state === "suspended" && effect.for.includes(one.id));
    if (status === "not in the ledger") flag("7 not in the ledger", name);
    if (status === "accepted" || status === "resigning") flag("6 nobody owns it", `${name} is ${status}`);
    if (status === "resigned" && !wasResigned) flag("7 resigned, but not in GenAuth", name);
    if (status === "duplicate" && !wasResigned) flag("7 duplicate, but nobody was resigned", name);
    if (status === "cancelled" && !isOver) flag("7 cancelled, and nobody said so", name);
    if (status === "suspended" && !isInEffect) flag("7 suspended, but not in the effect", name);
  }

  function isOwnAfter(back: Said, one: Said): boolean {
    return back.source === one.source && back.relation === one.relation && back.from > one.to;
  }

  function effectsHaveOwners(): void {
    const statusOf = new Map(rest.items.map(({ id, status }) => [id, status ?? ""]));
    for (const { id, effect } of rest.items) {
      if (!effect || !id.startsWith("person|")) continue;
      const owners = effect.for.map((one) => statusOf.get(one) ?? "");
      const isWaiting = owners.some((status) => status === "held" || status === "failed");
      const why = `${effect.state}, for ${effect.for.map((one) => `${label(one)} (${statusOf.get(one)})`).join(", ") || "nobody"}`;
      if (effect.state.endsWith("ing") && !isWaiting) flag("6 a doubt that nobody owns", why);
      if (effect.state === "suspended" && !isWaiting && !owners.includes("suspended"))
        flag("6 a suspension that nobody owns", why);
    }
  }

  // ---------------------------------------------------------------- at each call that was carried out

  function atChange(change: Change): void {
    const { call } = change;
    if (!call) return;
    if (change.to === "Activated") {
      gaveBack(change, call);
      return;
    }
    const departure = departures.find(({ id }) => id === call.departure);
    if (!departure) return;
    const name = label(departure.id);
    const isReleased = (heldFor: string) =>
      facts.acts.some(
        ({ id, name: act, heldFor: held, seq }) =>
          id === departure.id && act === "approve" && held === heldFor && seq < call.seq,
      );
    if (call.protected.includes(departure.relation) && !isReleased("protected")) flag("9 protected, and cut off", name);
    if (change.to !== "Resigned") return;
    const known = against(departure, call.written);
    if (known.length > 0) flag("2 resigned against a return that was known", name);
    if (isCancelled(departure, call.seq)) flag("2 resigned after an operator's cancel", name);
    const firstMs = Math.min(
      ...departures
        .filter(({ userId }) => userId === change.userId)
        .map(({ heardMs, atMs }) => Math.min(heardMs ?? atMs, atMs)),
    );
    if (facts.graceDays === 1 && !isReleased("given_back") && change.atMs < firstMs + dayMs)
      flag("5 resigned before the day", name);
  }

  /** Only our own suspension of somebody active is lifted, and only when nothing else stands on it. */
  function gaveBack(change: Change, call: EffectCall): void {
    const index = facts.changes.indexOf(change);
    const before = facts.changes.slice(0, index).findLast(({ userId }) => userId === change.userId);
    const name = label(call.departure ?? "?");
    const isOurs = before?.by === "us" && before.to === "Suspended" && before.from === "Activated";
    if (!isOurs && !(before && isUnseen(before, call)))
      flag("4 lifted what was not ours", `${change.from} → Activated, for ${name}`);
    const others = departures.filter(
      (one) =>
        one.userId === change.userId &&
        one.id !== call.departure &&
        call.statuses[one.id] === "suspended" &&
        stands(one, call.seq),
    );
    if (others.length > 0)
      flag("4 gave back while another departure stands", `${name}; ${others.map(({ id }) => label(id)).join(", ")}`);
  }

  /** W2: a hand between our look and our call, or within the time of a suspension of ours whose outcome was unknown. */
  function isUnseen(hand: Change, call: EffectCall): boolean {
    if (hand.by !== "hand") return false;
    if (hand.seq > call.looked) return true;
    return facts.calls.some(
      ({ userId, status, atMs, unknownUntilMs }) =>
        userId === hand.userId &&
        status === "Suspended" &&
        unknownUntilMs !== undefined &&
        hand.atMs >= atMs - 6_000 &&
        hand.atMs <= unknownUntilMs + rest.settleSeconds * 1000 + 6_000,
    );
  }
}
