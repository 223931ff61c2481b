import type { Resignation } from "./resignation.ts";

/** A resignation as its callers see it. */
export function view(resignation: Resignation) {
  const { id, userId, source, status, requestedBy, reason, occurredAt, acceptedAt, attempts, genauth } = resignation;
  const { leavesAt, timeZone, resignAfter } = resignation;
  return {
    ...{ id, userId, source, status, requestedBy, reason, occurredAt, acceptedAt, attempts, genauth },
    ...{ leavesAt, timeZone, resignAfter },
    ...(status === "held" && { heldFor: resignation.heldFor }),
    ...(status === "resigned" && { resignedAt: resignation.resignedAt }),
  };
}

/** A resignation as operators see it: with the person, the trail and what else helps them decide. */
export function operatorView(resignation: Resignation) {
  const { version, contentHash, inquiryId, dueAt, retryAt, tell, ageJudgedFor, stoppedUntil, ...shown } = resignation;
  return shown;
}
