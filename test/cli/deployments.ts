/** A stack as `cdk deploy` leaves it, with placeholders for secrets, and `npm run setup` to fill them in. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { type GenAuthSimulator, simulatorCredentials, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { startStack } from "../../local/stack.ts";
import { makeFolder } from "../folder.ts";
import { runCommand } from "./run.ts";

const { userPoolId, accessKeyId, accessKeySecret } = simulatorCredentials;
/** Answers. */
export const token = { accessKeyId, accessKeySecret };
export const lark = { encryptKey: "", verificationToken: "v-token" };
export const wechatwork = { token: "", encodingAesKey: "", receiveIds: "ww1" };

/** One for each test of the file. */
export function startDeployments() {
  const folder = makeFolder();
  const config = `${folder}/cdk.json`;
  let aws: LocalAws;
  let genauth: GenAuthSimulator;
  let stack: Awaited<ReturnType<typeof startStack>>;

  beforeAll(async () => {
    aws = await startAws();
    genauth = await startGenAuthSimulator();
  });
  beforeEach(async () => {
    genauth.reset();
    stack = await startStack({ aws, genauth, keys: { fillMeIn: "see the README" }, token: { fillMeIn: "" } });
    const resignWebhook = { genauth: { host: genauth.url, userPoolId }, lark: { appId: "cli_1" } };
    writeFileSync(config, JSON.stringify({ app: "node lib/app.ts", context: { resignWebhook, other: 1 } }));
    const outputs = {
      KeysSecret: stack.environment.KEYS_SECRET_ID,
      TokenSecret: stack.environment.TOKEN_SECRET_ID,
      LedgerTable: stack.table,
      LarkUrl: `${stack.url}/lark`,
      WechatworkUrl: `${stack.url}/wechatwork`,
      ResignationsUrl: `${stack.url}/resignations`,
    };
    writeFileSync(`${folder}/outputs.json`, JSON.stringify({ ResignWebhook: outputs }));
    return () => stack.close();
  });
  afterAll(async () => {
    await Promise.all([aws.close(), genauth.close()]);
  });

  return {
    config,
    url: () => stack.url,
    genauth: () => genauth,
    keptKeys: () => JSON.parse(aws.secret(stack.environment.KEYS_SECRET_ID) ?? "{}"),
    putKeys: (keys: object) => stack.putKeys(keys),
    keptToken: () => aws.secret(stack.environment.TOKEN_SECRET_ID),

    setUp(answers: object, waitSeconds = 0, ...more: string[]) {
      writeFileSync(`${folder}/answers.json`, JSON.stringify(answers));
      const files = ["--outputs", `${folder}/outputs.json`, "--answers", `${folder}/answers.json`, "--config", config];
      const { AWS_ENDPOINT_URL_DYNAMODB = "", AWS_ENDPOINT_URL_SECRETS_MANAGER = "" } = process.env;
      return runCommand("setup", [...files, "--wait", String(waitSeconds), ...more], {
        ...{ AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SECRETS_MANAGER },
        ...{ AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" },
      });
    },
  };
}
