import { Duration, Stack } from "aws-cdk-lib";
import type { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import { Alarm, ComparisonOperator, type IMetric, Metric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Subscription, Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { type Measure, type Metric as MetricName, metricNamespace } from "../lambda/log.ts";
import { acknowledge } from "./acknowledge.ts";

export interface AlarmsProps {
  readonly email: string | undefined;
  readonly api: HttpApi;
  readonly deadLetters: Queue;
  readonly noticesDeadLetters: Queue;
  readonly functions: Readonly<Record<string, LambdaFunction>>;
}

/** The alarms, each with what an operator does then. */
export class Alarms extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const { email, api, deadLetters, noticesDeadLetters, functions } = props;
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

    for (const [name, { threshold, periodMinutes = 5, advice }] of Object.entries(counted)) {
      const metric = new Metric({
        namespace: metricNamespace,
        metricName: name,
        statistic: "Sum",
        period: Duration.minutes(periodMinutes),
      });
      this.add(name, metric, threshold, advice);
    }
    const period = Duration.minutes(5);
    this.add(
      "DeadLetters",
      deadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: "Maximum" }),
      1,
      "Resignations failed for good. Look at the ledger's items with status failed, mend the cause, retry them.",
    );
    this.add(
      "NoticeFailed",
      noticesDeadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: "Maximum" }),
      1,
      "Notices were given up: a target refuses them. Check the targets secret, then redrive the notices' dead letters. No resignation is affected.",
    );
    // Not the queue's own age of its oldest message: SQS leaves out what was received three times or more.
    const metricName: Measure = "OldestOpenSeconds";
    this.add(
      metricName,
      new Metric({ namespace: metricNamespace, metricName, statistic: "Maximum", period }),
      oldestOpenSeconds,
      "A departure has waited for 20 minutes. See the resigner's log: GenAuth is down, refuses the token, or throttles.",
    );
    this.add(
      "ServerErrors",
      api.metricServerError({ period, statistic: "Sum" }),
      1,
      "Senders were answered 5xx and send again. See the logs of webhook and desk, and the access log.",
    );
    for (const [name, lambda] of Object.entries(functions)) {
      this.add(
        `${name}Errors`,
        lambda.metricErrors({ period }),
        1,
        `The function ${name} crashed or ran out of time. See its log.`,
      );
      this.add(
        `${name}Throttles`,
        lambda.metricThrottles({ period }),
        1,
        `AWS throttles the function ${name}: raise the account's concurrency.`,
      );
    }
  }

  private add(name: string, metric: IMetric, threshold: number, advice: string): void {
    const alarm = new Alarm(this, name, {
      metric,
      threshold,
      alarmDescription: `${advice} Runbook: docs/runbook.md#${chapterOf(name)}`,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
  }
}

/** Alarm after 20 minutes: with five of the sweep and five of the alarm, an outage is heard within thirty. */
export const oldestOpenSeconds = 1_200;

/** The runbook's chapter of an alarm. */
const chapterOf = (name: string) =>
  /(Errors|Throttles)$/.test(name) && name !== "ServerErrors"
    ? "errors-and-throttles-of-a-function"
    : name.toLowerCase();

/** Alarms on what the functions count. */
export const counted: Partial<Record<MetricName, { threshold: number; periodMinutes?: number; advice: string }>> = {
  BrakeTripped: {
    threshold: 1,
    advice: "More people left than the brake lets through; the rest are held. See who, then approve or cancel them.",
  },
  Held: {
    threshold: 1,
    advice: "Resignations wait for an operator: list those with status held, approve or cancel them.",
  },
  HeldTooLong: {
    threshold: 1,
    periodMinutes: 60,
    advice: "Somebody has been held for more than a day, and may still have access: decide.",
  },
  Failed: {
    threshold: 1,
    advice: "GenAuth refused a resignation for good, or retries ran out: that person may still have access.",
  },
  TokenRefused: {
    threshold: 1,
    advice: "GenAuth refuses our token: put a valid one into the token secret. Nothing is lost meanwhile.",
  },
  KeysNotFilledIn: {
    threshold: 1,
    advice:
      "A section, caller or field of the webhook keys is missing, wrong or unknown; the log of webhook or desk names it. The others serve.",
  },
  UnusableDeparture: {
    threshold: 1,
    advice:
      "Somebody may have left, and the event cannot be carried out: no usable id, two people in it, or a type that is not known. See the webhook's log.",
  },
  Malformed: {
    threshold: 1,
    advice: "A verified request could not be read; a departure may be in it. See the log of webhook or desk.",
  },
  TooLarge: {
    threshold: 1,
    advice: "A sender's request was too large to be taken (413): a departure may be in it. See its console.",
  },
  Renamed: { threshold: 1, advice: "A WeCom userid was changed: check that GenAuth's sync knows the new one." },
  ScopeNarrowed: {
    threshold: 1,
    advice: "The Lark app sees fewer people now: the brake is on for an hour. Was that meant?",
  },
  // WeCom sends a departure three times in all: three refusals may be one lost departure.
  Refused: {
    threshold: 3,
    periodMinutes: 60,
    advice:
      "Requests with a proof of the right form fail verification: keys were changed in a console, or a stranger is trying. Mend the keys, then reverify.",
  },
  StartedFailing: {
    threshold: 1,
    advice:
      "A source that is usually heard was refused three times in a row; was a key changed? If so mend the secret, then reverify.",
  },
  ClockDrift: {
    threshold: 3,
    periodMinutes: 60,
    advice: "Valid signatures are too old or too new: a sender's clock is wrong, or it sends late.",
  },
  Silent: {
    threshold: 1,
    periodMinutes: 60,
    advice: "A source that is on has sent nothing for silenceDays: is its subscription still on?",
  },
  WrongMapping: {
    threshold: 1,
    advice:
      "GenAuth knew nobody for several leavers in a row, who may keep their access: compare one person's sync relations with lark.userIdField and the provider (npm run doctor -- --person).",
  },
  Unavailable: {
    threshold: 1,
    advice: "Requests were answered 503: Secrets Manager, DynamoDB or SQS did not answer. Senders repeat.",
  },
  HeadcountUnknown: {
    threshold: 1,
    advice:
      "GenAuth does not tell how many people there are, so that the brake lets only a few people a day through: grant the right to list users, or set brake.headcount.",
  },
  TargetsWrong: {
    threshold: 1,
    advice: "Notices cannot be told: a section of the targets secret is wrong. The notifier's log names the field.",
  },
  ForwardFailed: {
    threshold: 1,
    advice: "The second listener (forwardTo) does not take requests: they are among its dead letters.",
  },
  Unconfirmed: { threshold: 1, advice: "GenAuth said resigned but does not show it: look at the person there." },
  BackAfterResigned: {
    threshold: 1,
    advice:
      "Somebody was resigned and is said to be back, which cannot be undone: see who, give them what they need by hand, acknowledge it.",
  },
  NotGivenBack: {
    threshold: 1,
    advice:
      "Somebody may be cut off who should not be: GenAuth does not let us give access back, or does not show the person. It is tried for ever.",
  },
  SessionsLeft: {
    threshold: 1,
    advice: "A leaver's sessions in an application could not be ended: end them by hand in GenAuth.",
  },
  Unreadable: {
    threshold: 1,
    advice:
      "An item of the ledger or a notice cannot be read, and waits: the functions' logs name it. Mend it, or deploy the version that wrote it.",
  },
};
