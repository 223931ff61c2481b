/** The trail for auditors. */
import { stringify } from "csv-stringify/sync";
import type { Shown } from "./resignations.ts";

/** The trail's formats. */
export const formats = ["csv", "jsonl"] as const;
export type Format = (typeof formats)[number];

/** What stands above the rows. */
export const toHead = (format: Format): string => (format === "csv" ? toCsv([columns]) : "");

/** One resignation, with the line's end. */
export const toLine = (one: Shown, format: Format): string =>
  format === "csv" ? toCsv([toRow(one)]) : `${JSON.stringify(one)}\n`;

const columns = [
  ...[
    "id",
    "userId",
    "genauthUserId",
    "name",
    "source",
    "requestedBy",
    "status",
    "heldFor",
    "occurredAt",
    "acceptedAt",
  ],
  ...["resignedAt", "confirmedAt", "attempts", "requestId", "statusCode", "apiCode", "history"],
  ...["backAfterResigned", "acknowledged"],
];

function toRow(one: Shown): unknown[] {
  const history = one.history
    .map(({ at, by, status, why }) => `${at} ${status} by ${by}${why ? `: ${why}` : ""}`)
    .join("; ");
  const [backAfterResigned, acknowledged] = [one.backAfterResigned?.at, one.acknowledged?.by];
  const flat: Record<string, unknown> = {
    ...one,
    ...one.person,
    ...one.genauth,
    history,
    backAfterResigned,
    acknowledged,
  };
  return columns.map((column) => flat[column]);
}

/** A name that begins with = must not be run as a formula by the auditor's spreadsheet. */
function toCsv(rows: unknown[][]): string {
  return stringify(rows, { escape_formulas: true });
}
