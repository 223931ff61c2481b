import { CfnSecurityGroup } from "aws-cdk-lib/aws-ec2";
import { Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { CfnFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { acknowledge } from "./acknowledge.ts";
import type { OwnRole } from "./role.ts";
import type { Settings } from "./settings.ts";

/** What Lambda does with a function's role to connect it to a network: AWS's AWSLambdaVPCAccessExecutionRole. */
const interfaceActions = [
  "ec2:AssignPrivateIpAddresses",
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:UnassignPrivateIpAddresses",
];

export interface Network {
  /** Lets a function call out through the network of the settings. */
  attach(target: CfnFunction, role: OwnRole): void;
}

/** The network of the settings; `undefined` where there is none, and functions call out through AWS's own. */
export function networkOf(scope: Construct, { network }: Settings): Network | undefined {
  if (network === undefined) return undefined;
  const { vpcId, subnetIds, securityGroupIds = [httpsAlone(scope, vpcId)] } = network;
  return {
    attach(target, role) {
      target.vpcConfig = { subnetIds: [...subnetIds], securityGroupIds: [...securityGroupIds] };
      role.addToPrincipalPolicy(new PolicyStatement({ actions: interfaceActions, resources: ["*"] }));
      // The key is there where a function's own code calls, and not where Lambda does.
      role.addToPrincipalPolicy(
        new PolicyStatement({
          effect: Effect.DENY,
          actions: ["ec2:*"],
          resources: ["*"],
          conditions: { Null: { "lambda:SourceFunctionArn": "false" } },
        }),
      );
      acknowledge(role, {
        "AwsSolutions-IAM5[Resource::*]":
          "EC2 takes these actions for no narrower resource; the function's code may not use them",
        "AwsSolutions-IAM5[Action::ec2:*]": "A denial: the function's code may do nothing in EC2",
      });
    },
  };
}

/** A security group that lets nothing in, and out what goes to port 443. */
function httpsAlone(scope: Construct, vpcId: string): string {
  return new CfnSecurityGroup(scope, "Network", {
    groupDescription: "Resign webhook: the functions that call GenAuth, Slack, chats and the second listener",
    vpcId,
    securityGroupEgress: [{ cidrIp: "0.0.0.0/0", ipProtocol: "tcp", fromPort: 443, toPort: 443, description: "https" }],
  }).attrGroupId;
}
