import { later } from "../resignation/moment.ts";
import { newLease, personId } from "./people.ts";
import { codesOf } from "./record.ts";
import { retryDelaySeconds } from "./retry.ts";
import type { Next, TurnParts } from "./turn.ts";

/** Ends a person's sessions if that is owed, when the sweep queued the person for it. */
export async function runSessions(parts: TurnParts, key: string): Promise<Next> {
  const { ledger, now } = parts;
  const lease = newLease(parts);
  if (!(await ledger.takePerson(key, lease.owner, now(), lease.until))) return { inSeconds: 5 };
  try {
    await endSessions(parts, key, lease.owner);
    return "done";
  } finally {
    await ledger.leavePerson(key, lease.owner);
  }
}

/** Ends the sessions as the holder of the lease. Changes no status; tried until `retry.giveUpAfterSeconds` are over. */
export async function endSessions(parts: TurnParts, key: string, owner: string): Promise<void> {
  const { ledger, genauth, settings, log, now, random } = parts;
  const { sessionsOwed, effect } = await ledger.getPerson(key);
  if (!sessionsOwed) return;
  const id = effect?.by;
  const outcome = await genauth.endSessions(key.slice(personId("").length), settings.endSessionsIn);
  if (outcome.kind === "done" || outcome.kind === "not_found") return ledger.noteSessions(key, owner);
  if (outcome.kind === "token_refused") {
    log.count("TokenRefused", "GenAuth refused the token: renew the secret", { id, ...codesOf(outcome) }, "ERROR");
  }
  const ageSeconds = (now().getTime() - Date.parse(sessionsOwed.since)) / 1_000;
  if (outcome.kind === "refused" || ageSeconds > settings.retry.giveUpAfterSeconds) {
    const message = "A person's sessions could not be ended: end them by hand";
    log.count("SessionsLeft", message, { id, ...codesOf(outcome) }, "ERROR");
    return ledger.noteSessions(key, owner);
  }
  const owed = { ...sessionsOwed, tries: sessionsOwed.tries + 1 };
  const dueAt = later(now(), retryDelaySeconds(owed.tries, settings.retry, random()));
  log.warn("A person's sessions could not be ended yet", { id, outcome: outcome.kind, ...codesOf(outcome) });
  await ledger.noteSessions(key, owner, { owed, dueAt });
}
