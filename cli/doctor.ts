import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ListSubscriptionsByTopicCommand, SNSClient } from "@aws-sdk/client-sns";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { Command } from "commander";
import { type KeyRing, parseKeys, parseTargets, parseToken, type TargetRing } from "../lambda/aws/secrets.ts";
import { localGenAuthUrl, localUrl, simulatorCredentials } from "./defaults.ts";
import { probe } from "./doctor/probe.ts";
import { play, type SampleEvent } from "./event.ts";
import { readJson, readOutputs } from "./files.ts";
import { connectGenAuth, type GenAuthClient, named, readToken } from "./genauth-client.ts";
import { readKeys } from "./keys.ts";
import { idSettingsOf, sourceList } from "./sources/index.ts";

interface Options {
  url: string;
  keys?: string;
  genauth: string;
  pool: string;
  token?: string;
  person?: string;
  outputs?: string;
  probe?: boolean;
  resign?: string;
}

/** What was looked at, what was found, and if it is not well, what to do. */
interface Finding {
  what: string;
  found: string;
  isWell: boolean;
  advice?: string;
}

/** An id that nobody has. */
const nobody = named("lark:doctor-looks-for-nobody");

const { version } = readJson("package.json", "package") as { version: string };

new Command("doctor")
  .description(
    "Looks whether an installation is well: GenAuth's token, one person's ids, every source's keys, and a deployed stack.",
  )
  .option("--url <address>", "where the webhook is", localUrl)
  .option("--keys <file>", "the keys, as they stand in the secret (default: LOCAL_KEYS, or those of npm start)")
  .option("--genauth <host>", "GenAuth's address", localGenAuthUrl)
  .option("--pool <id>", "the user pool", simulatorCredentials.userPoolId)
  .option("--token <file>", "what GenAuth takes, as it stands in the secret (default: the simulator's)")
  .option("--person <id>", "somebody whom GenAuth's sync made: a sync relation, or GenAuth's own user id")
  .option(
    "--outputs <file>",
    "a deployed stack's outputs (npx cdk deploy --outputs-file <file>): looks into its secrets and queues",
  )
  .option("--probe", "with --person: ask GenAuth what it really answers, and change nothing")
  .option(
    "--resign <sync relation>",
    "with --probe: resign this TEST person, twice. It cannot be undone, and asks for no confirmation",
  )
  .action(async (options: Options) => {
    if (options.probe) return probe(options);
    const findings = [...(await askGenAuth(options)), ...(await askWebhook(options)), ...(await askStack(options))];
    for (const { what, found, isWell, advice } of findings) {
      console.log(`${isWell ? "✔" : "✘"} ${what}: ${found}${!isWell && advice ? `\n    ${advice}` : ""}`);
    }
    const ill = findings.filter(({ isWell }) => !isWell).length;
    console.log(ill === 0 ? "All is well." : `${ill} of ${findings.length} are not well.`);
    process.exitCode = ill === 0 ? 0 : 1;
  })
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });

async function askGenAuth({ genauth: host, pool, token: file, person }: Options): Promise<Finding[]> {
  const given = readToken(file);
  if ("wrong" in given) {
    const advice = 'It is {"token"} or {"accessKeyId","accessKeySecret"}.';
    return [{ what: "GenAuth token", found: given.wrong, isWell: false, advice }];
  }
  const genauth = connectGenAuth({ host, pool, given });
  const looked = await genauth.look(nobody);
  const finding: Finding = {
    what: "GenAuth token",
    found:
      looked.kind === "not_found"
        ? "works, and knows nobody by an id that we made up"
        : `${looked.kind} (${looked.answer.message})`,
    isWell: looked.kind === "not_found",
    advice:
      {
        token_refused: "GenAuth refuses it: make a new key pair, of a co-administrator who may read and resign users.",
        refused: `${mayNotLook("get-user")} Is genauth.userPoolId right?`,
        busy: "GenAuth does not answer as it should: is genauth.host right?",
        done: "Somebody has the id that we made up: that cannot be.",
      }[looked.kind as string] ?? "",
  };
  const findings = [
    finding,
    ...(looked.kind === "not_found" ? [await askRightToList(genauth), await askHeadcount(genauth)] : []),
  ];
  return person ? [...findings, ...(await askRelations(genauth, person))] : findings;
}

