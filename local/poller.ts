import { DeleteMessageCommand, ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";

export interface Poller {
  close(): Promise<void>;
}

/** Lambda's event source in small: receives messages, calls the function, and deletes what did not fail. */
export function startPoller(
  client: SQSClient,
  queueUrl: string,
  handler: (event: SQSEvent) => Promise<SQSBatchResponse>,
  { concurrency = 4, batchSize = 10 } = {},
): Poller {
  const stopped = new AbortController();

  async function poll(): Promise<void> {
    while (!stopped.signal.aborted) {
      try {
        await receive();
      } catch (error) {
        if (!stopped.signal.aborted) {
          console.error("The poller could not receive:", error);
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
      }
    }
  }

  async function receive(): Promise<void> {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: batchSize,
      WaitTimeSeconds: 5,
      MessageSystemAttributeNames: ["ApproximateReceiveCount"],
    });
    const { Messages = [] } = await client.send(command, { abortSignal: stopped.signal });
    if (Messages.length === 0) return;
    const Records = Messages.map(
      ({ Body, MessageId, ReceiptHandle, Attributes }) =>
        ({ body: Body, messageId: MessageId, receiptHandle: ReceiptHandle, attributes: Attributes }) as SQSRecord,
    );
    const { batchItemFailures } = await handler({ Records });
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    const done = Messages.filter(({ MessageId }) => !failed.has(MessageId ?? ""));
    await Promise.all(
      done.map(({ ReceiptHandle }) => client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }))),
    );
  }

  const polling = Promise.all(Array.from({ length: concurrency }, poll));
  return {
    async close() {
      stopped.abort();
      await polling;
    },
  };
}
