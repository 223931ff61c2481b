import { writeFileSync } from "node:fs";
import * as z from "zod";
import { parseToken, type Token } from "../../lambda/genauth/token.ts";
import { readJson } from "../files.ts";
import { connectGenAuth, type GenAuthClient, named } from "../genauth-client.ts";
import { idSettingsOf, sourceList } from "../sources/index.ts";
import { askOptionally, askSecretly } from "./questions.ts";

/** Takes what GenAuth takes: as given, or asked for. Throws an error that says what is wrong with it. */
export async function takeToken(given: Readonly<Record<string, string>> | undefined): Promise<Token> {
  const judge = (text: string) => text !== "" || "must not be empty";
  const whole = given ?? {
    accessKeyId: await askSecretly("GenAuth > co-administrator's access key id", judge),
    accessKeySecret: await askSecretly("GenAuth > its secret", judge),
  };
  const parsed = parseToken(JSON.stringify(whole));
  if ("wrong" in parsed) throw new Error(`token: ${parsed.wrong}`);
  return parsed;
}

/** A harmless question shows whether the token and the host are right. Throws an error that says what is wrong. */
export async function proveToken(given: Token, configFile: string): Promise<GenAuthClient> {
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

/**
 * Gives back the sync relations of one real person, which show the ids that GenAuth stored; none where nobody is named.
 * At a terminal a wrong answer is asked for again.
 */
export async function askPerson(genauth: GenAuthClient, given: string | undefined): Promise<string[]> {
  const person = given ?? (await askOptionally("GenAuth's user id of somebody whom its sync made (empty: skip)"));
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

/** Sets in the file what follows from the ids that GenAuth's sync stored. */
export function setIds(relations: readonly string[], configFile: string): void {
  const config = readConfig(configFile);
  const all = config.context.resignWebhook;
  for (const { name, settings, said } of relations.flatMap(idSettingsOf)) {
    all[name] = { ...(all[name] as object | undefined), ...settings };
    const whole = { ...readJson(configFile, "settings"), context: config.context };
    writeFileSync(configFile, `${JSON.stringify(whole, null, 2)}\n`);
    console.log(`  so ${configFile} says ${said.join(", ")} now: npx cdk deploy`);
  }
}

const readConfig = (file: string) => configSchema.parse(readJson(file, "settings"));

const withIds = sourceList.flatMap(([name, { idSettings }]) => (idSettings ? [name] : []));
const configSchema = z.looseObject({
  context: z.looseObject({
    resignWebhook: z.looseObject({
      genauth: z.object({ host: z.string(), userPoolId: z.string() }),
      ...Object.fromEntries(withIds.map((name) => [name, z.looseObject({}).optional()])),
    }),
  }),
});
