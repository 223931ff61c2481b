/** A click on one of our buttons. Its outcome is told by its own `response_url`. */
import { text } from "../http.ts";
import type { Log } from "../log.ts";
import { malformed, Problem } from "../problem.ts";
import { holds } from "../resignation/resignation.ts";
import type { DeskSettings } from "../settings/by-function.ts";
import { type Act, operate } from "./operate.ts";
import { type Settling, settle } from "./settle.ts";
import { decided, ephemeralNote, explain } from "./slack-messages.ts";
import { isReplyUrl, postOrOwe } from "./slack-reply.ts";
import type { Work } from "./work.ts";

export interface Click {
  /** The button's action, and what it stands for. */
  readonly name: string | undefined;
  readonly value: string | null | undefined;
  readonly operator: string;
  /** Unique for the request. */
  readonly requestId: string;
  readonly replyUrl: string | undefined;
}

/** What a click does. Throws `malformed` where its address is not Slack's: answers carry names. */
export function workOf(click: Click, settings: DeskSettings, now: Date): Work {
  const { name, value, operator, requestId, replyUrl } = click;
  const isAnswered = replyUrl !== undefined && isReplyUrl(replyUrl, settings.slack.replyHosts);
  const tell = (message: string): Work => (isAnswered ? postNote(replyUrl, message) : nothing);
  if (!settings.operators.slack.includes(operator)) return refuseStranger(tell(strangerText));
  const isDecision = name === "approve" || name === "cancel";
  const isSettling = name === "resign" || name === "dismiss";
  if (!isDecision && !isSettling) return tell("I do not know this button. Nothing was done.");
  if (!value) return tell("This button names nobody. Nothing was done.");
  if (!replyUrl) return nothing;
  if (!isAnswered) throw malformed("The response_url is not Slack's");
  if (isDecision) return decide(toAct(name, value, operator, requestId), replyUrl);
  return settleOnce({ inquiryId: value, state: name === "resign" ? "ordered" : "dismissed", replyUrl, operator, now });
}

/** An approval names the hold that its button was made for. */
function toAct(name: "approve" | "cancel", value: string, operator: string, requestId: string): Act {
  const [id = "", hold] = value.split(" ");
  const heldFor = holds.find((one) => one === hold);
  return { ...{ name, id, caller: "slack", operator, requestId }, ...(name === "approve" && heldFor && { heldFor }) };
}

function decide(act: Act, replyUrl: string): Work {
  return async (desk) => {
    try {
      const changed = await operate(desk, act);
      await postOrOwe(desk, replyUrl, decided(changed, act.operator));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      await postOrOwe(desk, replyUrl, ephemeralNote(explain(error)));
    }
    return text(200, "");
  };
}

function settleOnce(settling: Settling): Work {
  return async (desk) => {
    if (!(await settle(desk, settling))) {
      const note = "Somebody has clicked on this before, or it is no longer known. Nothing more was done.";
      await postOrOwe(desk, settling.replyUrl, ephemeralNote(note));
    }
    return text(200, "");
  };
}

const postNote =
  (replyUrl: string, message: string): Work =>
  async (desk) => {
    await postOrOwe(desk, replyUrl, ephemeralNote(message));
    return text(200, "");
  };

const refuseStranger =
  (tell: Work): Work =>
  async (desk) => {
    countStranger(desk.log);
    return tell(desk);
  };

export const nothing: Work = async () => text(200, "");

export const strangerText =
  "You are not among the operators who may resign people. Ask your administrator (`operators.slack`).";

export const countStranger = (log: Log): void =>
  log.count("StrangerRefused", "Somebody in Slack who is no operator was refused", {}, "WARN");
