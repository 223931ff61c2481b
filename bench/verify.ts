import { fileURLToPath } from "node:url";
import { runFresh, type Section, tableOf } from "./measure.ts";
import { type Contest, roundMs, rounds } from "./verify-source.ts";

const sources = ["lark", "wechatwork", "slack", "api"] as const;

/** Verify and map, from API Gateway's event to the departure: each source in a process of its own, as a function warms up to it. */
export async function benchVerify(): Promise<Section> {
  const path = fileURLToPath(new URL("verify-source.ts", import.meta.url));
  const rows: (string | number)[][] = [];
  const headline: [string, string, string, string][] = [];
  for (const source of sources) {
    const script = `const { contend } = await import(${JSON.stringify(path)}); console.log(JSON.stringify(await contend("${source}"))); process.exit();`;
    const { library, ours, theirs } = await runFresh<Contest>(script, {});
    const ratio = (ours / theirs).toFixed(2);
    rows.push([source, Math.round(ours), library, Math.round(theirs), ratio]);
    headline.push([
      `Verify and map, ${source}`,
      `${Math.round(ours)} a second`,
      `${Math.round(theirs)}, ${library}`,
      ratio,
    ]);
  }
  const text = [
    `Requests a second, median of ${rounds} rounds of ${roundMs} ms each, in turns. Ours makes more checks (docs/reliability.md) and reads the event as API Gateway gives it.`,
    tableOf(["verify + map", "ours", "the official library", "its", "ours ÷ its"], rows),
  ].join("\n");
  return { text, headline };
}
