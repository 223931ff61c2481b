import { readFileSync } from "node:fs";
import { Annotations, CfnOutput, Duration, Stack, type StackProps } from "aws-cdk-lib";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import type { EventSourceMapping } from "aws-cdk-lib/aws-lambda";
import type { Secret } from "aws-cdk-lib/aws-secretsmanager";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { ledgerTable, quarantineTable } from "../lambda/aws/schema.ts";
import { routes as deskRoutes } from "../lambda/desk.ts";
import { forwardToOf } from "../lambda/intake/forward.ts";
import { batchSize, maxTries } from "../lambda/notices/message.ts";
import { directoryNames } from "../lambda/resignation/source-names.ts";
import type { Environment } from "../lambda/settings/environment.ts";
import { routes as webhookRoutes } from "../lambda/webhook.ts";
import { Alarms } from "./alarms.ts";
import { createApi } from "./api.ts";
import { Dashboard } from "./dashboard.ts";
import type { LiveFunction } from "./live-function.ts";
import { allow, partsOf } from "./parts.ts";
import { refuseByRegion, refuseTokens } from "./refusals.ts";
import { parseSettings, type ResignWebhookProps } from "./settings.ts";
import { warningsOf } from "./warnings.ts";

/** The way a departure travels: API Gateway → webhook → queue → resigner → GenAuth, with the ledger beside it. */
export class ResignWebhook extends Construct {
  /** Where the senders' requests go, without a path. */
  readonly url: string;
  /** Where the name of `domain` has to point (CNAME or alias). */
  readonly domainTarget: string | undefined;
  /** What proves the senders. Created with a placeholder; fill it in by hand. */
  readonly keys: Secret;
  /** What GenAuth takes. Created with a placeholder; fill it in by hand. */
  readonly token: Secret;
  /** Where notices go. Created with a placeholder: nobody is told until it is filled in. */
  readonly targets: Secret;
  readonly ledger: TableV2;
  /** Requests that were refused or could not be read, for 14 days. */
  readonly quarantine: TableV2;
  readonly queue: Queue;
  readonly deadLetters: Queue;
  /** What people are told of. */
  readonly notices: Queue;
  /** Takes what the directories send. */
  readonly webhook: LiveFunction;
  /** Takes orders and what operators want: lists, decisions, Slack, the quarantine. */
  readonly desk: LiveFunction;
  readonly resigner: LiveFunction;
  /** What lets Lambda poll the queue for the resigner: switched off, everything waits. */
  readonly resignerFeed: EventSourceMapping;
  readonly notifier: LiveFunction;
  readonly sweep: LiveFunction;
  /** Where alarms are told. */
  readonly alarms: Alarms;

  constructor(scope: Construct, id: string, props: ResignWebhookProps) {
    super(scope, id);
    refuseTokens(props);
    const settings = parseSettings(props);
    refuseByRegion(settings, Stack.of(this).region);
    const parts = partsOf(this, settings);
    const { createSecret, createTable, createQueue, createFunction, feed, runEvery } = parts;

    this.keys = createSecret("Keys", "Webhook keys: what proves the senders (README, Fill in the secrets)");
    this.token = createSecret("Token", "What GenAuth takes (README, Fill in the secrets)");
    this.targets = createSecret("Targets", "Notice targets: who is told (docs/notices.md)");
    this.ledger = createTable("Ledger", ledgerTable);
    this.quarantine = createTable("Quarantine", quarantineTable);
    this.deadLetters = createQueue("DeadLetters");
    this.queue = createQueue("Queue", { deadLetters: this.deadLetters });
    const noticesDeadLetters = createQueue("NoticesDeadLetters");
    this.notices = createQueue("Notices", { deadLetters: noticesDeadLetters, maxReceiveCount: maxTries });
    const ledger: Environment = { LEDGER_TABLE: this.ledger.tableName };
    const queue: Environment = { QUEUE_URL: this.queue.queueUrl };
    const notices: Environment = { NOTICES_URL: this.notices.queueUrl };
    const received: Environment = {
      KEYS_SECRET_ID: this.keys.secretArn,
      QUARANTINE_TABLE: this.quarantine.tableName,
    };

    const { webhookReserved, webhookProvisioned, resignerMax } = settings.concurrency;
    const isForwarding = directoryNames.some((name) => forwardToOf(settings, name));
    const forwarding = isForwarding ? this.createForwarding(parts) : undefined;
    this.webhook = createFunction(
      "Webhook",
      { ...received, ...ledger, ...queue, ...forwarding?.environment },
      { timeoutSeconds: answerSeconds, memorySize: 1_024, reserved: webhookReserved, provisioned: webhookProvisioned },
    );
    allow(this.webhook, ["secretsmanager:GetSecretValue"], this.keys.secretArn);
    allow(this.webhook, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], this.ledger.tableArn);
    allow(this.webhook, ["dynamodb:PutItem", "dynamodb:UpdateItem"], this.quarantine.tableArn);
    allow(this.webhook, ["sqs:SendMessage"], this.queue.queueArn);
    if (forwarding) allow(this.webhook, ["sqs:SendMessage"], forwarding.queue.queueArn);

