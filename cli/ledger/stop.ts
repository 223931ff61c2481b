/** The emergency stop, as operators give it and are told of it. */
import type { stopView } from "../../lambda/operators/stop.ts";
import type { Operator } from "../operator.ts";
import { print } from "./table.ts";

/** The stop as the interface gives it to operators. */
export type ShownStop = ReturnType<typeof stopView>;

export interface StopOptions {
  url: string;
  key?: string;
  /** Who stops or starts. */
  operator: string;
  json?: boolean;
  /** It stands in the item, and in the history of each departure that waits. */
  why?: string;
}

/** Stops everything, and prints since when. */
export async function stopAll(operator: Operator, options: StopOptions): Promise<void> {
  const stop = await operator.call<ShownStop>("POST", "/stop", toBody(options));
  print(stop, options, () => {
    const isFirst = stop.history.at(-1)?.at === stop.since;
    console.log(`${isFirst ? "" : "It was stopped before. "}${toBanner(stop)}\nThis is ${options.url}.`);
  });
}

/** Starts everything again, and prints what comes of it. */
export async function startAll(operator: Operator, options: StopOptions): Promise<void> {
  const before = await operator.call<ShownStop>("GET", "/stop");
  const stop = before.isStopped ? await operator.call<ShownStop>("POST", "/start", toBody(options)) : before;
  print(stop, options, () =>
    console.log(
      before.isStopped
        ? `Started: ${options.url}. What waited goes on within ten minutes; the brake holds what is too much of it.\nWho waits for you: npm run ledger -- list --status held`
        : "Nothing is stopped.",
    ),
  );
}

const toBody = ({ operator, why }: StopOptions) => ({ operator, ...(why !== undefined && { reason: why }) });

/** Says on standard error that all is stopped, if it is. A webhook of a version without a stop is left in peace. */
export async function warnIfStopped(operator: Operator): Promise<void> {
  const stop = await operator.call<ShownStop>("GET", "/stop").catch(() => undefined);
  if (stop?.isStopped) console.error(`${toBanner(stop)}\n`);
}

/** Since when and by whom all is stopped, in capitals. */
export const toBanner = (stop: ShownStop) =>
  `ALL IS STOPPED ${toSince(stop)}\nNobody is resigned or suspended. What arrives is written down and waits; access is still given back.\nGo on with: npm run ledger -- start`;

/** Since when, by whom and why. */
export function toSince({ since, by, why, unreadable }: ShownStop): string {
  const told = `since ${since ?? "an unknown time"}, by ${by ?? "somebody, by hand"}${why ? `: ${why}` : ""}`;
  return unreadable ? `${told} (the item was written by hand and cannot be read; it counts as a stop)` : told;
}
