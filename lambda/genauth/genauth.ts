import * as z from "zod/mini";
import type { CachedSecret } from "../aws/secret.ts";
import { kindOf } from "../log.ts";
import type { GenAuthAnswer } from "../resignation/resignation.ts";
import type { SyncRelation } from "../resignation/sync-relation.ts";
import type { Token } from "./token.ts";

/** GenAuth's management API v3, as far as a resignation needs it. No call throws; each tells its outcome. */
export type GenAuth = ReturnType<typeof createGenAuth>;

/** What came of a call. `answer` is what may be recorded of it. */
export type Outcome<T> =
  | { kind: "done"; data: T; answer: GenAuthAnswer; serverDate?: string }
  | { kind: "not_found"; answer: GenAuthAnswer }
  | { kind: "refused"; answer: GenAuthAnswer }
  | { kind: "token_refused"; answer: GenAuthAnswer }
  | { kind: "busy"; answer: GenAuthAnswer; inDoubt: boolean; retryAfterSeconds?: number };

/** Whom GenAuth knows (`UserDto`). `statusChangedAt` is optional there. */
const userSchema = z.object({
  userId: z.string(),
  status: z.string(),
  statusChangedAt: z.nullish(z.string()),
  updatedAt: z.nullish(z.string()),
  name: z.nullish(z.string()),
  email: z.nullish(z.string()),
  departmentIds: z.nullish(z.array(z.string())),
});
export type User = z.infer<typeof userSchema>;

const relationsSchema = z.array(z.object({ provider: z.string(), userIdInIdp: z.string() }));

/** By which name GenAuth is asked for somebody. */
export interface NamedUser {
  readonly userId: string;
  readonly userIdType: "sync_relation" | "user_id";
}

export const byRelation = (userId: SyncRelation): NamedUser => ({ userId, userIdType: "sync_relation" });
export const byUserId = (userId: string): NamedUser => ({ userId, userIdType: "user_id" });

export const resignUserPath = "/api/v3/resign-user";

/** A call that takes longer, the whole answer included, has an unknown outcome: *busy*, and in doubt. */
const callDeadlineMs = 10_000;

export function createGenAuth(options: {
  host: string;
  userPoolId: string;
  secret: CachedSecret<Token | { wrong: string }>;
  now: () => Date;
  deadlineMs?: number;
}) {
  const { host, userPoolId, secret, now, deadlineMs = callDeadlineMs } = options;
  let exchanged: { accessKeyId: string; token: string; expiresAtMs: number } | undefined;
  let exchanging: Promise<Outcome<string>> | undefined;

  return {
    /** Resigns the person. **Cannot be undone.** */
    resign: (who: NamedUser) => call("POST", resignUserPath, who, successSchema),

    /** Looks somebody up. */
    look: (who: NamedUser) =>
      call(
        "GET",
        `/api/v3/get-user?${new URLSearchParams({ ...who, withDepartmentIds: "true" })}`,
        undefined,
        userSchema,
      ),

    /** Every sync relation of a user, as `<provider>:<userIdInIdp>`. */
    relations: async (who: NamedUser): Promise<Outcome<string[]>> => {
      const path = `/api/v3/get-user-sync-relations?${new URLSearchParams({ ...who })}`;
      const listed = await call("GET", path, undefined, relationsSchema);
      if (listed.kind !== "done") return listed;
      return { ...listed, data: listed.data.map(({ provider, userIdInIdp }) => `${provider}:${userIdInIdp}`) };
    },

    /** Cuts the user off, or gives them their access back. Gives back the user as they are then. */
    setStatus: (userId: string, status: "Suspended" | "Activated") =>
      call("POST", "/api/v3/update-user", { userId, status, options: { userIdType: "user_id" } }, changedSchema),

    /** Ends the user's sessions in these applications. */
    endSessions: (userId: string, appIds: readonly string[]) =>
      call("POST", "/api/v3/kick-users", { userId, appIds, options: { userIdType: "user_id" } }, successSchema),

    /** Fetches a token where none is at hand, so that a call that follows sends one request. */
    ready: currentToken,

    /** Any other operation: for the commands. */
    call,

    /** How many active people the user pool has. */
    headcount: () =>
      call(
        "GET",
        "/api/v3/list-users?status=Activated&page=1&limit=1",
        undefined,
        z.object({ totalCount: z.number() }),
      ),
  };

  /** One call; with a refused token, once more with a fresh one. */
  async function call<T>(
    method: "GET" | "POST",
    path: string,
    body: unknown,
    data: z.ZodMiniType<T>,
  ): Promise<Outcome<T>> {
    const token = await currentToken();
    if (token.kind !== "done") return token;
    const first = await sendWith(token.data);
    if (first.kind !== "token_refused") return first;
    // Another call may have exchanged a new one meanwhile: only the refused one is forgotten.
    if (exchanged?.token === token.data) exchanged = undefined;
    const hasChanged = await secret.refresh().catch(() => false);
    if (!hasChanged && "token" in (await secret.read())) return first;
    const fresh = await currentToken();
    return fresh.kind === "done" ? sendWith(fresh.data) : fresh;

    function sendWith(bearer: string) {
      return send({ method, path, body, data, headers: { authorization: `Bearer ${bearer}` } });
    }
  }

  async function currentToken(): Promise<Outcome<string>> {
    let held: Token | { wrong: string };
    try {
      held = await secret.read();
    } catch (error) {
      return { kind: "busy", inDoubt: false, answer: { message: `The token's secret: ${kindOf(error)}` } };
    }
    if ("wrong" in held) return { kind: "token_refused", answer: { message: `The GenAuth token: ${held.wrong}` } };
    if ("token" in held) return { kind: "done", data: held.token, answer: {} };
    if (exchanged?.accessKeyId === held.accessKeyId && now().getTime() < exchanged.expiresAtMs) {
      return { kind: "done", data: exchanged.token, answer: {} };
    }
    // Parallel calls share one exchange.
    exchanging ??= exchange(held.accessKeyId, held.accessKeySecret).finally(() => {
      exchanging = undefined;
    });
    return exchanging;
  }

  /** Exchanges the key pair for a token and keeps that until five minutes before it expires. */
  async function exchange(accessKeyId: string, accessKeySecret: string): Promise<Outcome<string>> {
    const outcome = await send({
      method: "POST",
      path: "/api/v3/get-management-token",
      body: { accessKeyId, accessKeySecret },
      data: z.object({ access_token: z.string(), expires_in: z.number() }),
      headers: {},
    });
    if (outcome.kind === "busy") return { ...outcome, inDoubt: false };
    if (outcome.kind !== "done") return { kind: "token_refused", answer: outcome.answer };
    const { access_token: token, expires_in: lifetimeSeconds } = outcome.data;
    exchanged = { accessKeyId, token, expiresAtMs: now().getTime() + (lifetimeSeconds - 300) * 1000 };
    return { kind: "done", data: token, answer: {} };
  }

  async function send<T>(request: {
    method: "GET" | "POST";
    path: string;
    body: unknown;
    data: z.ZodMiniType<T>;
    headers: Record<string, string>;
  }): Promise<Outcome<T>> {
    try {
      const response = await fetch(new URL(request.path, host), {
        method: request.method,
        headers: {
          ...request.headers,
          "x-authing-userpool-id": userPoolId,
          "x-authing-lang": "en-US",
          ...(request.body !== undefined && { "content-type": "application/json" }),
        },
        ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
        redirect: "error",
        signal: AbortSignal.timeout(deadlineMs),
      });
      const retryAfter = response.headers.get("retry-after");
      const reply = { httpStatus: response.status, retryAfter, body: await response.text() };
      const outcome = readAnswer(reply, request.data, now());
      const serverDate = response.headers.get("date");
      return outcome.kind === "done" && serverDate ? { ...outcome, serverDate } : outcome;
    } catch (error) {
      return { kind: "busy", inDoubt: true, answer: { message: `No answer from GenAuth: ${kindOf(error)}` } };
    }
  }
}

