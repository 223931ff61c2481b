import * as z from "zod/mini";
import { positionSchema, type Query } from "../aws/resignations.ts";
import { type AcceptParts, cancel } from "../departure/accept.ts";
import { personId } from "../departure/people.ts";
import { parseJson } from "../http.ts";
import type { Ledger } from "../ledger.ts";
import { malformed, Problem } from "../problem.ts";
import { later } from "../resignation/moment.ts";
import { type HeldFor, moveTo, type Resignation, type Status, sweepAfterSeconds } from "../resignation/resignation.ts";
import { sha256 } from "../sources/proof.ts";

export type ActName = "approve" | "cancel" | "retry" | "acknowledge";

/** What an operator wants done with a resignation. */
export interface Act {
  readonly name: ActName;
  readonly id: string;
  /** The signing caller; `operator` is the person behind it. */
  readonly caller: string;
  readonly operator: string;
  readonly reason?: string;
  /** Which of the candidates is meant, where it is held for `ambiguous`. */
  readonly genauthUserId?: string | undefined;
  readonly userId?: string | undefined;
  /** The hold that an approval answers: if the departure is held for something else now, nothing is done. */
  readonly heldFor?: HeldFor | undefined;
  /** Unique for the request: the same one is good for one act only. */
  readonly requestId: string;
}

/**
 * Carries out what an operator wants done. Throws `conflict` when the resignation's status does not allow it,
 * and then nothing has changed.
 */
export async function operate(parts: AcceptParts, act: Act): Promise<Resignation> {
  const { ledger, queue, now, log } = parts;
  const resignation = await findOrThrow(ledger, act.id);
  // The signature does not cover the path: what was signed for one resignation must not serve for another.
  if (!(await ledger.isFirstUse(act.requestId, `${act.name} ${act.id}`, now()))) {
    const detail = "This webhook-id was used for another decision: every decision needs an id of its own";
    throw new Problem("id_reused", { detail });
  }

  const by = `${act.operator} (${act.caller})`;
  const at = now();
  const entry = { by, ...(act.reason !== undefined && { why: act.reason }) };
  const changed = isRepeated(resignation) ? resignation : await carryOut();
  // What was not written may have been written after all, and changed by somebody else since.
  const after = changed ?? (await findOrThrow(ledger, act.id));
  if (!changed && !isRepeated(after)) throw conflict(after);
  log.info("An operator acted", { id: after.id, act: act.name, caller: act.caller });
  return after;

  /** Whether this request was carried out before, and its answer was lost: then it does nothing further. */
  function isRepeated({ released = [], cancelled }: Resignation): boolean {
    return [cancelled, ...released].some((done) => done?.request === act.requestId);
  }

  async function carryOut(): Promise<Resignation | undefined> {
    const { status } = resignation;
    switch (act.name) {
      case "cancel":
        return cancellable.has(status) ? cancel(parts, resignation, { ...entry, request: act.requestId }) : undefined;
      case "approve":
        return resignation.status === "held" ? approve(resignation) : undefined;
      case "retry":
        return status === "failed"
          ? release({ from: "failed", by, at: at.toISOString(), request: act.requestId })
          : undefined;
      case "acknowledge":
        return resignation.status === "resigned" && resignation.backAfterResigned
          ? acknowledge(resignation)
          : undefined;
    }
  }

  /** Releases the departure from its hold, for what the hold showed, and from no other hold. */
  async function approve(held: Extract<Resignation, { status: "held" }>): Promise<Resignation | undefined> {
    const { heldFor, shown, requestedBy, person } = held;
    if (act.heldFor !== undefined && act.heldFor !== heldFor) throw conflict(held);
    const needsAnother = heldFor === "protected" || heldFor === "approval";
    if (needsAnother && [act.caller, act.operator].some((one) => isSameHuman(one, requestedBy))) {
      throw new Problem("second_operator_needed");
    }
    const chosen = choose(held, act);
    // An effect stands on the user that the departure was first resolved to: no other one can be named then.
    const isAnother = chosen !== undefined && chosen.person?.genauthUserId !== person?.genauthUserId;
    if (isAnother && person && (await standsOn(person.genauthUserId, held.id))) throw conflict(held);
    const request = act.requestId;
    return release({ from: heldFor, ...(shown && { shown }), by, at: at.toISOString(), request }, chosen);
  }

  async function standsOn(genauthUserId: string, id: string): Promise<boolean> {
    const { effect } = await ledger.getPerson(personId(genauthUserId));
    return effect?.for.includes(id) ?? false;
  }

  async function release(
    entered: NonNullable<Resignation["released"]>[number],
    chosen: Partial<Pick<Resignation, "resolvedAs" | "person">> = {},
  ): Promise<Resignation | undefined> {
    const { released = [], leavesAt } = resignation;
    const isToCome = leavesAt !== undefined && at.getTime() < Date.parse(leavesAt);
    const fields = { ...chosen, released: [...released, entered], dueAt: later(at, sweepAfterSeconds) };
    const saved = await ledger.save(moveTo(resignation, isToCome ? "scheduled" : "accepted", fields, { at, ...entry }));
    if (saved) await queue.send(saved.id);
    return saved;
  }

  /** Takes a resignation whose person is back off the urgent list. */
  function acknowledge(resigned: Extract<Resignation, { status: "resigned" }>): Promise<Resignation | undefined> {
    const { resignedAt, confirmedAt, dueAt, acknowledged } = resigned;
    if (acknowledged) return Promise.resolve(resigned);
    const fields = {
      ...{ resignedAt, acknowledged: { by, at: at.toISOString() } },
      ...(confirmedAt && { confirmedAt }),
      ...(dueAt && { dueAt }),
    };
    return ledger.save(moveTo(resigned, "resigned", fields, { at, ...entry }));
  }
}

