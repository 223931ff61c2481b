import type { SignedRequest } from "../cli/sign.ts";
import type { Request } from "../lambda/http.ts";
import type { RuntimeSettings } from "../lambda/settings.ts";
import { parseSettings } from "../lib/settings.ts";

export const now = new Date("2026-11-24T02:00:00.000Z");

export const settings = (changes: object = {}): RuntimeSettings =>
  parseSettings({ genauth: { host: "https://genauth.example", userPoolId: "pool" }, ...changes });

/** A signed request as the function sees it behind API Gateway. */
export function toRequest({ method, path, headers, body }: SignedRequest): Request {
  const [route = "", rawQuery = ""] = path.split(/\?(.*)/s);
  const names = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    route: `${method} ${route}`,
    id: undefined,
    rawQuery,
    body: Buffer.from(body),
    headers: names,
  };
}

/** The code and, for the log, the reason of the Problem that is thrown. */
export function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    const { name, code, reason } = error as { name: string; code: string; reason?: string };
    if (name !== "Problem") throw error;
    return reason ? `${code}: ${reason}` : code;
  }
  return "none";
}
