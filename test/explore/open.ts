/** What the explorer finds and is not mended yet. Whoever mends it takes it off this list. */
import type { Setup } from "./state.ts";

interface Open {
  readonly what: string;
  readonly why: string;
  /** @default - everywhere */
  readonly where?: (setup: Setup) => boolean;
}

export const open: readonly Open[] = [
  {
    what: "8 never off the list of what is due",
    why: "endWithoutTurn leaves what has a retryAt on the list, though it has no turn any more",
  },
  {
    what: "9 cut off without a place at the brake",
    why: "a hold by the brake writes the effect of row 20 as if it had not been held",
    where: ({ graceDays, places }) => graceDays === 1 && places !== undefined,
  },
  {
    what: "8 resigned has a turn by the table, and none by the question before it",
    why: "mayHaveTurn reads the returns of the departure's own relation alone",
  },
  {
    what: "8 suspended has a turn by the table, and none by the question before it",
    why: "the same",
  },
  {
    what: "7 cancelled, and nobody was told",
    why: "a worker that dies between the effect and the departure of a give-back: a cancelled one has no turn any more",
    where: ({ graceDays }) => graceDays === 1,
  },
  {
    what: "1 nobody says that they left, and they are suspended by us",
    why: "a later try overwrites calledAt, by which a suspension without changedAt is known as ours",
    where: ({ budget }) => budget.noMark !== undefined,
  },
  {
    what: "8 does not come to rest",
    why: "what has failed may not be held, so a return without a place at its brake is tried again and again",
    where: ({ returnPlaces }) => returnPlaces !== undefined,
  },
  {
    what: "7 held as unseen, and no look was refused",
    why: "the day comes between the two questions whether it has come",
    where: ({ tells, budget }) => tells.join().includes("F") || budget.schedule !== undefined,
  },
  {
    what: "8 cancelled has a turn, and nobody wakes it",
    why: "row 9 closes what was carried out and undone by hand, and it stays the effect's by; a turn would change nothing",
    where: ({ budget }) => budget.hand !== undefined,
  },
  ...[
    "6 a suspension that nobody owns",
    "7 suspended in the ledger, not by the effect",
    "8 suspended has a turn, and nobody wakes it",
  ].map((what) => ({
    what,
    why: "a departure is written by its version alone, also by a worker whose lease has run out",
    where: ({ budget }: Setup) => budget.pause !== undefined,
  })),
];

/** Whether this is known of the project's own rules. */
export const isOpen = (what: string, setup: Setup) =>
  open.some((one) => one.what === what && (one.where?.(setup) ?? true));