/**
 * Whether two names are of one person. In an Enterprise Grid the same user comes under the id of the grid or of a team,
 * so the user's id alone is compared, in any form that it is written in.
 */
function isSameHuman(one: string, other: string): boolean {
  const idOf = (name: string) => (name.split("/").at(-1) ?? "").replaceAll(/[<@>\s]/g, "").toLowerCase();
  if (idOf(one) === idOf(other)) return true;
  // The operator's name of an API call is free text: a Slack user's id may be any word of it.
  const words = one
    .normalize("NFKC")
    .replaceAll(/\p{C}/gu, "")
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return other.includes("/") && words.includes(idOf(other));
}

const cancellable: ReadonlySet<Status> = new Set(["scheduled", "accepted", "held", "suspended", "failed"]);

/** The candidate whom the operator named; the only one where they named none. */
function choose(
  { candidates = [], person, userId }: Extract<Resignation, { status: "held" }>,
  { genauthUserId, userId: named }: Act,
): Partial<Pick<Resignation, "resolvedAs" | "person">> | undefined {
  if (candidates.length === 0) {
    if (genauthUserId === undefined && named === undefined) return undefined;
    throw malformed("genauthUserId and userId are for what is held for ambiguous: leave them out");
  }
  const isNamed = genauthUserId !== undefined || named !== undefined;
  const fitting = candidates.filter(
    (one) =>
      (genauthUserId === undefined || one.genauthUserId === genauthUserId) &&
      (named === undefined || one.userId === named),
  );
  const [chosen, ...others] = fitting;
  if (!chosen || others.length > 0) {
    throw malformed(isNamed ? "This is none of the candidates" : "Name one of the candidates: genauthUserId or userId");
  }
  const { genauthUserId: id, name } = chosen;
  return {
    ...(chosen.userId !== undefined && chosen.userId !== userId && { resolvedAs: chosen.userId }),
    ...(id === undefined ? { person } : { person: { genauthUserId: id, ...(name && { name }) } }),
  };
}

export async function findOrThrow(ledger: Ledger, id: string): Promise<Resignation> {
  const found = /^res_[0-9a-f]{32}$/.test(id) ? await ledger.get(id) : undefined;
  if (!found) throw new Problem("not_found", { detail: "There is no resignation with this id" });
  return found;
}

/**
 * One page of the ledger, with the ids of what lies in it and cannot be read. The cursor is good for the query that
 * it came from, and for no other.
 */
export async function list(ledger: Ledger, query: Omit<Query, "after">, cursor: string | undefined) {
  const { status, userId, since } = query;
  const queryHash = sha256(JSON.stringify([status, userId, since])).toString("base64url");
  const after = cursor === undefined ? undefined : readCursor(cursor, queryHash);
  const { items, unreadable, next } = await ledger.list({ ...query, after });
  const nextCursor = next && Buffer.from(JSON.stringify({ queryHash, position: next })).toString("base64url");
  return { items, nextCursor, unreadable };
}

const cursorSchema = z.object({ queryHash: z.string(), position: positionSchema });

function readCursor(cursor: string, queryHash: string) {
  const parsed = cursorSchema.safeParse(tryJson(Buffer.from(cursor, "base64url").toString("utf8")));
  if (!parsed.success || parsed.data.queryHash !== queryHash) {
    throw malformed("The cursor belongs to another query: start without one");
  }
  return parsed.data.position;
}

function tryJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function conflict(resignation: Resignation): Problem {
  const { status } = resignation;
  const heldFor = status === "held" ? ` for ${resignation.heldFor}` : "";
  return new Problem("conflict", {
    detail: `The resignation is ${status}${heldFor}`,
    members: { resignationStatus: status },
  });
}
