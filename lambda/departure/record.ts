import type { Queue } from "../aws/queue.ts";
import type { Outcome } from "../genauth/genauth.ts";
import type { Ledger } from "../ledger.ts";
import { type Log, traceOf } from "../log.ts";
import { later } from "../resignation/moment.ts";
import { isUrgent, type Notice, toMessages } from "../resignation/notice.ts";
import { moveTo, type Resignation, type Status, sweepAfterSeconds } from "../resignation/resignation.ts";
import { isFinal } from "../resignation/status.ts";
import type { ResignerSettings } from "../settings/by-function.ts";
import type { BrakeName } from "./brake.ts";
import { forgetAlerts } from "./brake.ts";

export interface RecordParts {
  readonly ledger: Ledger;
  readonly notices: Pick<Queue, "sendTogether">;
  readonly settings: Pick<ResignerSettings, "notices">;
  readonly log: Log;
  readonly now: () => Date;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

type Fields<S extends Status> = Parameters<typeof moveTo<S>>[2];

/** Writes down what came of a turn, with the notice that is owed for it, and sends what is owed. */
export function createRecords(parts: RecordParts) {
  const { ledger, notices, settings, log, now } = parts;

  return { write, deliver, deliverAlerts, send, countResigned };

  /**
   * Writes a departure's next state. The notice stands in the same write as its cause, and so does the time of the
   * sweep that finds it if this worker dies before sending it. Returns `undefined` if another writer was first.
   */
  async function write<S extends Status>(
    before: Resignation,
    status: S,
    fields: Fields<S>,
    step?: { by: string; why?: string | undefined; tell?: Notice["about"] | undefined; owner?: string },
  ): Promise<Extract<Resignation, { status: S }> | undefined> {
    const { by = "resigner", why, tell: about, owner } = step ?? {};
    const isWanted = about !== undefined && isWantedAbout(about);
    const owed = [
      ...(before.tell ?? []),
      ...(isWanted ? [{ about, id: before.id, ...(why && { why }), version: before.version + 1 }] : []),
    ];
    const dueAt = fields.dueAt ?? (owed.length > 0 ? later(now(), sweepAfterSeconds) : undefined);
    const next = moveTo(
      before,
      status,
      { ...fields, tell: owed.length > 0 ? owed : undefined, ...(dueAt && { dueAt }) },
      step && { at: now(), by, ...(why !== undefined && { why }) },
    );
    return ledger.save(next, owner);
  }

  /** Sends the notices that a resignation owes, and forgets them. Best effort: the sweep finds what is left. */
  async function deliver(resignation: Resignation): Promise<void> {
    const { tell = [], id, version, dueAt, retryAt } = resignation;
    if (tell.length === 0 || !(await send(tell))) return;
    const isAtRest = retryAt === undefined && (isFinal(resignation) || resignation.status === "held");
    await ledger.forgetOwed({ id, version }, isAtRest, dueAt);
  }

  /** The same for the alerts of a brake. */
  async function deliverAlerts(name: BrakeName): Promise<void> {
    const { tell = [] } = await ledger.readBrake(name);
    if (tell.length === 0) return;
    if (!(await send(tell))) return;
    for (const { id, why } of tell) {
      log.count("BrakeTripped", `The brake is on: ${why}. The rest are held`, { brakeId: id, brake: name }, "ERROR");
    }
    await forgetAlerts(
      parts,
      name,
      tell.map(({ id }) => id),
    );
  }

  function isWantedAbout(about: Notice["about"]): boolean {
    return isUrgent(about) || settings.notices.about.includes(about);
  }

  function countResigned({ id, source, occurredAt }: Resignation, at: string): void {
    const sinceEventSeconds = Math.round((Date.parse(at) - Date.parse(occurredAt)) / 1_000);
    log.count("Resigned", "A person was resigned", { id, source, sinceEventSeconds });
    log.measure("SinceEventSeconds", sinceEventSeconds, { id });
  }

  /** Queues notices; tells whether all are queued. */
  async function send(tell: readonly Notice[]): Promise<boolean> {
    try {
      const wanted = tell.filter(({ about }) => isWantedAbout(about));
      for (const notice of wanted) await notices.sendTogether(toMessages(notice));
      return true;
    } catch (error) {
      log.warn("A notice could not be queued; the sweep finds it", { id: tell[0]?.id, ...traceOf(error) });
      return false;
    }
  }
}

export const codesOf = ({ answer: { statusCode, apiCode, requestId } }: Outcome<unknown>) => ({
  statusCode,
  apiCode,
  requestId,
});
