import { lookup } from "node:dns";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import type { Forward } from "./forward.ts";

/** Longest that the second listener may take; then the request counts as not delivered, and is tried again. */
const deadlineMs = 10_000;
/** Of a longer answer the rest is not read. */
const maxAnswerBytes = 64 * 1024;

/**
 * Posts a request to the second listener and returns the HTTP status. Follows no redirect, reads 64 kB of the answer
 * at the most, and connects to no private address unless that is allowed. Throws if there is no answer.
 */
export function post(forward: Forward, address: string, mayBePrivate: boolean): Promise<number> {
  const url = new URL(address);
  if (forward.rawQuery) url.search = url.search ? `${url.search}&${forward.rawQuery}` : `?${forward.rawQuery}`;
  const body = Buffer.from(forward.body, "base64");
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (!mayBePrivate && isPrivate(host)) return Promise.reject(privateAddress());

  return new Promise((resolve, reject) => {
    const request = send(
      url,
      {
        method: "POST",
        headers: { ...forward.headers, "content-length": body.length },
        signal: AbortSignal.timeout(deadlineMs),
        ...(!mayBePrivate && { lookup: lookupPublic }),
      },
      (response) => {
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxAnswerBytes) response.destroy();
        });
        response.on("error", reject);
        response.on("close", () => resolve(response.statusCode ?? 0));
      },
    );
    request.on("error", reject).end(body);
  });
}

/** Checks the address that is really connected to: the same name may resolve to another one later. */
export const lookupPublic: LookupFunction = (hostname, options, callback) =>
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error || !first) return callback(error ?? new Error("No address"), "", 0);
    if (addresses.some(({ address }) => isPrivate(address))) return callback(privateAddress(), "", 0);
    if (options.all) callback(null, addresses);
    else callback(null, first.address, first.family);
  });

const privateAddress = () => Object.assign(new Error("A private address"), { code: "PRIVATE_ADDRESS" });

/** Addresses that are not on the public Internet (IANA's special-purpose registries, RFC 6890). */
const privateRanges = new BlockList();
for (const [network, prefix] of [
  ...[["0.0.0.0", 8] as const, ["10.0.0.0", 8] as const, ["100.64.0.0", 10] as const, ["127.0.0.0", 8] as const],
  ...[["169.254.0.0", 16] as const, ["172.16.0.0", 12] as const, ["192.0.0.0", 24] as const],
  ...[["192.168.0.0", 16] as const, ["198.18.0.0", 15] as const, ["224.0.0.0", 3] as const],
]) {
  privateRanges.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ...[["::", 127] as const, ["64:ff9b::", 96] as const, ["fc00::", 7] as const],
  ...[["fe80::", 10] as const, ["ff00::", 8] as const],
]) {
  privateRanges.addSubnet(network, prefix, "ipv6");
}

export function isPrivate(address: string): boolean {
  const family = isIP(address);
  return address === "localhost" || (family !== 0 && privateRanges.check(address, family === 6 ? "ipv6" : "ipv4"));
}
