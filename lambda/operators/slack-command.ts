/** An operator's command in Slack. An unknown one is answered with the list of commands, never with an error. */
import { type Answer, json } from "../http.ts";
import { countUnreadable } from "../log.ts";
import { escapeText } from "../notices/text.ts";
import { malformed, Problem } from "../problem.ts";
import { directoryNames } from "../resignation/source-names.ts";
import { isStatus, statuses } from "../resignation/status.ts";
import type { DeskSettings } from "../settings/by-function.ts";
import { toInquiry } from "./inquiry.ts";
import { type ActName, findOrThrow, list, operate } from "./operate.ts";
import { explain, help, line, lines, stopLine } from "./slack-messages.ts";
import { isReplyUrl } from "./slack-reply.ts";
import { idsIn, readReason, readTypedId, readWords } from "./slack-words.ts";
import { stopOrStart } from "./stop.ts";
import type { Work } from "./work.ts";

/** A command, and the operator who gave it. */
export interface Command {
  readonly text: string;
  readonly operator: string;
  /** Unique for the request. */
  readonly requestId: string;
  readonly replyUrl: string;
}

const commands: ReadonlySet<string> = new Set([
  "",
  "help",
  "list",
  "status",
  "approve",
  "cancel",
  "retry",
  "stop",
  "start",
]);

/** Carries a command out; for an order it first asks whom GenAuth knows by the id. */
export function carryOut(given: Command, settings: DeskSettings, now: Date): Work {
  const { command } = settings.slack;
  const { words, whole } = readWords(given.text, commands);
  const [first = "", ...rest] = words;
  const word = first.toLowerCase();
  if (idsIn(whole, known(settings)).length > 1) return say(twoIds);
  if (!commands.has(word)) return askAbout(first, rest, given, settings, now);
  if (word === "" || word === "help") return say(help(command));
  if (word === "list" || word === "status") return show(word, rest, settings);
  if (word === "stop" || word === "start") return emergency(word, rest, given, settings);
  return decide(word as ActName, rest, given, command);
}

/** Queues the look-up of the person: the resigner has GenAuth's token, and answers with a card. */
function askAbout(word: string, rest: string[], given: Command, settings: DeskSettings, now: Date): Work {
  const read = readTypedId(word, settings.allowedProviders);
  if ("wrong" in read) return say(`${escapeText(read.wrong)}\n${help(settings.slack.command)}`);
  // The card carries a name: it goes to Slack and nowhere else.
  if (!isReplyUrl(given.replyUrl, settings.slack.replyHosts)) throw malformed("The response_url is not Slack's");
  const reason = readReason(rest);
  const { requestId: key, operator: requestedBy, replyUrl } = given;
  const asked = { key, userId: read.userId, ...(reason && { reason }), requestedBy, replyUrl };
  const inquiry = toInquiry(asked, now);
  return async ({ ledger, queue }) => {
    await ledger.enterInquiry(inquiry);
    await queue.send(inquiry.id);
    return ephemeral(`Looking up \`${escapeText(read.userId)}\` in GenAuth …`);
  };
}

function show(word: "list" | "status", [first = "", ...rest]: string[], settings: DeskSettings): Work {
  const { command } = settings.slack;
  if (rest.length > 0) return say(`I do not know what ${shown(rest.join(" "))} is for.\n${help(command)}`);
  if (word === "list") {
    const status = first.toLowerCase() || "held";
    if (!isStatus(status)) return say(`There is no status ${shown(first)}. There are: ${statuses.join(", ")}.`);
    return showPage({ status, limit: 20 }, `Nobody is ${status}.`);
  }
  if (!first) return say(needsId(word, command));
  const id = resignationIdIn(first);
  if (id) return answered(async ({ ledger }) => ephemeral(line(await findOrThrow(ledger, id))));
  const read = readTypedId(first, settings.allowedProviders);
  if ("wrong" in read) return say(`${escapeText(read.wrong)}, or ids like res_….`);
  return showPage({ userId: read.userId, limit: 5 }, "The ledger has nothing of that person.");
}

function showPage(query: Pick<Parameters<typeof list>[1], "status" | "userId" | "limit">, ifNone: string): Work {
  return async ({ ledger, log, now }) => {
    const { items, unreadable } = await list(ledger, { ...query, now: now() }, undefined);
    for (const id of unreadable) countUnreadable(log, id);
    const stop = await ledger.readStop();
    const said = lines(items, ifNone, unreadable);
    return ephemeral(stop.isStopped ? `${stopLine(stop)}\n${said}` : said);
  };
}

function decide(name: ActName, [first = "", ...rest]: string[], given: Command, command: string): Work {
  if (!first) return say(needsId(name, command));
  const id = resignationIdIn(first);
  if (!id) {
    const form = "They look like res_…";
    return say(`${shown(first)} is no id of a resignation. ${form}: \`${command} status <sync relation>\` shows them.`);
  }
  const reason = readReason(rest);
  const { operator, requestId } = given;
  const act = { name, id, caller: "slack", operator, requestId, ...(reason && { reason }) };
  return answered(async (desk) => ephemeral(`Done. ${line(await operate(desk, act))}`));
}

/** Stops everything, or starts it again. With somebody's id nothing is done: that was meant for one person. */
function emergency(name: "stop" | "start", rest: string[], given: Command, settings: DeskSettings): Work {
  // Of one word nobody can tell a reason from an id, and to start by mistake could not be undone.
  const isOfOne = name === "start" && rest.length === 1;
  if (isOfOne || idsIn(given.text, known(settings)).length > 0) return say(forEverything(name, settings.slack.command));
  const reason = readReason(rest);
  const { operator, requestId } = given;
  const act = { name, caller: "slack", operator, requestId, ...(reason && { reason }) };
  return answered(async (desk) => {
    const stop = await stopOrStart(desk, act);
    return ephemeral(stop.isStopped ? stopLine(stop) : "Nothing is stopped: what waited goes on within minutes.");
  });
}

/** Whose ids are told from words: of the directories too that nobody may be ordered from. */
const known = ({ allowedProviders }: DeskSettings) => [...allowedProviders, ...directoryNames];

/** A problem becomes a message to the operator. */
function answered(work: Work): Work {
  return async (desk) => {
    try {
      return await work(desk);
    } catch (error) {
      if (error instanceof Problem) return ephemeral(explain(error));
      throw error;
    }
  };
}

const resignationIdIn = (word: string) => (/^res_\w+$/i.test(word) ? word.toLowerCase() : undefined);

const needsId = (word: string, command: string) => `${word} of whom? It needs an id.\n${help(command)}`;

const forEverything = (name: string, command: string) =>
  `\`${command} ${name}\` is for everybody at once, and takes no id: nothing was done.\n${help(command)}`;

const twoIds = "I read two ids. Give me one at a time: nothing was done.";

const shown = (words: string) => `\`${escapeText(words.replaceAll("`", "'")).slice(0, 100)}\``;

/** Seen only by the operator who typed. */
export const ephemeral = (message: string): Answer => json(200, { response_type: "ephemeral", text: message });

export const say =
  (message: string): Work =>
  async () =>
    ephemeral(message);