    this.desk = createFunction(
      "Desk",
      { ...received, ...ledger, ...queue, ...forwarding?.environment },
      { timeoutSeconds: answerSeconds, isCallingOut: true },
    );
    allow(this.desk, ["secretsmanager:GetSecretValue"], this.keys.secretArn);
    allow(this.desk, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], this.ledger.tableArn);
    allow(this.desk, ["dynamodb:Query"], ...this.indexArns("byStatus", "byUser", "byMonth"));
    allow(
      this.desk,
      ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
      this.quarantine.tableArn,
    );
    allow(this.desk, ["sqs:SendMessage"], this.queue.queueArn);
    if (forwarding) allow(this.desk, ["sqs:SendMessage"], forwarding.queue.queueArn);

    this.resigner = createFunction(
      "Resigner",
      {
        TOKEN_SECRET_ID: this.token.secretArn,
        ...ledger,
        ...queue,
        DEAD_LETTERS_URL: this.deadLetters.queueUrl,
        ...notices,
      },
      { isCallingOut: true },
    );
    allow(this.resigner, ["secretsmanager:GetSecretValue"], this.token.secretArn);
    allow(
      this.resigner,
      ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
      this.ledger.tableArn,
    );
    allow(this.resigner, ["sqs:ChangeMessageVisibility"], this.queue.queueArn);
    allow(this.resigner, ["dynamodb:Query"], ...this.indexArns("byUser"));
    allow(this.resigner, ["sqs:SendMessage"], this.deadLetters.queueArn, this.notices.queueArn);
    this.resignerFeed = feed(this.resigner, this.queue, { batchSize: 10, maxConcurrency: resignerMax });

    this.notifier = createFunction(
      "Notifier",
      { TARGETS_SECRET_ID: this.targets.secretArn, ...ledger, ...notices },
      { isCallingOut: true },
    );
    allow(this.notifier, ["secretsmanager:GetSecretValue"], this.targets.secretArn);
    allow(this.notifier, ["dynamodb:GetItem"], this.ledger.tableArn);
    allow(this.notifier, ["sqs:ChangeMessageVisibility"], this.notices.queueArn);
    // What happens within 20 seconds is one message: robots take 20 a minute.
    feed(this.notifier, this.notices, { batchSize, maxConcurrency: 2, maxBatchingWindow: Duration.seconds(20) });

    this.sweep = createFunction("Sweep", { ...ledger, ...queue, ...notices });
    allow(this.sweep, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], this.ledger.tableArn);
    allow(this.sweep, ["dynamodb:Query"], ...this.indexArns("due", "byStatus"));
    allow(this.sweep, ["sqs:SendMessage"], this.queue.queueArn, this.notices.queueArn);
    runEvery("rate(5 minutes)", this.sweep);

    const { api, url, domainTarget } = createApi(
      this,
      [
        { target: this.webhook, routes: webhookRoutes.keys(), isApart: true },
        { target: this.desk, routes: deskRoutes.keys() },
      ],
      [...webhookRoutes.keys()],
      settings,
    );
    this.url = url;
    this.domainTarget = domainTarget;
    const functions = {
      ...{ webhook: this.webhook, desk: this.desk, resigner: this.resigner },
      ...{ notifier: this.notifier, sweep: this.sweep, ...forwarding?.functions },
    };
    // Of these no other alarm hears that they do nothing, or not for hours: see the runbook's table.
    const heardByThemselves = { resigner: this.resigner, ...forwarding?.functions };
    this.alarms = new Alarms(this, "Alarms", {
      email: settings.alarmEmail,
      api,
      deadLetters: this.deadLetters,
      noticesDeadLetters,
      forwardsDeadLetters: forwarding?.deadLetters,
      functions: heardByThemselves,
    });
    const shown = { queue: this.queue, deadLetters: this.deadLetters, alarms: this.alarms.all };
    new Dashboard(this, "Dashboard", { api, functions, ...shown });

    for (const [index, message] of warningsOf(settings).entries()) {
      Annotations.of(this).addWarningV2(`settings-${index}`, message);
    }
    if (settings.genauth.userPoolId === "your-user-pool-id") {
      Annotations.of(this).addWarningV2("user-pool-id", "genauth.userPoolId in cdk.json is still the example's");
    }
  }

  /** A queue and a function for the second listeners. Of one source one at a time, in the order in which it came. */
  private createForwarding({ createQueue, createFunction, feed }: ReturnType<typeof partsOf>) {
    const deadLetters = createQueue("ForwardsDeadLetters", { isFifo: true });
    const queue = createQueue("Forwards", { deadLetters, isFifo: true });
    const environment: Environment = { FORWARDS_URL: queue.queueUrl };
    const forwarder = createFunction(
      "Forwarder",
      { ...environment, DEAD_LETTERS_URL: deadLetters.queueUrl },
      { isCallingOut: true },
    );
    allow(forwarder, ["sqs:ChangeMessageVisibility"], queue.queueArn);
    allow(forwarder, ["sqs:SendMessage"], deadLetters.queueArn);
    feed(forwarder, queue, { batchSize: 1 });
    return { queue, deadLetters, environment, functions: { forwarder } };
  }

  private indexArns(...names: (typeof ledgerTable)["indexes"][number]["name"][]): string[] {
    return names.map((name) => `${this.ledger.tableArn}/index/${name}`);
  }
}

