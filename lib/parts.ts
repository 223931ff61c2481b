import { Aws, Duration, RemovalPolicy, SecretValue, Stack, Token } from "aws-cdk-lib";
import { AttributeType, Billing, type CfnGlobalTable, ProjectionType, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { type IGrantable, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { type IKey, Key } from "aws-cdk-lib/aws-kms";
import {
  Architecture,
  type CfnEventSourceMapping,
  type CfnFunction,
  EventSourceMapping,
  type EventSourceMappingOptions,
  Runtime,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import type { ledgerTable, quarantineTable } from "../lambda/aws/schema.ts";
import * as settingsOf from "../lambda/settings/by-function.ts";
import type { Environment } from "../lambda/settings/environment.ts";
import { placeholder } from "../lambda/settings/secret-text.ts";
import { acknowledge } from "./acknowledge.ts";
import { LiveFunction } from "./live-function.ts";
import { networkOf } from "./network.ts";
import { OwnRole } from "./role.ts";
import type { Settings } from "./settings.ts";

/** Covers the look-ups, the call and their one repetition with a fresh token. */
const functionTimeoutSeconds = 90;

/** What every kind of part is made with. `key`: one of the administrator's own, or AWS's. */
export function partsOf(scope: Construct, settings: Settings) {
  const { kmsKeyArn, logRetentionDays, xRay } = settings;
  const key: IKey | undefined = kmsKeyArn === undefined ? undefined : Key.fromKeyArn(scope, "Key", kmsKeyArn);
  const network = networkOf(scope, settings);

  return {
    createSecret(id: string, description: string): Secret {
      const secret = new Secret(scope, id, {
        description,
        ...(key && { encryptionKey: key }),
        // Never change this text: CloudFormation would overwrite what was filled in.
        secretStringValue: SecretValue.unsafePlainText(
          JSON.stringify({ [placeholder]: "see the README, Fill in the secrets" }),
        ),
        removalPolicy: keptOnceMade,
      });
      acknowledge(secret, { "AwsSolutions-SMG4": "The senders and GenAuth issue these, and they are rotated there" });
      return secret;
    },

    createTable(id: string, schema: typeof ledgerTable | typeof quarantineTable): TableV2 {
      const { partitionKey, sortKey, indexes, maxWrites } = schema;
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
        ...(maxWrites !== undefined && { billing: Billing.onDemand({ maxWriteRequestUnits: maxWrites }) }),
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
        removalPolicy: keptOnceMade,
      });
      if (!deadLetters) {
        acknowledge(queue, { "Serverless::Serverless-SQSRedrivePolicy": "These are the dead letters themselves" });
      }
      return queue;
    },

    /** A function of `lambda/<id>.ts`, with its part of the settings in its bundle. */
    createFunction(
      id: Capitalize<FunctionName>,
      environment: Environment,
      options: {
        timeoutSeconds?: number;
        memorySize?: number;
        reserved?: number;
        provisioned?: number;
        /** It calls others than AWS, and so through the network of the settings, if there is one. */
        isCallingOut?: boolean;
      } = {},
    ): LiveFunction {
      const { timeoutSeconds = functionTimeoutSeconds, memorySize = 512, reserved = 0, provisioned = 0 } = options;
      const name = id.toLowerCase() as Lowercase<typeof id>;
      const logGroup = new LogGroup(scope, `${id}Logs`, {
        retention: logRetentionDays as RetentionDays,
        removalPolicy: keptOnceMade,
      });
      const role = new OwnRole(scope, `${id}Role`, "lambda.amazonaws.com");
      logGroup.grantWrite(role);
      if (key) allowKey(role, key, environment);
      const created = new LiveFunction(scope, id, {
        name,
        settings: settingsTextOf(name, settings),
        runtime: Runtime.NODEJS_24_X,
        architecture: Architecture.ARM_64,
        memorySize,
        timeout: Duration.seconds(timeoutSeconds),
        ...(reserved > 0 && { reservedConcurrentExecutions: reserved }),
        provisioned,
        ...(xRay && { tracing: Tracing.ACTIVE }),
        environment: { ...environment, STACK_NAME: Stack.of(scope).stackName },
        role,
        logGroup,
      });
      if (options.isCallingOut) network?.attach(created.node.defaultChild as CfnFunction, role);
      acknowledge(created, {
        "Serverless::Serverless-LambdaDLQ":
          "Called by API Gateway, a queue with dead letters of its own, or every five minutes: nothing is lost with a call",
        ...(!xRay && {
          "Serverless::Serverless-LambdaTracing":
            "A setting (xRay): it costs a permission on every resource, and the log's ids tell the way of a departure",
        }),
      });
      if (xRay) acknowledge(role, { "AwsSolutions-IAM5[Resource::*]": "X-Ray's actions take no narrower resource" });
      if (key || network || xRay) {
        acknowledge(role, {
          "Serverless::Serverless-LambdaStarPermissions": "What AWS itself asks for: for a key, a network or X-Ray",
        });
      }
      return created;
    },

    /** Lets Lambda poll a queue for a function. No filter: AWS deletes what a filter does not match. */
    feed(target: LiveFunction, queue: Queue, options: Partial<EventSourceMappingOptions>): EventSourceMapping {
      allow(target, ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], queue.queueArn);
      const mapping = new EventSourceMapping(target, "Feed", {
        target: target.live,
        eventSourceArn: queue.queueArn,
        reportBatchItemFailures: true,
        ...options,
      });
      // In China CloudFormation refuses these tags (aws-cdk issue 31532), and with them the deployment of a tagged app.
      if (mayBeInChina(Stack.of(scope).region)) {
        (mapping.node.defaultChild as CfnEventSourceMapping).addPropertyDeletionOverride("Tags");
      }
      acknowledge(target, {
        "Serverless::Serverless-LambdaEventSourceMappingDestination":
          "AWS offers it for streams; a queue has dead letters",
      });
      return mapping;
    },

    runEvery(schedule: string, { live }: LiveFunction): void {
      // Without the account, the scheduler could be made to take it on for a schedule of somebody else's.
      const role = new OwnRole(scope, "SweepScheduleRole", "scheduler.amazonaws.com", {
        StringEquals: { "aws:SourceAccount": Stack.of(scope).account },
      });
      allow(role, ["lambda:InvokeFunction"], live.functionArn);
      new CfnSchedule(scope, "SweepSchedule", {
        scheduleExpression: schedule,
        flexibleTimeWindow: { mode: "OFF" },
        // The next run comes anyway: by its default the scheduler repeats for a day, and all of it at once.
        target: { arn: live.functionArn, roleArn: role.roleArn, retryPolicy: { maximumRetryAttempts: 0 } },
      });
    },
  };
}

