import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import { EventDispatcher } from "@larksuiteoapi/node-sdk";
import { AwsLambdaReceiver } from "@slack/bolt";
import { decrypt, getSignature } from "@wecom/crypto";
import { ManagementClient } from "authing-node-sdk";
import { Webhook } from "standardwebhooks";
import * as z from "zod";

/** What the same job needs when it is written with each vendor's own library. */
export const parts = [
  DynamoDBClient,
  SecretsManagerClient,
  SQSClient,
  EventDispatcher,
  AwsLambdaReceiver,
  decrypt,
  getSignature,
  ManagementClient,
  Webhook,
  z.object,
];
export const handler = async () => ({ statusCode: parts.length });
