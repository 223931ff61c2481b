import type * as z from "zod/mini";
import { atFirstCall, connectGround, connectQueue, connectTable, type Site } from "./aws/connect.ts";
import type { Queue } from "./aws/queue.ts";
import type { Position } from "./aws/resignations.ts";
import { type Stop, stopId, stoppedMs } from "./departure/stop.ts";
import { silences } from "./intake/pulse.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { alarmParts, countUnreadable, type Log, type Measure, traceOf } from "./log.ts";
import { later } from "./resignation/moment.ts";
import { toMessages } from "./resignation/notice.ts";
import { type Resignation, type Status, sweepAfterSeconds } from "./resignation/resignation.ts";
import * as settingsOf from "./settings/by-function.ts";

export interface SweepParts {
  readonly ledger: Pick<Ledger, "due" | "postpone" | "readPulse" | "isFirstUse" | "list" | "readStop">;
  readonly queue: Pick<Queue, "send">;
  readonly notices: Pick<Queue, "sendTogether">;
  readonly settings: z.output<ReturnType<typeof settingsOf.sweep>>;
  readonly log: Log;
  readonly now: () => Date;
}

/** Most items that one run queues; the next run, five minutes later, queues the others. */
const maxPerRun = 1_000;
const pageSize = 100;
/** Most resignations of one status that are looked through. If there are more, the gauges count only the oldest. */
const maxLookedThrough = 1_000;

/** From so long on a person who is held is named in the log: they still have access. The alarm is on as long. */
const heldTooLongSeconds = alarmParts.Held.gauges.OldestHeldSeconds;

/**
 * Queues everything again whose time has come: departures with nothing in flight, left by a worker that died or
 * suspended to this day; relations of which something was said; sessions and notices that are owed. It decides
 * nothing, so a message too many does no harm. Then it measures what waits, for the alarms: a state is still there
 * with the next run, whichever function died before it could count an event.
 */
