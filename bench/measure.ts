import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import Table from "cli-table3";

/** What a section of the benchmark found: its text, and its lines of the table of comparisons. */
export interface Section {
  readonly text: string;
  readonly headline: readonly Comparison[];
}

export type Comparison = readonly [what: string, ours: string, beside: string, ratio: string];

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

export function tableOf(head: string[], rows: (string | number)[][]): string {
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...rows);
  return table.toString();
}

/** Runs a script in a fresh process of this Node; it prints numbers as JSON. `cpu`: so much of a core. */
export function runFresh<T>(script: string, environment: Record<string, string>, cpu?: CpuLimit): Promise<T> {
  const node = [process.execPath, "--input-type=module", "-e", script];
  const [command = "", ...args] = cpu
    ? ["sh", "-c", `echo $$ > ${cpu.folder}/cgroup.procs && exec "$@"`, "sh", ...node]
    : node;
  return new Promise((resolve, reject) => {
    execFile(command, args, { env: { PATH: process.env.PATH, ...environment } }, (error, stdout) =>
      error ? reject(error) : resolve(JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as T),
    );
  });
}

export interface CpuLimit {
  readonly folder: string;
  remove(): void;
}

const periodMicroseconds = 20_000;

/** A control group that gets this share of one core; `undefined` where this machine lets us make none. */
export function limitCpu(share: number): CpuLimit | undefined {
  const quota = Math.round(share * periodMicroseconds);
  const isVersion2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
  const folder = `${isVersion2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu"}/resign-webhook-bench`;
  try {
    mkdirSync(folder, { recursive: true });
    if (isVersion2) writeFileSync(`${folder}/cpu.max`, `${quota} ${periodMicroseconds}`);
    else {
      writeFileSync(`${folder}/cpu.cfs_period_us`, String(periodMicroseconds));
      writeFileSync(`${folder}/cpu.cfs_quota_us`, String(quota));
    }
    readFileSync(`${folder}/cgroup.procs`);
    return { folder, remove: () => rmdirSync(folder) };
  } catch {
    return undefined;
  }
}
