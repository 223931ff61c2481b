import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { folder } from "../cli/files.ts";
import { ResignWebhookStack } from "../lib/resign-webhook.ts";
import { installPython } from "./python.ts";

/** From PyPI. It knows what CloudFormation takes in each region. */
export const cfnLint = { name: "cfn-lint", version: "1.58.0", otherwise: "leave npm run cfn-lint out" };

/** One of the first, one of the later, and one of China. */
const regions = ["us-east-1", "eu-central-1", "cn-north-1"];

/** As little as there can be, and every setting that makes resources. */
const settingsOf = (region: string): [name: string, settings: object][] => {
  const isChina = region.startsWith("cn-");
  const keyArn = `arn:${isChina ? "aws-cn" : "aws"}:kms:${region}:123456789012:key/01234567-89ab-cdef-0123-456789abcdef`;
  const everything = {
    domain: { name: "hook.example.com", hostedZone: { id: "Z0123456789ABCDEFGHIJ", name: "example.com" } },
    kmsKeyArn: keyArn,
    concurrency: { webhookProvisioned: 2, webhookReserved: 20, resignerMax: 3 },
    lark: { forwardTo: "https://sync.example.com/lark" },
    network: { vpcId: "vpc-0a1b2c3d", subnetIds: ["subnet-0a1b2c3d"] },
    alarmEmail: "it@example.com",
    xRay: !isChina,
  };
  return [
    ["defaults", {}],
    ["everything", everything],
  ];
};

/** Writes a template, and gives back its file. */
function synthesize(region: string, name: string, settings: object): string {
  const app = new App({ context: { "aws:cdk:bundling-stacks": [] } });
  const genauth = { host: "https://api.genauth.ai", userPoolId: "pool" };
  const env = { region, account: "123456789012" };
  const stack = new ResignWebhookStack(app, "ResignWebhook", { genauth, ...settings }, { env });
  const file = `${folder}/cfn-lint/${region}-${name}.json`;
  writeFileSync(file, JSON.stringify(Template.fromStack(stack).toJSON()));
  return file;
}

/** `npm run cfn-lint`: AWS's own linter over the templates of several regions. */
function lint(): void {
  const command = installPython(cfnLint);
  mkdirSync(`${folder}/cfn-lint`, { recursive: true });
  for (const region of regions) {
    const files = settingsOf(region).map(([name, settings]) => synthesize(region, name, settings));
    // W3005: CDK names a role in DependsOn that GetAtt names as well.
    execFileSync(command, ["--regions", region, "--ignore-checks", "W3005", "--", ...files], { stdio: "inherit" });
    console.log(`${region}: ${files.length} templates are well`);
  }
}

try {
  lint();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