/** A look asks for the user and for every sync relation of theirs: who may not see both sees nothing. */
async function askRightToList(genauth: GenAuthClient): Promise<Finding> {
  const listed = await genauth.relations(nobody);
  const isWell = listed.kind === "not_found" || listed.kind === "done";
  return {
    what: "GenAuth token, sync relations",
    found: isWell ? "may be listed" : `${listed.kind} (${listed.answer.message})`,
    isWell,
    advice: listed.kind === "refused" ? mayNotLook("get-user-sync-relations") : "Ask again: GenAuth did not answer.",
  };
}

/** What the brake's share is a share of, asked as the resigner asks it. */
async function askHeadcount(genauth: GenAuthClient): Promise<Finding> {
  const listed = await genauth.headcount();
  return {
    what: "GenAuth token, headcount",
    found: listed.kind === "done" ? `${listed.data.totalCount} people` : `${listed.kind} (${listed.answer.message})`,
    isWell: listed.kind === "done",
    advice:
      "The brake does not know what its share is of: grant the right to list-users, or set brake.headcount to a number.",
  };
}

const mayNotLook = (operation: string) =>
  `The token may not call ${operation}: grant the co-administrator the right to it. Until then every departure is held for unseen.`;

/** Which ids GenAuth's sync stored of somebody. */
async function askRelations(genauth: GenAuthClient, person: string): Promise<Finding[]> {
  const known = await genauth.relations(named(person));
  if (known.kind !== "done") {
    const advice =
      known.kind === "refused" ? mayNotLook("get-user-sync-relations") : "Name somebody whom GenAuth's sync made.";
    return [{ what: person, found: known.kind, isWell: false, advice }];
  }
  return known.data.map((relation) => {
    const settings = idSettingsOf(relation).map(({ said }) => `, so set ${said.join(" and ")}`);
    return { what: person, found: `is ${relation}${settings.join("")}`, isWell: true };
  });
}

/** Plays the harmless events of every source that has keys. */
async function askWebhook({ url, keys: file }: Options): Promise<Finding[]> {
  const keys = readKeys(file);
  const findings: Finding[] = [];
  for (const [name, source] of sourceList) {
    const section = keys[name];
    if (!section) continue;
    if (source.form) findings.push({ what: `${source.title}, form`, found: source.form(section), isWell: true });
    for (const event of source.checks(section)) findings.push(...(await tryEvent(event, url)));
  }
  return findings;
}

async function tryEvent({ title, request, expected }: SampleEvent, url: string): Promise<Finding[]> {
  const played = await play(request, url).catch(() => undefined);
  // A source that is off answers 404 as well, but does not say of what.
  const isOff = expected === 404 && played !== undefined && !played.text.includes('"detail"');
  const isWell = played?.status === expected && !isOff;
  const found = isWell ? "the webhook takes its keys" : `the webhook answers ${played?.status ?? "nothing"}`;
  return [{ what: title, found, isWell, advice: advice(played?.status) }, ...(played ? findSkew(played.dateMs) : [])];
}

function findSkew(dateMs: number): Finding[] {
  const skewSeconds = Math.round(Math.abs(Date.now() - dateMs) / 1000);
  if (Number.isNaN(skewSeconds) || skewSeconds <= 60) return [];
  const found = `this machine's is ${skewSeconds} s off`;
  return [{ what: "clock", found, isWell: false, advice: "Signatures are good for 5 minutes." }];
}

