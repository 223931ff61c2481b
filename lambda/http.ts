import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { malformed, Problem } from "./problem.ts";

/** A request as it left the sender: the body as the raw bytes that were signed. */
export interface Request {
  /** `POST /lark`, or with a path parameter `GET /resignations/{id}`. */
  readonly route: string;
  readonly id: string | undefined;
  /** Undecoded, as sent: API Gateway's parsed query turns `+` into a space and joins repeats. */
  readonly rawQuery: string;
  readonly body: Buffer;
  /** The one value of a header (lower-case name), if it was sent. */
  header(name: string): string | undefined;
}

export type Answer = APIGatewayProxyStructuredResultV2;

export const maxBodyBytes = 256 * 1024;

/** Reads API Gateway's payload format 2.0. Throws `too_large`. */
export function toRequest(event: APIGatewayProxyEventV2): Request {
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (body.length > maxBodyBytes) throw new Problem("too_large");
  return {
    route: event.routeKey,
    id: event.pathParameters?.id,
    rawQuery: event.rawQueryString,
    body,
    header: (name) => event.headers[name],
  };
}

/** The query's parameters, percent-decoded (a `+` stays one). Throws `malformed` where one is repeated or not decodable. */
export function parseQuery(rawQuery: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of rawQuery.split("&").filter(Boolean)) {
    const [name = "", ...value] = pair.split("=");
    const key = decode(name);
    if (parameters.has(key)) throw malformed("A query parameter is given twice");
    parameters.set(key, decode(value.join("=")));
  }
  return parameters;
}

export const json = (statusCode: number, body: unknown, headers: Record<string, string> = {}): Answer => ({
  statusCode,
  headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  body: JSON.stringify(body),
});

export const text = (statusCode: number, body: string): Answer => ({
  statusCode,
  headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  body,
});

/** RFC 9457. Every 503 says when to come back: Make and Zapier repeat those, and not a 500. */
export function problemAnswer({ code, status, title, detail, members }: Problem): Answer {
  return json(
    status,
    { type: "about:blank", title, status, code, ...(detail && { detail }), ...members },
    { "content-type": "application/problem+json", ...(status === 503 && { "retry-after": "10" }) },
  );
}

/** Text of bytes that are strictly UTF-8: other bytes must never read as the same text. Throws `malformed`. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed("The body is not UTF-8");
  }
}

/** Throws `malformed`. */
export function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw malformed("The body is not JSON");
  }
}

function decode(component: string): string {
  try {
    return decodeURIComponent(component);
  } catch {
    throw malformed("The query is not percent-encoded");
  }
}
