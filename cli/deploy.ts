import { spawn } from "node:child_process";
import { Command } from "commander";
import { deploy } from "./deploy/plan.ts";

interface Options {
  letGo: string[];
  profile?: string;
  context: string[];
}

const collect = (value: string, former: string[]) => [...former, value];

/** Runs the project's own `cdk`. Its questions are asked here. */
function cdk(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("node_modules/.bin/cdk", args, {
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["inherit", "pipe", "pipe"],
    });
    let printed = "";
    const show = (to: NodeJS.WriteStream) => (data: Buffer) => {
      printed += data.toString();
      to.write(data);
    };
    child.stdout.on("data", show(process.stdout));
    child.stderr.on("data", show(process.stderr));
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(printed) : reject(new Error(`cdk ${args[0]} failed (${code})`)),
    );
  });
}

new Command("deploy")
  .description(
    "cdk diff, and then cdk deploy, unless that would replace or delete a table, queue, secret or log. What cdk deploy takes, it takes too.",
  )
  .option("--let-go <id>", "a resource whose loss is meant, by its id in the template; several times", collect, [])
  .option("--profile <name>", "the AWS profile, for both")
  .option("-c, --context <key=value>", "context, for both; several times", collect, [])
  .allowUnknownOption()
  .allowExcessArguments()
  .action(({ letGo, profile, context }: Options, { args }: Command) => {
    const profiled = profile === undefined ? [] : ["--profile", profile];
    const shared = [...profiled, ...context.flatMap((one) => ["--context", one])];
    return deploy({ cdk, shared, more: args, letGo });
  })
  .parseAsync()
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
