import { spawn } from "node:child_process";
import { appendFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { Command } from "commander";
import { simulatorCredentials } from "../cli/defaults.ts";
import { folder } from "../cli/files.ts";
import { localKeysFile, readKeys } from "../cli/keys.ts";
import { startGenAuthSimulator } from "./genauth-simulator.ts";
import { startMinistack, withoutMath } from "./ministack.ts";
import { startNoticeStandIns, toLine } from "./notice-stand-ins.ts";
import { localSettings, readLocalSettings, senderPaths, withSecondListener } from "./stack.ts";

const outputsFile = `${folder}/outputs.json`;
const keysFile = process.env.LOCAL_KEYS ?? localKeysFile;
const logFile = `${folder}/ministack.log`;
const assembly = `${folder}/cdk.out`;
const templateFile = `${assembly}/ResignWebhook.template.json`;

/** `npm run deploy:local`: the real template by the real `cdk deploy`, into an AWS on this machine. */
async function deployLocal({ once: isOnce = false }: { once?: boolean }): Promise<number> {
  const keys = readKeys();
  const settings = readLocalSettings();
  mkdirSync(folder, { recursive: true });
  writeFileSync(logFile, "");
  const genauth = await startGenAuthSimulator({
    port: Number(process.env.GENAUTH_PORT ?? 0),
    portVariable: "GENAUTH_PORT",
  });
  const given = process.env.AWS_ENDPOINT_URL;
  const ministack = given
    ? undefined
    : await startMinistack(Number(process.env.MINISTACK_PORT ?? 4566), (text) => appendFileSync(logFile, text));
  const endpoint = given ?? ministack?.endpoint ?? "";
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
  });

  const { accessKeyId, accessKeySecret } = simulatorCredentials;
  const told = await startNoticeStandIns((received) => console.log(toLine(received)));
  const listenerToBe = toPublicName(told.secondListener);
  const resignWebhook = {
    alarmEmail: "alarms@example.com",
    ...localSettings(withSecondListener(settings, listenerToBe), genauth),
  };
  console.log(`deploying into ${endpoint} …`);
  await run("cdk", ["bootstrap", "aws://000000000000/us-east-1", "--quiet"]);
  const context = ["--context", `resignWebhook=${JSON.stringify(resignWebhook)}`];
  await run("cdk", ["synth", "--quiet", "--output", assembly, ...context]);
  replaceInBundles(listenerToBe, told.secondListener);
  if (ministack) {
    const template = JSON.parse(readFileSync(templateFile, "utf8"));
    writeFileSync(templateFile, JSON.stringify(withoutMath(template)));
  }
  await run("cdk", [
    ...["deploy", "--app", assembly, "--all", "--require-approval", "never", "--progress", "events"],
    ...["--outputs-file", outputsFile],
  ]);
  const outputs = (JSON.parse(readFileSync(outputsFile, "utf8")) as { ResignWebhook: Record<string, string> })
    .ResignWebhook;
  const client = new SecretsManagerClient();
  await client.send(new PutSecretValueCommand({ SecretId: outputs.KeysSecret, SecretString: JSON.stringify(keys) }));
  const token = JSON.stringify({ accessKeyId, accessKeySecret });
  await client.send(new PutSecretValueCommand({ SecretId: outputs.TokenSecret, SecretString: token }));

  const targets = JSON.stringify(told.targets);
  await client.send(new PutSecretValueCommand({ SecretId: outputs.TargetsSecret, SecretString: targets }));

  const [, apiId] = /https:\/\/([^.]+)\.execute-api/.exec(outputs.LarkUrl ?? "") ?? [];
  const url = `${endpoint}/_aws/execute-api/${apiId}/$default`;
  console.log(`webhook     ${url}${senderPaths}`);
  console.log(`GenAuth     ${genauth.url}/_sim/calls (a simulator)`);
  console.log(`notices     ${told.url}/_sim/received (stand-ins for whom they go to)`);
  console.log(`keys        ${keysFile}`);
  console.log(`ready ${url}`);

  if (!isOnce) {
    console.log(`Serving until Ctrl-C. Next: npm run send -- lark --user ou_demo_4 --url '${url}'`);
    return new Promise(() => {});
  }
  const ids = ["--genauth", genauth.url, "--person", "lark:ou_demo_1", "--outputs", outputsFile];
  await run("node", ["cli/doctor.ts", "--url", url, "--keys", keysFile, ...ids], {}, "inherit");
  const e2e = {
    E2E_URL: url,
    E2E_KEYS: keysFile,
    E2E_GENAUTH: genauth.url,
    E2E_NOTICES: told.url,
    E2E_OUTPUTS: outputsFile,
  };
  const code = await run("vitest", ["run", "--config", "vitest.e2e.config.ts"], e2e, "inherit").then(
    () => 0,
    () => 1,
  );
  ministack?.stop();
  await Promise.all([genauth.close(), told.close()]);
  return code;
}

/**
 * A template takes no second listener on this machine: it is synthesized with this address. The port is part of it, so
 * that another listener makes another asset.
 */
const toPublicName = (address: string) => `https://second-listener-${new URL(address).port}.example.com/lark`;

/** Puts an address of this machine into the bundles, which have their settings built in. */
function replaceInBundles(address: string, local: string): void {
  for (const file of globSync(`${assembly}/asset.*/index.mjs`)) {
    writeFileSync(file, readFileSync(file, "utf8").replaceAll(address, local));
  }
}

/** Runs a command of the project; its output goes to the log, and to the error if it fails. */
function run(
  command: string,
  args: string[],
  environment: object = {},
  stdio: "pipe" | "inherit" = "pipe",
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(`node_modules/.bin/${command}`, args, {
      env: { ...process.env, ...environment },
      stdio: ["ignore", stdio, stdio],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data: Buffer) => {
        output += data.toString();
        appendFileSync(logFile, data);
      });
    }
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args[0]} failed (${code}):\n${output.slice(-2_000)}`));
    });
  });
}

process.on("SIGINT", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));

new Command("deploy:local")
  .description(
    `Deploys the real template by the real cdk deploy into an AWS on this machine (MiniStack), or, where AWS_ENDPOINT_URL is set, INTO THAT.
Environment: AWS_ENDPOINT_URL, MINISTACK_PORT (4566), GENAUTH_PORT, LOCAL_KEYS, LOCAL_SETTINGS.`,
  )
  .option("--once", "run doctor and the end-to-end tests against it, and end")
  .action((options: { once?: boolean }) =>
    deployLocal(options).then(
      (code) => process.exit(code),
      (error: Error) => {
        console.error(error.message);
        process.exit(1);
      },
    ),
  )
  .parseAsync();
