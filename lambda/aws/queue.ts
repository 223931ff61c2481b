import { randomUUID } from "node:crypto";
import {
  ChangeMessageVisibilityCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";

/** A queue (SQS). The departures' carries ledger ids and nothing else. */
export type Queue = ReturnType<typeof createQueue>;

/** SQS hides a message for 12 hours at the most: a longer delay is cut, and the message comes earlier. */
const maxDelaySeconds = 43_000;

export function createQueue({
  client,
  url,
  deadLettersUrl,
}: {
  client: SQSClient;
  url: string;
  deadLettersUrl?: string;
}) {
  return {
    async send(id: string): Promise<void> {
      await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: id }));
    },

    /** Sends at most ten messages in one call. Throws unless the queue has all of them. */
    async sendTogether(bodies: readonly string[]): Promise<void> {
      const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
      const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
      if (Failed.length > 0) throw new Error(`The queue did not take ${Failed.length} of ${bodies.length} messages`);
    },

    /** Sends a message that stays behind those of its group (a FIFO queue). */
    async sendInOrder(body: string, group: string): Promise<void> {
      await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body, ...inOrder(group) }));
    },

    /** Hides a received message for so many seconds: its next try. */
    async delay(receiptHandle: string, seconds: number): Promise<void> {
      const VisibilityTimeout = Math.min(Math.ceil(seconds), maxDelaySeconds);
      await client.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: url,
          ReceiptHandle: receiptHandle,
          VisibilityTimeout,
        }),
      );
    },

    /** Puts a message among the dead letters, where the alarm watches. */
    async bury(body: string, group?: string): Promise<void> {
      const order = group === undefined ? {} : inOrder(group);
      await client.send(new SendMessageCommand({ QueueUrl: deadLettersUrl, MessageBody: body, ...order }));
    },
  };
}

/** Seconds until a message comes again that could not be worked on: AWS may have refused something for a moment. */
const soonSeconds = 60;

/** Lets a received message come again soon; where SQS refuses that too, when its visibility timeout is over. */
export const comeSoon = (queue: Pick<Queue, "delay">, { receiptHandle }: { receiptHandle: string }): Promise<void> =>
  queue.delay(receiptHandle, soonSeconds).catch(() => {});

/** No message is dropped as a duplicate: a sender's repeat is passed on as well. */
const inOrder = (group: string) => ({ MessageGroupId: group, MessageDeduplicationId: randomUUID() });
