import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** A message as Slack is sent it, as far as it is read here. */
export interface SlackMessage {
  text?: string;
  delete_original?: boolean;
  blocks?: {
    type: string;
    text?: { text: string };
    elements?: { action_id: string; value: string; text: { text: string } }[];
  }[];
}

/** How a message is refused. */
export interface Refusal {
  status: number;
  /** In seconds. */
  retryAfter?: number;
}

/** Slack's end of `response_url`, on loopback: takes what is sent there, in order, unless `refuse` says how to refuse it. */
export async function receiveSlackReplies(refuse: () => Refusal | undefined = () => undefined) {
  const messages: SlackMessage[] = [];
  let taken = 0;
  const server = createServer(async (request, response) => {
    const refusal = refuse();
    if (refusal) {
      const { status, retryAfter } = refusal;
      response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }).end();
      return;
    }
    messages.push((await json(request).catch(() => ({}))) as SlackMessage);
    response.writeHead(200).end("ok");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    replyUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/commands/T0LOCAL/1/secret`,
    messages: () => messages,
    /** The next message, when it comes; `undefined` if none comes within 15 s. */
    async next(): Promise<SlackMessage | undefined> {
      for (let tries = 0; tries < 150 && messages.length <= taken; tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      taken += 1;
      return messages[taken - 1];
    },
    async close(): Promise<void> {
      server.close();
      server.closeAllConnections();
    },
  };
}
