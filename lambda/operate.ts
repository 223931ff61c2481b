import * as z from "zod/mini";
import { type AcceptParts, cancel } from "./accept.ts";
import { parseJson } from "./http.ts";
import { type Ledger, positionSchema, type Query } from "./ledger.ts";
import { malformed, Problem } from "./problem.ts";
import { later, moveTo, type Resignation, sweepAfterSeconds } from "./resignation.ts";
import type { Act } from "./sources/index.ts";
import { sha256 } from "./sources/proof.ts";

/**
 * Carries out what an operator wants done. Throws `conflict` when the resignation's status does not allow it,
 * and then nothing has changed.
 */
export async function operate(parts: AcceptParts, act: Act): Promise<Resignation> {
  const { ledger, queue, now, log } = parts;
  const resignation = await findOrThrow(ledger, act.id);
  // The signature does not cover the path: what was signed for one resignation must not serve for another.
  if (!(await ledger.isFirstUse(act.requestId, `${act.name} ${act.id}`, now()))) throw new Problem("id_reused");

  const by = `${act.operator} (${act.caller})`;
  const entry = { by, ...(act.reason !== undefined && { why: act.reason }) };
  const changed = act.name === "cancel" ? await tryCancel() : await tryRelease();
  if (!changed) throw conflict(await findOrThrow(ledger, act.id));
  log.info("An operator acted", { id: changed.id, act: act.name, caller: act.caller });
  return changed;

  async function tryCancel() {
    const mayCancel = ["accepted", "held", "suspended"].includes(resignation.status);
    return mayCancel ? cancel(parts, resignation, entry) : undefined;
  }

  async function tryRelease() {
    if (resignation.status !== (act.name === "approve" ? "held" : "failed")) return undefined;
    const isProtected = resignation.status === "held" && resignation.heldFor === "protected";
    if (isProtected && [act.caller, act.operator].includes(resignation.requestedBy))
      throw new Problem("second_operator_needed");
    const at = now();
    const released = await ledger.save(
      moveTo(
        resignation,
        "accepted",
        { released: { by, at: at.toISOString() }, dueAt: later(at, sweepAfterSeconds) },
        { at, ...entry },
      ),
    );
    if (released) await queue.send(released.id);
    return released;
  }
}

export async function findOrThrow(ledger: Ledger, id: string): Promise<Resignation> {
  const found = /^res_[0-9a-f]{32}$/.test(id) ? await ledger.get(id) : undefined;
  if (!found) throw new Problem("not_found", { detail: "There is no resignation with this id" });
  return found;
}

/** One page of the ledger. The cursor is good for the query that it came from, and for no other. */
export async function list(ledger: Ledger, query: Omit<Query, "after">, cursor: string | undefined) {
  const { status, userId, since } = query;
  const queryHash = sha256(JSON.stringify([status, userId, since])).toString("base64url");
  const after = cursor === undefined ? undefined : readCursor(cursor, queryHash);
  const { items, next } = await ledger.list({ ...query, after });
  const nextCursor = next && Buffer.from(JSON.stringify({ queryHash, position: next })).toString("base64url");
  return { items, nextCursor };
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

const conflict = ({ status }: Resignation) =>
  new Problem("conflict", { detail: `The resignation is ${status}`, members: { resignationStatus: status } });
