import { Token } from "aws-cdk-lib";
import * as settingsOf from "../lambda/settings/by-function.ts";

const builtIn = new Set(Object.values(settingsOf).flatMap((part) => Object.keys(part().def.shape)));

/**
 * Refuses what is known only once the stack is deployed, as another stack's output: what a function reads is built into
 * its bundle before that. Throws an error that names each such setting.
 */
export function refuseTokens(props: object): void {
  const found = Object.entries(props).flatMap(([name, value]) => (builtIn.has(name) ? tokensIn(value, name) : []));
  if (found.length === 0) return;
  const lines = found.map(
    (path) =>
      `  resignWebhook.${path}: is known only once the stack is deployed (a CDK token), and this setting is built into the functions before: give its value`,
  );
  throw new Error(`The settings are wrong:\n${lines.join("\n")}`);
}

/** Where tokens are, as in `genauth.userPoolId`. */
function tokensIn(value: unknown, path: string): string[] {
  if (Token.isUnresolved(value)) return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => tokensIn(inner, `${path}.${name}`));
}
