/** The words of a slash command, as people type and paste them. */
import { type ReadId, readRelation } from "../sources/ids.ts";

/** The marks that come along when an id is pasted: our own backticks, quotation marks of any language, bold. */
const quotes = "`\"'*\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb\u300c\u300d\u300e\u300f";
const unquote = (word: string) => word.replace(new RegExp(`^[${quotes}]+|[${quotes}]+$`, "g"), "");

/** The words of the command. Where quotation marks stand around the whole, they belong to none of its words. */
export function readWords(typed: string, commands: ReadonlySet<string>): { words: string[]; whole: string } {
  const whole = typed.trim();
  const isQuoted = new RegExp(`^[${quotes}][^\\s${quotes}]+\\s.*[${quotes}]$`, "s").test(whole);
  const bare = isQuoted ? unquote(whole) : whole;
  const [first = "", second = "", ...rest] = bare.split(/\s+/);
  const isCommand = commands.has(unquote(first).toLowerCase());
  return { words: [unquote(first), isCommand ? unquote(second) : second, ...rest].filter(Boolean), whole };
}

/** Every id in a text, also Lark's without a provider: an id of a person or a resignation is no part of a reason. */
export function idsIn(whole: string, providers: readonly string[]): string[] {
  const names = providers.map((provider) => provider.replaceAll(/[^\w-]/g, "\\$&")).join("|");
  // A provider named once more stands in front of the same id.
  const relation = `(?<![\\w-])(?:(?:${names})[:\uff1a])+(?=[${quotes}]*[^\\s${quotes}])`;
  // Any other text before an id is no known provider.
  const ofLark = `(?<![\\w-]|(?:${names})[:\uff1a][${quotes}]*)o[un]_\\w*\\d\\w*`;
  return whole.match(new RegExp(`${relation}|${ofLark}|(?<!\\w)res_\\w+`, "giu")) ?? [];
}

/** A person's id as it is typed or pasted: the provider may have capitals, and the colon be a wide one. */
export function readTypedId(word: string, providers: readonly string[]): ReadId {
  const [, provider = "", id = ""] = /^([^:\uff1a]*)[:\uff1a](.*)$/s.exec(word) ?? [];
  const known = providers.find((one) => one.toLowerCase() === provider.toLowerCase());
  if (known) return readRelation(`${known}:${unquote(id)}`, providers);
  const read = readRelation(word, providers);
  return "wrong" in read
    ? { wrong: read.wrong.replace(/^userId:? /, `${word.replaceAll("`", "'").slice(0, 100)}: `) }
    : read;
}

export function readReason(words: string[]): string {
  const reason = words.join(" ").slice(0, 500);
  // Not the half of a character.
  return reason.replace(/[\ud800-\udbff]$/, "").toWellFormed();
}
