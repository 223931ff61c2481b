import { randomInt } from "node:crypto";

/** Letters and digits, by chance: every console takes those. */
export function randomText(length: number): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join("");
}

/**
 * A secret for the stack on one machine. So marked that a search through everything printed and logged shows whether
 * one got out (`.ci/run`).
 */
export const localSecret = (length: number) => `SecretOf${randomText(length - 8)}`;
