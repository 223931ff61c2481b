import { keptDays } from "./schema.ts";
import { expiry, type Table } from "./table.ts";

/** The items of what may be done once: a signed decision, a weekly line. */
export function createUses(table: Table) {
  return {
    /** Whether the key is used for the first time, or again for the same content. */
    async isFirstUse(key: string, content: string, now: Date): Promise<boolean> {
      const id = `use|${key}`;
      const item = { id, content, expiresAt: expiry(now, keptDays) };
      const isFirst = await table.putIf(item, { condition: "attribute_not_exists(id)" });
      return isFirst || (await table.get({ id }))?.content === content;
    },
  };
}
