import * as z from "zod";
import { parseToken, type Token } from "../lambda/aws/secrets.ts";
import { type Outcome, readAnswer } from "../lambda/genauth/genauth.ts";
import { simulatorCredentials } from "./defaults.ts";
import { readJson } from "./files.ts";

/** GenAuth's management API for the commands: whatever they ask, with one token. */
export type GenAuthClient = Awaited<ReturnType<typeof connectGenAuth>>;

/** What GenAuth takes, from a file as it stands in the secret; without one, the simulator's. */
export function readToken(file: string | undefined): Token | { wrong: string } {
  const { accessKeyId, accessKeySecret } = simulatorCredentials;
  return parseToken(JSON.stringify(file ? readJson(file, "token") : { accessKeyId, accessKeySecret }));
}

/** Which of Lark's ids this is. */
export const idOf = (id: string) => (id.startsWith("ou_") ? "open_id" : id.startsWith("on_") ? "union_id" : "user_id");

export const relationsSchema = z.array(z.object({ provider: z.string(), userIdInIdp: z.string() }));

/** Exchanges the key pair, if it is one. Never throws: a token that does not serve is told by the first question. */
export async function connectGenAuth({ host, pool, given }: { host: string; pool: string; given: Token }) {
  const token = "token" in given ? given.token : await exchange(given);

  /** With a body it is a POST. */
  return { ask: <T>(path: string, data: z.ZodType<T>, body?: object) => ask(path, data, token, body) };

  async function exchange(pair: Token): Promise<string> {
    const outcome = await ask("get-management-token", z.object({ access_token: z.string() }), undefined, pair);
    return outcome.kind === "done" ? outcome.data.access_token : "";
  }

  async function ask<T>(path: string, data: z.ZodType<T>, bearer?: string, body?: object): Promise<Outcome<T>> {
    try {
      const response = await fetch(new URL(`/api/v3/${path}`, host), {
        method: body ? "POST" : "GET",
        headers: {
          "content-type": "application/json",
          "x-authing-userpool-id": pool,
          ...(bearer && { authorization: `Bearer ${bearer}` }),
        },
        ...(body && { body: JSON.stringify(body) }),
        redirect: "error",
        signal: AbortSignal.timeout(10_000),
      });
      const retryAfter = response.headers.get("retry-after");
      const reply = { httpStatus: response.status, retryAfter, body: await response.text() };
      return readAnswer(reply, data as never, new Date()) as Outcome<T>;
    } catch {
      return { kind: "busy", inDoubt: false, answer: { message: `nobody answers at ${host}` } };
    }
  }
}
