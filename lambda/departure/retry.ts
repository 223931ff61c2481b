import type { Resignation } from "../resignation/resignation.ts";
import { ageMs } from "./gates.ts";
import type { Stop } from "./stop.ts";

export interface RetrySettings {
  readonly firstDelaySeconds: number;
  readonly maxDelaySeconds: number;
  readonly giveUpAfterSeconds: number;
}

/** A longer `Retry-After` of GenAuth's counts as this: SQS hides a message for 12 hours at the most. */
const maxRetryAfterSeconds = 3_600;

/**
 * How long to wait before the next try, after so many: doubling from the first delay to the longest, the
 * upper half of it by chance, and never less than GenAuth asked for, as long as that is at most an hour.
 */
export function retryDelaySeconds(
  attempts: number,
  retry: RetrySettings,
  random: number,
  retryAfterSeconds = 0,
): number {
  const full = Math.min(retry.maxDelaySeconds, retry.firstDelaySeconds * 2 ** Math.min(attempts - 1, 30));
  const asked = Math.min(retryAfterSeconds, maxRetryAfterSeconds);
  return Math.max(Math.ceil(full / 2 + (random * full) / 2), asked);
}

/** Whether `retry.giveUpAfterSeconds` are over, without the time that was stopped: then the departure has failed. */
export function hasRunOut(resignation: Resignation, giveUpAfterSeconds: number, now: Date, stop?: Stop): boolean {
  return ageMs(resignation, now, stop) > giveUpAfterSeconds * 1_000;
}
