/** CloudWatch's alarms in small: which alarms of a template are on, judged by the metrics that were sent. */
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { ResignWebhookStack } from "../lib/resign-webhook.ts";

/** One value of a metric. A dimension that is a resource of the template stands there as its reference, in JSON. */
export interface Point {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
  readonly atMs: number;
}

interface Stat {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly { Name: string; Value: unknown }[];
}

interface Query {
  readonly Id: string;
  readonly Expression?: string;
  readonly MetricStat?: { Metric: Stat; Period: number; Stat: string };
}

export interface AlarmProperties extends Stat {
  readonly AlarmName: string;
  readonly AlarmDescription: string;
  readonly Metrics?: readonly Query[];
  readonly Period: number;
  readonly Statistic: string;
  readonly EvaluationPeriods: number;
  readonly ComparisonOperator: string;
  readonly Threshold: number;
  readonly TreatMissingData: string;
  readonly OKActions: unknown;
  readonly AlarmActions: unknown;
}

/** The alarms of a stack of this name with a second listener, so that every function and queue is there. */
export function alarmsOf(stackName: string): Record<string, AlarmProperties> {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const settings = {
    genauth: { host: "https://api.genauth.ai", userPoolId: "pool" },
    lark: { forwardTo: "https://sync.example.com" },
  };
  const found = Template.fromStack(new ResignWebhookStack(app, stackName, settings)).findResources(
    "AWS::CloudWatch::Alarm",
  );
  const all = Object.values(found).map(({ Properties }) => Properties as AlarmProperties);
  return Object.fromEntries(all.map((alarm) => [alarm.AlarmName.split("-").at(-1), alarm]));
}

/** The metrics of log lines, as CloudWatch reads them: one for each set of dimensions. */
export function pointsOf(lines: readonly string[]): Point[] {
  return lines.flatMap((line) => {
    const parsed = JSON.parse(line);
    if (!parsed._aws) return [];
    const { Timestamp: atMs, CloudWatchMetrics } = parsed._aws as {
      Timestamp: number;
      CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[];
    };
    return CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
      Dimensions.flatMap((names) =>
        Metrics.map(({ Name }) => ({
          namespace: Namespace,
          name: Name,
          dimensions: Object.fromEntries(names.map((name) => [name, String(parsed[name])])),
          value: Number(parsed[Name]),
          atMs,
        })),
      ),
    );
  });
}

/** The metrics that an alarm watches. */
export const watchedBy = (alarm: AlarmProperties): Stat[] =>
  alarm.Metrics ? alarm.Metrics.flatMap(({ MetricStat }) => MetricStat?.Metric ?? []) : [alarm];

/** A value of a metric that an alarm watches. */
export const pointOf = (stat: Stat, value: number, atMs: number): Point => ({
  namespace: stat.Namespace,
  name: stat.MetricName,
  dimensions: dimensionsOf(stat),
  value,
  atMs,
});

/** The names of the alarms that are on. */
export function alarmsOn(alarms: Record<string, AlarmProperties>, points: readonly Point[], nowMs: number): string[] {
  return Object.entries(alarms).flatMap(([name, alarm]) => (isOn(alarm, points, nowMs) ? [name] : []));
}

function isOn(alarm: AlarmProperties, points: readonly Point[], nowMs: number): boolean {
  const periods = Array.from({ length: alarm.EvaluationPeriods }, (_, index) => index);
  return periods.every((index) => {
    const value = measured(alarm, points, nowMs, index);
    if (value === undefined) return alarm.TreatMissingData === "breaching";
    return alarm.ComparisonOperator === "LessThanThreshold" ? value < alarm.Threshold : value >= alarm.Threshold;
  });
}

function measured(alarm: AlarmProperties, points: readonly Point[], nowMs: number, index: number): number | undefined {
  const read = (stat: Stat, period: number, statistic: string): number | undefined => {
    const endMs = nowMs - index * period * 1_000;
    const values = points
      .filter(({ atMs }) => atMs <= endMs && atMs > endMs - period * 1_000)
      .filter((point) => point.namespace === stat.Namespace && point.name === stat.MetricName)
      .filter(({ dimensions }) => isSame(dimensions, dimensionsOf(stat)))
      .map(({ value }) => value);
    if (values.length === 0) return undefined;
    if (statistic === "Maximum") return Math.max(...values);
    if (statistic === "Sum") return values.reduce((sum, value) => sum + value, 0);
    throw new Error(`No alarm here has the statistic ${statistic}`);
  };
  if (!alarm.Metrics) return read(alarm, alarm.Period, alarm.Statistic);
  const [, terms = ""] = /^MAX\(\[(.+)\]\)$/.exec(alarm.Metrics.find((one) => one.Expression)?.Expression ?? "") ?? [];
  const values = terms.split(", ").flatMap((term) => {
    const [, id, divisor = "1"] = /^(\w+)(?: \/ (\d+))?$/.exec(term) ?? [];
    const stat = alarm.Metrics?.find((one) => one.Id === id)?.MetricStat;
    if (!stat) throw new Error(`The expression of ${alarm.AlarmName} has a term that is not understood: ${term}`);
    const value = read(stat.Metric, stat.Period, stat.Stat);
    return value === undefined ? [] : [value / Number(divisor)];
  });
  return values.length === 0 ? undefined : Math.max(...values);
}

const dimensionsOf = ({ Dimensions = [] }: Stat): Record<string, string> =>
  Object.fromEntries(
    Dimensions.map(({ Name, Value }) => [Name, typeof Value === "string" ? Value : JSON.stringify(Value)]),
  );

const isSame = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean =>
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([name, value]) => other[name] === value);
