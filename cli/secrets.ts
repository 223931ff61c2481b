import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { placeholder } from "../lambda/settings/secret-text.ts";

/** The secrets of a deployed stack. */
export type Secrets = ReturnType<typeof connectSecrets>;

/** Reads and writes them with the AWS credentials of this shell. */
export function connectSecrets() {
  const client = new SecretsManagerClient();

  async function read(id: string | undefined): Promise<string> {
    return (await client.send(new GetSecretValueCommand({ SecretId: id }))).SecretString ?? "";
  }

  return {
    read,
    /** The secret as an object, which is empty until it is filled in. */
    async readObject(id: string | undefined): Promise<Record<string, unknown>> {
      const whole = JSON.parse((await read(id)) || "{}") as Record<string, unknown>;
      return placeholder in whole ? {} : whole;
    },
    async write(id: string | undefined, value: object): Promise<void> {
      await client.send(new PutSecretValueCommand({ SecretId: id, SecretString: JSON.stringify(value) }));
    },
  };
}
