/**
 * `npm run bench`: what a cold start costs. Each bundle is made as for the deployment and imported in fresh
 * processes of this Node, in turns, so that a noisy machine is noisy for all of them. Ratios are the result.
 */
import { execFile } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import Table from "cli-table3";
import { build } from "esbuild";
import { bundling } from "../lib/bundling.ts";
import { startAws } from "../local/aws.ts";
import { startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { signWechatworkCheck } from "../local/sign.ts";
import { newKeys, startStack } from "../local/stack.ts";

const rounds = 21;
const folder = fileURLToPath(new URL("../.local/bench/", import.meta.url));
const entries = {
  "an empty handler": "bench/entries/empty.ts",
  "the AWS clients alone": "bench/entries/aws-clients.ts",
  "our webhook": "lambda/webhook.ts",
  "our resigner": "lambda/resigner.ts",
  "our sweep": "lambda/sweep.ts",
  "the vendors' SDKs": "bench/entries/official-sdks.ts",
} as const;
type Name = keyof typeof entries;
const names = Object.keys(entries) as Name[];

mkdirSync(folder, { recursive: true });
const bundles = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await bundle(name)]))) as Record<
  Name,
  string
>;

const importMs = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
const firstAnswerMs: number[] = [];
const environment = await startLoopback();
for (let round = 0; round < rounds; round += 1) {
  for (const name of names) importMs[name].push(await measure(importScript(bundles[name])));
  firstAnswerMs.push(await measure(firstAnswerScript(bundles["our webhook"])));
}
await environment.close();

const base = median(importMs["the AWS clients alone"]);
const table = new Table({ head: ["bundle", "kB", "import, ms", "× the AWS clients"], style: { head: [], border: [] } });
for (const name of names) {
  const ms = median(importMs[name]);
  table.push([name, Math.round(statSync(bundles[name]).size / 1000), ms.toFixed(1), (ms / base).toFixed(2)]);
}
const report = [
  `Cold start, median of ${rounds} fresh processes each, in turns. Node ${process.version}, ${cpus()[0]?.model} × ${cpus().length}, ${new Date().toISOString().slice(0, 10)}.`,
  table.toString(),
  `WeCom's check of the URL, answered by a cold webhook (import, secret and answer): ${median(firstAnswerMs).toFixed(0)} ms of its 1,000.`,
].join("\n");
console.log(report);
writeFileSync("bench/RESULTS.md", `# Figures\n\nMade by \`npm run bench\`.\n\n\`\`\`\n${report}\n\`\`\`\n`);

async function bundle(name: Name): Promise<string> {
  const outfile = `${folder}${name.replaceAll(/\W+/g, "-")}.mjs`;
  await build({
    entryPoints: [entries[name]],
    outfile,
    bundle: true,
    platform: "node",
    minify: true,
    format: bundling.format,
    target: bundling.target,
    mainFields: [...bundling.mainFields],
    // Lark's SDK reads its own version from beside itself.
    banner: { js: `${bundling.banner}const __dirname=import.meta.dirname;` },
    logLevel: "error",
  });
  return outfile;
}

/** Runs a script in a fresh process; it prints milliseconds. */
function measure(script: string): Promise<number> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ["--input-type=module", "-e", script],
      { env: { ...process.env, ...environment.variables } },
      (error, stdout) => (error ? reject(error) : resolve(Number(stdout.trim().split("\n").at(-1)))),
    );
  });
}

function importScript(path: string): string {
  return `const start = performance.now(); await import(${JSON.stringify(pathToFileURL(path).href)}); console.log(performance.now() - start); process.exit();`;
}

function firstAnswerScript(path: string): string {
  const { path: rawPath } = signWechatworkCheck("1616140317555161061", environment.wechatworkKeys);
  const event = {
    routeKey: "GET /wechatwork",
    rawQueryString: rawPath.split("?")[1],
    headers: {},
    isBase64Encoded: false,
  };
  return [
    "const start = performance.now();",
    `const { handler } = await import(${JSON.stringify(pathToFileURL(path).href)});`,
    `const answer = await handler(${JSON.stringify(event)}, { getRemainingTimeInMillis: () => 10000 });`,
    "const ms = performance.now() - start;",
    'if (answer.body !== "1616140317555161061") throw new Error(JSON.stringify(answer));',
    "console.log(ms); process.exit();",
  ].join("\n");
}

/** Loopback AWS endpoints with a stack in them, for the functions in the fresh processes. */
async function startLoopback() {
  const aws = await startAws();
  const genauth = await startGenAuthSimulator();
  const keys = newKeys();
  const stack = await startStack({ aws, genauth, keys, isPolling: false });
  return {
    variables: stack.environment,
    wechatworkKeys: { ...keys.wechatwork, receiveId: "wwlocal" },
    async close() {
      await stack.close();
      await Promise.all([aws.close(), genauth.close()]);
    },
  };
}

function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}
