import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Forward } from "./forward.ts";

/** Longest that the second listener may take; then the request counts as not delivered, and is tried again. */
const deadlineMs = 10_000;

/**
 * Posts a request to the second listener and returns the HTTP status. Follows no redirect, and reads nothing of the
 * answer but that. Throws if there is none. Not `fetch`: that encodes some letters of a query anew, and adds headers.
 */
export function post({ rawQuery, headers, body }: Forward, address: string): Promise<number> {
  const url = new URL(address);
  const bytes = Buffer.from(body, "base64");
  // What cannot stand in a request's first line is encoded, or the request could never be passed on.
  const query = rawQuery.toWellFormed().replace(/[^!-~]+/g, encodeURIComponent);
  const options = {
    method: "POST",
    path: `${url.pathname}${url.search}${query && (url.search ? "&" : "?")}${query}`,
    headers: { ...headers, "content-length": bytes.length },
    signal: AbortSignal.timeout(deadlineMs),
  };
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = send(url, options, (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    request.on("error", reject).end(bytes);
  });
}
