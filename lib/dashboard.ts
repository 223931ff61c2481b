import { Duration, Stack } from "aws-cdk-lib";
import type { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type IMetric,
  Metric,
  SingleValueWidget,
} from "aws-cdk-lib/aws-cloudwatch";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { alarmParts, type Measure, type Metric as MetricName, metricNamespace } from "../lambda/log.ts";
import { directoryNames, sourceNames } from "../lambda/resignation/source-names.ts";

export interface DashboardProps {
  readonly api: HttpApi;
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly functions: Readonly<Record<string, LambdaFunction>>;
  readonly alarms: readonly Alarm[];
}

/** For operators: how many people left today, how fast they were resigned, and how many departures wait. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { api, queue, deadLetters, functions, alarms }: DashboardProps) {
    super(scope, id);
    const { counted, measured } = metricsOf(Stack.of(this).stackName);
    const dashboard = new CloudWatchDashboard(this, "Dashboard", { defaultInterval: Duration.days(1) });
    const outcomes: MetricName[] = ["Resigned", "Suspended", "Held", "NotFound", "Duplicate", "Failed"];
    dashboard.addWidgets(
      new SingleValueWidget({
        title: "Today",
        width: 24,
        metrics: (["Accepted", ...outcomes] as const).map((name) => counted(name, Duration.days(1))),
      }),
    );
    dashboard.addWidgets(new AlarmStatusWidget({ title: "Alarms", width: 24, height: 3, alarms: [...alarms] }));
    // An alarm watches one sum of these: here is which of them it was.
    const behindAlarms = Object.values(alarmParts).flatMap((parts) => ("counts" in parts ? [parts.counts] : []));
    const names = behindAlarms.flatMap((counts) => Object.keys(counts) as MetricName[]);
    dashboard.addWidgets(
      new GraphWidget({ title: "Behind the alarms", width: 24, left: names.map((name) => counted(name, fiveMinutes)) }),
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
      // The sweep sends nothing where nothing waits.
      graph("What waits (no line: nothing)", [
        ...(["OpenWaiting", "HeldWaiting", "FailedWaiting"] as const).map((name) => measured(name, "Maximum")),
        queue.metricApproximateNumberOfMessagesVisible({ label: "in the queue" }),
        deadLetters.metricApproximateNumberOfMessagesVisible({ label: "dead letters" }),
      ]),
      graph("Oldest that waits for us, and for an operator, seconds (no line: none)", [
        measured("OldestOpenSeconds", "Maximum"),
        measured("OldestHeldSeconds", "Maximum"),
      ]),
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
    dashboard.addWidgets(
      graph("The sweep", [counted("Heartbeat", hour), counted("WorkFailed", hour)]),
      graph("Sources silent for too long (no line: none)", [measured("SilentSources", "Maximum")]),
    );
  }
}

const hour = Duration.hours(1);
const fiveMinutes = Duration.minutes(5);

const graph = (title: string, left: IMetric[]) => new GraphWidget({ title, left, width: 8 });

/** The metrics of one stack. */
const metricsOf = (stackName: string) => ({
  counted: (metricName: MetricName, period: Duration, source?: string) =>
    new Metric({
      namespace: metricNamespace,
      metricName,
      period,
      statistic: "Sum",
      label: source ?? metricName,
      dimensionsMap: { Stack: stackName, ...(source && { source }) },
    }),

  measured: (metricName: Measure, statistic: string) =>
    new Metric({
      namespace: metricNamespace,
      metricName,
      statistic,
      label: `${metricName} ${statistic}`,
      dimensionsMap: { Stack: stackName },
    }),
});
