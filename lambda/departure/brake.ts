import * as z from "zod/mini";
import type { Table } from "../aws/table.ts";
import type { GenAuth, Outcome } from "../genauth/genauth.ts";
import type { Ledger } from "../ledger.ts";
import type { Log } from "../log.ts";
import { later } from "../resignation/moment.ts";
import { noticeSchema } from "../resignation/notice.ts";
import { type Resignation, sweepAfterSeconds } from "../resignation/resignation.ts";
import type { RuntimeSettings } from "../settings/settings.ts";

/**
 * The brakes: how many resignations, and how many returns that call one off, go through without an operator. Exact,
 * however many workers ask at once: a brake's log is only written if no other worker wrote it meanwhile.
 */
export interface BrakeParts {
  readonly ledger: Pick<Ledger, "readBrake" | "saveBrake" | "readHeadcount" | "saveHeadcount">;
  readonly genauth: Pick<GenAuth, "headcount">;
  readonly settings: Pick<RuntimeSettings, "brake">;
  readonly log: Log;
  readonly now: () => Date;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

export type BrakeAnswer =
  | { kind: "go" }
  | { kind: "hold"; why: string; brakeId: string; hasTripped: boolean }
  /** The brake needs the headcount, and GenAuth did not answer. */
  | { kind: "unasked"; outcome: Outcome<unknown> };

/** Runs a write of a brake's log after the others of this process. */
export type InTurn = <T>(act: () => Promise<T>) => Promise<T>;

/** Takes a place at the brake for a resignation, or says why there is none. */
export async function takePlace(
  parts: BrakeParts,
  resignation: Pick<Resignation, "id">,
  inTurn: InTurn,
): Promise<BrakeAnswer> {
  const { settings, now } = parts;
  // A share of 100 % limits nothing, so no headcount is needed.
  const hasShare = settings.brake.percentPerDay < 100;
  const headcount = hasShare ? await readHeadcount(parts) : undefined;
  if (typeof headcount === "object") return { kind: "unasked", outcome: headcount };
  const floor = hasShare && headcount === undefined ? floorOf(settings.brake) : {};
  const limits = { ...settings.brake, headcount, ...floor };
  return inTurn(() => change(parts, "brake", (brake) => askBrake(brake, resignation, limits, now())));
}

/** Takes a place at the returns' brake for a departure that a return calls off: `brake.perHour` of them an hour. */
export function takeReturnPlace(
  parts: Omit<BrakeParts, "genauth">,
  resignation: Pick<Resignation, "id">,
  inTurn: InTurn,
): Promise<BrakeAnswer> {
  const { settings, now } = parts;
  const limits = { perHour: settings.brake.perHour, what: "people came back" };
  return inTurn(() => change(parts, "brake|returns", (brake) => askBrake(brake, resignation, limits, now())));
}

/**
 * Puts the brake on for an hour: every resignation waits for an operator until then. If it was not put on already,
 * this is a new brake event with an alert of its own.
 */
export async function putBrakeOn(parts: LogParts & Pick<BrakeParts, "now">, why: string): Promise<void> {
  const at = parts.now();
  await change(parts, "brake", ({ brakeId, ...brake }) => {
    const isOn = brake.putOn !== undefined && at.getTime() < Date.parse(brake.putOn.until);
    const event = isOn && brakeId !== undefined ? { brakeId } : {};
    return { answer: { kind: "go" }, brake: { ...brake, ...event, putOn: { until: later(at, hourMs / 1_000), why } } };
  });
}

/** Removes the alerts from a brake's log that the notices' queue has taken. */
export async function forgetAlerts(parts: LogParts, name: BrakeName, sent: readonly string[]): Promise<void> {
  await change(parts, name, ({ tell = [], dueAt, ...brake }) => {
    const left = tell.filter(({ id }) => !sent.includes(id));
    return { answer: { kind: "go" }, brake: left.length > 0 ? { ...brake, tell: left, dueAt } : brake };
  });
}

interface LogParts extends Pick<BrakeParts, "random" | "sleep"> {
  readonly ledger: Pick<Ledger, "readBrake" | "saveBrake">;
}

interface Asked {
  readonly answer: BrakeAnswer;
  /** The log that must be written before the answer counts; absent if the log stays as it is. */
  readonly brake?: Brake;
}

/** Reads a brake's log, changes it and writes it, again until no other worker wrote in between. */
async function change(
  { ledger, random, sleep }: LogParts,
  name: BrakeName,
  ask: (brake: Brake) => Asked,
): Promise<BrakeAnswer> {
  for (let round = 0; round < 200; round += 1) {
    const { answer, brake } = ask(await ledger.readBrake(name));
    if (!brake || (await ledger.saveBrake(name, brake))) return answer;
    await sleep(random() * 40);
  }
  throw new Error("The brake's log is being written without end");
}

const hourMs = 3_600_000;
const dayMs = 86_400_000;

export interface Limits {
  readonly perHour: number;
  readonly perDay?: number;
  readonly percentPerDay?: number;
  readonly headcount?: number | undefined;
  /** @default "left" */
  readonly what?: string;
}

/**
 * Asks for one more place. Asking again for the same resignation takes no second place. Held resignations do not
 * count. The first one that is held starts a brake event, and its alert is owed in the same write.
 */
export function askBrake(brake: Brake, { id }: Pick<Resignation, "id">, limits: Limits, now: Date): Asked {
  const passed = brake.passed.filter((one) => now.getTime() - Date.parse(one.at) < dayMs);
  if (passed.some((one) => one.id === id)) return { answer: { kind: "go" } };

  const why = whyHeld({ ...brake, passed }, limits, now);
  if (why === undefined) {
    const { brakeId, putOn, ...free } = brake;
    return { answer: { kind: "go" }, brake: { ...free, passed: [...passed, { id, at: now.toISOString() }] } };
  }
  if (brake.brakeId) return { answer: { kind: "hold", why, brakeId: brake.brakeId, hasTripped: false } };
  const brakeId = `brake_${now.toISOString().replace(/[-:]/g, "").slice(0, 15)}Z`;
  const tell = [...(brake.tell ?? []), { about: "brake_tripped" as const, id: brakeId, why }];
  return {
    answer: { kind: "hold", why, brakeId, hasTripped: true },
    brake: { ...brake, passed, brakeId, tell, dueAt: later(now, sweepAfterSeconds) },
  };
}

function whyHeld({ passed, putOn }: Brake, limits: Limits, now: Date): string | undefined {
  const { perHour, perDay = Number.POSITIVE_INFINITY, percentPerDay = 100, headcount, what = "left" } = limits;
  if (putOn && now.getTime() < Date.parse(putOn.until)) return putOn.why;
  const inHour = passed.filter((one) => now.getTime() - Date.parse(one.at) < hourMs).length;
  const more = what === "left" ? "More than" : `More ${what} than`;
  if (inHour >= perHour) return `${more} ${perHour} in an hour`;
  if (passed.length >= perDay) return `${more} ${perDay} in a day`;
  if (headcount === undefined || passed.length < shareOf(headcount, percentPerDay)) return undefined;
  return `${more} ${percentPerDay} % of ${headcount} people in a day`;
}

/** The day's limit while GenAuth does not tell the headcount: as low as for a small company, which this may be. */
const floorOf = ({ perDay }: RuntimeSettings["brake"]) => ({
  perDay: Math.min(perDay, Math.max(3, Math.floor(perDay / 5))),
});

/** At least 3: a lower share would hold every departure of a small company. */
const shareOf = (headcount: number, percent: number) => Math.max(3, Math.floor((headcount * percent) / 100));

/** The headcount; `undefined` if GenAuth refuses to tell it: then `floorOf` limits the day. */
async function readHeadcount({
  ledger,
  genauth,
  settings,
  log,
  now,
}: BrakeParts): Promise<number | undefined | Outcome<unknown>> {
  if (settings.brake.headcount !== "ask") return settings.brake.headcount;
  const known = await ledger.readHeadcount();
  if (known && now().getTime() - Date.parse(known.at) < dayMs) return known.total;
  const asked = await genauth.headcount();
  if (asked.kind === "done") {
    await ledger.saveHeadcount(asked.data.totalCount, now());
    return asked.data.totalCount;
  }
  if (known) return known.total;
  if (asked.kind === "busy" || asked.kind === "token_refused") return asked;
  const { statusCode, apiCode, requestId } = asked.answer;
  const message = "GenAuth does not tell the headcount: set brake.headcount to a number";
  log.count("HeadcountUnknown", message, { statusCode, apiCode, requestId }, "ERROR");
  return undefined;
}

const instant = z.iso.datetime();

/** The two brakes: one for departures, one for returns that call a departure off. */
export type BrakeName = "brake" | "brake|returns";

/** A brake's log: which resignations were let through without an operator within the last day. */
const brakeSchema = z.object({
  version: z.number(),
  passed: z.array(z.object({ id: z.string(), at: instant })),
  /** Set while the brake is on: names this brake event. */
  brakeId: z.optional(z.string()),
  /** Put on by `putBrakeOn`: until then no place is given, even if the counts would allow one. */
  putOn: z.optional(z.object({ until: instant, why: z.string() })),
  /** The alerts that are owed, and when the sweep queues the brake for them. */
  tell: z.optional(z.array(noticeSchema)),
  dueAt: z.optional(instant),
});
export type Brake = z.infer<typeof brakeSchema>;

/** The items of the brakes' logs, and of the headcount that one of their limits goes by. */
export function createBrakeLog(table: Table) {
  return {
    async readBrake(name: BrakeName): Promise<Brake> {
      const item = await table.get({ id: name });
      return item ? brakeSchema.parse(item) : { version: 0, passed: [] };
    },

    /** Writes a brake's log, unless someone else wrote first. */
    async saveBrake(name: BrakeName, brake: Brake): Promise<boolean> {
      const next = { id: name, ...brake, ...(brake.dueAt && { open: "open" }), version: brake.version + 1 };
      return table.putIf(
        next,
        brake.version
          ? { condition: "version = :version", values: { ":version": brake.version } }
          : { condition: "attribute_not_exists(id)" },
      );
    },

    /** The headcount as GenAuth last told it. One that cannot be read is asked for anew. */
    async readHeadcount(): Promise<{ total: number; at: string } | undefined> {
      const item = await table.get({ id: "headcount" });
      return z.object({ total: z.number(), at: instant }).safeParse(item).data;
    },

    async saveHeadcount(total: number, now: Date): Promise<void> {
      await table.put({ id: "headcount", total, at: now.toISOString() });
    },
  };
}
