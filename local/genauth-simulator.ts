import { createHmac, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import { simulatorCredentials } from "../cli/defaults.ts";
import { sourceList } from "../cli/sources/index.ts";
import { bornAt, createPeople, type Person, type PersonStatus, type UserInput, userSchema } from "./genauth-people.ts";
import { listen, readBody, sendJson, serve } from "./listen.ts";

/** A stand-in for GenAuth's management API: it keeps a directory of people and can be told to fail. */
export type GenAuthSimulator = Awaited<ReturnType<typeof startGenAuthSimulator>>;

export { simulatorCredentials };

/** Whom it knows from the start: 500 of each directory, `lark:ou_demo_1` … `_500`, `wechatwork:demo_1` … `_500`. */
const demoPeople = Array.from({ length: 500 }, (_, index) =>
  sourceList.flatMap(([source, { title, demoId }]) => {
    const id = demoId?.(index + 1);
    const name = `Demo ${title} ${index + 1}`;
    return id === undefined ? [] : [{ syncRelation: `${source}:${id}`, name, departments: ["dept-sales"] }];
  }),
).flat();

/** One resign call that was received. */
export interface Call {
  path: string;
  userId: unknown;
  userIdType: unknown;
  /** What was answered: GenAuth's own code, the HTTP status where there was no such code, 0 for no answer. */
  statusCode: number;
  at: string;
}

/** A resign call that was carried out. */
export interface Effect {
  userId: string;
  /** The person's relations then. */
  relations: string[];
  /** The status that they had before: `Resigned` where it changed nothing. */
  from: PersonStatus;
  at: string;
  userIdGiven: unknown;
  userIdTypeGiven: unknown;
}

const usersSchema = z.object({ users: z.array(userSchema) });

const faultsSchema = z.object({
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

type Reply = { statusCode: number; apiCode?: number; message: string; data?: unknown };
const success = (data: unknown): Reply => ({ statusCode: 200, message: "Success", data });
const isResigned: Reply = { statusCode: 409, message: "The user is resigned" };
const userNotFound: Reply = { statusCode: 404, apiCode: 2004, message: "User not found" };

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

export async function startGenAuthSimulator(options: SimulatorOptions = {}) {
  const { port = 0, portVariable, delayMs = 0, hasStatusChangedAt = true } = options;
  const now = options.now ?? (() => new Date());
  const people = createPeople();
  let calls: Call[] = [];
  let effects: Effect[] = [];
  let kicked: { userId: string; appIds: string[] }[] = [];
  let fault: z.output<typeof faultsSchema> = faultsSchema.parse({ mode: "none" });
  let late: { at: Date; carryOut: (at: Date) => void }[] = [];
  const tokens = new Set<string>();

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
    fail(next: Fault) {
      fault = faultsSchema.parse(next);
    },
    /** Every token that was given out is refused from now on. */
    expireTokens: () => tokens.clear(),
    allowToken: (token: string) => void tokens.add(token),
    /** Carries out the late calls whose time has come. */
    tick() {
      const nowMs = now().getTime();
      const due = late.filter(({ at }) => at.getTime() <= nowMs).sort((one, other) => +one.at - +other.at);
      late = late.filter((one) => !due.includes(one));
      for (const { at, carryOut } of due) carryOut(at);
    },
    /** How many late calls are still to be carried out. */
    lateCalls: () => late.length,
    reset() {
      people.reset();
      simulator.addUsers(demoPeople);
      calls = [];
      effects = [];
      kicked = [];
      late = [];
      fault = faultsSchema.parse({ mode: "none" });
    },
  };

  simulator.reset();
  const server = serve(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://genauth");
    const text = (await readBody(request))?.toString() ?? "";
    const body = parse(text);
    simulator.tick();
    if (options.now) response.setHeader("date", now().toUTCString());
    if (url.pathname.startsWith("/_sim/")) return control(request, url, body, response);

    if (delayMs > 0) await wait(delayMs);
    const execute = operations[`${request.method} ${url.pathname}`];
    if (!execute)
      return sendJson(response, 404, { statusCode: 404, message: `Cannot ${request.method} ${url.pathname}` });
    const given = { ...Object.fromEntries(url.searchParams), ...body };
    const isLetIn = url.pathname === "/api/v3/get-management-token" || isAuthorized(request, url.pathname, given);
    const answer = (at = now()): Reply =>
      isLetIn ? execute(given, at) : { statusCode: 401, apiCode: 2020, message: "Not signed in" };

    const { mode, afterSeconds, retryAfterSeconds } = takeFault(url.pathname);
    const statusCode = mode === "none" ? finish(answer()) : spoil(mode);
    if (url.pathname === "/api/v3/resign-user") {
      const { userId, userIdType } = given;
      calls.push({ path: url.pathname, userId, userIdType, statusCode, at: now().toISOString() });
    }

    function finish(reply: Reply, status = 200, headers?: Record<string, string>): number {
      sendJson(response, status, { requestId: randomUUID(), ...reply }, headers);
      return reply.statusCode;
    }

    /** Fails as the real one does: HTTP 200 with a failing `statusCode`, save for throttling and gateways. */
    function spoil(mode: Exclude<Fault["mode"], "none">): number {
      switch (mode) {
        case "500":
          return finish({ statusCode: 500, message: "Internal server error" });
        case "401":
          return finish({ statusCode: 401, apiCode: 2020, message: "Not signed in" });
        case "403":
          return finish({ statusCode: 403, message: "The access key may not resign people" });
        case "429": {
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
          carryOutLater(answer, afterSeconds);
          response.destroy();
          return 0;
        case "hang":
          return 0;
      }
    }
  });

  function carryOutLater(carryOut: (at: Date) => void, afterSeconds: number): void {
    const one = { at: new Date(now().getTime() + afterSeconds * 1000), carryOut };
    late.push(one);
    if (!options.now) setTimeout(() => simulator.tick(), afterSeconds * 1000 + 1).unref();
  }

  function takeFault(path: string): z.output<typeof faultsSchema> {
    const taken = fault;
    if (taken.mode === "none" || path !== taken.path) return { ...taken, mode: "none" };
    if (taken.count === 1) fault = { ...taken, mode: "none" };
    else if (taken.count) fault = { ...taken, count: taken.count - 1 };
    return taken;
  }

  function control(request: IncomingMessage, url: URL, body: unknown, response: ServerResponse) {
    const relation = url.searchParams.get("syncRelation") ?? "";
    const tell = (isDone: boolean) =>
      isDone ? sendJson(response, 200, {}) : sendJson(response, 404, { error: `Nobody is known as ${relation}` });
    try {
      switch (`${request.method} ${url.pathname}`) {
        case "GET /_sim/calls":
          return sendJson(response, 200, calls);
        case "GET /_sim/users":
          return sendJson(response, 200, people.all());
        case "GET /_sim/changes":
          return sendJson(response, 200, people.changes());
        case "POST /_sim/users":
          simulator.addUsers(usersSchema.parse(body).users);
          return sendJson(response, 200, {});
        case "DELETE /_sim/users":
          return tell(people.remove(relation));
        case "DELETE /_sim/relations":
          return tell(people.cut(relation));
        case "POST /_sim/faults":
          simulator.fail(faultsSchema.parse(body));
          return sendJson(response, 200, {});
        case "POST /_sim/reset":
          simulator.reset();
          return sendJson(response, 200, {});
        default:
          return sendJson(response, 404, { error: `There is no ${request.method} ${url.pathname}` });
      }
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      sendJson(response, 400, { error: z.prettifyError(error) });
    }
  }

  /** A token that was given out, or the signature of the newer SDKs (authing-node-sdk `buildSignature`). */
  function isAuthorized(request: IncomingMessage, path: string, parameters: Record<string, unknown>): boolean {
    const authorization = request.headers.authorization ?? "";
    const [, token] = /^Bearer (.+)$/.exec(authorization) ?? [];
    if (token !== undefined) return tokens.has(token);
    const signed = Object.entries(request.headers)
      .filter(([name]) => name.startsWith("x-authing-") || name === "date")
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, value]) => `${name}:${value}\n`);
    const sorted = Object.keys(parameters)
      .sort()
      .map((key) => `${key}=${asText(parameters[key])}`);
    const resource = sorted.length > 0 ? `${path}?${sorted.join("&")}` : path;
    const { accessKeyId, accessKeySecret } = simulatorCredentials;
    const signature = createHmac("sha1", accessKeySecret)
      .update(`${request.method}\n${signed.join("")}${resource}`)
      .digest("base64");
    return authorization === `authing ${accessKeyId}:${signature}`;
  }

  const operations: Record<string, (given: Record<string, unknown>, at: Date) => Reply> = {
    "POST /api/v3/get-management-token": ({ accessKeyId, accessKeySecret }) => {
      if (
        accessKeyId !== simulatorCredentials.accessKeyId ||
        accessKeySecret !== simulatorCredentials.accessKeySecret
      ) {
        return { statusCode: 401, apiCode: 2020, message: "The access key is wrong" };
      }
      const token = `local-token-${randomUUID()}`;
      tokens.add(token);
      return success({ access_token: token, expires_in: 7200 });
    },
    "POST /api/v3/resign-user": (given, at) => {
      const { userId: userIdGiven, userIdType: userIdTypeGiven } = given;
      const person = people.find(userIdGiven, userIdTypeGiven);
      if (!person) return userNotFound;
      const { userId, relations, status: from } = person;
      effects.push({ userId, relations: [...relations], from, at: at.toISOString(), userIdGiven, userIdTypeGiven });
      if (from === "Resigned") return isResigned;
      Object.assign(person, { departments: [], roles: [], groups: [], posts: [], grants: [] });
      people.change(person, "Resigned", { by: "us", at, path: "/api/v3/resign-user", userIdGiven, userIdTypeGiven });
      return success({ success: true });
    },
    "GET /api/v3/get-user": (given) => {
      const person = people.find(given.userId, given.userIdType);
      if (!person) return userNotFound;
      const departmentIds = given.withDepartmentIds === "true" ? person.departments.map(toDepartmentId) : undefined;
      return success({ ...toUser(person), ...(departmentIds && { departmentIds }) });
    },
    "POST /api/v3/update-user": (given, at) => {
      const { userId: userIdGiven, status } = given;
      const userIdTypeGiven = typeOf(given);
      const person = people.find(userIdGiven, userIdTypeGiven);
      if (!person) return userNotFound;
      if (person.status === "Resigned") return isResigned;
      if (status !== undefined && status !== person.status) {
        const path = "/api/v3/update-user";
        people.change(person, status as PersonStatus, { by: "us", at, path, userIdGiven, userIdTypeGiven });
      }
      return success(toUser(person));
    },
    "POST /api/v3/kick-users": (given) => {
      const person = people.find(given.userId, typeOf(given));
      if (!person) return userNotFound;
      kicked.push({ userId: person.syncRelation, appIds: given.appIds as string[] });
      return success({ success: true });
    },
    "GET /api/v3/get-user-sync-relations": (given) => {
      const person = people.find(given.userId, given.userIdType);
      if (!person) return userNotFound;
      return success(
        person.relations.map((relation) => {
          const [provider, ...userIdInIdp] = relation.split(":");
          return { provider, userIdInIdp: userIdInIdp.join(":"), userInfoInIdp: {} };
        }),
      );
    },
    "GET /api/v3/list-users": ({ status, page = 1, limit = 10 }) => {
      const matching = people.all().filter((person) => status === undefined || person.status === status);
      const start = (Number(page) - 1) * Number(limit);
      return success({ totalCount: matching.length, list: matching.slice(start, start + Number(limit)).map(toUser) });
    },
  };

  /** `UserDto` with the fields that the document requires, and those that are known. */
  function toUser({ userId, name, email, phone, username, externalId, status, statusChangedAt, updatedAt }: Person) {
    return {
      ...{ userId, name, email, phone, username, externalId, status },
      ...(hasStatusChangedAt && { statusChangedAt }),
      workStatus: status === "Resigned" ? "Closed" : "Active",
      gender: "U",
      emailVerified: false,
      phoneVerified: false,
      userSourceType: "sync",
      createdAt: bornAt,
      updatedAt,
    };
  }

  const listening = await listen(server, port, portVariable);
  return { ...simulator, ...listening };
}

const typeOf = (given: Record<string, unknown>) => (given.options as { userIdType?: unknown } | undefined)?.userIdType;

const toDepartmentId = (department: unknown) =>
  typeof department === "string" ? department : (department as { departmentId?: unknown }).departmentId;

const asText = (value: unknown) =>
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);

function parse(text: string): Record<string, unknown> {
  try {
    return text ? (JSON.parse(text) as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
