/**
 * When something happened: no sooner than `from`, no later than `to`. Sources send milliseconds, seconds or no time.
 */
export interface Moment {
  readonly from: Date;
  readonly to: Date;
}

const untimedMs = 8 * 3_600_000;
const aheadMs = 3_600_000;

/** A moment that was told to the millisecond. */
export const exactly = (at: Date): Moment => ({ from: at, to: at });

/** A moment that was told in whole seconds. */
export const withinSecond = (at: Date): Moment => ({ from: at, to: new Date(at.getTime() + 999) });

/** A moment that was not told: Lark repeats an event for seven hours at the most. */
export const untimed = (receivedAt: Date): Moment => ({
  from: new Date(receivedAt.getTime() - untimedMs),
  to: receivedAt,
});

/** A departure that claims to be so far ahead comes from a wrong clock: it is kept and told, not carried out. */
export const isAhead = (occurredAt: Date, receivedAt: Date) => occurredAt.getTime() > receivedAt.getTime() + aheadMs;

/** No departure is from before or after that: a year out of this range is a mistake of its sender's. */
export function isOutOfRange(at: Date): boolean {
  const year = at.getUTCFullYear();
  return year < 2000 || year >= 2100;
}

/**
 * A return as it is written down: it surely did not happen later than it arrived. Where its source's clock is ahead,
 * its `to` stays, so that it still compares with a departure of the same clock; a clock that is wrong by more than an
 * hour is not believed at all.
 */
export function cutReturn({ from, to }: Moment, receivedAt: Date): Moment {
  const cut = (told: Date) => (told.getTime() < receivedAt.getTime() ? told : receivedAt);
  return { from: cut(from), to: isAhead(to, receivedAt) ? receivedAt : to };
}

/** ISO 8601 of a moment so many seconds later. */
export const later = (from: Date, seconds: number) => new Date(from.getTime() + seconds * 1000).toISOString();