export function createSweep({ ledger, queue, notices, settings, log, now }: SweepParts) {
  return async (): Promise<{ swept: number }> => {
    let swept = 0;
    try {
      swept = await sweep();
      const held = await watchTheHeld();
      const stop = await watchTheStop();
      await watchTheOpen(stop);
      await watchTheFailed();
      await listenForSilence(held, stop);
      log.count("Heartbeat", "The sweep came to its end", { swept });
    } catch (error) {
      // Not thrown: Lambda would log the error's text. The next run is in five minutes, and no heartbeat is an alarm.
      log.count("WorkFailed", "The sweep did not come to its end", traceOf(error), "ERROR");
    }
    return { swept };
  };

  /** Measures what there is. Where nothing waits nothing is sent, and so nothing is billed: the alarms take it as zero. */
  function gauge(name: Measure, value: number): void {
    if (value > 0) log.measure(name, value);
  }

  async function sweep(): Promise<number> {
    const seen = new Set<string>();
    while (seen.size < maxPerRun) {
      const due = await ledger.due(now(), pageSize);
      // The index lags behind: it may show again what was postponed a moment ago.
      const fresh = due.filter(({ id }) => !seen.has(id));
      for (const one of fresh) {
        seen.add(one.id);
        await queue.send(one.id);
        await ledger.postpone(one, later(now(), sweepAfterSeconds));
        const { id, status } = one;
        // The id of a relation or a person is personal data.
        log.count(
          "Swept",
          "An item that is due was queued",
          status === undefined ? { kind: id.split("|")[0] } : { id, status },
        );
      }
      if (due.length < pageSize || fresh.length === 0) break;
    }
    return seen.size;
  }

  /** The resignations of a status, the first accepted first. One that cannot be read is counted, and hides no other. */
  async function allOf(status: Status): Promise<Resignation[]> {
    const found: Resignation[] = [];
    let after: Position | undefined;
    do {
      const page = await ledger.list({ status, now: now(), limit: pageSize, isOldestFirst: true, after });
      for (const id of page.unreadable) countUnreadable(log, id);
      found.push(...page.items);
      after = page.next;
    } while (after && found.length < maxLookedThrough);
    if (after) log.warn("There are more of a status than are looked through: the gauges count the oldest", { status });
    return found;
  }

  /** Measures for how long all has been stopped, while it is. */
  async function watchTheStop(): Promise<Stop> {
    const stop = await ledger.readStop();
    if (stop.isUnreadable) countUnreadable(log, stopId);
    if (stop.isStopped) {
      const stoppedForMs = stop.since === undefined ? 0 : now().getTime() - Date.parse(stop.since);
      gauge("StoppedSeconds", Math.round(stoppedForMs / 1_000));
    }
    return stop;
  }

  /**
   * Measures how many departures wait for us, and how long the oldest has: GenAuth may be away, or refuse the token.
   * The time in which all was stopped does not count.
   */
  async function watchTheOpen(stop: Stop): Promise<void> {
    const open: Resignation[] = [];
    for (const status of ["accepted", "resigning", "suspended", "scheduled"] as const)
      open.push(...(await allOf(status)));
    const nowMs = now().getTime();
    // A departure whose day is to come has an age below zero.
    const ages = open.map((one) => (nowMs - openSince(one) - stoppedMs(stop, openSince(one), nowMs)) / 1_000);
    gauge("OpenWaiting", ages.filter((seconds) => seconds >= 0).length);
    gauge("OldestOpenSeconds", Math.round(Math.max(0, ...ages)));
  }

  /** Measures how many departures failed, and neither were tried again nor cancelled by an operator. */
  async function watchTheFailed(): Promise<void> {
    gauge("FailedWaiting", (await allOf("failed")).length);
  }

  /** Measures and returns how many departures wait for an operator; measures how long the longest has. */
  async function watchTheHeld(): Promise<number> {
    const items = await allOf("held");
    gauge("HeldWaiting", items.length);
    // Counted from the last hold: a departure may have been approved and held again.
    const since = items.flatMap(({ id, history }) => {
      const heldAt = history.findLast(({ status }) => status === "held")?.at;
      return heldAt === undefined ? [] : [{ id, seconds: (now().getTime() - Date.parse(heldAt)) / 1_000 }];
    });
    const [longest] = since.toSorted((one, other) => other.seconds - one.seconds);
    gauge("OldestHeldSeconds", Math.round(Math.max(0, longest?.seconds ?? 0)));
    if (longest && longest.seconds >= heldTooLongSeconds) {
      log.error("A departure has been held for more than a day", { id: longest.id });
    }
    return items.length;
  }

  /** Says which source is silent for too long: an event that never came is in no log. Once a week: that all is alive. */
  async function listenForSilence(held: number, stop: Stop): Promise<void> {
    const lives = await silences(ledger, log, now());
    const silent = lives.filter(({ days }) => settings.silenceDays > 0 && days >= settings.silenceDays);
    gauge("SilentSources", silent.length);
    for (const { source, days } of silent) {
      const message = "A source that is on has sent nothing for a long time: is its subscription still on?";
      log.error(message, { source, days: Math.floor(days) });
    }
    const week = mondayOf(now());
    const isTold = settings.notices.about.includes("alive");
    if (!isTold || !(await ledger.isFirstUse(`alive|${week}`, now().toISOString(), now()))) return;
    const heard = lives.map(({ source, days }) => `${source} last heard ${Math.floor(days)} days ago`);
    const waiting = `${held}${held >= maxLookedThrough ? " or more" : ""} held`;
    const stopped = stop.isStopped ? [`ALL IS STOPPED${stop.since === undefined ? "" : ` since ${stop.since}`}`] : [];
    await notices.sendTogether(
      toMessages({ about: "alive", id: week, why: [...stopped, ...heard, waiting].join("; ") }),
    );
  }
}

/**
 * Since when a departure could have gone on, in milliseconds: since it was accepted or last released, its day came,
 * or the emergency stop was last seen.
 */
function openSince({ acceptedAt, leavesAt, resignAfter, stoppedUntil, history }: Resignation): number {
  const acceptedLast = history.findLast(({ status }) => status === "accepted")?.at;
  const moments = [acceptedLast ?? acceptedAt, leavesAt, resignAfter, stoppedUntil];
  return Math.max(...moments.flatMap((moment) => (moment === undefined ? [] : [Date.parse(moment)])));
}

/** The Monday that a week began with, as 2026-11-23. */
function mondayOf(day: Date): string {
  const daysSince = (day.getUTCDay() + 6) % 7;
  return new Date(day.getTime() - daysSince * 86_400_000).toISOString().slice(0, 10);
}

/** Builds the function from its environment. */
export function connectSweep(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const site: Site = { name: "sweep", environment };
  return createSweep({
    ...connectGround(site, settingsOf.sweep, writeLog),
    ledger: createLedger(connectTable(site, "LEDGER_TABLE")),
    queue: connectQueue(site, "QUEUE_URL"),
    notices: connectQueue(site, "NOTICES_URL"),
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectSweep(process.env));
