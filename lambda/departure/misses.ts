import * as z from "zod/mini";
import type { Table } from "../aws/table.ts";
import type { SourceName } from "../resignation/source-names.ts";

/** The items that count departures of a source, one after the other, of people whom GenAuth does not know. */
export function createMisses(table: Table) {
  return {
    /** Counts a source's departures that GenAuth knew nobody for, one after the other. Gives back how many in a row. */
    async countMiss(source: SourceName): Promise<number> {
      const item = await table.update({
        key: { id: missesId(source) },
        expression: "ADD #count :one",
        names: { "#count": "count" },
        values: { ":one": 1 },
      });
      return z.object({ count: z.number() }).parse(item).count;
    },

    /** Somebody was known: the row of misses ends. */
    async endMisses(source: SourceName): Promise<void> {
      await table.put({ id: missesId(source), count: 0 });
    },
  };
}

export const missesId = (source: SourceName) => `misses|${source}`;
