/** The quarantine: what was refused or could not be read. */
import Table from "cli-table3";
import type { HourCount } from "../../lambda/intake/quarantine.ts";
import type { Operator } from "../operator.ts";
import { plain, print } from "./table.ts";

/** Prints what was refused in the last 14 days, counted by source and reason. */
export async function showQuarantine(operator: Operator, options: { json?: boolean }): Promise<void> {
  const { items } = await operator.call<{ items: HourCount[] }>("GET", "/quarantine");
  print(items, options, () => {
    const table = new Table({ ...plain(), head: ["source", "reason", "how many", "first", "last"] });
    for (const row of bySourceAndReason(items)) table.push(row);
    console.log(items.length > 0 ? table.toString() : "Nothing was refused.");
  });
}

/** Has all of it verified again with the keys of today, and prints what came of it. */
export async function reverify(operator: Operator, options: { json?: boolean }): Promise<void> {
  const total = { looked: 0, verified: 0, departures: 0 };
  let after: string | undefined;
  do {
    const page = await operator.call<typeof total & { next?: string }>("POST", "/quarantine/reverify", { after });
    for (const name of ["looked", "verified", "departures"] as const) total[name] += page[name];
    after = page.next;
  } while (after);
  print(total, options, () => {
    const { looked, verified, departures } = total;
    console.log(`${looked} were kept, ${verified} verify now, ${departures} departures are in the ledger.`);
    if (departures > 0) console.log("They wait for an operator: npm run ledger -- list --status held");
    if (verified < looked) console.log(`${looked - verified} still do not: they stay for the rest of their 14 days.`);
  });
}

function bySourceAndReason(items: HourCount[]): [string, string, number, string, string][] {
  const rows = new Map<string, [string, string, number, string, string]>();
  for (const { source, hour, reasons } of items) {
    for (const [reason, count] of Object.entries(reasons)) {
      const key = `${source} ${reason}`;
      const [, , before, first] = rows.get(key) ?? [source, reason, 0, hour, hour];
      rows.set(key, [source, reason, before + count, first, hour]);
    }
  }
  return [...rows.values()];
}
