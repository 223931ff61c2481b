import { execFile } from "node:child_process";

/** Runs one of the commands in `cli/` or `local/` as a person would, in a process of its own. */
export function runCommand(
  script: string,
  args: string[],
  environment: Record<string, string> = {},
  { timeoutMs = 80_000, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<{ code: number; out: string; err: string }> {
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, HOME, NODE_COMPILE_CACHE, NO_COLOR: "1", ...environment };
  const options = {
    env,
    timeout: timeoutMs,
    maxBuffer: 50_000_000,
    ...(signal && { signal, killSignal: "SIGKILL" as const }),
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [`${["deploy", "start"].includes(script) ? "local" : "cli"}/${script}.ts`, ...args],
      options,
      (error, out, err) => resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, out, err }),
    );
  });
}
