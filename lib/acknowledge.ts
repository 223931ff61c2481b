import { Validations } from "aws-cdk-lib";
import type { Construct } from "constructs";

/** Tells cdk-nag why a rule does not apply here. */
export function acknowledge(construct: Construct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}
