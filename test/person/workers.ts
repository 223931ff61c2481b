/**
 * Invocations that can be stopped before any of their calls to another part: to go on later, or never. A worker that
 * is killed stays in its call for ever, so that nothing of it runs on, not even a `finally`.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as turn } from "node:timers/promises";

/** A call that a worker wants to make. */
export interface Call {
  readonly part: "ledger" | "genauth" | "queue" | "notices" | "sleep";
  readonly name: string;
  readonly isWrite?: boolean;
  /** What GenAuth is sent. */
  readonly sent?: unknown;
}

export interface Worker {
  readonly name: string;
  readonly startedMs: number;
  readonly parked: { call: Call; run: () => Promise<void> }[];
  isDead: boolean;
  isDone: boolean;
  result?: unknown;
  error?: unknown;
  /** When it last wrote to the ledger, and last looked somebody up. */
  lastWrite: number;
  lastLook: number;
  owner?: string;
  /** What the story tells of it. */
  readonly told: string[];
  wake: () => void;
}

const store = new AsyncLocalStorage<Worker>();

export const currentWorker = () => store.getStore();

/** Lets a worker's call wait until it is its turn; what is no worker's goes through. */
export function atGate<T>(call: Call, act: (worker?: Worker) => Promise<T>): Promise<T> {
  const worker = store.getStore();
  if (!worker) return act();
  return new Promise<T>((resolve, reject) => {
    const run = async () => {
      const [value, error] = await act(worker).then(
        (done) => [done] as const,
        (failed) => [undefined, failed ?? "?"] as const,
      );
      if (worker.isDead) return;
      if (error === undefined) resolve(value as T);
      else reject(error);
    };
    worker.parked.push({ call, run });
    worker.wake();
  });
}

/** Starts one invocation, up to its first call. */
export async function startWorker(name: string, startedMs: number, act: () => Promise<unknown>): Promise<Worker> {
  const worker: Worker = {
    ...{ name, startedMs, parked: [], isDead: false, isDone: false, lastWrite: 0, lastLook: 0, told: [] },
    wake: () => {},
  };
  store.run(worker, () => {
    act()
      .then((result) => Object.assign(worker, { result }))
      .catch((error) => Object.assign(worker, { error }))
      .finally(() => {
        worker.isDone = true;
        worker.wake();
      });
  });
  await settle(worker);
  return worker;
}

/** Lets the worker make one call. Sleeps come last: whatever else there is to do is done in that time. */
export async function advance(worker: Worker, before: (call: Call) => Promise<void>): Promise<void> {
  const index = Math.max(
    0,
    worker.parked.findIndex(({ call }) => call.part !== "sleep"),
  );
  const [next] = worker.parked.splice(index, 1);
  if (!next) throw new Error(`${worker.name} has nothing to do`);
  await before(next.call);
  await next.run();
  await settle(worker);
}

/** Until it wants to make a call, or is done. */
async function settle(worker: Worker): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    for (let turns = 0; turns < 3; turns += 1) await turn();
    if (worker.isDone || worker.parked.length > 0) return;
    if (performance.now() - startedAt > 20_000) throw new Error(`${worker.name} is stuck: ${worker.told.join(", ")}`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1_000);
      worker.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
