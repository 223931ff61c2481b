import type { Queue } from "../aws/queue.ts";
import type { Answer } from "../http.ts";
import type { Ledger } from "../ledger.ts";
import type { Log } from "../log.ts";
import type { DeskSettings } from "../settings/by-function.ts";
import type { Reverify } from "./reverify.ts";

/** The parts that operators' requests are carried out with. */
export interface Desk {
  readonly ledger: Ledger;
  readonly queue: Pick<Queue, "send">;
  readonly settings: DeskSettings;
  readonly reverify: Reverify;
  readonly log: Log;
  readonly now: () => Date;
}

/** What a verified request of an operator's does. Throws `Problem`s. */
export type Work = (desk: Desk) => Promise<Answer>;
