import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ChangeMessageVisibilityCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

/** The three AWS clients with the commands that we use, and nothing else: what cannot be left out. */
export const parts = [
  ...[DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, UpdateItemCommand],
  ...[SecretsManagerClient, GetSecretValueCommand, SQSClient, SendMessageCommand, ChangeMessageVisibilityCommand],
];
export const handler = async () => ({ statusCode: parts.length });
