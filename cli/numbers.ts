import { InvalidArgumentError } from "commander";

/** Reads an option that is a whole number, 0 and more. */
export function wholeNumber(given: string): number {
  if (!/^\d{1,7}$/.test(given)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(given);
}

/** Reads an option that is a whole number, 1 and more. */
export function positive(given: string): number {
  if (!/^[1-9]\d{0,5}$/.test(given)) throw new InvalidArgumentError("It must be a whole number, at least 1.");
  return Number(given);
}
