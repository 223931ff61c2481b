import type { Template } from "aws-cdk-lib/assertions";

export interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What each role of a template may do, by the name of what takes it on: `Webhook`, `SweepSchedule`. */
export function rightsOf(template: Template): Record<string, Statement[]> {
  const roles = Object.entries(template.findResources("AWS::IAM::Role"));
  return Object.fromEntries(
    roles.map(([id, { Properties }]) => {
      const { Policies = [] } = Properties as { Policies?: { PolicyDocument: { Statement: Statement[] } }[] };
      const name = id.replace(/^ResignWebhook/, "").replace(/Role[0-9A-F]{8}$/, "");
      return [name, Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)];
    }),
  );
}
