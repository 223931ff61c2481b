import type { RuntimeSettings } from "./environment.ts";
import type { GenAuth, Outcome } from "./genauth.ts";
import { askBrake } from "./guard.ts";
import type { Ledger } from "./ledger.ts";
import type { Log } from "./log.ts";
import type { Brake } from "./notes.ts";
import { later, type Resignation } from "./resignation.ts";

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
  /** The headcount is wanted and GenAuth did not tell it. */
  | { kind: "unasked"; outcome: Outcome<unknown> };

const headcountAgeMs = 86_400_000;

/** Asks the brake for one more: exact, however many ask at once. */
export async function pullBrake(
  parts: BrakeParts,
  resignation: Pick<Resignation, "id">,
  /** Runs what writes the log, when nobody else of this process does. */
  inTurn: <T>(act: () => Promise<T>) => Promise<T>,
): Promise<BrakeAnswer> {
  const { settings, now } = parts;
  const headcount = await readHeadcount(parts);
  if (typeof headcount === "object") return { kind: "unasked", outcome: headcount };
  const { decision, brakeId, hasTripped } = await inTurn(() =>
    changeBrake(parts, (brake) => askBrake(brake, resignation, settings.brake, headcount, now())),
  );
  if (decision.kind !== "hold") return { kind: "go" };
  return { kind: "hold", why: decision.why, brakeId: brakeId ?? "", hasTripped: hasTripped ?? false };
}

/** Puts the brake on for an hour: until then everything is held, whatever the counts say. */
export async function putBrakeOn(parts: LogParts & Pick<BrakeParts, "now">, why: string): Promise<void> {
  await changeBrake(parts, (brake) => ({ brake: { ...brake, putOn: { until: later(parts.now(), 3_600), why } } }));
}

interface LogParts extends Pick<BrakeParts, "random" | "sleep"> {
  readonly ledger: Pick<Ledger, "readBrake" | "saveBrake">;
}

/** Changes the brake's log as it stands, until nobody else wrote it in between. No new log: it stays as it is. */
async function changeBrake<T extends { brake?: Brake }>(
  { ledger, random, sleep }: LogParts,
  change: (brake: Brake) => T,
): Promise<T> {
  for (let round = 0; round < 200; round += 1) {
    const changed = change(await ledger.readBrake());
    if (!changed.brake || (await ledger.saveBrake(changed.brake))) return changed;
    await sleep(random() * 40);
  }
  throw new Error("The brake's log is being written without end");
}

/** What the brake's share is a share of; `undefined` where we may not ask: the two fixed limits have to do then. */
async function readHeadcount({
  ledger,
  genauth,
  settings,
  log,
  now,
}: BrakeParts): Promise<number | undefined | Outcome<unknown>> {
  if (settings.brake.headcount !== "ask") return settings.brake.headcount;
  const known = await ledger.readHeadcount();
  if (known && now().getTime() - Date.parse(known.at) < headcountAgeMs) return known.total;
  const asked = await genauth.headcount();
  if (asked.kind === "done") {
    await ledger.saveHeadcount(asked.data.totalCount, now());
    return asked.data.totalCount;
  }
  if (known) return known.total;
  if (asked.kind === "busy" || asked.kind === "token_refused") return asked;
  const { statusCode, apiCode, requestId } = asked.answer;
  log.error("GenAuth does not tell the headcount: set brake.headcount to a number", { statusCode, apiCode, requestId });
  return undefined;
}
