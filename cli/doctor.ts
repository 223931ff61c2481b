import { Command } from "commander";
import { localGenAuthUrl, localUrl, simulatorCredentials } from "./defaults.ts";
import { toText } from "./doctor/finding.ts";
import { askGenAuth } from "./doctor/genauth.ts";
import { probe } from "./doctor/probe.ts";
import { askStack } from "./doctor/stack.ts";
import { askStop } from "./doctor/stop.ts";
import { askWebhook } from "./doctor/webhook.ts";

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

new Command("doctor")
  .description(
    "Looks whether an installation is well: GenAuth's token, one person's ids, every source's keys, the emergency stop, and a deployed stack.",
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
    const findings = [
      ...(await askGenAuth(options)),
      ...(await askWebhook(options)),
      ...(options.outputs ? await askStack(options) : await askStop(options)),
    ];
    for (const finding of findings) console.log(toText(finding));
    const ill = findings.filter(({ isWell }) => !isWell).length;
    console.log(ill === 0 ? "All is well." : `${ill} of ${findings.length} are not well.`);
    process.exitCode = ill === 0 ? 0 : 1;
  })
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
