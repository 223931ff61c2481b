import dynalite from "dynalite";
import { startFauxqs } from "fauxqs";
import { ledgerTable, quarantineTable } from "../lambda/aws/schema.ts";
import { type Listening, listen, readBody, sendJson, serve } from "./listen.ts";
import { createTable } from "./tables.ts";

/** The AWS services that the functions use, on loopback, speaking their real protocols. */
export type LocalAws = Awaited<ReturnType<typeof startAws>>;

/** Starts them, and points this process's AWS clients at them by the SDK's own environment variables. */
export async function startAws() {
  const sqs = await startFauxqs({ port: 0, logger: false, host: "localhost" });
  const dynamodb = await listen(dynalite({ createTableMs: 0 }), 0);
  const secretsManager = await startSecretsManager();
  Object.assign(process.env, {
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    AWS_ENDPOINT_URL_SQS: sqs.address,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.url,
  });
  return {
    sqs,
    dynamodb,
    secretsManager,
    putSecret: secretsManager.put,
    secret: secretsManager.get,

    /** Creates a queue and gives back its URL. What was received more often than `redrive` says goes to its queue. */
    createQueue(
      name: string,
      visibilityTimeoutSeconds: number,
      redrive?: { deadLetters: string; maxReceiveCount: number },
    ): string {
      const attributes: Record<string, string> = { VisibilityTimeout: String(visibilityTimeoutSeconds) };
      if (name.endsWith(".fifo")) attributes.FifoQueue = "true";
      if (redrive) {
        const deadLetterTargetArn = `arn:aws:sqs:us-east-1:000000000000:${redrive.deadLetters}`;
        attributes.RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: redrive.maxReceiveCount });
      }
      sqs.createQueue(name, { attributes });
      return `${process.env.AWS_ENDPOINT_URL_SQS}/000000000000/${name}`;
    },

    createLedgerTable: (name: string) => createTable(name, ledgerTable),
    createQuarantineTable: (name: string) => createTable(name, quarantineTable),

    async close(): Promise<void> {
      await Promise.all([sqs.stop(), dynamodb.close(), secretsManager.close()]);
    },
  };
}

/** Secrets Manager's GetSecretValue and PutSecretValue, as the SDK calls them. */
async function startSecretsManager(): Promise<
  Listening & { put(id: string, text: string): void; get(id: string): string | undefined; calls(): number }
> {
  const secrets = new Map<string, string>();
  let calls = 0;
  const server = serve(async (request, response) => {
    const body = JSON.parse((await readBody(request))?.toString() || "{}") as {
      SecretId?: string;
      SecretString?: string;
    };
    const type = "application/x-amz-json-1.1";
    calls += 1;
    const { SecretId = "", SecretString } = body;
    if (request.headers["x-amz-target"] === "secretsmanager.PutSecretValue" && SecretString !== undefined) {
      secrets.set(SecretId, SecretString);
      return sendJson(response, 200, { ARN: SecretId, Name: SecretId }, { "content-type": type });
    }
    const text = secrets.get(SecretId);
    if (request.headers["x-amz-target"] !== "secretsmanager.GetSecretValue" || text === undefined) {
      const error = {
        __type: "ResourceNotFoundException",
        Message: "Secrets Manager can't find the specified secret.",
      };
      return sendJson(response, 400, error, { "content-type": type });
    }
    const value = { ARN: body.SecretId, Name: body.SecretId, SecretString: text, VersionStages: ["AWSCURRENT"] };
    sendJson(response, 200, value, { "content-type": type });
  });
  const listening = await listen(server, 0);
  return {
    ...listening,
    put: (id, text) => void secrets.set(id, text),
    get: (id) => secrets.get(id),
    calls: () => calls,
  };
}
