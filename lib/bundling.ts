import { fileURLToPath } from "node:url";
import type { BuildOptions } from "esbuild";

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/** How functions are bundled, for the deployment, its tests and the benchmark alike. */
export const bundling = {
  format: "esm",
  target: "node24",
  mainFields: ["module", "main"],
  banner: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);',
  alias: {
    "@aws-sdk/credential-provider-node": pathOf("../lambda/aws/credentials.ts"),
    "@aws-sdk/middleware-endpoint-discovery": pathOf("../lambda/aws/endpoint-discovery.ts"),
  },
} as const;

/** The same as esbuild's own options. */
export const buildOptions = (entry: string) =>
  ({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    minify: true,
    format: bundling.format,
    target: bundling.target,
    mainFields: [...bundling.mainFields],
    banner: { js: bundling.banner },
    alias: bundling.alias,
    logLevel: "error",
  }) satisfies BuildOptions;
