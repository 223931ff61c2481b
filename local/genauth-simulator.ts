import { createHmac, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import { listen, readBody, sendJson, serve } from "./listen.ts";

/** A stand-in for GenAuth's management API: it keeps a directory of people and can be told to fail. */
export type GenAuthSimulator = Awaited<ReturnType<typeof startGenAuthSimulator>>;

export const simulatorCredentials = {
  userPoolId: "local-user-pool",
  accessKeyId: "local-access-key",
  accessKeySecret: "local-access-key-secret",
} as const;

/** The company of 1,000 that it knows from the start: `lark:ou_demo_1` … `_500`, `wechatwork:demo_1` … `_500`. */
const demoPeople = Array.from({ length: 500 }, (_, index) => [
  { syncRelation: `lark:ou_demo_${index + 1}`, name: `Demo Lark ${index + 1}` },
  { syncRelation: `wechatwork:demo_${index + 1}`, name: `Demo WeCom ${index + 1}` },
]).flat();

interface Person {
  userId: string;
  syncRelation: string;
  name: string;
  status: "Activated" | "Suspended" | "Resigned";
}

/** One resign call that was received. */
export interface Call {
  path: string;
  userId: unknown;
  userIdType: unknown;
  /** What was answered: GenAuth's own code, the HTTP status where there was no such code, 0 for no answer. */
  statusCode: number;
  at: string;
}

const usersSchema = z.object({ users: z.array(z.object({ syncRelation: z.string(), name: z.string().optional() })) });

const faultsSchema = z.object({
  mode: z.enum(["none", "500", "http500", "429", "401", "403", "hang", "cut", "garbage"]),
  /** How many calls fail; all of them until told otherwise, where it is left out. */
  count: z.number().int().positive().optional(),
  /** Which calls fail. */
  path: z.string().default("/api/v3/resign-user"),
  retryAfterSeconds: z.number().optional(),
});
export type Fault = z.input<typeof faultsSchema>;

type Reply = { statusCode: number; apiCode?: number; message: string; data?: unknown };
const success = (data: unknown): Reply => ({ statusCode: 200, message: "Success", data });
const userNotFound: Reply = { statusCode: 404, apiCode: 2004, message: "User not found" };

/** `delayMs`: how long it takes over each answer. */
export async function startGenAuthSimulator(port = 0, portVariable?: string, delayMs = 0) {
  const people = new Map<string, Person>();
  const byUserId = new Map<string, string>();
  let calls: Call[] = [];
  let effects: string[] = [];
  let kicked: { userId: string; appIds: string[] }[] = [];
  let fault: z.output<typeof faultsSchema> = faultsSchema.parse({ mode: "none" });
  const tokens = new Set<string>();

  const simulator = {
    calls: () => calls,
    /** How often the person was resigned, whether or not the answer arrived. */
    effects: (syncRelation: string) => effects.filter((one) => one === syncRelation).length,
    /** Sessions ended by `kick-users`. */
    kicked: () => kicked,
    person: (syncRelation: string) => people.get(syncRelation),
    addUsers(users: { syncRelation: string; name?: string | undefined }[]) {
      for (const { syncRelation, name = "Somebody" } of users) {
        const userId = createHmac("md5", "user").update(syncRelation).digest("hex").slice(0, 24);
        byUserId.set(userId, syncRelation);
        people.set(syncRelation, { userId, syncRelation, name, status: "Activated" });
      }
    },
    setStatus(syncRelation: string, status: Person["status"]) {
      const person = people.get(syncRelation);
      if (person) person.status = status;
    },
    fail(next: Fault) {
      fault = faultsSchema.parse(next);
    },
    /** Every token that was given out is refused from now on. */
    expireTokens: () => tokens.clear(),
    allowToken: (token: string) => void tokens.add(token),
    reset() {
      people.clear();
      simulator.addUsers(demoPeople);
      calls = [];
      effects = [];
      kicked = [];
      fault = faultsSchema.parse({ mode: "none" });
    },
  };

  simulator.reset();
  const server = serve(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://genauth");
    const text = (await readBody(request))?.toString() ?? "";
    const body = parse(text);
    if (url.pathname.startsWith("/_sim/")) return control(request, url.pathname, body, response);

    if (delayMs > 0) await wait(delayMs);
    const execute = operations[`${request.method} ${url.pathname}`];
    if (!execute)
      return sendJson(response, 404, { statusCode: 404, message: `Cannot ${request.method} ${url.pathname}` });
    const given = { ...Object.fromEntries(url.searchParams), ...body };
    const isLetIn = url.pathname === "/api/v3/get-management-token" || isAuthorized(request, url.pathname, given);
    const answer = () => (isLetIn ? execute(given) : { statusCode: 401, apiCode: 2020, message: "Not signed in" });

    const mode = takeFault(url.pathname);
    const statusCode = mode === "none" ? finish(answer()) : spoil(mode, answer);
    if (url.pathname === "/api/v3/resign-user") {
      const { userId, userIdType } = given;
      calls.push({ path: url.pathname, userId, userIdType, statusCode, at: new Date().toISOString() });
    }

    function finish(reply: Reply, status = 200, headers?: Record<string, string>): number {
      sendJson(response, status, { requestId: randomUUID(), ...reply }, headers);
      return reply.statusCode;
    }

    /** Fails as the real one does: HTTP 200 with a failing `statusCode`, save for throttling and gateways. */
    function spoil(mode: Exclude<Fault["mode"], "none">, carryOut: () => Reply): number {
      switch (mode) {
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
          carryOut();
          response.writeHead(200, { "content-length": "1000" }).write('{"statusCode":200,');
          setTimeout(() => response.destroy(), 5);
          return 0;
        case "hang":
          return 0;
      }
    }
  });

  function takeFault(path: string): Fault["mode"] {
    const { mode, count } = fault;
    if (mode === "none" || path !== fault.path) return "none";
    if (count === 1) fault = { ...fault, mode: "none" };
    else if (count) fault = { ...fault, count: count - 1 };
    return mode;
  }

  function control(request: IncomingMessage, path: string, body: unknown, response: ServerResponse) {
    try {
      switch (`${request.method} ${path}`) {
        case "GET /_sim/calls":
          return sendJson(response, 200, calls);
        case "GET /_sim/users":
          return sendJson(response, 200, [...people.values()]);
        case "POST /_sim/users":
          simulator.addUsers(usersSchema.parse(body).users);
          return sendJson(response, 200, {});
        case "POST /_sim/faults":
          simulator.fail(faultsSchema.parse(body));
          return sendJson(response, 200, {});
        case "POST /_sim/reset":
          simulator.reset();
          return sendJson(response, 200, {});
        default:
          return sendJson(response, 404, { error: `There is no ${request.method} ${path}` });
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

  const operations: Record<string, (given: Record<string, unknown>) => Reply> = {
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
    "POST /api/v3/resign-user": (given) => {
      const person = find(given.userId, given.userIdType);
      if (!person) return userNotFound;
      person.status = "Resigned";
      effects.push(person.syncRelation);
      return success({ success: true });
    },
    "GET /api/v3/get-user": (given) => {
      const person = find(given.userId, given.userIdType);
      if (!person) return userNotFound;
      return success({
        ...toUser(person),
        ...(given.withDepartmentIds === "true" && { departmentIds: ["dept-sales"] }),
      });
    },
    "POST /api/v3/update-user": (given) => {
      const person = find(given.userId, (given.options as { userIdType?: unknown } | undefined)?.userIdType);
      if (!person) return userNotFound;
      person.status = given.status as Person["status"];
      return success(toUser(person));
    },
    "POST /api/v3/kick-users": (given) => {
      const person = find(given.userId, (given.options as { userIdType?: unknown } | undefined)?.userIdType);
      if (!person) return userNotFound;
      kicked.push({ userId: person.syncRelation, appIds: given.appIds as string[] });
      return success({ success: true });
    },
    "GET /api/v3/get-user-sync-relations": (given) => {
      const person = find(given.userId, given.userIdType);
      if (!person) return userNotFound;
      const [provider, ...userIdInIdp] = person.syncRelation.split(":");
      return success([{ provider, userIdInIdp: userIdInIdp.join(":"), userInfoInIdp: {} }]);
    },
    "GET /api/v3/list-users": ({ status, page = 1, limit = 10 }) => {
      const matching = [...people.values()].filter((person) => status === undefined || person.status === status);
      const start = (Number(page) - 1) * Number(limit);
      return success({ totalCount: matching.length, list: matching.slice(start, start + Number(limit)).map(toUser) });
    },
  };

  function find(userId: unknown, userIdType: unknown): Person | undefined {
    if (userIdType === "sync_relation") return people.get(String(userId));
    return people.get(byUserId.get(String(userId)) ?? "");
  }

  const listening = await listen(server, port, portVariable);
  return { ...simulator, ...listening };
}

/** `UserDto` with the fields that the document requires. */
const toUser = ({ userId, name, status }: Person) => ({
  userId,
  name,
  status,
  workStatus: status === "Resigned" ? "Closed" : "Active",
  gender: "U",
  emailVerified: false,
  phoneVerified: false,
  userSourceType: "sync",
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
});

const asText = (value: unknown) =>
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);

function parse(text: string): Record<string, unknown> {
  try {
    return text ? (JSON.parse(text) as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
