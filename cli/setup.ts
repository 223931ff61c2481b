import { writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { checkbox, input, password } from "@inquirer/prompts";
import { Command } from "commander";
import * as z from "zod";
import { parseKeys, parseToken, type Token, whatIsWrong } from "../lambda/aws/secrets.ts";
import { placeholder } from "../lambda/environment.ts";
import { readJson, readOutputs } from "./files.ts";
import { connectGenAuth, type GenAuthClient, idOf, named, partsOf } from "./genauth-client.ts";
import { newApiSecret, randomText } from "./new-keys.ts";

interface Options {
  outputs: string;
  answers?: string;
  config: string;
  wait: string;
  replace?: boolean;
  dropFormer?: string | true;
}

const sources = ["lark", "wechatwork", "slack", "api"] as const;
type SourceName = (typeof sources)[number];
type Section = Record<string, string | string[]>;

/** What `--answers` may hold; for what it lacks, a person at a terminal is asked. */
const answersSchema = z.strictObject({
  lark: z.record(z.string(), z.string()).optional(),
  wechatwork: z.record(z.string(), z.string()).optional(),
  slack: z.record(z.string(), z.string()).optional(),
  /** Callers, by name: their secrets are made here. */
  api: z.array(z.string()).optional(),
  token: z.record(z.string(), z.string()).optional(),
  /** GenAuth's user id of somebody whom its sync made. */
  person: z.string().optional(),
});
type Answers = z.infer<typeof answersSchema>;

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
  .action(setUp)
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.name === "ExitPromptError" ? "Nothing more was changed." : error.message);
    process.exitCode = 1;
  });

async function setUp({
  outputs: outputsFile,
  answers: answersFile,
  config,
  wait: waitSeconds,
  replace: isReplacing = false,
  dropFormer: sectionToDrop,
}: Options): Promise<void> {
  const startedAt = new Date();
  const outputs = readOutputs(outputsFile);
  if (sectionToDrop !== undefined) return dropFormer(outputs.KeysSecret, sectionToDrop);
  const answers = readAnswers(answersFile);
  const chosen = await choose(answers);
  const secrets = new SecretsManagerClient();

  const keys = await readSecret(secrets, outputs.KeysSecret);
  const made: Partial<Record<SourceName, Record<string, string>>> = {};
  for (const source of chosen) {
    const former = isReplacing ? newestOf(keys[source]) : {};
    made[source] =
      source === "api"
        ? await makeCallers(answers.api, former)
        : await askSection(source, answers[source] ?? {}, former, isReplacing);
  }
  let isAnyKept = false;
  for (const [source, section] of Object.entries(made)) {
    const former = (keys[source] ?? {}) as Section;
    const next = isReplacing ? section : besides(former, section);
    isAnyKept ||= Object.values(next).some((value) => Array.isArray(value));
    keys[source] = { ...former, ...next };
    if (source === "wechatwork") await askCorp(keys[source] as Section, answers.wechatwork?.corpId);
  }

  // Nothing is written before everything is proved.
  const token = await askToken(answers.token);
  const genauth = await proveToken(token, config);
  const relations = await askPerson(genauth, answers.person);
  await writeSecret(secrets, outputs.TokenSecret, token);
  await writeSecret(secrets, outputs.KeysSecret, keys);
  try {
    console.log(`✔ The keys of ${chosen.join(", ")} are in the secret. Other sections stayed as they were.`);
    if (isAnyKept) {
      console.log(
        "  Former keys serve beside the new ones. Once the console has the new ones: npm run setup -- --drop-former (or --replace)",
      );
    }
    setIds(relations, config);
  } finally {
    // What was made is shown now or never.
    for (const source of chosen) console.log(`\n${whatToPaste(source, outputs, made[source] ?? {})}`);
    if (made.api) showCallers(made.api);
  }
  await waitForLife(chosen, outputs.LedgerTable, startedAt, Number(waitSeconds));
}

