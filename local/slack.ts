import { type Refusal, receiveSlackReplies } from "../cli/sources/slack-replies.ts";

/** Slack's end of `response_url`, which can be told to refuse messages. */
export async function startSlackStandIn() {
  const refusals: Refusal[] = [];
  return {
    ...(await receiveSlackReplies(() => refusals.shift())),
    /** Refuses the next messages so. */
    refuse: (...next: Refusal[]) => refusals.push(...next),
    refusalsLeft: () => refusals.length,
  };
}
