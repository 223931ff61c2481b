import type { Stop } from "../departure/stop.ts";
import type { User } from "../genauth/genauth.ts";
import { escapeText, plainName } from "../notices/text.ts";
import type { Problem } from "../problem.ts";
import type { Resignation } from "../resignation/resignation.ts";
import type { Inquiry } from "./inquiry.ts";

/** The messages in Slack. Texts are mrkdwn; text from outside is escaped. */

export const help = (command: string) =>
  [
    `*${command} <sync relation> [reason]*  look somebody up, then resign them: \`${command} lark:ou_… left today\``,
    `*${command} list [held|failed|…]*  who waits`,
    `*${command} status <id or sync relation>*  what came of it`,
    `*${command} approve|cancel|retry <id>*  decide`,
    `*${command} stop [reason]*  stop everything at once: nobody is cut off until *${command} start*`,
  ].join("\n");

/** The card that shows whom GenAuth knows, with its two buttons. Block Kit's limits: 3000 characters a text. */
export function card({ id, userId, reason }: Inquiry, user: User | undefined): object {
  const who = user
    ? `*${escapeText(plainName(user.name ?? "(no name)"))}*${user.email ? `, ${escapeText(maskEmail(user.email))}` : ""}, ${escapeText(user.status)}`
    : "GenAuth knows nobody by that id.";
  const departments = user?.departmentIds?.length
    ? `\nDepartments: ${escapeText(user.departmentIds.join(", ")).slice(0, 500)}`
    : "";
  const section = `${who}\n\`${escapeText(userId)}\`${departments}${reason ? `\nReason: ${escapeText(reason)}` : ""}`;
  const canResign = user !== undefined && user.status !== "Resigned";
  const resign = {
    type: "button",
    style: "danger",
    text: plain("Resign"),
    action_id: "resign",
    value: id,
    confirm: {
      title: plain("Resign this person?"),
      text: plain(
        "Authorisations, departments, roles, groups and posts are deleted and the account is disabled. This cannot be undone.",
      ),
      confirm: plain("Resign"),
      deny: plain("Back"),
      style: "danger",
    },
  };
  const dismiss = { type: "button", text: plain("Cancel"), action_id: "dismiss", value: id };
  return {
    response_type: "ephemeral",
    replace_original: true,
    text: canResign ? "Resign this person?" : section.slice(0, 2900),
    blocks: [
      { type: "section", text: { type: "mrkdwn", text: section.slice(0, 2900) } },
      { type: "actions", elements: canResign ? [resign, dismiss] : [dismiss] },
    ],
  };
}

/** The card after the order has an outcome. */
export const outcome = (resignation: Resignation): object => ({
  response_type: "ephemeral",
  replace_original: true,
  text: `${line(resignation)}\nOrdered by ${mention(resignation.requestedBy)}.`,
});

/** A notice with buttons after a click, for everybody in the channel. */
export const decided = (resignation: Resignation, operator: string): object => ({
  replace_original: true,
  text: `${line(resignation)}\nDecided by ${mention(operator)}.`,
});

/** A message to the operator who clicked; the notice stays. */
export const ephemeralNote = (text: string): object => ({ response_type: "ephemeral", replace_original: false, text });

export const failedLookUp = (userId: string): object => ({
  response_type: "ephemeral",
  replace_original: true,
  text: `GenAuth did not answer for \`${escapeText(userId)}\`. Nothing was done: ask again in a minute.`,
});

export const expired = {
  response_type: "ephemeral",
  replace_original: true,
  text: "That was more than half an hour ago. Nothing was done: ask again.",
};

export const removal = { delete_original: true };

/** One resignation in one line. */
export function line(resignation: Resignation): string {
  const { id, userId, person, status } = resignation;
  const name = person?.name ? ` ${escapeText(plainName(person.name))}` : "";
  const why = status === "held" ? ` for ${resignation.heldFor}` : "";
  return `*${status}*${why}:${name} \`${escapeText(userId)}\` (${id})`;
}

export function lines(resignations: Resignation[], ifNone: string, unreadable: readonly string[] = []): string {
  const broken = unreadable.map((id) => `${id} cannot be read (runbook: Unreadable)`);
  const all = [...broken, ...resignations.map(line)];
  return all.length > 0 ? all.join("\n").slice(0, 2900) : ifNone;
}

/** Says that all is stopped: above every list, and in the answer to `stop`. */
export function stopLine({ since, by, why }: Stop): string {
  const told = [
    since && ` since ${since}`,
    by && ` by ${escapeText(by).slice(0, 100)}`,
    why && `: ${escapeText(why).slice(0, 600)}`,
  ];
  return `:octagonal_sign: *ALL IS STOPPED*${told.filter(Boolean).join("")}. Nobody is resigned or suspended; what arrives waits.`;
}

export const explain = ({ title, detail }: Problem) => `${title}.${detail ? ` ${detail}.` : ""}`;

/** Slack escapes these three, and nothing else, in what it sends: once. */
export const unescapeText = (text: string) =>
  text.replaceAll(/&(amp|lt|gt);/g, (_, name: "amp" | "lt" | "gt") => ({ amp: "&", lt: "<", gt: ">" })[name]);

const plain = (text: string) => ({ type: "plain_text", text });

const mention = (operator: string) => `<@${operator.split("/")[1]}>`;

const maskEmail = (email: string) => email.replace(/^(.).*@/, "$1***@");
