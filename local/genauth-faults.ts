/** How the GenAuth stand-in fails when it is told to. */
import type { ServerResponse } from "node:http";
import * as z from "zod";
import type { Reply } from "./genauth-operations.ts";

/** A fault as a test or an administrator orders it. */
export const faultsSchema = z.object({
  mode: z.enum(["none", "500", "http500", "429", "401", "403", "hang", "cut", "late", "garbage"]),
  /** How many calls fail; all of them until told otherwise, where it is left out. */
  count: z.number().int().positive().optional(),
  /** Which calls fail. */
  path: z.string().default("/api/v3/resign-user"),
  retryAfterSeconds: z.number().optional(),
  /** `late`: how long after the connection was cut the call is carried out. */
  afterSeconds: z.number().nonnegative().default(5),
});
export type Fault = z.input<typeof faultsSchema>;
/** A fault with everything said. */
export type WholeFault = z.output<typeof faultsSchema>;

/** The faults that are ordered, and the calls that are still under way. */
export type Faults = ReturnType<typeof createFaults>;

/** `isClockGiven`: late calls are carried out when `tick` finds that their time has come, and not by themselves. */
export function createFaults({ now, isClockGiven }: { now: () => Date; isClockGiven: boolean }) {
  let fault: WholeFault = faultsSchema.parse({ mode: "none" });
  let late: { at: Date; carryOut: (at: Date) => void }[] = [];

  const faults = {
    order(next: Fault) {
      fault = faultsSchema.parse(next);
    },
    /** The fault of a call of this path, which it uses up. */
    take(path: string): WholeFault {
      const taken = fault;
      if (taken.mode === "none" || path !== taken.path) return { ...taken, mode: "none" };
      if (taken.count === 1) fault = { ...taken, mode: "none" };
      else if (taken.count) fault = { ...taken, count: taken.count - 1 };
      return taken;
    },
    carryOutLater(carryOut: (at: Date) => void, afterSeconds: number) {
      late.push({ at: new Date(now().getTime() + afterSeconds * 1000), carryOut });
      if (!isClockGiven) setTimeout(faults.tick, afterSeconds * 1000 + 1).unref();
    },
    /** Carries out the late calls whose time has come. */
    tick() {
      const nowMs = now().getTime();
      const due = late.filter(({ at }) => at.getTime() <= nowMs).sort((one, other) => +one.at - +other.at);
      late = late.filter((one) => !due.includes(one));
      for (const { at, carryOut } of due) carryOut(at);
    },
    lateCalls: () => late.length,
    reset() {
      late = [];
      fault = faultsSchema.parse({ mode: "none" });
    },
  };
  return faults;
}

/** A call that is to fail. */
export interface FailingCall {
  response: ServerResponse;
  /** Carries the call out. */
  answer: (at?: Date) => Reply;
  /** Answers it. Gives back the reply's own status code. */
  finish: (reply: Reply, httpStatus?: number, headers?: Record<string, string>) => number;
}

/**
 * Fails as the real one does: HTTP 200 with a failing `statusCode`, save for throttling and gateways. Gives back what
 * was answered: GenAuth's own code, the HTTP status where there was no such code, 0 for no answer.
 */
export function spoil(fault: WholeFault, faults: Faults, { response, answer, finish }: FailingCall): number {
  switch (fault.mode) {
    case "none":
      return finish(answer());
    case "500":
      return finish({ statusCode: 500, message: "Internal server error" });
    case "401":
      return finish({ statusCode: 401, apiCode: 2020, message: "Not signed in" });
    case "403":
      return finish({ statusCode: 403, message: "The access key may not resign people" });
    case "429": {
      const { retryAfterSeconds } = fault;
      const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
      return finish({ statusCode: 429, message: "请求过于频繁，请稍后重试" }, 429, headers);
    }
    case "http500":
      response.writeHead(502, { "content-type": "text/html" }).end("<html><h1>502 Bad Gateway</h1></html>");
      return 502;
    case "garbage":
      response.writeHead(200, { "content-type": "application/json" }).end('{"statusCode": 20');
      return 0;
    case "cut":
      // Carried out, but the answer breaks off: the caller cannot know.
      answer();
      response.writeHead(200, { "content-length": "1000" }).write('{"statusCode":200,');
      setTimeout(() => response.destroy(), 5);
      return 0;
    case "late":
      // As `cut`, but on its way for so long that a look finds nothing of it yet.
      faults.carryOutLater(answer, fault.afterSeconds);
      response.destroy();
      return 0;
    case "hang":
      return 0;
  }
}
