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
import { type AlarmParts, alarmMetric, alarmParts, metricNamespace } from "../lambda/log.ts";
import { acknowledge } from "./acknowledge.ts";

export interface AlarmsProps {
  readonly email: string | undefined;
  readonly api: HttpApi;
  readonly deadLetters: Queue;
  readonly noticesDeadLetters: Queue;
  /** Absent where nothing is passed on. */
  readonly forwardsDeadLetters: Queue | undefined;
  /** Those whose errors and throttles are watched. */
  readonly functions: Readonly<Record<string, LambdaFunction>>;
}

/** The alarms, each with what an operator does then. An alarm is told when it goes on, and when it is over. */
export class Alarms extends Construct {
  readonly topic: Topic;
  readonly all: readonly Alarm[];

  constructor(scope: Construct, id: string, { email, api, functions, ...queues }: AlarmsProps) {
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
      Api: { ServerErrors: api.metricServerError({ statistic: "Sum" }) },
      Errors: ofFunctions("Errors", (lambda) => lambda.metricErrors()),
      Throttles: ofFunctions("Throttles", (lambda) => lambda.metricThrottles()),
      NotTold: {
        NoticesDeadLetters: depthOf(noticesDeadLetters),
        ...(forwardsDeadLetters && { ForwardsDeadLetters: depthOf(forwardsDeadLetters) }),
      },
    };
    this.all = (Object.keys(alarms) as AlarmName[]).map((name) => this.add(name, ofAws[name] ?? {}));
  }

  private add(name: AlarmName, ofAws: Readonly<Record<string, IMetric>>): Alarm {
    const { severity, from = 1, periodMinutes = 5, runs = 1, isOnWithout, advice, ...kind }: Kind = alarms[name];
    const { stackName } = Stack.of(this);
    const own = ownMetric(name);
    const statistic = { namespace: metricNamespace, statistic: "Sum", dimensionsMap: { Stack: stackName } };
    const watched = { ...(own && { [own]: new Metric({ metricName: own, ...statistic }) }), ...ofAws };
    const chapter = kind.chapter ?? name.toLowerCase();
    const alarm = new Alarm(this, name, {
      alarmName: `${stackName}-${severity}-${name}`,
      alarmDescription: `[${severity}] ${advice} Metrics: ${[...behind(name), ...Object.keys(ofAws)].join(", ")}. Runbook: ${runbook}#${chapter}`,
      metric: toMetric(watched, Duration.minutes(periodMinutes)),
      threshold: from,
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

/** The metric to which everything of ours that belongs to an alarm adds. */
function ownMetric(name: AlarmName): string | undefined {
  if (name === "Heartbeat") return "Heartbeat";
  return name === "Throttles" ? undefined : alarmMetric(name);
}

/** What of ours may be behind an alarm. */
export function behind(name: AlarmName): string[] {
  if (name === "Heartbeat") return ["Heartbeat"];
  if (name === "Throttles") return [];
  const { counts = {}, gauges = {} }: AlarmParts = alarmParts[name];
  // API Gateway's own 429 and 413, which a filter of the access log adds.
  return [...Object.keys(counts), ...Object.keys(gauges), ...(name === "Api" ? ["TurnedAway"] : [])];
}

/**
 * One metric as it is, of several the largest. Nothing is filled in for what is missing: the largest of those that are
 * there is taken, and AWS fills no metric that was never sent.
 */
function toMetric(watched: Readonly<Record<string, IMetric>>, period: Duration): IMetric {
  const [first, ...others] = Object.values(watched);
  if (first && others.length === 0) return first instanceof Metric ? first.with({ period }) : first;
  const usingMetrics = Object.fromEntries(Object.entries(watched).map(([name, metric]) => [idOf(name), metric]));
  return new MathExpression({ expression: `MAX([${Object.keys(usingMetrics).join(", ")}])`, usingMetrics, period });
}

/** In an expression a name begins with a small letter. */
const idOf = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);

const depthOf = (queue: Queue) => queue.metricApproximateNumberOfMessagesVisible({ statistic: "Maximum" });

/** How soon an operator has to act: at any hour; within the day; within the week. It stands in an alarm's name. */
export type Severity = "urgent" | "today" | "week";

export type AlarmName = "Heartbeat" | keyof typeof alarmParts | "Throttles";

interface Kind {
  readonly severity: Severity;
  /** The sum within the period from which on it is on. @default 1 */
  readonly from?: number;
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

/**
 * The alarms; `alarmParts` says what of ours turns each on. What AWS measures itself is added to `Failed`, `Api`,
 * `Errors`, `Throttles` and `NotTold`.
 */
export const alarms: Readonly<Record<AlarmName, Kind>> = {
  Heartbeat: {
    severity: "urgent",
    runs: 3,
    isOnWithout: true,
    advice:
      "The sweep has not come to its end for 15 minutes: no grace period ends, nothing is healed, and what waits is measured by nobody. See its schedule and its log.",
  },
  OldestOpen: {
    severity: "urgent",
    // Not the queue's own age of its oldest message: SQS leaves out what was received three times or more.
    chapter: "oldestopenseconds",
    advice:
      "A departure has waited for 20 minutes, or all has been stopped for a day. See the resigner's log: GenAuth is down, refuses the token, or throttles.",
  },
  Held: {
    severity: "today",
    advice:
      "Resignations wait for an operator, or one has for more than a day: that person may still have access. List those with status held, approve or cancel them.",
  },
  Failed: {
    severity: "urgent",
    advice:
      "GenAuth refused a resignation for good, or retries ran out: that person may still have access. Mend the cause, retry or cancel each, then purge the dead letters. What fails while it is on is told by notices alone.",
  },
  Brake: {
    severity: "urgent",
    advice:
      "More people left than the brake lets through, or the Lark app sees fewer people now; the rest are held. See who, then approve or cancel them.",
  },
  Refused: {
    severity: "urgent",
    from: 3,
    periodMinutes: 60,
    advice:
      "Requests fail verification, or a part of the webhook keys is missing or wrong: keys were changed in a console, a clock is off, or a stranger is trying. The log of webhook or desk names it. Mend the keys, then reverify.",
  },
  NotUnderstood: {
    severity: "today",
    advice:
      "Somebody may have left, and what tells of it cannot be read or carried out. It is kept: the functions' logs say what and why.",
  },
  Silent: {
    severity: "week",
    advice:
      "A source that is on has sent nothing for silenceDays: is its subscription still on? The sweep's log names it.",
  },
  Irreversible: {
    severity: "urgent",
    advice:
      "Somebody is cut off who should not be, or keeps what should be gone, and it does not mend itself. See who in the resigner's log, and help by hand in GenAuth.",
  },
  GenAuth: {
    severity: "today",
    advice:
      "GenAuth refuses our token or the headcount, or knows leavers under another id. See the resigner's log, and npm run doctor. Nothing is lost meanwhile.",
  },
  Api: {
    severity: "urgent",
    advice:
      "Senders were answered 5xx or 429 and may give up, or 413: a departure may be lost. See the logs of webhook and desk, and the access log; then npm run reconcile.",
  },
  Errors: {
    severity: "today",
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
