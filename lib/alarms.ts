import { readFileSync } from "node:fs";
import { Duration, Stack } from "aws-cdk-lib";
import type { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Subscription, Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { type Measure, type Metric as MetricName, metricNamespace } from "../lambda/log.ts";
import { heldTooLongSeconds } from "../lambda/sweep.ts";
import { acknowledge } from "./acknowledge.ts";

export interface AlarmsProps {
  readonly email: string | undefined;
  readonly api: HttpApi;
  /** Counts the requests that API Gateway itself turned away. */
  readonly turnedAway: IMetric;
  readonly deadLetters: Queue;
  readonly noticesDeadLetters: Queue;
  /** Absent where nothing is passed on. */
  readonly forwardsDeadLetters: Queue | undefined;
  readonly functions: Readonly<Record<string, LambdaFunction>>;
}

/** The alarms, each with what an operator does then. An alarm is told when it goes on, and when it is over. */
export class Alarms extends Construct {
  readonly topic: Topic;
  readonly all: readonly Alarm[];

  constructor(scope: Construct, id: string, { email, api, turnedAway, functions, ...queues }: AlarmsProps) {
    super(scope, id);
    this.topic = new Topic(this, "Topic", { enforceSSL: true });
    // `enforceSSL` brings a policy, and that replaces SNS's own, by which the account's alarms could publish.
    const conditions = { StringEquals: { "aws:SourceAccount": Stack.of(this).account } };
    this.topic.grantPublish(new ServicePrincipal("cloudwatch.amazonaws.com", { conditions }));
    if (email) this.topic.addSubscription(new EmailSubscription(email));
    for (const subscription of this.topic.node.findAll().filter((node) => node instanceof Subscription)) {
      acknowledge(subscription, {
        "Serverless::Serverless-SNSRedrivePolicy": "SNS keeps no dead letters for e-mail that cannot be delivered",
      });
    }

    const { deadLetters, noticesDeadLetters, forwardsDeadLetters } = queues;
    const ofFunctions = (kind: string, metricOf: (lambda: LambdaFunction) => IMetric) =>
      Object.fromEntries(Object.entries(functions).map(([name, lambda]) => [`${name}${kind}`, metricOf(lambda)]));
    const ofAws: Partial<Record<AlarmName, Readonly<Record<string, IMetric>>>> = {
      Failed: { DeadLetters: depthOf(deadLetters) },
      Api: { ServerErrors: api.metricServerError({ statistic: "Sum" }), TurnedAway: turnedAway },
      Errors: ofFunctions("Errors", (lambda) => lambda.metricErrors()),
      Throttles: ofFunctions("Throttles", (lambda) => lambda.metricThrottles()),
      NotTold: {
        NoticesDeadLetters: depthOf(noticesDeadLetters),
        ...(forwardsDeadLetters && { ForwardsDeadLetters: depthOf(forwardsDeadLetters) }),
      },
    };
    this.all = Object.entries(alarms).map(([name, kind]) => this.add(name, kind, ofAws[name as AlarmName] ?? {}));
  }

  private add(name: string, kind: Kind, ofAws: Readonly<Record<string, IMetric>>): Alarm {
    const { severity, counts = {}, gauges = {}, periodMinutes = 5, runs = 1, isOnWithout, advice } = kind;
    const own = (metricName: string, statistic: string) =>
      new Metric({
        namespace: metricNamespace,
        metricName,
        statistic,
        dimensionsMap: { Stack: Stack.of(this).stackName },
      });
    const watched = [
      ...Object.entries(counts).map(([metric, from]) => ({ name: metric, from, metric: own(metric, "Sum") })),
      ...Object.entries(gauges).map(([metric, from]) => ({ name: metric, from, metric: own(metric, "Maximum") })),
      ...Object.entries(ofAws).map(([metric, given]) => ({ name: metric, from: 1, metric: given })),
    ];
    const chapter = kind.chapter ?? name.toLowerCase();
    const alarm = new Alarm(this, name, {
      alarmName: `${Stack.of(this).stackName}-${severity}-${name}`,
      alarmDescription: `[${severity}] ${advice} Metrics: ${watched.map((one) => one.name).join(", ")}. Runbook: ${runbook}#${chapter}`,
      ...toMetric(watched, Duration.minutes(periodMinutes)),
      evaluationPeriods: runs,
      comparisonOperator: isOnWithout
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: isOnWithout ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    alarm.addOkAction(new SnsAction(this.topic));
    return alarm;
  }
}

interface Watched {
  readonly name: string;
  readonly from: number;
  readonly metric: IMetric;
}

/**
 * One metric as it is. Of several the largest, each as a share of the value from which on it counts. Nothing is filled
 * in for what is missing: the largest of those that are there is taken, and AWS fills no metric that was never sent.
 */
function toMetric(watched: readonly Watched[], period: Duration): { metric: IMetric; threshold: number } {
  const [first, ...others] = watched;
  if (first && others.length === 0) return { metric: withPeriod(first.metric, period), threshold: first.from };
  const shares = watched.map(({ name, from }) => (from === 1 ? idOf(name) : `${idOf(name)} / ${from}`));
  const usingMetrics = Object.fromEntries(watched.map(({ name, metric }) => [idOf(name), metric]));
  return {
    metric: new MathExpression({ expression: `MAX([${shares.join(", ")}])`, usingMetrics, period }),
    threshold: 1,
  };
}

const withPeriod = (metric: IMetric, period: Duration) => (metric instanceof Metric ? metric.with({ period }) : metric);

/** In an expression a name begins with a small letter. */
const idOf = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);

const depthOf = (queue: Queue) => queue.metricApproximateNumberOfMessagesVisible({ statistic: "Maximum" });

/** How soon an operator has to act: at any hour; within the day; within the week. It stands in an alarm's name. */
export type Severity = "urgent" | "today" | "week";

export type AlarmName =
  | "Heartbeat"
  | "OldestOpen"
  | "Held"
  | "Failed"
  | "Brake"
  | "Refused"
  | "NotUnderstood"
  | "Silent"
  | "Irreversible"
  | "GenAuth"
  | "Api"
  | "Errors"
  | "Throttles"
  | "NotTold";

interface Kind {
  readonly severity: Severity;
  /** What the functions count, each with how often within the period turns the alarm on. */
  readonly counts?: Partial<Record<MetricName, number>>;
  /** What the sweep measures, each with the value from which on the alarm is on. */
  readonly gauges?: Partial<Record<Measure, number>>;
  /** @default 5 */
  readonly periodMinutes?: number;
  /** So many periods, one after the other, turn it on. @default 1 */
  readonly runs?: number;
  /** On while its count is missing. @default false */
  readonly isOnWithout?: boolean;
  /** Its chapter in the runbook. @default its name */
  readonly chapter?: string;
  readonly advice: string;
}

/** Alarm after 20 minutes: with five of the sweep and five of the alarm, an outage is heard within thirty. */
export const oldestOpenSeconds = 1_200;

/** The alarms. What AWS measures itself is added to `Failed`, `Api`, `Errors`, `Throttles` and `NotTold`. */
export const alarms: Readonly<Record<AlarmName, Kind>> = {
  Heartbeat: {
    severity: "urgent",
    counts: { Heartbeat: 1 },
    runs: 3,
    isOnWithout: true,
    advice:
      "The sweep has not come to its end for 15 minutes: no grace period ends, nothing is healed, and what waits is measured by nobody. See its schedule and its log.",
  },
  OldestOpen: {
    severity: "urgent",
    // A stop that is forgotten: the time in which all is stopped does not count as waiting.
    gauges: { OldestOpenSeconds: oldestOpenSeconds, StoppedSeconds: 86_400 },
    // Not the queue's own age of its oldest message: SQS leaves out what was received three times or more.
    chapter: "oldestopenseconds",
    advice:
      "A departure has waited for 20 minutes, or all has been stopped for a day. See the resigner's log: GenAuth is down, refuses the token, or throttles.",
  },
  Held: {
    severity: "today",
    counts: { Held: 1 },
    gauges: { OldestHeldSeconds: heldTooLongSeconds },
    advice:
      "Resignations wait for an operator, or one has for more than a day: that person may still have access. List those with status held, approve or cancel them.",
  },
  Failed: {
    severity: "urgent",
    gauges: { FailedWaiting: 1 },
    advice:
      "GenAuth refused a resignation for good, or retries ran out: that person may still have access. Mend the cause, retry or cancel each, then purge the dead letters. What fails while it is on is told by notices alone.",
  },
  Brake: {
    severity: "urgent",
    counts: { BrakeTripped: 1, ScopeNarrowed: 1 },
    advice:
      "More people left than the brake lets through, or the Lark app sees fewer people now; the rest are held. See who, then approve or cancel them.",
  },
  Refused: {
    severity: "urgent",
    // WeCom sends a departure three times in all: three refusals may be one lost departure.
    counts: { Refused: 3, ClockDrift: 3, StartedFailing: 1, KeysNotFilledIn: 1 },
    periodMinutes: 60,
    advice:
      "Requests fail verification, or a part of the webhook keys is missing or wrong: keys were changed in a console, a clock is off, or a stranger is trying. The log of webhook or desk names it. Mend the keys, then reverify.",
  },
  NotUnderstood: {
    severity: "today",
    counts: { UnusableDeparture: 1, Malformed: 1, Unreadable: 1 },
    advice:
      "Somebody may have left, and what tells of it cannot be read or carried out. It is kept: the functions' logs say what and why.",
  },
  Silent: {
    severity: "week",
    gauges: { SilentSources: 1 },
    advice:
      "A source that is on has sent nothing for silenceDays: is its subscription still on? The sweep's log names it.",
  },
  Irreversible: {
    severity: "urgent",
    counts: { BackAfterResigned: 1, NotGivenBack: 1, Unconfirmed: 1, SessionsLeft: 1 },
    advice:
      "Somebody is cut off who should not be, or keeps what should be gone, and it does not mend itself. See who in the resigner's log, and help by hand in GenAuth.",
  },
  GenAuth: {
    severity: "today",
    counts: { TokenRefused: 1, WrongMapping: 1, HeadcountUnknown: 1, Renamed: 1 },
    advice:
      "GenAuth refuses our token or the headcount, or knows leavers under another id. See the resigner's log, and npm run doctor. Nothing is lost meanwhile.",
  },
  Api: {
    severity: "urgent",
    counts: { Unavailable: 1, TooLarge: 1 },
    advice:
      "Senders were answered 5xx or 429 and may give up, or 413: a departure may be lost. See the logs of webhook and desk, and the access log; then npm run reconcile.",
  },
  Errors: {
    severity: "today",
    counts: { WorkFailed: 1 },
    chapter: "errors-and-throttles-of-a-function",
    advice:
      "A function crashed, ran out of time, or was refused something by AWS (rights, throttling, KMS). It is tried again. See the function's log.",
  },
  Throttles: {
    severity: "today",
    chapter: "errors-and-throttles-of-a-function",
    advice: "AWS throttles a function: raise the account's concurrency.",
  },
  NotTold: {
    severity: "today",
    counts: { TargetsWrong: 1, ForwardFailed: 1 },
    advice:
      "People or the second listener are not told: an address or a section of the targets secret is wrong, or they are away. No resignation is affected. Mend it, then redrive the dead letters.",
  },
};

/** Where the runbook is: an address, where the package says where its repository is. */
export const runbookOf = (repository?: { url: string }): string => {
  const file = "docs/runbook.md";
  return repository ? `${repository.url.replace(/^git\+|\.git$/g, "")}/blob/main/${file}` : file;
};

const runbook = runbookOf(
  (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { repository?: { url: string } })
    .repository,
);
