import { Aws, Fn, Stack } from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import {
  CfnIntegration,
  type CfnRoute,
  type CfnStage,
  DomainName,
  HttpApi,
  type HttpMethod,
  type HttpRoute,
  HttpStage,
  LogGroupLogDestination,
} from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { Certificate, CertificateValidation } from "aws-cdk-lib/aws-certificatemanager";
import { CfnPermission } from "aws-cdk-lib/aws-lambda";
import { FilterPattern, LogGroup, MetricFilter, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { ARecord, HostedZone, RecordTarget } from "aws-cdk-lib/aws-route53";
import { ApiGatewayv2DomainProperties } from "aws-cdk-lib/aws-route53-targets";
import type { Construct } from "constructs";
import { alarmMetric, metricNamespace } from "../lambda/log.ts";
import { acknowledge } from "./acknowledge.ts";
import type { LiveFunction } from "./live-function.ts";
import { keptOnceMade } from "./parts.ts";
import type { Settings } from "./settings.ts";

/** The routes of a function. `isApart`: each of them has a throttle of its own, which the others cannot use up. */
export interface Routes {
  readonly target: LiveFunction;
  readonly routes: Iterable<string>;
  readonly isApart?: boolean;
}

/** The API that senders call: the routes of the two functions and no other. Each request's signature authorises it. */
export function createApi(
  scope: Construct,
  functions: readonly Routes[],
  directoryRoutes: readonly string[],
  { domain, throttle, logRetentionDays }: Settings,
): { api: HttpApi; url: string; domainTarget: string | undefined } {
  const api = new HttpApi(scope, "Api", {
    createDefaultStage: false,
    // Until every console has the new address, the former one still takes departures.
    disableExecuteApiEndpoint: domain?.only === true,
  });
  const apart = functions.flatMap((one) => {
    const added = addRoutes(api, one);
    return one.isApart ? added : [];
  });
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
      format: AccessLogFormat.custom(JSON.stringify({ stack: Stack.of(scope).stackName, ...accessLogFields })),
    },
    ...(domainName && { domainMapping: { domainName } }),
  });
  const limits = { ThrottlingRateLimit: throttle.ratePerSecond, ThrottlingBurstLimit: throttle.burst };
  const resources = apart.map(({ node }) => node.defaultChild as CfnRoute);
  const routeSettings = Object.fromEntries(resources.map(({ routeKey }) => [routeKey, limits]));
  (stage.node.defaultChild as CfnStage).routeSettings = routeSettings;
  // A stage cannot be told of a route that is not there yet.
  stage.node.addDependency(...resources);
  countTurnedAway(accessLogs, directoryRoutes);
  return {
    api,
    url: domain ? `https://${domain.name}` : stage.url.replace(/\/$/, ""),
    domainTarget: domainName?.regionalDomainName,
  };
}

/** Each function has one integration, and the permission that goes with it. */
function addRoutes(api: HttpApi, { target, routes }: Routes): HttpRoute[] {
  const integration = new HttpLambdaIntegration(target.node.id, target.live, { scopePermissionToRoute: false });
  const all = [...routes].flatMap((route) => {
    const [method = "", path = ""] = route.split(" ");
    return api.addRoutes({ path, methods: [method as HttpMethod], integration });
  });
  for (const route of all) {
    acknowledge(route, { "AwsSolutions-APIG4": "Senders can only sign their requests: that is the authorisation" });
  }
  // Or a deployment could lead requests to an alias that the API may not call yet.
  const made = all.flatMap((route) => route.node.findAll());
  const permissions = made.filter((one) => one instanceof CfnPermission);
  for (const one of made) if (one instanceof CfnIntegration) one.node.addDependency(...permissions);
  return all;
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

/**
 * Adds what never reaches a function to the metric of the alarm `Api`: 429 on any route, and 413 on a directory's. AWS
 * counts no status by itself. A filter takes its dimension out of the line, so each line names the stack.
 */
function countTurnedAway(accessLogs: LogGroup, directoryRoutes: readonly string[]): void {
  const is = (field: string, value: string) => FilterPattern.stringValue(`$.${field}`, "=", value);
  new MetricFilter(accessLogs, "TurnedAway", {
    logGroup: accessLogs,
    filterPattern: FilterPattern.any(
      is("status", "429"),
      FilterPattern.all(is("status", "413"), FilterPattern.any(...directoryRoutes.map((route) => is("route", route)))),
    ),
    metricNamespace,
    metricName: alarmMetric("Api"),
    dimensions: { Stack: "$.stack" },
  });
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
