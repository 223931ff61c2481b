import { type SlackUser, send, signSlack, slackClick, slackCommand } from "../cli/sign.ts";
import { listen, readBody, serve } from "./listen.ts";

export interface SlackMessage {
  text?: string;
  delete_original?: boolean;
  blocks?: {
    type: string;
    text?: { text: string };
    elements?: { action_id: string; value: string; text: { text: string } }[];
  }[];
}

/** Slack's end of `response_url`: takes what is sent there, in order. */
export async function startSlackStandIn() {
  const messages: SlackMessage[] = [];
  let taken = 0;
  const refusals: { status: number; retryAfter?: number }[] = [];
  const server = serve(async (request, response) => {
    const refusal = refusals.shift();
    if (refusal) {
      const { status, retryAfter } = refusal;
      response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }).end();
      return;
    }
    messages.push(JSON.parse((await readBody(request))?.toString() || "{}") as SlackMessage);
    response.writeHead(200).end("ok");
  });
  const listening = await listen(server, 0);
  return {
    ...listening,
    replyUrl: `${listening.url}/commands/T0LOCAL/1/secret`,
    messages: () => messages,
    /** Refuses the next messages so. */
    refuse: (...next: { status: number; retryAfter?: number }[]) => refusals.push(...next),
    refusalsLeft: () => refusals.length,
    /** The next message, when it comes; `undefined` if none comes within 15 s. */
    async next(): Promise<SlackMessage | undefined> {
      for (let tries = 0; tries < 150 && messages.length <= taken; tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      taken += 1;
      return messages[taken - 1];
    },
  };
}

/** Types a command, shows what comes back, and clicks if asked to. */
export async function talkAsSlack(talk: {
  command: string;
  url: string;
  signingSecret: string;
  who: SlackUser;
  click?: string | undefined;
}): Promise<void> {
  const { command, url, signingSecret, who, click } = talk;
  const slack = await startSlackStandIn();
  const request = signSlack("/slack/commands", slackCommand(command, who, slack.replyUrl), signingSecret);
  const response = await send(request, url).catch(() => {
    throw new Error(`Nobody answers at ${url}: is it running? (npm start)`);
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${answer}`);
  const { text = "" } = JSON.parse(answer || "{}") as SlackMessage;
  console.log(text);
  if (text.startsWith("Looking up")) {
    const card = await slack.next();
    const buttons = card?.blocks?.flatMap(({ elements = [] }) => elements) ?? [];
    console.log(
      `\n${card?.blocks?.[0]?.text?.text ?? card?.text}\n${buttons.map((button) => `[ ${button.text.text} ]`).join("  ")}`,
    );
    const button = buttons.find(({ action_id }) => action_id === click);
    if (button) {
      await send(
        signSlack(
          "/slack/interactions",
          slackClick(button.action_id, button.value, who, slack.replyUrl),
          signingSecret,
        ),
        url,
      );
      const outcome = await slack.next();
      console.log(`\n${outcome?.delete_original ? "(the card is gone)" : outcome?.text}`);
    }
  }
  await slack.close();
}
