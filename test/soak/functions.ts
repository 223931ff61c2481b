import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildOptions } from "../../lib/bundling.ts";
import { type Call, type Fate, startFaultProxy, type Targets } from "./fault-proxy.ts";

/** A clock that goes so many times as fast as the wall's, from now on. */
export interface FastClock {
  readonly start: number;
  readonly speed: number;
  /** By how much the deadlines of calls are shortened. */
  readonly deadlineSpeed: number;
}
export const nowOf = ({ start, speed }: Pick<FastClock, "start" | "speed">) =>
  new Date(start + (Date.now() - start) * speed);

/** A function of `lambda/`, in so many instances: processes that handle one event at a time and may be killed. */
export interface RealFunction {
  /** Throws where the instance died of it. */
  invoke(event: unknown): Promise<unknown>;
  /** How many instances were killed. */
  kills(): number;
  close(): Promise<void>;
}

export async function startFunction(options: {
  name: string;
  folder: string;
  instances: number;
  targets: Targets;
  /** The function's environment, with everything that it calls at this address. */
  environment: (proxyUrl: string) => Record<string, string>;
  clock: FastClock;
  fateOf: (call: Call) => Fate;
  /** Takes each line of the function's log, and whatever else it writes. */
  writeLog: (line: string) => void;
}): Promise<RealFunction> {
  const { name, folder, instances, targets, environment, clock, fateOf, writeLog } = options;
  const outfile = `${folder}/${name}.mjs`;
  await build({ ...buildOptions(`lambda/${name}.ts`), outfile });
  let kills = 0;
  let isClosed = false;
  const free: Instance[] = [];
  const waiting: ((instance: Instance) => void)[] = [];
  const all = new Set<Instance>();

  interface Instance {
    child: ChildProcess;
    close: () => Promise<void>;
  }

  async function startInstance(): Promise<void> {
    let child: ChildProcess | undefined;
    const proxy = await startFaultProxy(
      targets,
      (call) => (child?.killed ? "refuse" : fateOf(call)),
      () => {
        kills += child?.killed ? 0 : 1;
        child?.kill("SIGKILL");
      },
    );
    child = fork(fileURLToPath(new URL("worker.mjs", import.meta.url)), {
      env: {
        PATH: process.env.PATH,
        ...{ BUNDLE: outfile, CLOCK_START: String(clock.start), CLOCK_SPEED: String(clock.speed) },
        DEADLINE_SPEED: String(clock.deadlineSpeed),
        ...{ AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" },
        ...{
          AWS_ENDPOINT_URL_DYNAMODB: proxy.url,
          AWS_ENDPOINT_URL_SQS: proxy.url,
          AWS_ENDPOINT_URL_SECRETS_MANAGER: proxy.url,
        },
        ...environment(proxy.url),
      },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data: Buffer) => writeLog(data.toString()));
    }
    const instance: Instance = { child, close: proxy.close };
    all.add(instance);
    await new Promise<void>((resolve) => {
      child.once("message", () => resolve());
      child.once("exit", () => resolve());
    });
    child.once("exit", async () => {
      all.delete(instance);
      const at = free.indexOf(instance);
      if (at >= 0) free.splice(at, 1);
      await proxy.close();
      if (!isClosed) await startInstance();
    });
    giveBack(instance);
  }

  function giveBack(instance: Instance): void {
    if (instance.child.exitCode !== null || instance.child.killed) return;
    const next = waiting.shift();
    if (next) next(instance);
    else free.push(instance);
  }

  const take = () => {
    const instance = free.shift();
    return instance ? Promise.resolve(instance) : new Promise<Instance>((resolve) => waiting.push(resolve));
  };

  await Promise.all(Array.from({ length: instances }, startInstance));
  return {
    async invoke(event) {
      const instance = await take();
      const { child } = instance;
      try {
        return await new Promise((resolve, reject) => {
          const died = () => reject(new Error(`An instance of ${name} died`));
          child.once("exit", died);
          child.once("message", ({ answer, error }: { answer?: unknown; error?: string }) => {
            child.off("exit", died);
            if (error === undefined) resolve(answer);
            else reject(new Error(error));
          });
          child.send({ event, remainingMs: 29_000 });
        });
      } finally {
        giveBack(instance);
      }
    },
    kills: () => kills,
    async close() {
      isClosed = true;
      for (const { child } of all) child.kill("SIGKILL");
      await Promise.all([...all].map(({ close }) => close()));
    },
  };
}
