/** Who may call the GenAuth stand-in. */
import { createHmac, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { simulatorCredentials } from "../cli/defaults.ts";

/** The tokens that were given out. */
export type Access = ReturnType<typeof createAccess>;

export function createAccess() {
  const tokens = new Set<string>();
  return {
    allowToken: (token: string) => void tokens.add(token),
    /** Every token that was given out is refused from now on. */
    expireTokens: () => tokens.clear(),

    /** A new token, or nothing for another pair of keys than the simulator's. */
    exchange(accessKeyId: unknown, accessKeySecret: unknown): string | undefined {
      const { accessKeyId: id, accessKeySecret: secret } = simulatorCredentials;
      if (accessKeyId !== id || accessKeySecret !== secret) return undefined;
      const token = `local-token-${randomUUID()}`;
      tokens.add(token);
      return token;
    },

    /** A token that was given out, or the signature of the newer SDKs (authing-node-sdk `buildSignature`). */
    isLetIn(request: IncomingMessage, path: string, parameters: Readonly<Record<string, unknown>>): boolean {
      const authorization = request.headers.authorization ?? "";
      const [, token] = /^Bearer (.+)$/.exec(authorization) ?? [];
      if (token !== undefined) return tokens.has(token);
      const { accessKeyId } = simulatorCredentials;
      return authorization === `authing ${accessKeyId}:${signatureOf(request, path, parameters)}`;
    },
  };
}

function signatureOf(request: IncomingMessage, path: string, parameters: Readonly<Record<string, unknown>>): string {
  const headers = Object.entries(request.headers)
    .filter(([name]) => name.startsWith("x-authing-") || name === "date")
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}:${value}\n`);
  const sorted = Object.keys(parameters)
    .sort()
    .map((key) => `${key}=${asText(parameters[key])}`);
  const resource = sorted.length > 0 ? `${path}?${sorted.join("&")}` : path;
  return createHmac("sha1", simulatorCredentials.accessKeySecret)
    .update(`${request.method}\n${headers.join("")}${resource}`)
    .digest("base64");
}

const asText = (value: unknown) =>
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
