import { GetAccountSettingsCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { parseSettings } from "../../lib/settings.ts";
import { readJson } from "../files.ts";
import type { Finding } from "./finding.ts";

/** Nobody can reserve so much that fewer than these are left for everything else in the account. */
const mustStayFree = 100;

/**
 * Looks, before anything is deployed, whether the account of this shell has enough concurrent executions of Lambda:
 * a new one has about ten, and the deployment fails where none can be kept for `webhook`. `reserved`: how many are to
 * be kept.
 */
export async function askAccount(reserved = readReserved()): Promise<Finding[]> {
  const what = "Lambda, concurrent executions";
  try {
    const client = new LambdaClient();
    const region = await client.config.region();
    const { AccountLimit } = await client.send(new GetAccountSettingsCommand());
    const { ConcurrentExecutions: all = 0, UnreservedConcurrentExecutions: free = 0 } = AccountLimit ?? {};
    const needed = mustStayFree + reserved;
    const found = `${all} in ${region}, ${free} of them not reserved; a first deployment needs ${needed}`;
    const ask = `Ask for ${Math.ceil((all - free + needed) / 1_000) * 1_000} (Concurrent executions): ${quotaOf(region)}`;
    return [{ what, found, isWell: free >= needed, advice: `${ask}\n    ${until(reserved)}` }];
  } catch (error) {
    const found = `AWS does not say (${(error as Error).name}: ${(error as Error).message})`;
    const advice = "Give this shell AWS credentials that may call lambda:GetAccountSettings, and AWS_REGION.";
    return [{ what, found, isWell: false, advice }];
  }
}

const until = (reserved: number) =>
  reserved > 0
    ? `Until AWS has raised it, the deployment fails: ${reserved} are kept for webhook, and AWS wants ${mustStayFree} left for the rest. With concurrency.webhookReserved 0 it goes through, and nothing is kept for departures.`
    : "Until AWS has raised it, whatever runs in the account can take what departures need. Then take concurrency.webhookReserved out of cdk.json.";

/** The quota's page in the console, where it is asked for. */
const quotaOf = (region: string) =>
  `https://${region}.console.${region.startsWith("cn-") ? "amazonaws.cn" : "aws.amazon.com"}/servicequotas/home/services/lambda/quotas/L-B99A9384`;

/** What cdk.json says. Throws an error that names each wrong setting. */
function readReserved(): number {
  const { context } = readJson("cdk.json", "CDK") as { context?: { resignWebhook?: object } };
  return parseSettings(context?.resignWebhook).concurrency.webhookReserved;
}
