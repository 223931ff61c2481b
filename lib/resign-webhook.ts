import { fileURLToPath } from "node:url";
import {
  Annotations,
  CfnOutput,
  Duration,
  RemovalPolicy,
  SecretValue,
  Stack,
  type StackProps,
  Validations,
} from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import { DomainName, HttpApi, type HttpMethod, HttpStage, LogGroupLogDestination } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { Certificate } from "aws-cdk-lib/aws-certificatemanager";
import { AttributeType, ProjectionType, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { type IGrantable, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  Architecture,
  type EventSourceMappingOptions,
  type Function as LambdaFunction,
  Runtime,
} from "aws-cdk-lib/aws-lambda";
import { NodejsFunction, OutputFormat, SourceMapMode } from "aws-cdk-lib/aws-lambda-nodejs";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { placeholder, variables } from "../lambda/environment.ts";
import { routes } from "../lambda/sources/index.ts";
import { ledgerIndexes } from "../lambda/table.ts";
import { Alarms } from "./alarms.ts";
import { bundling } from "./bundling.ts";
import { parseSettings, type ResignWebhookProps, type Settings } from "./settings.ts";

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
  readonly queue: Queue;
  readonly deadLetters: Queue;
  /** What people are told of. */
  readonly notices: Queue;
  readonly webhook: LambdaFunction;
  readonly resigner: LambdaFunction;
  readonly notifier: LambdaFunction;
  readonly sweep: LambdaFunction;
  /** Where alarms are told. */
  readonly alarms: Alarms;

  constructor(scope: Construct, id: string, props: ResignWebhookProps) {
    super(scope, id);
    const settings = parseSettings(props);
    const settingsText = JSON.stringify(settings);
    if (Buffer.byteLength(settingsText) > maxSettingsBytes) {
      throw new Error(
        "resignWebhook: the settings are too long for a function: shorten protected, by prefixes that end in *",
      );
    }

    this.keys = this.createSecret("Keys", "Webhook keys: what proves the senders (README, Fill in the secrets)");
    this.token = this.createSecret("Token", "What GenAuth takes (README, Fill in the secrets)");
    this.targets = this.createSecret("Targets", "Notice targets: who is told (docs/notices.md)");
    this.ledger = this.createLedger();
    this.deadLetters = this.createQueue("DeadLetters");
    this.queue = this.createQueue("Queue", this.deadLetters);
    const noticesDeadLetters = this.createQueue("NoticesDeadLetters");
    this.notices = this.createQueue("Notices", noticesDeadLetters);

    this.webhook = this.createFunction("Webhook", settings, {
      [variables.settings]: settingsText,
      [variables.keysSecretId]: this.keys.secretArn,
      [variables.ledgerTable]: this.ledger.tableName,
      [variables.queueUrl]: this.queue.queueUrl,
    });
    this.allow(this.webhook, ["secretsmanager:GetSecretValue"], this.keys.secretArn);
    this.allow(this.webhook, ["dynamodb:GetItem", "dynamodb:PutItem"], this.ledger.tableArn);
    this.allow(this.webhook, ["dynamodb:Query"], ...this.indexArns("byStatus", "byUser", "byMonth"));
    this.allow(this.webhook, ["sqs:SendMessage"], this.queue.queueArn);

    this.resigner = this.createFunction("Resigner", settings, {
      [variables.settings]: settingsText,
      [variables.tokenSecretId]: this.token.secretArn,
      [variables.ledgerTable]: this.ledger.tableName,
      [variables.queueUrl]: this.queue.queueUrl,
      [variables.deadLettersUrl]: this.deadLetters.queueUrl,
      [variables.noticesUrl]: this.notices.queueUrl,
    });
    this.allow(this.resigner, ["secretsmanager:GetSecretValue"], this.token.secretArn);
    this.allow(this.resigner, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], this.ledger.tableArn);
    this.allow(this.resigner, ["sqs:ChangeMessageVisibility"], this.queue.queueArn);
    this.allow(this.resigner, ["dynamodb:Query"], ...this.indexArns("byUser"));
    this.allow(this.resigner, ["sqs:SendMessage"], this.deadLetters.queueArn, this.notices.queueArn);
    this.feed(this.resigner, this.queue, { batchSize: 10, maxConcurrency: 5 });

    this.notifier = this.createFunction("Notifier", settings, {
      [variables.settings]: settingsText,
      [variables.targetsSecretId]: this.targets.secretArn,
      [variables.ledgerTable]: this.ledger.tableName,
      [variables.noticesUrl]: this.notices.queueUrl,
      [variables.deadLettersUrl]: noticesDeadLetters.queueUrl,
    });
    this.allow(this.notifier, ["secretsmanager:GetSecretValue"], this.targets.secretArn);
    this.allow(this.notifier, ["dynamodb:GetItem"], this.ledger.tableArn);
    this.allow(this.notifier, ["sqs:SendMessage"], this.notices.queueArn, noticesDeadLetters.queueArn);
    // What happens within 20 seconds is one message: robots take 20 a minute.
    this.feed(this.notifier, this.notices, {
      batchSize: 100,
      maxConcurrency: 2,
      maxBatchingWindow: Duration.seconds(20),
    });

    this.sweep = this.createFunction("Sweep", settings, {
      [variables.ledgerTable]: this.ledger.tableName,
      [variables.queueUrl]: this.queue.queueUrl,
    });
    this.allow(this.sweep, ["dynamodb:UpdateItem"], this.ledger.tableArn);
    this.allow(this.sweep, ["dynamodb:Query"], ...this.indexArns("due"));
    this.allow(this.sweep, ["sqs:SendMessage"], this.queue.queueArn);
    this.runEvery("rate(5 minutes)", this.sweep);

    const { url, domainTarget } = this.createApi(settings);
    this.url = url;
    this.domainTarget = domainTarget;
    this.alarms = new Alarms(this, "Alarms", {
      email: settings.alarmEmail,
      queue: this.queue,
      deadLetters: this.deadLetters,
      functions: { webhook: this.webhook, resigner: this.resigner, notifier: this.notifier, sweep: this.sweep },
    });

    if (settings.genauth.userPoolId === "your-user-pool-id") {
      Annotations.of(this).addWarningV2("user-pool-id", "genauth.userPoolId in cdk.json is still the example's");
    }
  }

  private createSecret(id: string, description: string): Secret {
    const secret = new Secret(this, id, {
      description,
      // Never change this text: CloudFormation would overwrite what was filled in.
      secretStringValue: SecretValue.unsafePlainText(
        JSON.stringify({ [placeholder]: "see the README, Fill in the secrets" }),
      ),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    acknowledge(secret, { "AwsSolutions-SMG4": "The senders and GenAuth issue these, and they are rotated there" });
    return secret;
  }

  private createLedger(): TableV2 {
    const text = (name: string) => ({ name, type: AttributeType.STRING });
    return new TableV2(this, "Ledger", {
      partitionKey: text("id"),
      globalSecondaryIndexes: ledgerIndexes.map(({ name, partitionKey, sortKey }) => ({
        indexName: name,
        partitionKey: text(partitionKey),
        sortKey: text(sortKey),
        projectionType: ProjectionType.ALL,
      })),
      timeToLiveAttribute: "expiresAt",
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  private createQueue(id: string, deadLetters?: Queue): Queue {
    const queue = new Queue(this, id, {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      // What a function in the middle of it could still do is over by then.
      visibilityTimeout: Duration.seconds(6 * functionTimeoutSeconds),
      // Every try receives the message once more: the ledger says when to give up, this only catches what crashes.
      ...(deadLetters && { deadLetterQueue: { queue: deadLetters, maxReceiveCount: 1000 } }),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    if (!deadLetters) {
      acknowledge(queue, { "Serverless::Serverless-SQSRedrivePolicy": "These are the dead letters themselves" });
    }
    return queue;
  }

  private createFunction(id: string, settings: Settings, environment: Record<string, string>): LambdaFunction {
    const logGroup = new LogGroup(this, `${id}Logs`, {
      retention: settings.logRetentionDays as RetentionDays,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const role = new Role(this, `${id}Role`, { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
    logGroup.grantWrite(role);
    const created = new NodejsFunction(this, id, {
      entry: pathOf(`../lambda/${id.toLowerCase()}.ts`),
      projectRoot: pathOf(".."),
      depsLockFilePath: pathOf("../package-lock.json"),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: 512,
      timeout: Duration.seconds(id === "Webhook" ? 29 : functionTimeoutSeconds),
      environment,
      role,
      logGroup,
      bundling: {
        format: OutputFormat.ESM,
        mainFields: [...bundling.mainFields],
        target: bundling.target,
        minify: true,
        // Beside the bundle, for whoever reads a trace; the function does not load it.
        sourceMap: true,
        sourceMapMode: SourceMapMode.EXTERNAL,
        sourcesContent: false,
        externalModules: [],
        banner: bundling.banner,
      },
    });
    acknowledge(created, {
      "Serverless::Serverless-LambdaDLQ":
        "Called by API Gateway, a queue with dead letters of its own, or every five minutes: nothing is lost with a call",
      "Serverless::Serverless-LambdaTracing":
        "Costs a permission on every resource; the log's ids tell the way of a departure",
    });
    return created;
  }

  /** Lets Lambda poll a queue for a function. No filter: AWS deletes what a filter does not match. */
  private feed(target: LambdaFunction, queue: Queue, options: Partial<EventSourceMappingOptions>): void {
    const actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
    this.allow(target, actions, queue.queueArn);
    const mapping = target.addEventSourceMapping("Feed", {
      eventSourceArn: queue.queueArn,
      reportBatchItemFailures: true,
      ...options,
    });
    // Lambda looks at the role when it is told to poll.
    const policy = target.role?.node.tryFindChild("DefaultPolicy");
    if (policy) mapping.node.addDependency(policy);
    acknowledge(target, {
      "Serverless::Serverless-LambdaEventSourceMappingDestination":
        "AWS offers it for streams; a queue has dead letters",
    });
  }

  private allow({ grantPrincipal }: IGrantable, actions: string[], ...resources: string[]): void {
    grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources }));
  }

  private indexArns(...names: (typeof ledgerIndexes)[number]["name"][]): string[] {
    return names.map((name) => `${this.ledger.tableArn}/index/${name}`);
  }

  private runEvery(schedule: string, target: LambdaFunction): void {
    const role = new Role(this, "SweepScheduleRole", { assumedBy: new ServicePrincipal("scheduler.amazonaws.com") });
    this.allow(role, ["lambda:InvokeFunction"], target.functionArn);
    new CfnSchedule(this, "SweepSchedule", {
      scheduleExpression: schedule,
      flexibleTimeWindow: { mode: "OFF" },
      target: { arn: target.functionArn, roleArn: role.roleArn },
    });
  }

  /** Exactly the routes that the sources have. The signature is the authorisation. */
  private createApi({ domain, throttle, logRetentionDays }: Settings): {
    url: string;
    domainTarget: string | undefined;
  } {
    const api = new HttpApi(this, "Api", {
      createDefaultStage: false,
      disableExecuteApiEndpoint: domain !== undefined,
    });
    const integration = new HttpLambdaIntegration("Webhook", this.webhook);
    for (const route of routes.keys()) {
      const [method = "", path = ""] = route.split(" ");
      for (const added of api.addRoutes({ path, methods: [method as HttpMethod], integration })) {
        acknowledge(added, { "AwsSolutions-APIG4": "Senders can only sign their requests: that is the authorisation" });
      }
    }
    const accessLogs = new LogGroup(this, "AccessLogs", {
      retention: logRetentionDays as RetentionDays,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const domainName =
      domain &&
      new DomainName(this, "Domain", {
        domainName: domain.name,
        certificate: Certificate.fromCertificateArn(this, "Certificate", domain.certificateArn),
      });
    const stage = new HttpStage(this, "Stage", {
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
      url: domain ? `https://${domain.name}` : stage.url.replace(/\/$/, ""),
      domainTarget: domainName?.regionalDomainName,
    };
  }
}

/** Just the construct, in a stack, with what an administrator needs next as its outputs. */
export class ResignWebhookStack extends Stack {
  constructor(scope: Construct, id: string, settings: ResignWebhookProps, props?: StackProps) {
    super(scope, id, { description: "Resigns people in GenAuth who left Lark, WeCom or another source", ...props });
    const { url, domainTarget, keys, token, targets, ledger, queue, deadLetters, alarms } = new ResignWebhook(
      this,
      "ResignWebhook",
      settings,
    );
    const outputs: Record<string, [value: string, description: string]> = {
      ...(domainTarget && { DomainTarget: [domainTarget, "Let the name of the domain point here"] }),
      LarkUrl: [`${url}/lark`, "Lark: Events and callbacks > request URL"],
      WechatworkUrl: [`${url}/wechatwork`, "WeCom: the contacts sync's event server"],
      SlackCommandsUrl: [`${url}/slack/commands`, "Slack: slash command > request URL"],
      SlackInteractionsUrl: [`${url}/slack/interactions`, "Slack: interactivity > request URL"],
      ResignationsUrl: [`${url}/resignations`, "Zapier, n8n, scripts: signed orders"],
      KeysSecret: [keys.secretArn, "Fill in what proves the senders"],
      TokenSecret: [token.secretArn, "Fill in what GenAuth takes"],
      TargetsSecret: [targets.secretArn, "Fill in who is told"],
      LedgerTable: [ledger.tableName, "Every resignation, from acceptance to outcome"],
      QueueUrl: [queue.queueUrl, "What waits to be resigned"],
      DeadLettersUrl: [deadLetters.queueUrl, "What failed for good"],
      AlarmTopic: [alarms.topic.topicArn, "Subscribe here to hear alarms"],
    };
    for (const [name, [value, description]] of Object.entries(outputs)) {
      new CfnOutput(this, name, { value, description });
    }
  }
}

/** Tells cdk-nag why a rule does not apply here. */
function acknowledge(construct: Construct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}

/** AWS gives a function's environment 4 kB in all. */
const maxSettingsBytes = 3_300;

/** Covers the look-ups, the call and their one repetition with a fresh token. */
const functionTimeoutSeconds = 90;

const accessLogFields = {
  requestId: "$context.requestId",
  time: "$context.requestTime",
  ip: "$context.identity.sourceIp",
  route: "$context.routeKey",
  status: "$context.status",
  latencyMs: "$context.responseLatency",
  integrationError: "$context.integrationErrorMessage",
};

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
