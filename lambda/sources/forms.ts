/** What an event says of somebody: its type, and where the type alone does not say it, what a field of it turned to. */
interface Saying {
  readonly type: string;
  readonly turnedTo?: boolean | string;
}

/** A form that takes somebody out has its form that brings them back: told out, told back. */
export interface Form {
  readonly out: Saying;
  readonly back: Saying;
}

/** What it says of the person, by a source's table of forms. */
export function whatItSays(
  forms: readonly Form[],
  type: string,
  turnedTo: boolean | string | undefined,
): "left" | "returned" | undefined {
  const says = (saying: Saying) =>
    saying.type === type && (saying.turnedTo === undefined || saying.turnedTo === turnedTo);
  if (forms.some(({ out }) => says(out))) return "left";
  return forms.some(({ back }) => says(back)) ? "returned" : undefined;
}
