/** The emergency stop, as operators give it. */
import { type Stop, started, stopped } from "../departure/stop.ts";
import type { Ledger } from "../ledger.ts";
import type { Log } from "../log.ts";
import { Problem } from "../problem.ts";

/** What an operator wants done with everything. */
export interface StopAct {
  readonly name: "stop" | "start";
  /** The signing caller; `operator` is the person behind it. */
  readonly caller: string;
  readonly operator: string;
  readonly reason?: string | undefined;
  /** Unique for the request: the same one is good for one act only. */
  readonly requestId: string;
}

interface StopParts {
  readonly ledger: Pick<Ledger, "readStop" | "saveStop" | "isFirstUse">;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Stops everything, or starts it again; what is so already stays so. From the write on no turn cuts anybody off, but
 * for a call that is already under way. Throws `id_reused`, and `unavailable` if others write all the time.
 */
export async function stopOrStart({ ledger, log, now }: StopParts, act: StopAct): Promise<Stop> {
  const { name, caller, operator, reason: why, requestId: request } = act;
  const by = `${operator} (${caller})`;
  for (let round = 0; round < 10; round += 1) {
    const before = await ledger.readStop();
    // The request was carried out before, and its answer was lost.
    if (before.history.some((step) => step.request === request)) return before;
    // A start is good for the stop that it ends: sent again later, it must not end another one.
    const content = name === "stop" ? "stop" : `start ${before.since ?? ""}`;
    if (!(await ledger.isFirstUse(request, content, now()))) {
      const detail = "This webhook-id was used for another decision: every decision needs an id of its own";
      throw new Problem("id_reused", { detail });
    }
    if (name === "start" && !before.isStopped) return before;
    const step = { at: now().toISOString(), by, why, request };
    const next = name === "stop" ? stopped(before, step) : started(before, step);
    if (!(await ledger.saveStop(next))) continue;
    if (name === "stop") log.count("Stopped", "Everything was stopped: nobody is cut off", { by }, "WARN");
    else log.count("Started", "Everything goes on", { by });
    return next;
  }
  throw new Problem("unavailable");
}

/** The stop as operators see it. */
export function stopView({ isStopped, isUnreadable, since, startedAt, by, why, history }: Stop) {
  return {
    isStopped,
    ...(isUnreadable && { unreadable: true }),
    ...{ since, startedAt, by, why },
    history: history.map(({ request, ...step }) => step),
  };
}
