/**
 * Slack's slash command and its buttons (docs.slack.dev: "Verifying requests from Slack", "Slash commands",
 * "Interactivity"). Every answer is a 200 within 3 seconds; what takes longer comes by `response_url`.
 */
import { createHmac } from "node:crypto";
import * as z from "zod/mini";
import { decodeUtf8, json, parseJson, type Request, text } from "../http.ts";
import { isExpired, toInquiry } from "../inquiry.ts";
import { malformed, type Problem, refused } from "../problem.ts";
import { isStatus, parseSyncRelation, type Resignation } from "../resignation.ts";
import type { ActName, Context, Received, Source } from "./index.ts";
import { findEvery, hasAll, isSameDigest, sha256 } from "./proof.ts";
import { decided, ephemeralNote, escapeText, explain, help, line, lines } from "./slack-messages.ts";

export const slack: Source<"slack"> = {
  section: "slack",
  routes: { "POST /slack/commands": receiveCommand, "POST /slack/interactions": receiveClick },
  hasProof: ({ headers }) => hasAll(headers, "x-slack-signature", "x-slack-request-timestamp"),
};

const toleranceSeconds = 300;

const commandSchema = z.object({
  team_id: z.string(),
  user_id: z.string(),
  api_app_id: z.optional(z.string()),
  command: z.string(),
  text: z._default(z.string(), ""),
  response_url: z.string(),
});

function receiveCommand(request: Request, context: Context<"slack">): Received {
  const form = verify(request, context);
  if (form.ssl_check === "1") return { kind: "answer", answer: text(200, "") };
  const command = orMalformed(commandSchema, form);
  verifyApp(command.api_app_id, context);
  const { slack: settings, allowedProviders } = context.settings;
  if (command.command !== settings.command) return say(help(settings.command));
  const operator = `${command.team_id}/${command.user_id}`;
  if (!isOperator(operator, context)) return refuseStranger();

  const [word = "", ...rest] = command.text.trim().split(/\s+/);
  const userId = parseSyncRelation(word, allowedProviders);
  if (!userId) return carryOut(word.toLowerCase(), rest, requestIdOf(request), operator, context);

  verifyReplyUrl(command.response_url, context);
  const reason = rest.join(" ").slice(0, 500);
  const inquiry = toInquiry(
    {
      key: requestIdOf(request),
      userId,
      ...(reason && { reason }),
      requestedBy: operator,
      replyUrl: command.response_url,
    },
    context.now,
  );
  return { kind: "ask", inquiry, answer: ephemeral(`Looking up \`${escapeText(userId)}\` in GenAuth …`) };
}

/** The words of the command. Whatever is none of them gets help, never an error. */
function carryOut(
  word: string,
  [first = ""]: string[],
  requestId: string,
  operator: string,
  context: Context<"slack">,
): Received {
  const { command } = context.settings.slack;
  const onProblem = (problem: Problem) => ephemeral(explain(problem));
  if (word === "list") {
    const status = isStatus(first) ? first : "held";
    const answer = (items: Resignation[]) => ephemeral(lines(items, `Nobody is ${status}.`));
    return { kind: "list", query: { status, limit: 20 }, cursor: undefined, answer };
  }
  if (word === "status" && first) {
    const userId = parseSyncRelation(first, context.settings.allowedProviders);
    const answer = (items: Resignation[]) => ephemeral(lines(items, "The ledger has nothing of that person."));
    return userId
      ? { kind: "list", query: { userId, limit: 5 }, cursor: undefined, answer }
      : { kind: "find", id: first, answer: (found) => ephemeral(line(found)), onProblem };
  }
  if ((word === "approve" || word === "cancel" || word === "retry") && first) {
    const act = { name: word as ActName, id: first, caller: "slack", operator, requestId };
    return { kind: "act", act, answer: (changed) => ephemeral(`Done. ${line(changed)}`), onProblem };
  }
  return say(help(command));
}

const clickSchema = z.object({
  type: z.string(),
  user: z.object({ id: z.string(), team_id: z.optional(z.string()) }),
  team: z.nullish(z.object({ id: z.string() })),
  api_app_id: z.optional(z.string()),
  response_url: z.optional(z.string()),
  actions: z.optional(z.array(z.object({ action_id: z.string(), value: z.optional(z.string()) }))),
});

