import { createResignations } from "./aws/resignations.ts";
import { openTable, type TableOptions } from "./aws/table.ts";
import { createUses } from "./aws/uses.ts";
import { createBrakeLog } from "./departure/brake.ts";
import { createMisses } from "./departure/misses.ts";
import { createPeople } from "./departure/people.ts";
import { createStops } from "./departure/stop.ts";
import { createPulse } from "./intake/pulse.ts";
import { createInquiries } from "./operators/inquiry.ts";

/** The ledger: one DynamoDB table. Each kind of item (`aws/schema.ts`) is read and written where its feature is. */
export type Ledger = ReturnType<typeof createLedger>;

export function createLedger(options: TableOptions) {
  const table = openTable(options);
  return {
    ...createResignations(table),
    ...createPeople(table),
    ...createBrakeLog(table),
    ...createMisses(table),
    ...createStops(table),
    ...createPulse(table),
    ...createInquiries(table),
    ...createUses(table),
  };
}
