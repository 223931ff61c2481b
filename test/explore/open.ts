/** What is true of the project's rules and is not mended yet. An entry goes with its mend. */
import type { Setup } from "./state.ts";

interface Open {
  readonly what: string;
  readonly why: string;
  /** @default - everywhere */
  readonly where?: (setup: Setup) => boolean;
}

const leave = ({ tells }: Setup) => tells.join("").replaceAll(/[^LF]/g, "").length;

export const open: readonly Open[] = [
  ...["resigned", "suspended"].map((status) => ({
    what: `8 ${status} has a turn by the table, and none by the question before it`,
    why: "a relation that no departure named has no user in the ledger, so a return at it wakes nothing of the person's",
    where: ({ tells }: Setup) => tells.every((told) => told !== "") && /r/i.test(tells.join("")),
  })),
  ...["1 back, resigned by us, and nobody was told", "8 cancelled has a turn, and nobody wakes it"].map((what) => ({
    what,
    why: "row 9 closes blind what was carried out: a refused look at it is no reason to say that it was called off",
    where: (setup: Setup) => setup.graceDays === 1 && setup.budget.refuseLook !== undefined && leave(setup) > 1,
  })),
];

/** Whether this is known of the project's own rules. */
export const isOpen = (what: string, setup: Setup) =>
  open.some((one) => one.what === what && (one.where?.(setup) ?? true));
