import type { SourceName } from "../resignation.ts";

/** What an event says of somebody: its type, and where the type alone does not say it, what a field of it turned to. */
interface Saying {
  readonly type: string;
  readonly turnedTo?: boolean | string;
}

/** A form that takes somebody out has its form that brings them back. */
interface Form {
  readonly out: Saying;
  readonly back: Saying;
}

/** Everything that counts as a departure or as a return, in two columns: told out, told back. */
export const forms = {
  // `turnedTo` is `is_resigned`. Schema 2.0 has the names with dots, 1.0 the short ones.
  lark: [
    { out: { type: "contact.user.deleted_v3" }, back: { type: "contact.user.created_v3" } },
    {
      out: { type: "contact.user.updated_v3", turnedTo: true },
      back: { type: "contact.user.updated_v3", turnedTo: false },
    },
    { out: { type: "user_leave" }, back: { type: "user_add" } },
    { out: { type: "user_status_change", turnedTo: true }, back: { type: "user_status_change", turnedTo: false } },
  ],
  // `turnedTo` is `Status`.
  wechatwork: [
    { out: { type: "delete_user" }, back: { type: "create_user" } },
    { out: { type: "update_user", turnedTo: "5" }, back: { type: "update_user", turnedTo: "1" } },
  ],
} as const satisfies Partial<Record<SourceName, readonly Form[]>>;

/** What it says of the person, by the table. */
export function whatItSays(
  source: keyof typeof forms,
  type: string,
  turnedTo: boolean | string | undefined,
): "left" | "returned" | undefined {
  const says = (saying: Saying) =>
    saying.type === type && (saying.turnedTo === undefined || saying.turnedTo === turnedTo);
  const table: readonly Form[] = forms[source];
  if (table.some(({ out }) => says(out))) return "left";
  return table.some(({ back }) => says(back)) ? "returned" : undefined;
}