const advice = (status: number | undefined): string =>
  ({
    400: "A clock is wrong, here or where the webhook runs.",
    401: "The keys here are not those in the secret, or a clock is wrong. The webhook's log names the check.",
    404: "This source has no section in the secret, or the address is wrong.",
    503: "The secret is not filled in, or a field of it is wrong. The webhook's log names it.",
  })[status ?? 0] ?? "Is the address right, and does it reach AWS?";

/** Every section by itself, and in one that serves what does not count there. */
function readRing(ring: KeyRing): Finding[] {
  const advice = "Mend it in the secret. To switch a source off on purpose, give its section the value null.";
  return Object.entries(ring).flatMap(([name, section]) => {
    const what = `secret webhook keys, ${name}`;
    if ("wrong" in section) return [{ what, found: section.wrong, isWell: false, advice }];
    if ("isOff" in section) return [{ what, found: "off on purpose", isWell: true }];
    const odd = (section.odd ?? []).map((found) => ({ what, found, isWell: false, advice }));
    return [{ what, found: "filled in", isWell: true }, ...odd];
  });
}

/** Looks into a deployed stack with the AWS credentials of this shell. */
async function askStack({ outputs: file }: Options): Promise<Finding[]> {
  if (!file) return [];
  const outputs = readOutputs(file);
  const secrets = new SecretsManagerClient();
  const read = async (id: string | undefined) =>
    (await secrets.send(new GetSecretValueCommand({ SecretId: id }))).SecretString ?? "";
  const ring = parseKeys(await read(outputs.KeysSecret));
  const token = parseToken(await read(outputs.TokenSecret));
  const depth = async (url: string | undefined) => {
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["ApproximateNumberOfMessages"] });
    return Number((await new SQSClient().send(command)).Attributes?.ApproximateNumberOfMessages ?? 0);
  };
  const topic = { TopicArn: outputs.AlarmTopic };
  const { Subscriptions = [] } = await new SNSClient().send(new ListSubscriptionsByTopicCommand(topic));
  const confirmed = Subscriptions.filter(({ SubscriptionArn }) => SubscriptionArn?.startsWith("arn:")).length;
  const waiting = await depth(outputs.QueueUrl);
  const dead = await depth(outputs.DeadLettersUrl);
  return [
    ...readRing(ring),
    { what: "secret GenAuth token", found: "wrong" in token ? token.wrong : "filled in", isWell: !("wrong" in token) },
    toldFinding(parseTargets(await read(outputs.TargetsSecret))),
    {
      what: "alarms",
      found: `${confirmed} of ${Subscriptions.length} subscriptions are confirmed`,
      isWell: confirmed > 0,
      advice: "Nobody hears them: set alarmEmail and confirm the e-mail that AWS sent, or subscribe to AlarmTopic.",
    },
    {
      what: "version",
      found: `deployed ${outputs.Version ?? "an older one"}, here ${version}`,
      isWell: outputs.Version === version,
      advice: "npx cdk deploy (docs/upgrade.md)",
    },
    {
      what: "queue",
      found: `${waiting} waiting`,
      isWell: waiting < 100,
      advice: "See the resigner's log: GenAuth is down, or refuses the token.",
    },
    { what: "dead letters", found: `${dead}`, isWell: dead === 0, advice: "npm run ledger -- list --status failed" },
  ];
}

/** That nobody is to be told is a choice; a target that cannot be told is not. */
function toldFinding({ wrong = {}, isUnfilled, ...targets }: TargetRing): Finding {
  const names = Object.keys(targets).join(", ");
  const mistakes = [...new Set(Object.values(wrong))].join("; ");
  return {
    what: "secret notice targets",
    found: mistakes || names || `nobody is told${isUnfilled ? ": it is not filled in" : ""}`,
    isWell: mistakes === "",
    advice: `${names ? `Only ${names} are told` : "Nobody is told"} of what happens: mend the secret (docs/notices.md).`,
  };
}
