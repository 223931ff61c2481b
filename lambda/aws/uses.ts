import { keptDays } from "./schema.ts";
import { expiry, type Table } from "./table.ts";

/** The items of what may be done once: a signed decision, a weekly line. */
export function createUses(table: Table) {
  return {
    /** Whether the key is used for the first time, or again for the same content. */
    async isFirstUse(key: string, content: string, now: Date): Promise<boolean> {
      const id = `use|${key}`;
      const item = { id, content, expiresAt: expiry(now, keptDays) };
      return (await table.put(item, "attribute_not_exists(id)")) || (await table.get({ id }))?.content === content;
    },
  };
}
