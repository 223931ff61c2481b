import { type SlackUser, send, signSlack, slackClick, slackCommand } from "./sign.ts";
import { receiveSlackReplies, type SlackMessage } from "./slack-replies.ts";

/** Types a command, shows what comes back, and clicks if asked to. */
export async function talkAsSlack(talk: {
  command: string;
  url: string;
  signingSecret: string;
  who: SlackUser;
  click?: string | undefined;
}): Promise<void> {
  const { command, url, signingSecret, who, click } = talk;
  const slack = await receiveSlackReplies();
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
