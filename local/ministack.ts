import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { installPython } from "./python.ts";

/** From PyPI. */
export const ministack = {
  name: "ministack",
  version: "1.5.33",
  otherwise: "name another AWS by AWS_ENDPOINT_URL",
};

export interface Ministack {
  readonly endpoint: string;
  stop(): void;
}

/**
 * Starts MiniStack, an AWS on this machine (PyPI `ministack`; no Docker), installing it into a folder that git
 * ignores. Throws errors that say what to do.
 */
export async function startMinistack(port: number, writeLog: (text: string) => void): Promise<Ministack> {
  await demandFree(port);
  const child = spawn(installPython(ministack), [], {
    env: {
      ...process.env,
      // It runs functions on the node that it finds first: ours, which is the Lambda's.
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      GATEWAY_PORT: String(port),
      BIND_HOST: "127.0.0.1",
      LAMBDA_EXECUTOR: "local",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.on("data", (data: Buffer) => writeLog(data.toString()));
  child.stderr.on("data", (data: Buffer) => writeLog(data.toString()));
  process.once("exit", () => child.kill());

  const endpoint = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 150; tries += 1) {
    if (child.exitCode !== null) throw new Error("MiniStack ended before it was ready; see .local/ministack.log");
    const isReady = await fetch(`${endpoint}/_ministack/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return { endpoint, stop: () => void child.kill() };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  child.kill();
  throw new Error("MiniStack did not get ready within 30 s; see .local/ministack.log");
}

interface AlarmMetric {
  MetricStat?: { Metric: object; Period: number; Stat: string };
}

/** MiniStack knows no metric math: there an alarm on several metrics watches the first of them. */
export function withoutMath<T extends { Resources: object }>(template: T): T {
  const resources = Object.entries(template.Resources).map(([id, resource]) => {
    const { Metrics, ...others } = (resource.Properties ?? {}) as { Metrics?: AlarmMetric[] };
    const first = Metrics?.find(({ MetricStat }) => MetricStat)?.MetricStat;
    if (resource.Type !== "AWS::CloudWatch::Alarm" || !first) return [id, resource];
    return [
      id,
      { ...resource, Properties: { ...others, ...first.Metric, Period: first.Period, Statistic: first.Stat } },
    ];
  });
  return { ...template, Resources: Object.fromEntries(resources) };
}

function demandFree(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", () =>
      reject(new Error(`Port ${port} is taken: stop what listens there, or say MINISTACK_PORT=${port + 10}`)),
    );
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve()));
  });
}
