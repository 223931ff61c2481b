/** How functions are bundled, for the deployment and for the benchmark alike. */
export const bundling = {
  format: "esm",
  target: "node24",
  mainFields: ["module", "main"],
  banner: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);',
} as const;
