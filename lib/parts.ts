import { fileURLToPath } from "node:url";
import { Duration, RemovalPolicy, SecretValue, Stack, Validations } from "aws-cdk-lib";
import { AttributeType, type CfnGlobalTable, ProjectionType, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { type IGrantable, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { type IKey, Key } from "aws-cdk-lib/aws-kms";
import {
  Architecture,
  type EventSourceMapping,
  type EventSourceMappingOptions,
  type Function as LambdaFunction,
  Runtime,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { NodejsFunction, OutputFormat, SourceMapMode } from "aws-cdk-lib/aws-lambda-nodejs";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import type { ledgerTable, quarantineTable } from "../lambda/aws/schema.ts";
import * as settingsOf from "../lambda/settings/by-function.ts";
import type { Environment } from "../lambda/settings/environment.ts";
import { placeholder } from "../lambda/settings/secret-text.ts";
import { bundling } from "./bundling.ts";
import type { Settings } from "./settings.ts";

/** Covers the look-ups, the call and their one repetition with a fresh token. */
const functionTimeoutSeconds = 90;

/** What every kind of part is made with. `key`: one of the administrator's own, or AWS's. */
export function partsOf(scope: Construct, settings: Settings) {
  const { kmsKeyArn, logRetentionDays, xRay } = settings;
  const key: IKey | undefined = kmsKeyArn === undefined ? undefined : Key.fromKeyArn(scope, "Key", kmsKeyArn);

  return {
    createSecret(id: string, description: string): Secret {
      const secret = new Secret(scope, id, {
        description,
        ...(key && { encryptionKey: key }),
        // Never change this text: CloudFormation would overwrite what was filled in.
        secretStringValue: SecretValue.unsafePlainText(
          JSON.stringify({ [placeholder]: "see the README, Fill in the secrets" }),
        ),
        removalPolicy: RemovalPolicy.RETAIN,
      });
      acknowledge(secret, { "AwsSolutions-SMG4": "The senders and GenAuth issue these, and they are rotated there" });
      return secret;
    },

    createTable(id: string, { partitionKey, sortKey, indexes }: typeof ledgerTable | typeof quarantineTable): TableV2 {
      const text = (name: string) => ({ name, type: AttributeType.STRING });
      const table = new TableV2(scope, id, {
        partitionKey: text(partitionKey),
        ...(sortKey && { sortKey: text(sortKey) }),
        globalSecondaryIndexes: indexes.map((index) => ({
          indexName: index.name,
          partitionKey: text(index.partitionKey),
          sortKey: text(index.sortKey),
          projectionType: ProjectionType.ALL,
        })),
        timeToLiveAttribute: "expiresAt",
        pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
        deletionProtection: true,
        removalPolicy: RemovalPolicy.RETAIN,
      });
      if (key) {
        // CDK's own property for it wants to know the region when the template is made.
        const resource = table.node.defaultChild as CfnGlobalTable;
        resource.addPropertyOverride("SSESpecification", { SSEEnabled: true, SSEType: "KMS" });
        resource.addPropertyOverride("Replicas.0.SSESpecification", { KMSMasterKeyId: key.keyArn });
      }
      return table;
    },

    createQueue(id: string, options: { deadLetters?: Queue; maxReceiveCount?: number; isFifo?: boolean } = {}): Queue {
      // Every try receives the message once more: the ledger says when to give up, a thousand only catch what crashes.
      const { deadLetters, maxReceiveCount = 1000, isFifo } = options;
      const queue = new Queue(scope, id, {
        ...(isFifo && { fifo: true }),
        ...(key
          ? { encryption: QueueEncryption.KMS, encryptionMasterKey: key }
          : { encryption: QueueEncryption.SQS_MANAGED }),
        enforceSSL: true,
        retentionPeriod: Duration.days(14),
        // What a function in the middle of it could still do is over by then.
        visibilityTimeout: Duration.seconds(6 * functionTimeoutSeconds),
        ...(deadLetters && { deadLetterQueue: { queue: deadLetters, maxReceiveCount } }),
        removalPolicy: RemovalPolicy.RETAIN,
      });
      if (!deadLetters) {
        acknowledge(queue, { "Serverless::Serverless-SQSRedrivePolicy": "These are the dead letters themselves" });
      }
      return queue;
    },

    /** A function of `lambda/<id>.ts`, with its part of the settings in its environment. */
    createFunction(
      id: Capitalize<FunctionName>,
      environment: Environment,
      options: { timeoutSeconds?: number; reservedConcurrentExecutions?: number | undefined } = {},
    ): LambdaFunction {
      const { timeoutSeconds = functionTimeoutSeconds, reservedConcurrentExecutions } = options;
      const name = id.toLowerCase() as Lowercase<typeof id>;
      const logGroup = new LogGroup(scope, `${id}Logs`, {
        retention: logRetentionDays as RetentionDays,
        removalPolicy: RemovalPolicy.RETAIN,
      });
      const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
      logGroup.grantWrite(role);
      if (key) allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], key.keyArn);
      const created = new NodejsFunction(scope, id, {
        entry: pathOf(`../lambda/${name}.ts`),
        projectRoot: pathOf(".."),
        depsLockFilePath: pathOf("../package-lock.json"),
        runtime: Runtime.NODEJS_24_X,
        architecture: Architecture.ARM_64,
        memorySize: 512,
        timeout: Duration.seconds(timeoutSeconds),
        ...(reservedConcurrentExecutions !== undefined && { reservedConcurrentExecutions }),
        ...(xRay && { tracing: Tracing.ACTIVE }),
        environment: {
          ...{ ...environment, STACK_NAME: Stack.of(scope).stackName },
          RESIGN_SETTINGS: settingsTextOf(name, settings),
        } satisfies Environment,
        role,
        logGroup,
        bundling: {
          format: OutputFormat.ESM,
          mainFields: [...bundling.mainFields],
          target: bundling.target,
          minify: true,
          // Beside the bundle, to read a trace with; the function does not load it.
          sourceMap: true,
          sourceMapMode: SourceMapMode.EXTERNAL,
          sourcesContent: false,
          externalModules: [],
          banner: bundling.banner,
          esbuildArgs: Object.fromEntries(
            Object.entries(bundling.alias).map(([name, path]) => [`--alias:${name}`, path]),
          ),
        },
      });
      acknowledge(created, {
        "Serverless::Serverless-LambdaDLQ":
          "Called by API Gateway, a queue with dead letters of its own, or every five minutes: nothing is lost with a call",
        ...(!xRay && {
          "Serverless::Serverless-LambdaTracing":
            "A setting (xRay): it costs a permission on every resource, and the log's ids tell the way of a departure",
        }),
      });
      if (xRay) acknowledge(role, { "AwsSolutions-IAM5[Resource::*]": "X-Ray's actions take no narrower resource" });
      return created;
    },

    /** Lets Lambda poll a queue for a function. No filter: AWS deletes what a filter does not match. */
    feed(target: LambdaFunction, queue: Queue, options: Partial<EventSourceMappingOptions>): EventSourceMapping {
      allow(target, ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], queue.queueArn);
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
      return mapping;
    },

    runEvery(schedule: string, target: LambdaFunction): void {
      // Nobody else's schedule may borrow the role.
      const conditions = { StringEquals: { "aws:SourceAccount": Stack.of(scope).account } };
      const assumedBy = new ServicePrincipal("scheduler.amazonaws.com", { conditions });
      const role = new Role(scope, "SweepScheduleRole", { assumedBy });
      allow(role, ["lambda:InvokeFunction"], target.functionArn);
      new CfnSchedule(scope, "SweepSchedule", {
        scheduleExpression: schedule,
        flexibleTimeWindow: { mode: "OFF" },
        // The next run comes anyway: by its default the scheduler repeats for a day, and all of it at once.
        target: { arn: target.functionArn, roleArn: role.roleArn, retryPolicy: { maximumRetryAttempts: 0 } },
      });
    },
  };
}

export function allow({ grantPrincipal }: IGrantable, actions: string[], ...resources: string[]): void {
  grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources }));
}

/** Tells cdk-nag why a rule does not apply here. */
export function acknowledge(construct: Construct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}

type FunctionName = keyof typeof settingsOf;
const readers: Readonly<Record<FunctionName, () => { parse: (settings: Settings) => object }>> = settingsOf;

/** The part of the settings that a function reads, as it reads it. Throws an error where it is too long. */
function settingsTextOf(name: FunctionName, settings: Settings): string {
  const text = JSON.stringify(readers[name]().parse(settings));
  if (Buffer.byteLength(text) <= maxSettingsBytes) return text;
  throw new Error(
    "resignWebhook: the settings are too long for a function: shorten protected, by prefixes that end in *",
  );
}

/** AWS gives a function's environment 4 kB in all: with more the deployment fails halfway. */
const maxSettingsBytes = 3_300;

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
