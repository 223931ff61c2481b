import { fileURLToPath } from "node:url";
import type { BuildOptions } from "esbuild";

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/**
 * How a function is bundled, for the deployment, its tests and the benchmark alike, as esbuild's own options. Its part
 * of the settings travels in the bundle: code and settings are one thing, changed and rolled back in one step.
 * `settings`: as their text; without them the function reads its environment.
 */
export const buildOptions = (entry: string, settings?: string) =>
  ({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    minify: true,
    format: "esm",
    target: "node24",
    mainFields: ["module", "main"],
    banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
    alias: {
      "@aws-sdk/credential-provider-node": pathOf("../lambda/aws/credentials.ts"),
      "@aws-sdk/middleware-endpoint-discovery": pathOf("../lambda/aws/endpoint-discovery.ts"),
    },
    ...(settings !== undefined && { define: { "process.env.RESIGN_SETTINGS": JSON.stringify(settings) } }),
    logLevel: "error",
  }) satisfies BuildOptions;
