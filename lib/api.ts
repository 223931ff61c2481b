import { Aws, Fn } from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import { DomainName, HttpApi, type HttpMethod, HttpStage, LogGroupLogDestination } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { Certificate, CertificateValidation } from "aws-cdk-lib/aws-certificatemanager";
import type { Alias, IFunction, Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { ARecord, HostedZone, RecordTarget } from "aws-cdk-lib/aws-route53";
import { ApiGatewayv2DomainProperties } from "aws-cdk-lib/aws-route53-targets";
import type { Construct } from "constructs";
import { acknowledge } from "./acknowledge.ts";
import { keptOnceMade } from "./parts.ts";
import type { Settings } from "./settings.ts";

/** The API that senders call: the routes of the two functions and no other. Each request's signature authorises it. */
export function createApi(
  scope: Construct,
  routes: readonly (readonly [route: string, target: LambdaFunction | Alias])[],
  { domain, throttle, logRetentionDays }: Settings,
): { api: HttpApi; url: string; domainTarget: string | undefined } {
  const api = new HttpApi(scope, "Api", {
    createDefaultStage: false,
    // Until every console has the new address, the former one still takes departures.
    disableExecuteApiEndpoint: domain?.only === true,
  });
  const integrations = new Map(
    [...new Set(routes.map(([, target]) => target))].map((target) => [
      target,
      // One permission a function: its routes come and go without one.
      new HttpLambdaIntegration(target.node.id, target as IFunction, { scopePermissionToRoute: false }),
    ]),
  );
  for (const [route, target] of routes) {
    const [method = "", path = ""] = route.split(" ");
    const integration = integrations.get(target) as HttpLambdaIntegration;
    for (const added of api.addRoutes({ path, methods: [method as HttpMethod], integration })) {
      acknowledge(added, { "AwsSolutions-APIG4": "Senders can only sign their requests: that is the authorisation" });
    }
  }
  const accessLogs = new LogGroup(scope, "AccessLogs", {
    // Any other name is entered in a policy of the region, which is full in busy accounts. The stack's id tells this
    // one from a stack before, whose log stays.
    logGroupName: `/aws/vendedlogs/resign-webhook/${Fn.select(2, Fn.split("/", Aws.STACK_ID))}`,
    retention: logRetentionDays as RetentionDays,
    removalPolicy: keptOnceMade,
  });
  const domainName = domain && createDomain(scope, domain);
  const stage = new HttpStage(scope, "Stage", {
    httpApi: api,
    stageName: "$default",
    autoDeploy: true,
    throttle: { rateLimit: throttle.ratePerSecond, burstLimit: throttle.burst },
    accessLogSettings: {
      destination: new LogGroupLogDestination(accessLogs),
      format: AccessLogFormat.custom(JSON.stringify(accessLogFields)),
    },
    ...(domainName && { domainMapping: { domainName } }),
  });
  return {
    api,
    url: domain ? `https://${domain.name}` : stage.url.replace(/\/$/, ""),
    domainTarget: domainName?.regionalDomainName,
  };
}

function createDomain(
  scope: Construct,
  { name, certificateArn, hostedZone }: NonNullable<Settings["domain"]>,
): DomainName {
  const zone =
    hostedZone &&
    HostedZone.fromHostedZoneAttributes(scope, "Zone", { hostedZoneId: hostedZone.id, zoneName: hostedZone.name });
  const certificate =
    certificateArn === undefined
      ? new Certificate(scope, "OwnCertificate", {
          domainName: name,
          validation: CertificateValidation.fromDns(zone),
        })
      : Certificate.fromCertificateArn(scope, "Certificate", certificateArn);
  const domainName = new DomainName(scope, "Domain", { domainName: name, certificate });
  if (zone) {
    const { regionalDomainName, regionalHostedZoneId } = domainName;
    const target = RecordTarget.fromAlias(new ApiGatewayv2DomainProperties(regionalDomainName, regionalHostedZoneId));
    new ARecord(scope, "DomainRecord", { zone, recordName: `${name}.`, target });
  }
  return domainName;
}

const accessLogFields = {
  requestId: "$context.requestId",
  time: "$context.requestTime",
  ip: "$context.identity.sourceIp",
  route: "$context.routeKey",
  status: "$context.status",
  latencyMs: "$context.responseLatency",
  integrationError: "$context.integrationErrorMessage",
};
