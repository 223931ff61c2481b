import { ListSubscriptionsByTopicCommand, SNSClient } from "@aws-sdk/client-sns";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { parseToken } from "../../lambda/genauth/token.ts";
import { parseTargets, type TargetRing } from "../../lambda/notices/targets.ts";
import { parseKeys } from "../../lambda/sources/index.ts";
import type { KeyRing } from "../../lambda/sources/keys.ts";
import { readJson, readOutputs } from "../files.ts";
import { connectSecrets } from "../secrets.ts";
import type { Finding } from "./finding.ts";
import { readStop } from "./stop.ts";

/** Looks into a deployed stack with the AWS credentials of this shell: its secrets, alarms, version, stop and queues. */
export async function askStack({ outputs: file }: { outputs?: string }): Promise<Finding[]> {
  if (!file) return [];
  const outputs = readOutputs(file);
  return [
    ...(await askSecrets(outputs)),
    await askAlarms(outputs.AlarmTopic),
    compareVersion(outputs.Version),
    await readStop(outputs.LedgerTable),
    ...(await askQueues(outputs)),
  ];
}

async function askSecrets(outputs: Readonly<Record<string, string>>): Promise<Finding[]> {
  const { read } = connectSecrets();
  const token = parseToken(await read(outputs.TokenSecret));
  const wrong = "wrong" in token ? token.wrong : undefined;
  return [
    ...judgeKeys(parseKeys(await read(outputs.KeysSecret))),
    { what: "secret GenAuth token", found: wrong ?? "filled in", isWell: wrong === undefined },
    judgeTargets(parseTargets(await read(outputs.TargetsSecret))),
  ];
}

/** Every section by itself, and in one that serves what does not count there. */
function judgeKeys(ring: KeyRing): Finding[] {
  const advice = "Mend it in the secret. To switch a source off on purpose, give its section the value null.";
  return Object.entries(ring).flatMap(([name, section]) => {
    const what = `secret webhook keys, ${name}`;
    if ("wrong" in section) return [{ what, found: section.wrong, isWell: false, advice }];
    if ("isOff" in section) return [{ what, found: "off on purpose", isWell: true }];
    const odd = (section.odd ?? []).map((found) => ({ what, found, isWell: false, advice }));
    return [{ what, found: "filled in", isWell: true }, ...odd];
  });
}

/** That nobody is to be told is a choice; a target that cannot be told is not. */
function judgeTargets({ wrong = {}, isUnfilled, ...targets }: TargetRing): Finding {
  const names = Object.keys(targets).join(", ");
  const mistakes = [...new Set(Object.values(wrong))].join("; ");
  return {
    what: "secret notice targets",
    found: mistakes || names || `nobody is told${isUnfilled ? ": it is not filled in" : ""}`,
    isWell: mistakes === "",
    advice: `${names ? `Only ${names} are told` : "Nobody is told"} of what happens: mend the secret (docs/notices.md).`,
  };
}

async function askAlarms(topic: string | undefined): Promise<Finding> {
  const { Subscriptions = [] } = await new SNSClient().send(new ListSubscriptionsByTopicCommand({ TopicArn: topic }));
  const confirmed = Subscriptions.filter(({ SubscriptionArn }) => SubscriptionArn?.startsWith("arn:")).length;
  return {
    what: "alarms",
    found: `${confirmed} of ${Subscriptions.length} subscriptions are confirmed`,
    isWell: confirmed > 0,
    advice: "Nobody hears them: set alarmEmail and confirm the e-mail that AWS sent, or subscribe to AlarmTopic.",
  };
}

function compareVersion(deployed: string | undefined): Finding {
  const { version } = readJson("package.json", "package") as { version: string };
  return {
    what: "version",
    found: `deployed ${deployed ?? "an older one"}, here ${version}`,
    isWell: deployed === version,
    advice: "npx cdk deploy (docs/upgrade.md)",
  };
}

async function askQueues(outputs: Readonly<Record<string, string>>): Promise<Finding[]> {
  const waiting = await askDepth(outputs.QueueUrl);
  const dead = await askDepth(outputs.DeadLettersUrl);
  return [
    {
      what: "queue",
      found: `${waiting} waiting`,
      isWell: waiting < 100,
      advice: "See the resigner's log: GenAuth is down, or refuses the token.",
    },
    { what: "dead letters", found: `${dead}`, isWell: dead === 0, advice: "npm run ledger -- list --status failed" },
  ];
}

/** About how many messages a queue holds. */
async function askDepth(url: string | undefined): Promise<number> {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["ApproximateNumberOfMessages"] });
  return Number((await new SQSClient().send(command)).Attributes?.ApproximateNumberOfMessages ?? 0);
}
