import type { RuntimeSettings } from "./environment.ts";
import type { Person } from "./ledger.ts";
import type { Brake } from "./notes.ts";
import type { HeldFor, Resignation } from "./resignation.ts";

/** What the guard answers: go, hold it for an operator, or skip it as the same person's second departure. */
export type Decision =
  | { kind: "go" }
  | { kind: "hold"; heldFor: HeldFor; why: string }
  | { kind: "skip"; duplicateOf: string };

type GuardSettings = Pick<RuntimeSettings, "protected" | "maxEventAgeSeconds" | "dryRun" | "slack">;

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/**
 * May this person be resigned now? Everything but the brake, which counts. Asked again at every try: in a long
 * outage the person may have been hired again.
 *
 * An operator's release answers for age and protection, never for a dry run: while that is on, nothing is sent.
 */
export function guard(resignation: Resignation, person: Person, settings: GuardSettings, now: Date): Decision {
  const { userId, released, grace, occurredAt, id, approvalNeeded } = resignation;
  const { resigned } = person;
  if (resigned && resigned.by !== id && now.getTime() - Date.parse(resigned.at) < dayMs) {
    return { kind: "skip", duplicateOf: resigned.by };
  }
  if (!released && isProtected(userId, settings.protected)) {
    return { kind: "hold", heldFor: "protected", why: "The person is protected" };
  }
  if (!released && resignation.source === "slack" && settings.slack.secondOperator) {
    return { kind: "hold", heldFor: "protected", why: "Another operator must approve what was ordered in Slack" };
  }
  if (!released && approvalNeeded) return { kind: "hold", heldFor: "stale", why: approvalNeeded };
  // A suspension has been through this before, and waits for days on purpose.
  const bornAt = released?.at ?? grace?.resignAfter ?? occurredAt;
  if (now.getTime() - Date.parse(bornAt) > settings.maxEventAgeSeconds * 1000) {
    return { kind: "hold", heldFor: "stale", why: `Told of at ${bornAt}, too long ago` };
  }
  return settings.dryRun
    ? { kind: "hold", heldFor: "dry_run", why: "Dry run: nothing is sent to GenAuth" }
    : { kind: "go" };
}

/** Whether one of the patterns names the sync relation: exactly, or by a prefix that ends in `*`. */
export function isProtected(userId: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? userId.startsWith(pattern.slice(0, -1)) : userId === pattern,
  );
}

/** What the brake says of one more, and the log to be written for that to hold (none when it stays as it is). */
export type BrakeDecision = { decision: Decision; brake?: Brake; brakeId?: string; hasTripped?: boolean };

/**
 * The brake: at most so many in any hour and in any day let through by themselves, whoever asks and however
 * many ask at once, since the log is only written if nobody else wrote it meanwhile. Asking again for the same
 * resignation takes no second place. Held ones do not count.
 */
export function askBrake(
  brake: Brake,
  { id }: Pick<Resignation, "id">,
  settings: RuntimeSettings["brake"],
  headcount: number | undefined,
  now: Date,
): BrakeDecision {
  const ageMs = ({ at }: { at: string }) => now.getTime() - Date.parse(at);
  const passed = brake.passed.filter((one) => ageMs(one) < dayMs);
  if (passed.some((one) => one.id === id)) return { decision: { kind: "go" } };

  const inHour = passed.filter((one) => ageMs(one) < hourMs).length;
  const share = headcount === undefined ? Number.POSITIVE_INFINITY : shareOf(headcount, settings.percentPerDay);
  const isPutOn = brake.putOn && now.getTime() < Date.parse(brake.putOn.until);
  const why = isPutOn
    ? brake.putOn?.why
    : inHour >= settings.perHour
      ? `More than ${settings.perHour} in an hour`
      : passed.length >= settings.perDay
        ? `More than ${settings.perDay} in a day`
        : passed.length >= share
          ? `More than ${settings.percentPerDay} % of ${headcount} people in a day`
          : undefined;

  if (why === undefined) {
    const { brakeId, putOn, ...free } = brake;
    return {
      decision: { kind: "go" },
      brake: { ...free, passed: [...passed, { id, at: now.toISOString() }] },
    };
  }
  const decision: Decision = { kind: "hold", heldFor: "brake", why };
  if (brake.brakeId) return { decision, brakeId: brake.brakeId };
  const brakeId = `brake_${now.toISOString().replace(/[-:]/g, "").slice(0, 15)}Z`;
  return { decision, brakeId, hasTripped: true, brake: { ...brake, passed, brakeId } };
}

/** At least 3, or a small company could let nobody go. */
const shareOf = (headcount: number, percent: number) => Math.max(3, Math.floor((headcount * percent) / 100));

/**
 * How long to wait before the next try, after so many: doubling from the first delay to the longest, the
 * upper half of it by chance, and never less than GenAuth asked for.
 */
export function retryDelaySeconds(
  attempts: number,
  retry: RuntimeSettings["retry"],
  random: number,
  retryAfterSeconds = 0,
): number {
  const full = Math.min(retry.maxDelaySeconds, retry.firstDelaySeconds * 2 ** Math.min(attempts - 1, 30));
  return Math.max(Math.ceil(full / 2 + (random * full) / 2), retryAfterSeconds);
}

/** Whether the time to go on trying is over. */
export function hasRunOut(resignation: Resignation, giveUpAfterSeconds: number, now: Date): boolean {
  const { released, grace, acceptedAt } = resignation;
  const startedAt = released?.at ?? grace?.resignAfter ?? acceptedAt;
  return now.getTime() - Date.parse(startedAt) > giveUpAfterSeconds * 1000;
}
