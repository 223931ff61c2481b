import { Command } from "commander";
import { readOutputs } from "./files.ts";
import type { KeysFile } from "./keys.ts";
import { connectSecrets } from "./secrets.ts";
import { type Answers, readAnswers } from "./setup/answers.ts";
import { askPerson, proveToken, setIds, takeToken } from "./setup/genauth.ts";
import { waitUntilHeard } from "./setup/pulse.ts";
import { askSources } from "./setup/questions.ts";
import { complete, newestOf, putTogether, type Taken, takeSection } from "./setup/section.ts";
import { type SourceName, sourceList, sourceOf } from "./sources/index.ts";

interface Options {
  outputs: string;
  answers?: string;
  config: string;
  wait: string;
  replace?: boolean;
  dropFormer?: string | true;
}

new Command("setup")
  .description(
    "After npx cdk deploy --outputs-file outputs.json: fills in the secrets, proves GenAuth's token, finds lark.userIdField, says what to paste where, and waits for the first sign of life.",
  )
  .option("--outputs <file>", "the stack's outputs", "outputs.json")
  .option("--answers <file>", "a JSON file with the answers, instead of questions: see docs/setup.md")
  .option("--config <file>", "where lark.userIdField and lark.provider are set", "cdk.json")
  .option("--replace", "drop the former keys of what is answered; an empty answer keeps the newest, and makes none")
  .option("--drop-former [section]", "ask nothing, and leave of each key the newest alone: the console must have it")
  .option("--wait <seconds>", "how long to wait for the senders' checks; 0: not at all", "600")
  .action((options: Options) =>
    options.dropFormer === undefined ? setUp(options) : dropFormer(options.outputs, options.dropFormer),
  )
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.name === "ExitPromptError" ? "Nothing more was changed." : error.message);
    process.exitCode = 1;
  });

async function setUp({ outputs: file, config, replace: isReplacing = false, ...options }: Options): Promise<void> {
  const startedAt = new Date();
  const outputs = readOutputs(file);
  const answers = readAnswers(options.answers);
  const chosen = await choose(answers);
  const secrets = connectSecrets();
  const keys = (await secrets.readObject(outputs.KeysSecret)) as KeysFile;
  const taken = await takeSections(chosen, answers, keys, isReplacing);
  const hasFormer = await enter(taken, answers, keys, isReplacing);

  // Nothing is written before everything is proved.
  const token = await takeToken(answers.token);
  const genauth = await proveToken(token, config);
  const relations = await askPerson(genauth, answers.person);
  await secrets.write(outputs.TokenSecret, token);
  await secrets.write(outputs.KeysSecret, keys);
  try {
    console.log(`✔ The keys of ${chosen.join(", ")} are in the secret. Other sections stayed as they were.`);
    if (hasFormer) {
      console.log(
        "  Former keys serve beside the new ones. Once the console has the new ones: npm run setup -- --drop-former (or --replace)",
      );
    }
    setIds(relations, config);
  } finally {
    // What was made is shown now or never.
    for (const [name, section] of taken) console.log(`\n${sourceOf(name)?.whatToPaste(outputs, section)}`);
  }
  await waitUntilHeard(chosen, outputs.LedgerTable, startedAt, Number(options.wait));
}

async function choose({ sections }: Answers): Promise<SourceName[]> {
  const given = sourceList.flatMap(([name]) => (sections[name] ? [name] : []));
  return given.length > 0 ? given : askSources();
}

async function takeSections(
  chosen: readonly SourceName[],
  { sections }: Answers,
  keys: KeysFile,
  isReplacing: boolean,
): Promise<Map<SourceName, Taken>> {
  const taken = new Map<SourceName, Taken>();
  for (const name of chosen) taken.set(name, await takeSection(name, sections[name], keys[name] ?? {}, isReplacing));
  return taken;
}

/** Enters what was taken into the keys. Tells whether former keys are kept beside it. */
async function enter(
  taken: ReadonlyMap<SourceName, Taken>,
  { sections }: Answers,
  keys: KeysFile,
  isReplacing: boolean,
): Promise<boolean> {
  let isAnyKept = false;
  for (const [name, given] of taken) {
    const { section, hasFormer } = putTogether(keys[name] ?? {}, given, isReplacing);
    isAnyKept ||= hasFormer;
    keys[name] = section;
    await complete(name, section, sections[name]);
  }
  return isAnyKept;
}

/** Leaves of each key the newest alone, and changes nothing else. */
async function dropFormer(outputsFile: string, given: string | true): Promise<void> {
  const { KeysSecret } = readOutputs(outputsFile);
  const secrets = connectSecrets();
  const keys = (await secrets.readObject(KeysSecret)) as KeysFile;
  const names = given === true ? sourceList.flatMap(([name]) => (keys[name] ? [name] : [])) : [given];
  for (const name of names) {
    const section = keys[name];
    if (!section) throw new Error(`The keys have no section ${name}, only ${Object.keys(keys).join(", ")}`);
    keys[name] = { ...section, ...newestOf(name, section) };
  }
  await secrets.write(KeysSecret, keys);
  console.log(`✔ Of ${names.join(", ")} the newest keys alone are left. Does each console have them? npm run doctor`);
}
