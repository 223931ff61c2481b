import { PolicyDocument, type PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";

/**
 * A role of the stack, with what it may do inside it. A policy beside it would be one resource more, and what uses the
 * role could be there before its rights are.
 */
export class OwnRole extends Role {
  private readonly rights: PolicyDocument;

  /** `service`: who takes the role on, for this account alone where `conditions` say so. */
  constructor(scope: Construct, id: string, service: string, conditions: Readonly<Record<string, unknown>> = {}) {
    const rights = new PolicyDocument();
    super(scope, id, {
      assumedBy: new ServicePrincipal(service, { conditions }),
      inlinePolicies: { Own: rights },
    });
    this.rights = rights;
  }

  override addToPrincipalPolicy(statement: PolicyStatement) {
    this.rights.addStatements(statement);
    return { statementAdded: true, policyDependable: this };
  }
}