/** Just the construct, in a stack, with what an administrator needs next as its outputs. */
export class ResignWebhookStack extends Stack {
  constructor(scope: Construct, id: string, settings: ResignWebhookProps, props?: StackProps) {
    super(scope, id, {
      description: "Resigns people in GenAuth who left Lark, WeCom, DingTalk or another source",
      terminationProtection: true,
      ...props,
    });
    const built = new ResignWebhook(this, "ResignWebhook", settings);
    const { url, domainTarget, keys, token, targets, ledger, queue, deadLetters, resignerFeed, alarms } = built;
    const outputs: Record<string, [value: string, description: string]> = {
      ...(domainTarget && { DomainTarget: [domainTarget, "Let the name of the domain point here"] }),
      ...directoryUrls(url),
      SlackCommandsUrl: [`${url}/slack/commands`, "Slack: slash command > request URL"],
      SlackInteractionsUrl: [`${url}/slack/interactions`, "Slack: interactivity > request URL"],
      ResignationsUrl: [`${url}/resignations`, "Zapier, n8n, scripts: signed orders"],
      KeysSecret: [keys.secretArn, "Fill in what proves the senders"],
      TokenSecret: [token.secretArn, "Fill in what GenAuth takes"],
      TargetsSecret: [targets.secretArn, "Fill in who is told"],
      LedgerTable: [ledger.tableName, "Every resignation, from acceptance to outcome"],
      QueueUrl: [queue.queueUrl, "What waits to be resigned"],
      ResignerFeed: [
        resignerFeed.eventSourceMappingId,
        "Switched off, everything waits (docs/runbook.md, Stop everything)",
      ],
      DeadLettersUrl: [deadLetters.queueUrl, "What failed for good"],
      Version: [version, "Of this project"],
      AlarmTopic: [alarms.topic.topicArn, "Subscribe here to hear alarms"],
    };
    for (const [name, [value, description]] of Object.entries(outputs)) {
      new CfnOutput(this, name, { value, description });
    }
  }
}

/** As in `LarkUrl`: where each directory sends what it tells. */
const directoryUrls = (url: string): Record<string, [value: string, description: string]> =>
  Object.fromEntries(
    [...webhookRoutes].map(([route, { section }]) => [
      `${section.charAt(0).toUpperCase()}${section.slice(1)}Url`,
      [url + route.slice(route.indexOf("/")), `Paste it into the console of ${section} (docs/${section}.md)`],
    ]),
  );

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** API Gateway waits no longer than this and one. */
const answerSeconds = 29;