/** It stays when it is taken out of the stack or replaced, and goes where the deployment that made it fails. */
export const keptOnceMade = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

/** Whether it may be a region of AWS China: where the template names no region, it may. */
const mayBeInChina = (region: string) => Token.isUnresolved(region) || region.startsWith("cn-");

/** What AWS's example of a key policy grants to those who use a table, through the services of the function alone. */
function allowKey(role: OwnRole, { keyArn }: IKey, environment: Environment): void {
  const names = Object.keys(environment).join(" ");
  const services = [
    ...(/_TABLE\b/.test(names) ? ["dynamodb"] : []),
    ...(/_SECRET_ID\b/.test(names) ? ["secretsmanager"] : []),
    ...(/_URL\b/.test(names) ? ["sqs"] : []),
  ];
  role.addToPrincipalPolicy(
    new PolicyStatement({
      actions: ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
      resources: [keyArn],
      conditions: {
        StringEquals: { "kms:ViaService": services.map((name) => `${name}.${Aws.REGION}.${Aws.URL_SUFFIX}`) },
      },
    }),
  );
  acknowledge(role, {
    "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]": "The one key of the settings, through the named services alone",
    "AwsSolutions-IAM5[Action::kms:ReEncrypt*]": "The one key of the settings, through the named services alone",
  });
}

export function allow({ grantPrincipal }: IGrantable, actions: string[], ...resources: string[]): void {
  grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources }));
}

type FunctionName = keyof typeof settingsOf;
const readers: Readonly<Record<FunctionName, () => { parse: (settings: Settings) => object }>> = settingsOf;

/** The part of the settings that a function reads, as it reads it. */
export const settingsTextOf = (name: FunctionName, settings: Settings): string =>
  JSON.stringify(readers[name]().parse(settings));
