import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { type Log, traceOf } from "./log.ts";
import { malformed, Problem } from "./problem.ts";

/** A request as it left the sender: the body as the raw bytes that were signed. */
export interface Request {
  /** `POST /lark`, or with a path parameter `GET /resignations/{id}`. */
  readonly route: string;
  readonly id: string | undefined;
  /** Undecoded, as sent: API Gateway's parsed query turns `+` into a space and joins repeats. */
  readonly rawQuery: string;
  readonly body: Buffer;
  /** By their lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The address that called API Gateway. */
  readonly sourceIp?: string | undefined;
}

export type Answer = APIGatewayProxyStructuredResultV2;

/** A longer order, decision or Slack request is answered 413. */
export const maxBodyBytes = 256 * 1024;

/** API Gateway's own limit. A directory's event grows with the number of its people, and is not sent in parts. */
export const maxEventBytes = 10 * 1024 * 1024;

/** Reads API Gateway's payload format 2.0. Throws `too_large`. */
export function toRequest(event: APIGatewayProxyEventV2, maxBytes = maxBodyBytes): Request {
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (body.length > maxBytes) throw new Problem("too_large");
  return {
    route: event.routeKey,
    id: event.pathParameters?.id,
    rawQuery: event.rawQueryString,
    body,
    headers: event.headers,
    sourceIp: event.requestContext?.http?.sourceIp,
  };
}

/** The query's parameters, percent-decoded (a `+` stays one). Throws `malformed` if one is repeated or undecodable. */
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
export function problemAnswer({ code, status, title, detail, members, location }: Problem): Answer {
  return json(
    status,
    { type: "about:blank", title, status, code, ...(detail && { detail }), ...members },
    {
      "content-type": "application/problem+json",
      ...(status === 503 && { "retry-after": "10" }),
      ...(location !== undefined && { location }),
    },
  );
}

/** The one place where an error becomes an answer. An unexpected error is a 503, so that the sender sends again. */
export function answerError(
  error: unknown,
  { routeKey: route }: APIGatewayProxyEventV2,
  source: string | undefined,
  log: Log,
): Answer {
  if (!(error instanceof Problem)) {
    log.count("Unavailable", "A request could not be served", { route, ...traceOf(error) }, "ERROR");
    return problemAnswer(new Problem("unavailable"));
  }
  const { code, reason, detail, shape } = error;
  const facts = { source, route, code, reason: reason ?? detail, ...(shape !== undefined && { shape }) };
  if (error.isHopeless) log.info("A request that no key could verify was refused", facts);
  else if (error.code === "unauthorized") {
    log.count("Refused", "A request could not be verified", facts, "WARN");
    const isLate = error.reason === "timestamp" || error.reason === "webhook-timestamp";
    if (isLate) log.count("ClockDrift", "A valid signature is too old or too new: a clock is wrong", facts, "WARN");
  } else if (error.code === "keys_not_filled_in")
    log.count("KeysNotFilledIn", "The keys of a source are missing or wrong", facts, "ERROR");
  else if (error.code === "clock_off")
    log.count("ClockDrift", "A valid signature is too old or too new: a clock is wrong", facts, "WARN");
  else if (error.code === "malformed") log.count("Malformed", "A verified request could not be read", facts, "ERROR");
  else log.info("A request was refused", facts);
  return problemAnswer(error);
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text of bytes that are strictly UTF-8: other bytes must never read as the same text. Throws `malformed`. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
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
  if (!component.includes("%")) return component;
  try {
    return decodeURIComponent(component);
  } catch {
    throw malformed("The query is not percent-encoded");
  }
}
