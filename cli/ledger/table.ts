/** Resignations as people read them. */
import Table from "cli-table3";
import { isUrgent, type Shown } from "./resignations.ts";

/** Prints for programs, or for people. */
export function print(value: unknown, { json }: { json?: boolean }, forPeople: () => void): void {
  if (json) console.log(JSON.stringify(value, null, 2));
  else forPeople();
}

/** One row each. */
export function toTable(resignations: Shown[]): string {
  const table = new Table({ ...plain(), head: ["id", "person", "name", "status", "why", "occurred", "tries"] });
  for (const one of resignations) {
    table.push([one.id, one.userId, one.person?.name ?? "", one.status, whyOf(one), one.occurredAt, one.attempts]);
  }
  return resignations.length > 0 ? table.toString() : "None.";
}

/** Everything about one, with its history. */
export function toCard({ history, ...fields }: Shown): string {
  const table = new Table(plain());
  for (const [name, value] of Object.entries(fields)) table.push({ [name]: toText(name, value) });
  const steps = history.map(
    ({ at, by, status, why }) => `${at}  ${status.padEnd(10)} by ${by}${why ? `: ${why}` : ""}`,
  );
  return [table.toString(), ...steps].join("\n");
}

/** Tables without colours. */
export function plain() {
  return { style: { head: [], border: [] } };
}

function whyOf(one: Shown): string {
  if (one.status === "held") {
    const said = one.history.findLast(({ status }) => status === "held")?.why;
    return `${one.heldFor}${one.brakeId ? ` (${one.brakeId})` : ""}${said ? `: ${said}` : ""}`;
  }
  return isUrgent(one) ? "SAID TO BE BACK: acknowledge" : (one.genauth?.message ?? "");
}

/** A field as people read it: what an operator decides by in words, the rest as it is. */
function toText(name: string, value: unknown): string {
  switch (name) {
    case "candidates":
      return (value as { userId?: string; genauthUserId?: string; name?: string }[])
        .map(({ userId, genauthUserId, name }) => [genauthUserId, userId, name].filter(Boolean).join("  "))
        .join("\n");
    case "shown": {
      const { returns, ...rest } = value as { returns?: Record<string, number> };
      const others = Object.entries(rest).map(([what, told]) => `${what}: ${told}`);
      return [...others, ...toReturns(returns)].join("\n");
    }
    case "returnsHeld":
      return toReturns(value as Record<string, number>).join("\n");
    case "backAfterResigned": {
      const { at, returns } = value as { at: string; returns: Record<string, number> };
      return [`told at ${at}`, ...toReturns(returns)].join("\n");
    }
    default:
      return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}

/** Returns stand in the ledger as how often each was told, by relation and source. */
function toReturns(counts: Record<string, number> = {}): string[] {
  return Object.entries(counts).map(([key, count]) => {
    const [relation, source] = key.split(" ");
    return `${relation} is back, says ${source} (told ${count === 1 ? "once" : `${count} times`})`;
  });
}
