import { fileURLToPath } from "node:url";
import type { BuildOptions } from "esbuild";

/** How functions are bundled, for the deployment, its tests and the benchmark alike. */
export const bundling = {
  format: "esm",
  target: "node24",
  mainFields: ["module", "main"],
  banner: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);',
  alias: {
    "@aws-sdk/credential-provider-node": fileURLToPath(new URL("../lambda/aws/credentials.ts", import.meta.url)),
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
