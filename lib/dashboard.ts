import { Duration } from "aws-cdk-lib";
import type { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import {
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type IMetric,
  Metric,
  SingleValueWidget,
} from "aws-cdk-lib/aws-cloudwatch";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { type Measure, type Metric as MetricName, metricNamespace } from "../lambda/log.ts";
import { directoryNames, sourceNames } from "../lambda/resignation/source-names.ts";

export interface DashboardProps {
  readonly api: HttpApi;
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly functions: Readonly<Record<string, LambdaFunction>>;
}

/** For operators: how many people left today, how fast they were resigned, and how many departures wait. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { api, queue, deadLetters, functions }: DashboardProps) {
    super(scope, id);
    const dashboard = new CloudWatchDashboard(this, "Dashboard", { defaultInterval: Duration.days(1) });
    const outcomes: MetricName[] = ["Resigned", "Suspended", "Held", "NotFound", "Duplicate", "Failed"];
    dashboard.addWidgets(
      new SingleValueWidget({
        title: "Today",
        width: 24,
        metrics: (["Accepted", ...outcomes] as const).map((name) => counted(name, Duration.days(1))),
      }),
    );
    dashboard.addWidgets(
      graph(
        "Left, by source",
        sourceNames.map((source) => counted("Accepted", hour, source)),
      ),
      graph(
        "Outcomes",
        outcomes.map((name) => counted(name, hour)),
      ),
      graph("From event to resigned, seconds", [
        measured("SinceEventSeconds", "p50"),
        measured("SinceEventSeconds", "p99"),
      ]),
    );
    dashboard.addWidgets(
      graph("What waits", [
        measured("HeldWaiting", "Maximum"),
        queue.metricApproximateNumberOfMessagesVisible({ label: "in the queue" }),
        deadLetters.metricApproximateNumberOfMessagesVisible({ label: "dead letters" }),
      ]),
      graph("Oldest that waits for us, seconds", [measured("OldestOpenSeconds", "Maximum")]),
      graph(
        "Refused, by source",
        [...directoryNames, "api"].map((source) => counted("Refused", hour, source)),
      ),
    );
    dashboard.addWidgets(
      graph("Requests and 5xx", [api.metricCount({ label: "requests" }), api.metricServerError({ label: "5xx" })]),
      graph(
        "Errors of functions",
        Object.entries(functions).map(([label, lambda]) => lambda.metricErrors({ label })),
      ),
      graph("GenAuth", [counted("Retried", hour), counted("TokenRefused", hour), counted("Unconfirmed", hour)]),
    );
  }
}

const hour = Duration.hours(1);

const graph = (title: string, left: IMetric[]) => new GraphWidget({ title, left, width: 8 });

const counted = (metricName: MetricName, period: Duration, source?: string) =>
  new Metric({
    namespace: metricNamespace,
    metricName,
    period,
    statistic: "Sum",
    label: source ?? metricName,
    ...(source && { dimensionsMap: { source } }),
  });

const measured = (metricName: Measure, statistic: string) =>
  new Metric({ namespace: metricNamespace, metricName, statistic, label: `${metricName} ${statistic}` });
