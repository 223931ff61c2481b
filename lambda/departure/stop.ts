import * as z from "zod/mini";
import type { Item, Table } from "../aws/table.ts";

/** The item of the emergency stop. While it is there, nobody is cut off, unless it says that it was ended. */
export const stopId = "stop";

const instant = z.iso.datetime();

/** Who stopped everything or started it again, when and why. */
const stepSchema = z.object({
  at: instant,
  by: z.string(),
  status: z.enum(["stopped", "started"]),
  why: z.optional(z.string()),
  /** The request that did it: repeated, it does nothing. */
  request: z.optional(z.string()),
});
export type StopStep = z.infer<typeof stepSchema>;

/** What decides whether all is stopped. It may be written by hand, so nothing else has to be there. */
const stopSchema = z.object({
  since: instant,
  /** When it was started again. Absent: it is stopped. */
  startedAt: z.optional(instant),
});

/** The emergency stop, as it stands in the ledger. */
export interface Stop {
  readonly isStopped: boolean;
  /** The item cannot be read. It counts as a stop: to go on by mistake could not be undone. */
  readonly isUnreadable: boolean;
  /** Of the stop that stands, or of the last one. */
  readonly since?: string | undefined;
  readonly startedAt?: string | undefined;
  readonly by?: string | undefined;
  readonly why?: string | undefined;
  /** The oldest first. An item that was written by hand has none of the time before. */
  readonly history: readonly StopStep[];
  /** Counts the writes. Absent if the item was written by hand. */
  readonly version?: unknown;
}

/** Reads the item. Never throws: whatever cannot be read counts as a stop. */
export function parseStop(item: Item | undefined): Stop {
  if (!item) return { isStopped: false, isUnreadable: false, history: [] };
  const { data } = stopSchema.safeParse({ ...item, since: item.since ?? item.stoppedAt });
  const { by, why, version, history } = item;
  return {
    isStopped: data?.startedAt === undefined,
    isUnreadable: data === undefined,
    ...data,
    ...(typeof by === "string" && { by }),
    ...(typeof why === "string" && { why }),
    history: (Array.isArray(history) ? history : []).flatMap((step) => stepSchema.safeParse(step).data ?? []),
    ...(version !== undefined && { version }),
  };
}

/** The stop after somebody stopped everything. Repeated, it keeps its first `since`, and who and why. */
export function stopped(before: Stop, { at, by, why, request }: Omit<StopStep, "status">): Stop {
  const history = [...withTheFirst(before), { at, by, status: "stopped" as const, why, request }];
  if (before.isStopped && !before.isUnreadable) return { ...before, history };
  return { isStopped: true, isUnreadable: false, since: at, by, why, history, version: before.version };
}

/** The stop after somebody started everything again. */
export function started(before: Stop, { at, by, why, request }: Omit<StopStep, "status">): Stop {
  const history = [...withTheFirst(before), { at, by, status: "started" as const, why, request }];
  const since = before.since ?? at;
  return { ...before, since, startedAt: at, isStopped: false, isUnreadable: false, history };
}

/** The history with the stop that stands: one that was written by hand is not in it. */
function withTheFirst({ isStopped, since, by = "hand", why, history }: Stop): readonly StopStep[] {
  if (!isStopped || since === undefined) return history;
  if (history.some(({ at, status }) => at === since && status === "stopped")) return history;
  const byHand = { at: since, by, status: "stopped" as const, why };
  return [...history, byHand].toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

/** How much of the time between two moments was stopped; all in milliseconds. */
export function stoppedMs({ isStopped, since, history }: Stop, fromMs: number, toMs: number): number {
  const spans: { sinceMs: number; untilMs: number }[] = [];
  let open: string | undefined;
  for (const { at, status } of history) {
    if (status === "stopped") open ??= at;
    else if (open !== undefined) {
      spans.push({ sinceMs: Date.parse(open), untilMs: Date.parse(at) });
      open = undefined;
    }
  }
  if (isStopped && since !== undefined) spans.push({ sinceMs: Date.parse(since), untilMs: Number.POSITIVE_INFINITY });
  const within = spans.map(({ sinceMs, untilMs }) => Math.min(untilMs, toMs) - Math.max(sinceMs, fromMs));
  return within.filter((ms) => ms > 0).reduce((sum, ms) => sum + ms, 0);
}

/** The item of the emergency stop. */
export function createStops(table: Table) {
  return {
    async readStop(): Promise<Stop> {
      return parseStop(await table.get({ id: stopId }));
    },

    /** Writes the stop, unless somebody else wrote since it was read. */
    async saveStop({ isStopped, isUnreadable, since, ...next }: Stop): Promise<boolean> {
      const { version } = next;
      const item = {
        id: stopId,
        ...next,
        // 1b0cc94 and before take whatever has a `since` for a stop, also one that has ended.
        ...(isStopped ? { since } : { stoppedAt: since }),
        history: next.history.slice(-maxSteps),
        version: typeof version === "number" ? version + 1 : 1,
      };
      return version === undefined
        ? table.putIf(item, { condition: "attribute_not_exists(version)" })
        : table.putIf(item, { condition: "version = :version", values: { ":version": version } });
    },
  };
}

/** Older steps are dropped: the item must not grow without end. */
const maxSteps = 100;
