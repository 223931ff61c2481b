/** What was looked at, what was found, and if it is not well, what to do. */
export interface Finding {
  readonly what: string;
  readonly found: string;
  readonly isWell: boolean;
  readonly advice?: string;
}

/** A finding as people read it; the advice stands below what is not well. */
export function toText({ what, found, isWell, advice }: Finding): string {
  return `${isWell ? "✔" : "✘"} ${what}: ${found}${!isWell && advice ? `\n    ${advice}` : ""}`;
}
