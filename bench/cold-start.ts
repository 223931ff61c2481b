import { mkdirSync, statSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { buildOptions } from "../lib/bundling.ts";
import { limitCpu, median, runFresh, type Section, tableOf } from "./measure.ts";
import type { startBench } from "./stage.ts";

const rounds = 21;
const memoryRounds = 15;
const folder = fileURLToPath(new URL("../.local/bench/", import.meta.url));

type Bench = Awaited<ReturnType<typeof startBench>>;

interface Contestant {
  name: string;
  entry: string;
  /** Whether it is bundled as ours are deployed, or as bundlers do by default. */
  isOurs: boolean;
  first?: (bench: Bench) => Promise<object> | object;
}

const record = async (bench: Bench) => {
  const { request, userId = "" } = bench.requests.lark();
  await bench.take(request);
  return { Records: [{ body: await bench.idOf(userId), messageId: "m", receiptHandle: "none" }] };
};
const departure = (bench: Bench) => bench.requests.lark().event;
const urlCheck = (bench: Bench) => bench.requests.wechatworkCheck().event;

const contestants: Contestant[] = [
  { name: "an empty handler", entry: "bench/entries/empty.ts", isOurs: false, first: () => ({}) },
  { name: "the AWS clients alone", entry: "bench/entries/aws-clients.ts", isOurs: false, first: () => ({}) },
  { name: "webhook: a departure", entry: "lambda/webhook.ts", isOurs: true, first: departure },
  { name: "the obvious way: a departure", entry: "bench/obvious/webhook.ts", isOurs: false, first: departure },
  { name: "webhook: WeCom's URL check", entry: "lambda/webhook.ts", isOurs: true, first: urlCheck },
  { name: "the obvious way: WeCom's URL check", entry: "bench/obvious/webhook.ts", isOurs: false, first: urlCheck },
  { name: "resigner: a departure", entry: "lambda/resigner.ts", isOurs: true, first: record },
  {
    name: "the obvious way: resigning",
    entry: "bench/obvious/resigner.ts",
    isOurs: false,
    first: async (bench) => ({ Records: [{ body: await bench.obviousItem() }] }),
  },
  { name: "sweep", entry: "lambda/sweep.ts", isOurs: true, first: () => ({}) },
  { name: "notifier", entry: "lambda/notifier.ts", isOurs: true },
  { name: "desk", entry: "lambda/desk.ts", isOurs: true },
  { name: "forwarder", entry: "lambda/forwarder.ts", isOurs: true },
];

interface Figures {
  importMs: number;
  firstMs?: number;
}

/** Cold starts: import, and import with the first answer, in fresh processes that take turns. */
export async function benchColdStart(bench: Bench): Promise<Section> {
  mkdirSync(folder, { recursive: true });
  const bundles = new Map<string, string>();
  for (const { entry, isOurs } of contestants) bundles.set(entry, await bundle(entry, isOurs));

  const figures = new Map<Contestant, Figures[]>(contestants.map((one) => [one, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const one of contestants) figures.get(one)?.push(await measure(bench, bundles.get(one.entry) ?? "", one));
  }
  const importOf = (one: Contestant) => median((figures.get(one) ?? []).map(({ importMs }) => importMs));
  const firstOf = (one: Contestant) => median((figures.get(one) ?? []).flatMap(({ firstMs }) => firstMs ?? []));
  const aws = contestants[1] as Contestant;
  const kB = (one: Contestant) => Math.round(statSync(bundles.get(one.entry) ?? "").size / 1000);

  const rows = contestants.map((one) => [
    one.name,
    kB(one),
    importOf(one).toFixed(1),
    (importOf(one) / importOf(aws)).toFixed(2),
    one.first ? firstOf(one).toFixed(1) : "",
    one.first ? (firstOf(one) / firstOf(aws)).toFixed(2) : "",
  ]);
  const named = (name: string) => contestants.find((one) => one.name === name) as Contestant;
  const compare = (what: string, one: string, other: string, beside: string): Section["headline"][number] => {
    const [mine, theirs] = [firstOf(named(one)), firstOf(named(other))];
    return [what, `${mine.toFixed(0)} ms`, `${theirs.toFixed(0)} ms, ${beside}`, (mine / theirs).toFixed(2)];
  };
  const [ours, obvious] = [named("webhook: a departure"), named("the obvious way: a departure")];
  const cold = "Cold webhook, a departure answered";
  const head = ["cold start", "kB", "import, ms", "× AWS clients", "with the first answer, ms", "× AWS clients"];
  const memory = await benchMemory(bench, bundles);
  return {
    text: [
      `Median of ${rounds} fresh processes each, in turns. The AWS clients alone: read a secret, write an item, send a message.`,
      tableOf(head, rows),
      memory.text,
      await benchCompileCache(bundles.get("lambda/webhook.ts") ?? ""),
    ].join("\n\n"),
    headline: [
      compare(cold, ours.name, aws.name, "the AWS clients alone, as they come"),
      compare(cold, ours.name, obvious.name, "the obvious way, by the vendors' SDKs"),
      compare(
        "Cold resigner, somebody resigned",
        "resigner: a departure",
        "the obvious way: resigning",
        "the obvious way",
      ),
      ["Webhook's bundle", `${kB(ours)} kB`, `${kB(obvious)} kB, the obvious way`, (kB(ours) / kB(obvious)).toFixed(2)],
      ...memory.headline,
    ],
  };
}

/** Lambda gives a function of 1,769 MB one core, and others their share of it. */
const coreMb = 1_769;
const memoriesMb = [128, 256, 512, 1_024, coreMb];
/** As `lib/resign-webhook.ts` says of the webhook. */
const deployedMb = 1_024;

async function benchMemory(bench: Bench, bundles: Map<string, string>): Promise<Section> {
  const [ours, obvious] = contestants.filter(({ name }) => /URL check/.test(name)) as [Contestant, Contestant];
  const rows: (string | number)[][] = [];
  const headline: [string, string, string, string][] = [];
  for (const memoryMb of memoriesMb) {
    const cpu = limitCpu(memoryMb / coreMb);
    if (!cpu)
      return { text: "With less than a core: not measured, this machine lets us make no control group.", headline };
    const found = new Map([ours, obvious].map((one) => [one, [] as number[]]));
    for (let round = 0; round < memoryRounds; round += 1) {
      for (const [one, times] of found) {
        const { firstMs = Number.NaN } = await measure(bench, bundles.get(one.entry) ?? "", one, cpu);
        times.push(firstMs);
      }
    }
    cpu.remove();
    const [mine, theirs] = [median(found.get(ours) ?? []), median(found.get(obvious) ?? [])];
    rows.push([memoryMb, (memoryMb / coreMb).toFixed(2), mine.toFixed(0), theirs.toFixed(0)]);
    if (memoryMb === deployedMb) {
      const what = "WeCom's check of the URL, cold, with the share of a core that 1,024 MB get (it waits 1,000 ms)";
      headline.push([
        what,
        `${mine.toFixed(0)} ms`,
        `${theirs.toFixed(0)} ms, the obvious way`,
        (mine / theirs).toFixed(2),
      ]);
    }
  }
  const text = [
    `WeCom's check of the URL, answered cold, in ms of its 1,000, with the share of a core that a function of this memory gets (a control group's quota, periods of 20 ms; medians of ${memoryRounds}). The start of Node itself is not in it, nor Lambda's own.`,
    tableOf(["memory, MB", "cores", "ours", "the obvious way"], rows),
  ].join("\n");
  return { text, headline };
}

/** What V8's compile cache would save, if it could be shipped. */
async function benchCompileCache(path: string): Promise<string> {
  const environment = { NODE_COMPILE_CACHE: `${folder}compile-cache` };
  await runFresh(
    `${importScript(path)} (await import("node:module")).flushCompileCache(); console.log("{}"); process.exit();`,
    environment,
  );
  const plain: number[] = [];
  const cached: number[] = [];
  const script = `${importScript(path)} console.log(JSON.stringify({ importMs })); process.exit();`;
  for (let round = 0; round < rounds; round += 1) {
    plain.push((await runFresh<Figures>(script, {})).importMs);
    cached.push((await runFresh<Figures>(script, environment)).importMs);
  }
  return `V8's compile cache: the webhook's import takes ${median(cached).toFixed(1)} ms with it and ${median(plain).toFixed(1)} ms without. It is not shipped: V8 takes a cache of its very version and processor alone, and Lambda's differ from those of the machine that deploys.`;
}

const importScript = (path: string) =>
  `const start = performance.now(); const { handler } = await import(${JSON.stringify(pathToFileURL(path).href)}); const importMs = performance.now() - start;`;

async function measure(
  bench: Bench,
  path: string,
  { first }: Contestant,
  cpu?: ReturnType<typeof limitCpu>,
): Promise<Figures> {
  const event = first && (await first(bench));
  const script = [
    importScript(path),
    event ? `const answer = await handler(${JSON.stringify(event)}, { getRemainingTimeInMillis: () => 25000 });` : "",
    event ? "const firstMs = performance.now() - start;" : "const firstMs = undefined; const answer = {};",
    "if (answer?.statusCode >= 300 || answer?.batchItemFailures?.length > 0) throw new Error(JSON.stringify(answer));",
    "console.log(JSON.stringify({ importMs, firstMs })); process.exit();",
  ].join("\n");
  return runFresh<Figures>(script, bench.environmentOfOthers(), cpu);
}

async function bundle(entry: string, isOurs: boolean): Promise<string> {
  const { alias, banner, ...options } = buildOptions(entry);
  const outfile = `${folder}${entry.replaceAll(/\W+/g, "-")}.mjs`;
  // Lark's SDK reads its own version from beside itself.
  const js = isOurs ? banner.js : `${banner.js}const __dirname=import.meta.dirname;`;
  await build({ ...options, outfile, banner: { js }, ...(isOurs && { alias }) });
  return outfile;
}