/** Leaves of each key the newest alone, and changes nothing else. */
async function dropFormer(id: string | undefined, section: string | true): Promise<void> {
  const secrets = new SecretsManagerClient();
  const keys = await readSecret(secrets, id);
  const names = section === true ? sources.filter((source) => keys[source]) : [section];
  for (const name of names) {
    if (!keys[name]) throw new Error(`The keys have no section ${name}, only ${Object.keys(keys).join(", ")}`);
    keys[name] = { ...(keys[name] as Section), ...newestOf(keys[name]) };
  }
  await writeSecret(secrets, id, keys);
  console.log(`✔ Of ${names.join(", ")} the newest keys alone are left. Does each console have them? npm run doctor`);
}

/** The newest of each key. Several receive ids are several corps. */
function newestOf(section: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries((section ?? {}) as Section).flatMap(([name, value]) => {
      const newest = [value].flat().at(-1);
      return name === "receiveIds" || newest === undefined ? [] : [[name, newest]];
    }),
  );
}

function readAnswers(file: string | undefined): Answers {
  if (file === undefined) return {};
  const parsed = answersSchema.safeParse(readJson(file, "answers"));
  if (!parsed.success) throw new Error(`The answers in ${file} are wrong:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

async function choose(answers: Answers): Promise<SourceName[]> {
  const given = sources.filter((source) => answers[source]);
  if (given.length > 0) return given;
  demandTerminal("which sources");
  return checkbox({
    message: "Who tells you that somebody left?",
    choices: sources.map((value) => ({ value })),
    required: true,
  });
}

interface Field {
  name: string;
  question: string;
  /** Offered where nothing is typed. */
  make?: () => string;
  /** A value of the right form, to try the other fields with. */
  sample: string;
}

const fields: Record<Exclude<SourceName, "api">, Field[]> = {
  lark: [
    {
      name: "encryptKey",
      question: "Lark > Encryption strategy > Encrypt Key",
      make: () => randomText(32),
      sample: "key",
    },
    { name: "verificationToken", question: "Lark > Encryption strategy > Verification Token", sample: "token" },
  ],
  wechatwork: [
    { name: "token", question: "WeCom > event server > Token", make: () => randomText(32), sample: "token" },
    {
      name: "encodingAesKey",
      question: "WeCom > event server > EncodingAESKey (43 letters and digits)",
      make: () => randomText(43),
      sample: "a".repeat(43),
    },
    { name: "receiveIds", question: "WeCom > My company > CorpID (ww…)", sample: "ww" },
  ],
  slack: [{ name: "signingSecret", question: "Slack > Basic information > Signing secret", sample: "secret" }],
};

async function askSection(
  source: Exclude<SourceName, "api">,
  given: Record<string, string>,
  newest: Record<string, string>,
  isReplacing: boolean,
): Promise<Record<string, string>> {
  const section: Record<string, string> = {};
  for (const { name, question, ...field } of fields[source]) {
    const kept = newest[name];
    const make = kept !== undefined ? () => kept : isReplacing ? undefined : field.make;
    const ifEmpty = kept !== undefined ? " (empty: keep the newest)" : make ? " (empty: make one)" : "";
    const typed = given[name] ?? (await ask(`${question}${ifEmpty}`, (text) => formOf(source, name, text, make)));
    const value = typed || make?.() || "";
    const wrong = formOf(source, name, value, undefined);
    if (wrong !== true) throw new Error(wrong);
    section[name] = value;
  }
  return section;
}

/** The new keys, each behind all that were before it: any of those may be the one that the console signs with. */
function besides(former: Section, next: Record<string, string>): Section {
  return Object.fromEntries(
    Object.entries(next).map(([name, value]) => {
      const others = [former[name] ?? []].flat().filter((one) => one !== value);
      return [name, others.length === 0 ? value : [...others, value]];
    }),
  );
}

/** `true`, or what is wrong with a value: judged by the very code that the functions read the secret with. */
function formOf(source: Exclude<SourceName, "api">, name: string, text: string, make: unknown): true | string {
  if (text === "" && make) return true;
  if (text === "" || text !== text.trim()) return `${source}.${name}: must not be empty, nor have spaces around it`;
  const samples = Object.fromEntries(fields[source].map((field) => [field.name, field.sample]));
  const read = parseKeys(JSON.stringify({ [source]: { ...samples, [name]: text } }))[source];
  return read && "wrong" in read ? read.wrong : true;
}

/**
 * Which corp is ours must be said where there are several receive ids, or the section serves nobody; and once more
 * where the corp of before is none of them, or every event would pass as another corp's.
 */
async function askCorp(section: Section, given: string | undefined): Promise<void> {
  const receiveIds = [section.receiveIds ?? []].flat();
  const isOpen = section.corpId === undefined ? receiveIds.length > 1 : !receiveIds.includes(String(section.corpId));
  if (given !== undefined) section.corpId = given;
  else if (isOpen)
    section.corpId = await askOpenly(`Which corp is yours (wechatwork.corpId)? ${receiveIds.join(", ")}`);
  const wrong = whatIsWrong(parseKeys(JSON.stringify({ wechatwork: section })));
  if (wrong.length > 0) throw new Error(wrong.join("; "));
}

/** The callers' secrets; those that are given are kept. */
async function makeCallers(given: string[] | undefined, kept: Record<string, string>): Promise<Record<string, string>> {
  const names =
    given ?? (await askOpenly("Who signs orders? Names, as in zapier,ops")).split(",").map((name) => name.trim());
  const made = Object.fromEntries(names.filter(Boolean).map((name) => [name, kept[name] ?? newApiSecret()]));
  const wrong = whatIsWrong(parseKeys(JSON.stringify({ api: made })));
  if (wrong.length > 0) throw new Error(wrong.join("; "));
  return made;
}

async function askToken(given: Record<string, string> | undefined): Promise<Token> {
  const whole = given ?? {
    accessKeyId: await ask("GenAuth > co-administrator's access key id", (text) => text !== "" || "must not be empty"),
    accessKeySecret: await ask("GenAuth > its secret", (text) => text !== "" || "must not be empty"),
  };
  const parsed = parseToken(JSON.stringify(whole));
  if ("wrong" in parsed) throw new Error(`token: ${parsed.wrong}`);
  return parsed;
}

const configSchema = z.looseObject({
  context: z.looseObject({
    resignWebhook: z.looseObject({
      genauth: z.object({ host: z.string(), userPoolId: z.string() }),
      lark: z.looseObject({}).optional(),
    }),
  }),
});

/** A harmless question shows whether the token and the host are right. */
async function proveToken(given: Token, configFile: string): Promise<GenAuthClient> {
  const { host, userPoolId: pool } = readConfig(configFile).context.resignWebhook.genauth;
  const genauth = connectGenAuth({ host, pool, given });
  const looked = await genauth.look(named("lark:setup-looks-for-nobody"));
  if (looked.kind !== "not_found") {
    throw new Error(
      `✘ GenAuth at ${host}: ${looked.kind} (${looked.answer.message}). Is the token right, and genauth.host and userPoolId in ${configFile}?`,
    );
  }
  console.log(`✔ GenAuth at ${host} takes the token.`);
  return genauth;
}

const readConfig = (file: string) => configSchema.parse(readJson(file, "settings"));

/** One real person shows which ids GenAuth stored. At a terminal a wrong answer is asked for again. */
async function askPerson(genauth: GenAuthClient, given: string | undefined): Promise<string[]> {
  const message = "GenAuth's user id of somebody whom its sync made (empty: skip)";
  const person = given ?? (process.stdin.isTTY ? await input({ message }) : "");
  if (!person) {
    console.log("  Nobody was looked at: check lark.userIdField yourself (docs/lark.md).");
    return [];
  }
  const known = await genauth.relations(named(person));
  if (known.kind === "done") {
    for (const relation of known.data) console.log(`✔ ${person} is ${relation}`);
    return known.data;
  }
  const wrong = `✘ ${person}: ${known.kind}. Name somebody whom GenAuth's sync made.`;
  if (given !== undefined) throw new Error(`${wrong} Nothing was written.`);
  console.error(wrong);
  return askPerson(genauth, undefined);
}

/** Sets what GenAuth's sync stored of Lark's people. */
function setIds(relations: readonly string[], configFile: string): void {
  const config = readConfig(configFile);
  const settings = config.context.resignWebhook;
  for (const { provider, id } of relations.map(partsOf)) {
    if (!provider.startsWith("lark")) continue;
    settings.lark = { ...settings.lark, provider, userIdField: idOf(id) };
    writeFileSync(
      configFile,
      `${JSON.stringify({ ...readJson(configFile, "settings"), context: config.context }, null, 2)}\n`,
    );
    console.log(
      `  so ${configFile} says lark.provider "${provider}", lark.userIdField "${idOf(id)}" now: npx cdk deploy`,
    );
  }
}

function whatToPaste(source: SourceName, outputs: Record<string, string>, section: Record<string, string>): string {
  switch (source) {
    case "lark":
      return `Lark / Feishu, developer console > your app > Events and callbacks (docs/lark.md):
  Encryption strategy > Encrypt Key          ${section.encryptKey}
  Event configuration > Send events to the developer's server
                      > Request URL          ${outputs.LarkUrl}
  Add events: contact.user.deleted_v3, contact.user.updated_v3, contact.user.created_v3, contact.scope.updated_v3`;
    case "wechatwork":
      return `WeCom, admin console > Management tools > Contacts sync > event server (docs/wechatwork.md):
  URL                                        ${outputs.WechatworkUrl}
  Token                                      ${section.token}
  EncodingAESKey                             ${section.encodingAesKey}`;
    case "slack":
      return `Slack, api.slack.com/apps > your app (docs/slack.md):
  Slash commands > Request URL               ${outputs.SlackCommandsUrl}
  Interactivity > Request URL                ${outputs.SlackInteractionsUrl}`;
    case "api":
      return `Zapier, n8n, Make, scripts (docs/zapier.md, docs/n8n.md, docs/make.md, docs/signed-orders.md):
  POST to                                    ${outputs.ResignationsUrl}`;
  }
}

/** Both spellings give the same signature: libraries take the first, tools with a text key the second. */
function showCallers(callers: Record<string, string>): void {
  console.log("\nThese are shown once. Whoever takes only a text key gets the second form:");
  for (const [name, secret] of Object.entries(callers)) {
    const text = Buffer.from(secret.slice("whsec_".length), "base64").toString("utf8");
    console.log(`  ${name.padEnd(12)} ${secret}\n  ${"".padEnd(12)} ${text}`);
  }
}

/** Ticks the sources off as something verified comes from them. */
async function waitForLife(
  chosen: SourceName[],
  table: string | undefined,
  since: Date,
  seconds: number,
): Promise<void> {
  const waiting = new Set(chosen);
  if (seconds === 0 || waiting.size === 0) return;
  console.log(
    `\nWaiting for ${chosen.join(", ")}: save the URL in the console, or send a first event. Ctrl-C ends the waiting only.`,
  );
  const client = new DynamoDBClient();
  for (const until = Date.now() + seconds * 1000; waiting.size > 0 && Date.now() < until; await wait(1_000)) {
    for (const source of waiting) {
      const command = new GetItemCommand({
        TableName: table,
        Key: { id: { S: `life|${source}` } },
        ConsistentRead: true,
      });
      const heardAt = (await client.send(command)).Item?.heard?.S;
      if (heardAt === undefined || new Date(heardAt) < since) continue;
      console.log(`✔ ${source} was heard.`);
      waiting.delete(source);
    }
  }
  if (waiting.size === 0)
    return console.log("All are heard. Next: npm run doctor, and a test departure (npm run send).") as undefined;
  throw new Error(`Nothing came from ${[...waiting].join(", ")} yet: npm run doctor says what may be wrong.`);
}

async function ask(message: string, validate: (text: string) => true | string): Promise<string> {
  demandTerminal(message);
  return password({ message, mask: true, validate });
}

/** What is no secret may be seen. */
async function askOpenly(message: string): Promise<string> {
  demandTerminal(message);
  return input({ message, required: true });
}

function demandTerminal(what: string): void {
  if (!process.stdin.isTTY)
    throw new Error(`${what}: nobody is there to be asked. Answer in a file: --answers (docs/setup.md)`);
}

async function readSecret(client: SecretsManagerClient, id: string | undefined): Promise<Record<string, unknown>> {
  const { SecretString = "{}" } = await client.send(new GetSecretValueCommand({ SecretId: id }));
  const whole: Record<string, unknown> = JSON.parse(SecretString);
  return placeholder in whole ? {} : whole;
}

async function writeSecret(client: SecretsManagerClient, id: string | undefined, value: object): Promise<void> {
  await client.send(new PutSecretValueCommand({ SecretId: id, SecretString: JSON.stringify(value) }));
}
