/** A source's section of the secret *webhook keys*: asked for, judged, and put together with what was there. */
import { parseKeys } from "../../lambda/sources/index.ts";
import { whatIsWrong } from "../../lambda/sources/keys.ts";
import { type SourceName, sourceOf } from "../sources/index.ts";
import { newApiSecret } from "../sources/orders.ts";
import type { DependentField, Field, Section } from "../sources/source.ts";
import type { Answers } from "./answers.ts";
import { askOpenly, askSecretly } from "./questions.ts";

/** The keys of one source that setup took or made. */
export type Taken = Record<string, string>;

type Given = Answers["sections"][SourceName];

/**
 * Takes the keys of a source: those that are given, and for the others it asks. While replacing, an empty answer keeps
 * the newest key and makes none. Throws an error that names a wrong one.
 */
export async function takeSection(
  name: SourceName,
  given: Given,
  former: Section,
  isReplacing: boolean,
): Promise<Taken> {
  const newest = isReplacing ? newestOf(name, former) : {};
  if (sourceOf(name)?.asks === "callers") return makeCallers(name, asNames(given), newest);
  const taken: Taken = {};
  for (const [field, asked] of fieldsOf(name)) {
    const make = isReplacing ? undefined : asked.make;
    taken[field] = await takeField(name, field, asked, asFields(given)[field], newest[field], make);
  }
  return taken;
}

/** The section with the keys taken: in the place of the former ones, or behind them, since any may be the console's. */
export function putTogether(
  former: Section,
  taken: Taken,
  isReplacing: boolean,
): { section: Section; hasFormer: boolean } {
  const next = isReplacing ? taken : besides(former, taken);
  return { section: { ...former, ...next }, hasFormer: Object.values(next).some((value) => Array.isArray(value)) };
}

/** Asks for what the whole section leaves open, and enters it. Throws an error that names what is wrong with the section. */
export async function complete(name: SourceName, section: Section, given: Given): Promise<void> {
  for (const [field, { questionFor }] of dependentFieldsOf(name)) {
    const answer = asFields(given)[field];
    const question = questionFor(section);
    if (answer !== undefined) section[field] = answer;
    else if (question !== undefined) section[field] = await askOpenly(question);
    demandRight({ [name]: section });
  }
}

/** The newest of each key, without the fields of which all count. */
export function newestOf(name: string, section: Section): Taken {
  const lists = fieldsOf(name).flatMap(([field, { isList }]) => (isList ? [field] : []));
  return Object.fromEntries(
    Object.entries(section).flatMap(([field, value]) => {
      const newest = [value].flat().at(-1);
      return lists.includes(field) || newest === undefined ? [] : [[field, newest]];
    }),
  );
}

async function takeField(
  name: SourceName,
  field: string,
  { question }: Field,
  given: string | undefined,
  kept: string | undefined,
  make: Field["make"],
): Promise<string> {
  const fallBack = kept === undefined ? make : () => kept;
  const ifEmpty = kept !== undefined ? " (empty: keep the newest)" : make ? " (empty: make one)" : "";
  const judge = (text: string) => (text === "" && fallBack ? true : judgeField(name, field, text));
  const value = (given ?? (await askSecretly(`${question}${ifEmpty}`, judge))) || fallBack?.() || "";
  const wrong = judgeField(name, field, value);
  if (wrong !== true) throw new Error(wrong);
  return value;
}

/** `true`, or what is wrong with a value: judged by the very code that the functions read the secret with. */
function judgeField(name: SourceName, field: string, text: string): true | string {
  if (text === "" || text !== text.trim()) return `${name}.${field}: must not be empty, nor have spaces around it`;
  const samples = Object.fromEntries(fieldsOf(name).map(([one, { sample }]) => [one, sample]));
  const read = parseKeys(JSON.stringify({ [name]: { ...samples, [field]: text } }))[name];
  return read && "wrong" in read ? read.wrong : true;
}

/** The callers' secrets; those that are given are kept. */
async function makeCallers(name: SourceName, given: readonly string[] | undefined, kept: Taken): Promise<Taken> {
  const callers = given ?? splitNames(await askOpenly("Who signs orders? Names, as in zapier,ops"));
  const made = Object.fromEntries(callers.filter(Boolean).map((caller) => [caller, kept[caller] ?? newApiSecret()]));
  demandRight({ [name]: made });
  return made;
}

/** The new keys, each behind all that were before it. */
function besides(former: Section, taken: Taken): Section {
  return Object.fromEntries(
    Object.entries(taken).map(([field, value]) => {
      const others = [former[field] ?? []].flat().filter((one) => one !== value);
      return [field, others.length === 0 ? value : [...others, value]];
    }),
  );
}

function demandRight(keys: object): void {
  const wrong = whatIsWrong(parseKeys(JSON.stringify(keys)));
  if (wrong.length > 0) throw new Error(wrong.join("; "));
}

function allFieldsOf(name: string): [string, Field | DependentField][] {
  const asks = sourceOf(name)?.asks;
  return asks === undefined || asks === "callers" ? [] : Object.entries(asks);
}

const fieldsOf = (name: string) => allFieldsOf(name).filter((one): one is [string, Field] => "question" in one[1]);

const dependentFieldsOf = (name: string) =>
  allFieldsOf(name).filter((one): one is [string, DependentField] => "questionFor" in one[1]);

const splitNames = (text: string) => text.split(",").map((name) => name.trim());

const asNames = (given: Given) => (Array.isArray(given) ? (given as readonly string[]) : undefined);

const asFields = (given: Given): Readonly<Record<string, string>> =>
  given === undefined || Array.isArray(given) ? {} : (given as Readonly<Record<string, string>>);