const successSchema = z.object({ success: z.literal(true) });
const changedSchema = z.looseObject({ statusChangedAt: z.nullish(z.string()) });

/** Every answer's frame. `statusCode` is GenAuth's own: it answers HTTP 200 for its failures too. */
const frameSchema = z.object({
  statusCode: z.number(),
  message: z.optional(z.string()),
  apiCode: z.optional(z.number()),
  requestId: z.optional(z.string()),
  data: z.optional(z.unknown()),
});

/**
 * Tells what an answer means, by GenAuth's error codes (docs-v3 `docs/reference/error-code.md`). A code
 * that the document does not know is *busy*: tried again later, and it is in doubt whether it took effect.
 */
export function readAnswer<T>(
  reply: { httpStatus: number; retryAfter: string | null; body: string },
  data: z.ZodMiniType<T>,
  now: Date,
): Outcome<T> {
  const frame = frameSchema.safeParse(parseFrame(reply.body));
  const retryAfterSeconds = parseRetryAfter(reply.retryAfter, now);
  const busy = (answer: GenAuthAnswer, inDoubt: boolean): Outcome<T> => ({
    kind: "busy",
    inDoubt,
    answer,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
  if (!frame.success) return busy({ message: `GenAuth answered HTTP ${reply.httpStatus}, unreadable` }, true);

  const { statusCode, apiCode, requestId, message } = frame.data;
  const answer: GenAuthAnswer = {
    statusCode,
    ...(apiCode !== undefined && { apiCode }),
    ...(requestId !== undefined && { requestId }),
    ...(message !== undefined && { message: message.slice(0, 200) }),
  };
  if (statusCode === 200) {
    const parsed = data.safeParse(frame.data.data);
    return reply.httpStatus === 200 && parsed.success
      ? { kind: "done", data: parsed.data, answer }
      : busy(answer, true);
  }
  if (statusCode === 401 || apiCode === notSignedIn) return { kind: "token_refused", answer };
  // A 404 of HTTP itself comes from a wrong host or a gateway: it says nothing about the person.
  const isNoUser =
    apiCode === userNotFound || (statusCode === 404 && reply.httpStatus === 200 && apiCode !== noSuchPool);
  if (isNoUser) return { kind: "not_found", answer };
  if (refusals.has(statusCode)) return { kind: "refused", answer };
  return busy(answer, statusCode !== 429);
}

const userNotFound = 2004;
const notSignedIn = 2020;
const noSuchPool = 2224;
const refusals = new Set([400, 402, 403, 409, 413, 422]);

function parseFrame(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** RFC 9110: seconds or a date. */
function parseRetryAfter(value: string | null, now: Date): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - now.getTime()) / 1000);
  return seconds > 0 ? seconds : undefined;
}
