/**
 * Slack's slash command and its buttons (docs.slack.dev: "Verifying requests from Slack", "Slash commands",
 * "Interactivity"). Every answer is a 200 within 3 seconds; what takes longer comes by `response_url`.
 */
import { createHmac } from "node:crypto";
import * as z from "zod/mini";
import { decodeUtf8, json, type Request, text } from "../http.ts";
import { malformed, type Problem, refused } from "../problem.ts";
import { holds, isStatus, statuses } from "../resignation.ts";
import { type ReadId, readRelation } from "../sources/ids.ts";
import type { ActName, Context, Notice, Received, Source } from "../sources/index.ts";
import { readJson } from "../sources/json.ts";
import { findEvery, hasAll, isSameDigest, sha256 } from "../sources/proof.ts";
import { isExpired, toInquiry } from "./inquiry.ts";
import { decided, ephemeralNote, escapeText, explain, help, line, lines, unescapeText } from "./slack-messages.ts";

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
  if (isCertificateCheck(request)) return { kind: "answer", answer: text(200, ""), isNoLife: true };
  const form = verify(request, context);
  if (form.ssl_check === "1") return { kind: "answer", answer: text(200, "") };
  const command = orMalformed(commandSchema, form);
  verifyApp(command.api_app_id, context);
  const { slack: settings, allowedProviders } = context.settings;
  if (command.command !== settings.command) return say(help(settings.command));
  const operator = `${command.team_id}/${command.user_id}`;
  if (!isOperator(operator, context)) return refuseStranger();

  const { words, whole } = readWords(unescapeText(command.text));
  const [word = "", ...rest] = words;
  if (idsIn(whole, allowedProviders).length > 1) return say(twoIds);
  if (commands.has(word.toLowerCase())) {
    return carryOut(word.toLowerCase(), rest, requestIdOf(request), operator, context);
  }
  const read = readTypedId(word, allowedProviders);
  if ("wrong" in read) return say(`${escapeText(read.wrong)}\n${help(settings.command)}`);

  verifyReplyUrl(command.response_url, context);
  const reason = readReason(rest);
  const inquiry = toInquiry(
    {
      key: requestIdOf(request),
      userId: read.userId,
      ...(reason && { reason }),
      requestedBy: operator,
      replyUrl: command.response_url,
    },
    context.now,
  );
  return { kind: "ask", inquiry, answer: ephemeral(`Looking up \`${escapeText(read.userId)}\` in GenAuth …`) };
}

type Listed = Extract<Received, { kind: "list" }>["answer"];

const commands: ReadonlySet<string> = new Set(["", "help", "list", "status", "approve", "cancel", "retry"]);

/** The words of the command. Whatever is none of them is answered with what there is, never with an error. */
function carryOut(
  word: string,
  [first = "", ...rest]: string[],
  requestId: string,
  operator: string,
  context: Context<"slack">,
): Received {
  const { command } = context.settings.slack;
  const onProblem = (problem: Problem) => ephemeral(explain(problem));
  const isTooMuch = rest.length > 0 && (word === "list" || word === "status");
  if (isTooMuch) return say(`I do not know what ${shown(rest.join(" "))} is for.\n${help(command)}`);
  if (word === "list") {
    const status = first.toLowerCase() || "held";
    if (!isStatus(status)) return say(`There is no status ${shown(first)}. There are: ${statuses.join(", ")}.`);
    const answer: Listed = (items, _, unreadable) => ephemeral(lines(items, `Nobody is ${status}.`, unreadable));
    return { kind: "list", query: { status, limit: 20 }, cursor: undefined, answer };
  }
  if (word === "" || word === "help") return say(help(command));
  if (!first) return say(`${word} of whom? It needs an id.\n${help(command)}`);
  const id = /^res_\w+$/i.test(first) ? first.toLowerCase() : undefined;
  if (word === "status") {
    if (id) return { kind: "find", id, answer: (found) => ephemeral(line(found)), onProblem };
    const read = readTypedId(first, context.settings.allowedProviders);
    if ("wrong" in read) return say(`${escapeText(read.wrong)}, or ids like res_….`);
    const answer: Listed = (items, _, unreadable) =>
      ephemeral(lines(items, "The ledger has nothing of that person.", unreadable));
    return { kind: "list", query: { userId: read.userId, limit: 5 }, cursor: undefined, answer };
  }
  if (!id) {
    return say(
      `${shown(first)} is no id of a resignation. They look like res_…: \`${command} status <sync relation>\` shows them.`,
    );
  }
  const reason = readReason(rest);
  const act = { name: word as ActName, id, caller: "slack", operator, requestId, ...(reason && { reason }) };
  return { kind: "act", act, answer: (changed) => ephemeral(`Done. ${line(changed)}`), onProblem };
}