/** Slack shows nothing of this answer: what happened comes by the click's own `response_url`. */
function receiveClick(request: Request, context: Context<"slack">): Received {
  const form = verify(request, context);
  const click = orMalformed(clickSchema, parseJson(form.payload ?? ""));
  verifyApp(click.api_app_id, context);
  const operator = `${click.user.team_id ?? click.team?.id}/${click.user.id}`;
  if (!isOperator(operator, context)) return refuseStranger();

  const nothing: Received = { kind: "answer", answer: text(200, "") };
  const [action] = click.actions ?? [];
  const replyUrl = click.response_url;
  if (
    click.type === "block_actions" &&
    (action?.action_id === "approve" || action?.action_id === "cancel") &&
    action.value &&
    replyUrl
  ) {
    verifyReplyUrl(replyUrl, context);
    const act = {
      name: action.action_id,
      id: action.value,
      caller: "slack",
      operator,
      requestId: requestIdOf(request),
    } as const;
    return {
      kind: "act",
      act,
      answer: () => text(200, ""),
      onProblem: () => text(200, ""),
      reply: {
        url: replyUrl,
        message: (changed) => decided(changed, operator),
        problem: (problem) => ephemeralNote(explain(problem)),
      },
    };
  }
  const isOurs = action?.action_id === "resign" || action?.action_id === "dismiss";
  if (click.type !== "block_actions" || !isOurs || !action.value || !replyUrl) return nothing;
  verifyReplyUrl(replyUrl, context);
  const { now } = context;
  return {
    kind: "settle",
    inquiryId: action.value,
    state: action.action_id === "resign" ? "ordered" : "dismissed",
    replyUrl,
    toDeparture: (inquiry) =>
      isExpired(inquiry, now)
        ? undefined
        : {
            source: "slack",
            eventId: inquiry.id,
            userId: inquiry.userId,
            occurredAt: now,
            requestedBy: operator,
            ...(inquiry.reason && { reason: inquiry.reason }),
            inquiryId: inquiry.id,
          },
    answer: text(200, ""),
  };
}

/** Slack repeats no request, and each has a trigger id of its own in its body. */
const requestIdOf = ({ body }: Request) => `slack/${sha256(body).toString("hex").slice(0, 32)}`;

/** HMAC-SHA256 over `v0:{timestamp}:{raw body}`; 5 minutes either way, and nothing but ten digits. */
function verify(request: Request, { keys, now }: Context<"slack">): Record<string, string | undefined> {
  const signature = request.headers["x-slack-signature"] ?? "";
  const timestamp = request.headers["x-slack-request-timestamp"] ?? "";
  if (!/^v0=[0-9a-f]{64}$/.test(signature)) throw refused("signature form");
  if (!/^\d{10}$/.test(timestamp)) throw refused("timestamp form");
  const proven = findEvery(keys.signingSecret, (secret) =>
    isSameDigest(sign(secret, timestamp, request.body), signature),
  );
  if (proven === undefined) throw refused("signature");
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > toleranceSeconds) throw refused("timestamp");

  const form = [...new URLSearchParams(decodeUtf8(request.body))];
  const fields = Object.fromEntries(form);
  if (Object.keys(fields).length !== form.length) throw malformed("A form field is given twice");
  return fields;
}

export function sign(signingSecret: string, timestamp: string, body: Uint8Array): string {
  return `v0=${createHmac("sha256", signingSecret).update(`v0:${timestamp}:`).update(body).digest("hex")}`;
}

/** Commands are not namespaced in Slack, and a signing secret can be copied: the app must be the one we know. */
function verifyApp(appId: string | undefined, { settings }: Context<"slack">): void {
  if (settings.slack.appId && appId !== settings.slack.appId) throw refused("app id");
}

/** Answers carry names: they go to Slack and nowhere else. */
function verifyReplyUrl(url: string, { settings }: Context<"slack">): void {
  if (!isReplyUrl(url, settings.slack.replyHosts)) throw malformed("The response_url is not Slack's");
}

/** Whether the address is one of Slack's, over TLS; this machine's own are the local stand-ins. */
export function isReplyUrl(url: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, port, username } = new URL(url);
  if (!hosts.includes(hostname) || username) return false;
  return hostname === "127.0.0.1" || hostname === "localhost" || (protocol === "https:" && port === "");
}

const isOperator = (operator: string, { settings }: Context<"slack">) => settings.operators.slack.includes(operator);

const refuseStranger = (): Received => ({
  kind: "answer",
  answer: ephemeral(
    "You are not among the operators who may resign people. Ask your administrator (`operators.slack`).",
  ),
  notices: [{ metric: "StrangerRefused", message: "Somebody in Slack who is no operator was refused", level: "WARN" }],
});

const ephemeral = (message: string) => json(200, { response_type: "ephemeral", text: message });

const say = (message: string): Received => ({ kind: "answer", answer: ephemeral(message) });

function orMalformed<T>(schema: z.ZodMiniType<T>, given: unknown): T {
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw malformed(`Slack sent an unexpected form at ${parsed.error.issues[0]?.path.join(".")}`);
  return parsed.data;
}
