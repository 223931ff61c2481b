import { fileURLToPath } from "node:url";
import { AssetHashType, DockerImage, RemovalPolicy } from "aws-cdk-lib";
import { Code, type FunctionProps, type IFunction, Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { buildSync } from "esbuild";
import { buildOptions } from "./bundling.ts";

const projectRoot = fileURLToPath(new URL("..", import.meta.url));

export interface LiveFunctionProps extends Omit<FunctionProps, "code" | "handler"> {
  /** Its file in `lambda/`, without `.ts`. */
  readonly name: string;
  /** Its part of the settings, as text. */
  readonly settings: string;
  /** How many are kept warm. */
  readonly provisioned?: number;
}

/**
 * A function that is called as a published version, by the alias `live`. Lambda changes code and configuration by two
 * calls, each of which goes live at once where the function itself is called; an alias goes from one to the other in
 * one step, and back.
 */
export class LiveFunction extends LambdaFunction {
  readonly live: IFunction;

  constructor(scope: Construct, id: string, { name, settings, provisioned = 0, ...props }: LiveFunctionProps) {
    super(scope, id, {
      ...props,
      code: bundled(name, settings),
      handler: "index.handler",
      // To go back to. One that a failed deployment made goes with it, or the next try could not publish it again.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE },
    });
    const warm = provisioned > 0 ? { provisionedConcurrentExecutions: provisioned } : {};
    this.live = this.addAlias("live", warm) as IFunction;
  }
}

/** By esbuild's interface and not its command: settings are of any length, and no shell reads them. */
const bundled = (name: string, settings: string): Code =>
  Code.fromAsset(projectRoot, {
    // What comes out decides, settings included.
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Never used. Functions of one folder are told apart by the command.
      image: DockerImage.fromRegistry("none"),
      command: [name, settings],
      local: {
        tryBundle(folder) {
          buildSync({
            ...buildOptions(`${projectRoot}/lambda/${name}.ts`, settings),
            absWorkingDir: projectRoot,
            outfile: `${folder}/index.mjs`,
            // Beside the bundle, to read a trace with; the function does not load it.
            sourcemap: "external",
            sourcesContent: false,
          });
          return true;
        },
      },
    },
  });
