/** What is refused at synth, and that no form of a value shows. */
import { Token } from "aws-cdk-lib";
import * as settingsOf from "../lambda/settings/by-function.ts";
import type { Settings } from "./settings.ts";

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

/**
 * Throws an error that names a setting which AWS would refuse in this region. Where the template names none, the region
 * is this shell's.
 */
export function refuseByRegion({ xRay, kmsKeyArn, domain }: Settings, given: string): void {
  const region = Token.isUnresolved(given) ? process.env.CDK_DEFAULT_REGION : given;
  if (region === undefined) return;
  if (xRay && region.startsWith("cn-")) {
    throw new Error(`resignWebhook.xRay: AWS has no X-Ray for functions in ${region}: leave it out (docs/china.md)`);
  }
  for (const [name, arn] of Object.entries({ kmsKeyArn, "domain.certificateArn": domain?.certificateArn })) {
    const there: string = arn?.split(":")[3] ?? region;
    if (there !== region) throw new Error(`resignWebhook.${name}: is of ${there}, and the stack's region is ${region}`);
  }
}

/** Where tokens are, as in `genauth.userPoolId`. */
function tokensIn(value: unknown, path: string): string[] {
  if (Token.isUnresolved(value)) return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => tokensIn(inner, `${path}.${name}`));
}
