import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import { DomainName, HttpApi, type HttpMethod, HttpStage, LogGroupLogDestination } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { Certificate, CertificateValidation } from "aws-cdk-lib/aws-certificatemanager";
import { type IMetric, Metric } from "aws-cdk-lib/aws-cloudwatch";
import type { Alias, IFunction, Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { FilterPattern, LogGroup, MetricFilter, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { ARecord, HostedZone, RecordTarget } from "aws-cdk-lib/aws-route53";
import { ApiGatewayv2DomainProperties } from "aws-cdk-lib/aws-route53-targets";
import type { Construct } from "constructs";
import { metricNamespace } from "../lambda/log.ts";
import { acknowledge } from "./parts.ts";
import type { Settings } from "./settings.ts";

/**
 * The API that senders call: the routes of the two functions and no other. Each request's signature authorises it.
 * `turnedAway` counts what never reaches a function: 429 on any route, and 413 on a directory's.
 */
export function createApi(
  scope: Construct,
  routes: readonly (readonly [route: string, target: LambdaFunction | Alias])[],
  directoryRoutes: readonly string[],
  { domain, throttle, logRetentionDays }: Settings,
): { api: HttpApi; url: string; domainTarget: string | undefined; turnedAway: IMetric } {
  const api = new HttpApi(scope, "Api", {
    createDefaultStage: false,
    disableExecuteApiEndpoint: domain !== undefined,
  });
  const integrations = new Map(
    [...new Set(routes.map(([, target]) => target))].map((target) => [
      target,
      new HttpLambdaIntegration(target.node.id, target as IFunction),
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
    retention: logRetentionDays as RetentionDays,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const domainName = domain && createDomain(scope, domain);
  const stage = new HttpStage(scope, "Stage", {
    httpApi: api,
    stageName: "$default",
    autoDeploy: true,
    throttle: { rateLimit: throttle.ratePerSecond, burstLimit: throttle.burst },
    accessLogSettings: {
      destination: new LogGroupLogDestination(accessLogs),
      format: AccessLogFormat.custom(JSON.stringify({ stack: Stack.of(scope).stackName, ...accessLogFields })),
    },
    ...(domainName && { domainMapping: { domainName } }),
  });
  return {
    api,
    turnedAway: countTurnedAway(accessLogs, directoryRoutes),
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

/** AWS counts no status by itself, and neither request is in a function's log. */
function countTurnedAway(accessLogs: LogGroup, directoryRoutes: readonly string[]): IMetric {
  const is = (field: string, value: string) => FilterPattern.stringValue(`$.${field}`, "=", value);
  const metricName = "TurnedAway";
  new MetricFilter(accessLogs, metricName, {
    logGroup: accessLogs,
    filterPattern: FilterPattern.any(
      is("status", "429"),
      FilterPattern.all(is("status", "413"), FilterPattern.any(...directoryRoutes.map((route) => is("route", route)))),
    ),
    metricNamespace,
    metricName,
    dimensions: { Stack: "$.stack" },
  });
  const { stackName } = Stack.of(accessLogs);
  return new Metric({ namespace: metricNamespace, metricName, statistic: "Sum", dimensionsMap: { Stack: stackName } });
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
