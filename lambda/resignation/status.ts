import type { Resignation, Status } from "./resignation.ts";

/** Which statuses each status may follow. What is not listed here the ledger refuses. */
export const precededBy: Readonly<Record<Status, readonly Status[]>> = {
  scheduled: ["scheduled", "accepted", "held", "failed"],
  accepted: ["accepted", "scheduled", "resigning", "held", "failed"],
  held: ["held", "scheduled", "accepted", "resigning", "suspended", "failed"],
  resigning: ["resigning", "scheduled", "accepted", "suspended"],
  suspended: ["suspended", "scheduled", "accepted", "resigning"],
  resigned: ["resigned", "scheduled", "accepted", "held", "resigning", "suspended", "cancelled", "failed"],
  not_found: ["scheduled", "accepted", "resigning", "suspended"],
  duplicate: ["scheduled", "accepted", "resigning", "suspended"],
  cancelled: ["cancelled", "scheduled", "accepted", "held", "resigning", "suspended", "failed"],
  failed: ["failed", "scheduled", "accepted", "resigning", "suspended"],
  restored: ["resigned"],
};

export const statuses = Object.keys(precededBy) as readonly Status[];

export const isStatus = (text: string): text is Status => Object.hasOwn(precededBy, text);

/** Still on its way: the next move is ours, not an operator's. */
export const isUnderWay = ({ status }: Resignation) => status === "accepted" || status === "resigning";

/** At its end, until a return or an operator says otherwise: nothing of it waits. */
export const isFinal = ({ status }: Resignation) => finals.has(status);

const finals: ReadonlySet<Status> = new Set(["resigned", "restored", "not_found", "duplicate", "cancelled", "failed"]);