const twoIds = "I read two ids. Give me one at a time: nothing was done.";

const shown = (words: string) => `\`${escapeText(words.replaceAll("`", "'")).slice(0, 100)}\``;

/** What people paste around an id: our own backticks, quotation marks of any language, bold. */
const quotes = "`\"'*\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb\u300c\u300d\u300e\u300f";
const unquote = (word: string) => word.replace(new RegExp(`^[${quotes}]+|[${quotes}]+$`, "g"), "");

/** The words of the command. Where quotation marks stand around the whole, they belong to none of its words. */
function readWords(typed: string): { words: string[]; whole: string } {
  const whole = typed.trim();
  const isQuoted = new RegExp(`^[${quotes}][^\\s${quotes}]+\\s.*[${quotes}]$`, "s").test(whole);
  const bare = isQuoted ? unquote(whole) : whole;
  const [first = "", second = "", ...rest] = bare.split(/\s+/);
  const isCommand = commands.has(unquote(first).toLowerCase());
  return { words: [unquote(first), isCommand ? unquote(second) : second, ...rest].filter(Boolean), whole };
}

/** Every id in a text, Lark's without their provider too: one of a person or a resignation is no part of a reason. */
function idsIn(whole: string, providers: readonly string[]): string[] {
  const names = providers.map((provider) => provider.replaceAll(/[^\w-]/g, "\\$&")).join("|");
  // A provider named once more stands in front of the same id.
  const relation = `(?<![\\w-])(?:(?:${names})[:\uff1a])+(?=[${quotes}]*[^\\s${quotes}])`;
  // Whatever else stands in front of one is no provider that there is.
  const ofLark = `(?<![\\w-]|(?:${names})[:\uff1a][${quotes}]*)o[un]_\\w*\\d\\w*`;
  return whole.match(new RegExp(`${relation}|${ofLark}|(?<!\\w)res_\\w+`, "giu")) ?? [];
}

