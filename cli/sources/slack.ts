import { createHmac, randomUUID } from "node:crypto";
import { Option } from "commander";
import { play, type SignedRequest } from "../event.ts";
import { first } from "../files.ts";
import { localSecret } from "../random.ts";
import { receiveSlackReplies, type SlackMessage } from "./slack-replies.ts";
import type { Section, Source } from "./source.ts";

/** Slack's slash command and its buttons (docs/slack.md). */
export const slack = {
  title: "Slack",
  asks: { signingSecret: { question: "Slack > Basic information > Signing secret", sample: "secret" } },
  newKeys: () => ({ signingSecret: localSecret(32) }),

  whatToPaste: (outputs) => `Slack, api.slack.com/apps > your app (docs/slack.md):
  Slash commands > Request URL               ${outputs.SlackCommandsUrl}
  Interactivity > Request URL                ${outputs.SlackInteractionsUrl}`,

  checks({ signingSecret }) {
    const secret = first(signingSecret);
    if (!secret) return [];
    return [{ title: "Slack", request: signSlack("/slack/commands", { ssl_check: "1" }, secret), expected: 200 }];
  },

  scenes: () => [],

  sends: {
    argument: "command",
    description:
      'as Slack does when an operator types a command: npm run send -- slack "/resign lark:ou_demo_5 left today"',
    options: [
      new Option("--as <team/user>", "who types it").default("T0LOCAL/U0ALICE"),
      new Option("--click <button>", "then click this button of the card").choices(["resign", "dismiss"]),
    ],
    async talk(section: Section, command: string, url: string, given: { as: string; click?: string }) {
      const [team = "", user = ""] = given.as.split("/");
      const signingSecret = first(section.signingSecret) ?? "";
      const replies = await receiveSlackReplies();
      try {
        await talk({ command, url, signingSecret, who: { team, user }, click: given.click, replies });
      } finally {
        await replies.close();
      }
    },
  },
} satisfies Source;

/** Types a command, shows what comes back, and clicks if asked to. */
async function talk(said: {
  command: string;
  url: string;
  signingSecret: string;
  who: SlackUser;
  click: string | undefined;
  replies: Awaited<ReturnType<typeof receiveSlackReplies>>;
}): Promise<void> {
  const { command, url, signingSecret, who, click, replies } = said;
  const typed = slackCommand(command, who, replies.replyUrl);
  const { isOk, status, text: answer } = await play(signSlack("/slack/commands", typed, signingSecret), url);
  if (!isOk) throw new Error(`${status} ${answer}`);
  const { text = "" } = JSON.parse(answer || "{}") as SlackMessage;
  console.log(text);
  if (!text.startsWith("Looking up")) return;

  const button = showCard(await replies.next()).find(({ action_id }) => action_id === click);
  if (!button) return;

  const clicked = slackClick(button.action_id, button.value, who, replies.replyUrl);
  await play(signSlack("/slack/interactions", clicked, signingSecret), url);
  const outcome = await replies.next();
  console.log(`\n${outcome?.delete_original ? "(the card is gone)" : outcome?.text}`);
}

/** Prints a card. Gives back its buttons. */
function showCard(card: SlackMessage | undefined) {
  const buttons = card?.blocks?.flatMap(({ elements = [] }) => elements) ?? [];
  const shown = buttons.map(({ text }) => `[ ${text.text} ]`).join("  ");
  console.log(`\n${card?.blocks?.[0]?.text?.text ?? card?.text}\n${shown}`);
  return buttons;
}

/** A request of Slack's: a form, signed with the app's signing secret. */
export function signSlack(
  path: string,
  form: Record<string, string>,
  signingSecret: string,
  now = new Date(),
): SignedRequest {
  const body = new URLSearchParams(form).toString();
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signature = createHmac("sha256", signingSecret).update(`v0:${timestamp}:${body}`).digest("hex");
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    "x-slack-request-timestamp": timestamp,
    "x-slack-signature": `v0=${signature}`,
  };
  return { method: "POST", path, headers, body };
}

export interface SlackUser {
  readonly team: string;
  readonly user: string;
}

/** `/resign …`, as somebody types it. */
export function slackCommand(command: string, { team, user }: SlackUser, replyUrl: string): Record<string, string> {
  const [word = "", ...rest] = command.split(" ");
  const who = {
    team_id: team,
    team_domain: "local",
    channel_id: "C0LOCAL",
    channel_name: "it",
    user_id: user,
    user_name: "local",
  };
  const app = { api_app_id: "A0LOCAL", token: "unused", trigger_id: randomUUID(), is_enterprise_install: "false" };
  return { ...who, ...app, command: word, text: rest.join(" "), response_url: replyUrl };
}

/** A click on one of a message's buttons. */
export function slackClick(
  actionId: string,
  value: string,
  { team, user }: SlackUser,
  replyUrl: string,
): Record<string, string> {
  const action = { type: "button", action_id: actionId, block_id: "b", value, action_ts: String(Date.now() / 1000) };
  const who = { user: { id: user, username: "local", team_id: team }, team: { id: team, domain: "local" } };
  return {
    payload: JSON.stringify({
      type: "block_actions",
      ...who,
      api_app_id: "A0LOCAL",
      trigger_id: randomUUID(),
      response_url: replyUrl,
      actions: [action],
    }),
  };
}
