import { Command } from "commander";
import { localUrl } from "./defaults.ts";
import { play, type SignedRequest } from "./event.ts";
import { readKeys } from "./keys.ts";
import { wholeNumber } from "./numbers.ts";
import { type SourceName, sourceList } from "./sources/index.ts";
import type { Departures, Section, Talk } from "./sources/source.ts";

interface Where {
  url: string;
  keys?: string;
}

interface Options extends Where {
  user?: string;
  check?: boolean;
  /** How many. */
  count: number;
  /** In seconds. */
  age: number;
}

const program = new Command("send").description(
  "Signs and sends a departure, to the local stack or to a deployed one: proof that an installation works.",
);
for (const [name, { sends }] of sourceList) {
  if ("sign" in sends) addDepartures(name, sends);
  else addTalk(name, sends);
}
program.parseAsync().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

function addDepartures(name: SourceName, { description, options, sign }: Departures): void {
  const command = add(name, description)
    .option("--count <n>", "send so many, of <user>_1, <user>_2, …", wholeNumber, 1)
    .option("--age <seconds>", "let it have happened so long ago", wholeNumber, 0)
    .action((given: Options) => {
      const section = readSection(name, given);
      const at = given.age > 0 && { at: new Date(Date.now() - given.age * 1000) };
      return sendAll(given, (user) => sign(section, user, { ...given, ...at }));
    });
  for (const option of options) command.addOption(option);
}

function addTalk(name: SourceName, { argument, description, options, talk }: Talk): void {
  const command = add(`${name} <${argument}>`, description).action((said: string, given: Where) =>
    talk(readSection(name, given), said, given.url, given),
  );
  for (const option of options) command.addOption(option);
}

function add(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--url <address>", "where the webhook is", localUrl)
    .option("--keys <file>", "the keys, as they stand in the secret (default: LOCAL_KEYS, or those of npm start)");
}

function readSection(name: SourceName, { keys }: Where): Section {
  const section = readKeys(keys)[name];
  if (!section) throw new Error(`The keys have no section ${name}`);
  return section;
}

async function sendAll({ url, user, check, count }: Options, sign: (user: string) => SignedRequest): Promise<void> {
  if (user === undefined && !check) throw new Error("Whose departure is it? Say --user <id>");
  for (let index = 1; index <= count; index += 1) {
    const one = count === 1 ? (user ?? "check") : `${user}_${index}`;
    const { status, isOk, text } = await play(sign(one), url);
    console.log(`${one}  ${status}  ${text || "(no body)"}`);
    if (!isOk) {
      console.error(hints[status] ?? "");
      process.exitCode = 1;
      return;
    }
  }
}

const hints: Record<number, string> = {
  401: "Refused: the keys here are not those in the secret, or this machine's clock is wrong. The function's log names the check that failed.",
  404: "Not found: the address is wrong, or this source has no section in the secret and is off.",
  503: "Not now: the secret is not filled in, or AWS did not answer. The function's log says which.",
};