/** A person's id as it is typed or pasted: the provider may have capitals, and the colon be a wide one. */
function readTypedId(word: string, providers: readonly string[]): ReadId {
  const [, provider = "", id = ""] = /^([^:\uff1a]*)[:\uff1a](.*)$/s.exec(word) ?? [];
  const known = providers.find((one) => one.toLowerCase() === provider.toLowerCase());
  if (known) return readRelation(`${known}:${unquote(id)}`, providers);
  const read = readRelation(word, providers);
  return "wrong" in read
    ? { wrong: read.wrong.replace(/^userId:? /, `${word.replaceAll("`", "'").slice(0, 100)}: `) }
    : read;
}

function readReason(words: string[]): string {
  const reason = words.join(" ").slice(0, 500);
  // Not the half of a character.
  return reason.replace(/[\ud800-\udbff]$/, "").toWellFormed();
}

const typeSchema = z.object({ type: z.string() });

const clickSchema = z.object({
  user: z.object({ id: z.string(), team_id: z.nullish(z.string()) }),
  team: z.nullish(z.object({ id: z.string() })),
  api_app_id: z.nullish(z.string()),
  response_url: z.nullish(z.string()),
  actions: z.nullish(z.array(z.object({ action_id: z.string(), value: z.nullish(z.string()) }))),
});

/** Slack shows nothing of this answer: what happened comes by the click's own `response_url`. */
function receiveClick(request: Request, context: Context<"slack">): Received {
  const nothing = text(200, "");
  if (isCertificateCheck(request)) return { kind: "answer", answer: nothing, isNoLife: true };
  const form = verify(request, context);
  if (form.ssl_check === "1" && form.payload === undefined) return { kind: "answer", answer: nothing };
  const payload = readJson(form.payload ?? "");
  // An app has one address for all its interactions, and those of other kinds have another shape.
  if (orMalformed(typeSchema, payload).type !== "block_actions") return { kind: "answer", answer: nothing };
  const click = orMalformed(clickSchema, payload);
  verifyApp(click.api_app_id, context);
  const replyUrl = click.response_url ?? "";
  const isAnswered = isReplyUrl(replyUrl, context.settings.slack.replyHosts);
  const tell = (message: string): Extract<Received, { kind: "answer" }> => ({
    ...{ kind: "answer", answer: nothing },
    ...(isAnswered && { reply: { url: replyUrl, message: ephemeralNote(message) } }),
  });

  const operator = `${click.user.team_id ?? click.team?.id}/${click.user.id}`;
  if (!isOperator(operator, context)) return { ...tell(strangerText), notices: strangerNotices };

  const [action] = click.actions ?? [];
  const { action_id: name, value } = action ?? {};
  const isDecision = name === "approve" || name === "cancel";
  const isSettling = name === "resign" || name === "dismiss";
  if (!isDecision && !isSettling) return tell("I do not know this button. Nothing was done.");
  if (!value) return tell("This button names nobody. Nothing was done.");
  if (!replyUrl) return { kind: "answer", answer: nothing };
  verifyReplyUrl(replyUrl, context);
  if (isDecision) {
    const [id = "", hold] = value.split(" ");
    const heldFor = holds.find((one) => one === hold);
    const act = {
      ...({ name, id, caller: "slack", operator, requestId: requestIdOf(request) } as const),
      ...(name === "approve" && heldFor && { heldFor }),
    };
    return {
      kind: "act",
      act,
      answer: () => nothing,
      onProblem: () => nothing,
      reply: {
        url: replyUrl,
        message: (changed) => decided(changed, operator),
        problem: (problem) => ephemeralNote(explain(problem)),
      },
    };
  }
  const { now } = context;
  return {
    kind: "settle",
    inquiryId: value,
    state: name === "resign" ? "ordered" : "dismissed",
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
    settledBefore: ephemeralNote(
      "Somebody has clicked on this before, or it is no longer known. Nothing more was done.",
    ),
    answer: nothing,
  };
}

/**
 * Slack's check of the address's certificate: a form with `ssl_check=1`, and the only request that it does not sign.
 * Nothing else of it is read.
 */
function isCertificateCheck({ headers, body }: Request): boolean {
  if (headers["x-slack-signature"] !== undefined || body.length > 4096) return false;
  const checks = new URLSearchParams(body.toString("latin1")).getAll("ssl_check");
  return checks.length === 1 && checks[0] === "1";
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
function verifyApp(appId: string | null | undefined, { settings }: Context<"slack">): void {
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

const strangerText =
  "You are not among the operators who may resign people. Ask your administrator (`operators.slack`).";
const strangerNotices: Notice[] = [
  { metric: "StrangerRefused", message: "Somebody in Slack who is no operator was refused", level: "WARN" },
];

const refuseStranger = (): Received => ({
  kind: "answer",
  answer: ephemeral(strangerText),
  notices: strangerNotices,
});

const ephemeral = (message: string) => json(200, { response_type: "ephemeral", text: message });

const say = (message: string): Received => ({ kind: "answer", answer: ephemeral(message) });

function orMalformed<T>(schema: z.ZodMiniType<T>, given: unknown): T {
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw malformed(`Slack sent an unexpected form at ${parsed.error.issues[0]?.path.join(".")}`);
  return parsed.data;
}
