import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { createAccess } from "./genauth-access.ts";
import { control } from "./genauth-control.ts";
import { createFaults, type Fault, spoil } from "./genauth-faults.ts";
import {
  createOperations,
  type Effect,
  exchangePath,
  type Kicked,
  notSignedIn,
  type Reply,
} from "./genauth-operations.ts";
import { createPeople, type PersonStatus, type UserInput } from "./genauth-people.ts";
import { listen, readBody, sendJson, serve } from "./listen.ts";

export { simulatorCredentials } from "../cli/defaults.ts";
export type { Fault };

/** A stand-in for GenAuth's management API: it keeps a directory of people and can be told to fail. */
export type GenAuthSimulator = Awaited<ReturnType<typeof startGenAuthSimulator>>;

/** The company of 1,000 that it knows from the start: `lark:ou_demo_1` … `_500`, `wechatwork:demo_1` … `_500`. */
const demoPeople = Array.from({ length: 500 }, (_, index) => [
  { syncRelation: `lark:ou_demo_${index + 1}`, name: `Demo Lark ${index + 1}`, departments: ["dept-sales"] },
  { syncRelation: `wechatwork:demo_${index + 1}`, name: `Demo WeCom ${index + 1}`, departments: ["dept-sales"] },
]).flat();

/** One resign call that was received. */
export interface Call {
  path: string;
  userId: unknown;
  userIdType: unknown;
  /** What was answered: GenAuth's own code, the HTTP status where there was no such code, 0 for no answer. */
  statusCode: number;
  at: string;
}

export interface SimulatorOptions {
  /** @default 0, any free port */
  readonly port?: number;
  /** Where the port is set, for the error that says that it is taken. */
  readonly portVariable?: string;
  /** How long it takes over each answer. @default 0 */
  readonly delayMs?: number;
  /** Its clock: late calls are carried out when that says so, at the next request or `tick()`. @default the machine's */
  readonly now?: () => Date;
  /** Whether people are shown with `statusChangedAt`, which GenAuth's document leaves optional. @default true */
  readonly hasStatusChangedAt?: boolean;
}

/** Starts it on loopback. */
export async function startGenAuthSimulator(options: SimulatorOptions = {}) {
  const { port = 0, portVariable, delayMs = 0, hasStatusChangedAt = true } = options;
  const now = options.now ?? (() => new Date());
  const people = createPeople();
  const access = createAccess();
  const faults = createFaults({ now, isClockGiven: options.now !== undefined });
  let calls: Call[] = [];
  let effects: Effect[] = [];
  let kicked: Kicked[] = [];
  const operations = createOperations({
    ...{ people, access, hasStatusChangedAt },
    onEffect: (effect) => void effects.push(effect),
    onKick: (one) => void kicked.push(one),
  });

  const simulator = {
    calls: () => calls,
    /** How often the person was resigned, whether or not the answer arrived, or would have been once more. */
    effects: (syncRelation: string) => effects.filter(({ relations }) => relations.includes(syncRelation)).length,
    /** Every resign call that was carried out, in order. */
    allEffects: () => effects,
    /** Every change of a status, whose it was, in order. */
    changes: people.changes,
    /** Sessions ended by `kick-users`. */
    kicked: () => kicked,
    person: people.withRelation,
    people: people.all,
    /** Enters people, or changes what is given of those who are there. */
    addUsers(users: UserInput[]) {
      for (const user of users) people.upsert(user, now());
    },
    /** An administrator's hand. */
    setStatus(syncRelation: string, status: PersonStatus) {
      const person = people.withRelation(syncRelation);
      if (person) people.change(person, status, { by: "hand", at: now() });
    },
    /** An administrator deletes the person. */
    removeUser: people.remove,
    /** The person stays, and is no longer known by this relation. */
    cutRelation: people.cut,
    fail: faults.order,
    /** Every token that was given out is refused from now on. */
    expireTokens: access.expireTokens,
    allowToken: access.allowToken,
    /** Carries out the late calls whose time has come. */
    tick: faults.tick,
    /** How many late calls are still to be carried out. */
    lateCalls: faults.lateCalls,
    reset() {
      people.reset();
      simulator.addUsers(demoPeople);
      calls = [];
      effects = [];
      kicked = [];
      faults.reset();
    },
  };
  simulator.reset();

  const server = serve(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://genauth");
    const text = (await readBody(request))?.toString() ?? "";
    const body = parse(text);
    faults.tick();
    if (options.now) response.setHeader("date", now().toUTCString());
    if (url.pathname.startsWith("/_sim/")) {
      const told = control(simulator, { method: request.method, url, body });
      return sendJson(response, told.status, told.body);
    }
    if (delayMs > 0) await wait(delayMs);
    execute(request, url, body, response);
  });

  function execute(request: IncomingMessage, url: URL, body: Record<string, unknown>, response: ServerResponse): void {
    const path = url.pathname;
    const operation = operations[`${request.method} ${path}`];
    if (!operation) {
      sendJson(response, 404, { statusCode: 404, message: `Cannot ${request.method} ${path}` });
      return;
    }
    const given = { ...Object.fromEntries(url.searchParams), ...body };
    const isLetIn = path === exchangePath || access.isLetIn(request, path, given);
    const answer = (at = now()): Reply => (isLetIn ? operation(given, at) : notSignedIn);
    const finish = (reply: Reply, status = 200, headers?: Record<string, string>): number => {
      sendJson(response, status, { requestId: randomUUID(), ...reply }, headers);
      return reply.statusCode;
    };
    const statusCode = spoil(faults.take(path), faults, { response, answer, finish });
    if (path !== "/api/v3/resign-user") return;
    const { userId, userIdType } = given;
    calls.push({ path, userId, userIdType, statusCode, at: now().toISOString() });
  }

  const listening = await listen(server, port, portVariable);
  return { ...simulator, ...listening };
}

function parse(text: string): Record<string, unknown> {
  try {
    return text ? (JSON.parse(text) as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
