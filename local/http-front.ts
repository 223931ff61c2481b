import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { APIGatewayProxyEventV2, Context } from "aws-lambda";
import type { Answer } from "../lambda/http.ts";
import { type Listening, listen, readBody, sendJson, serve } from "./listen.ts";

const timeoutMs = 29_000;

type Handler = (event: APIGatewayProxyEventV2, context: Context) => Promise<Answer>;

/** API Gateway's HTTP API in small: its routes, and payload format 2.0. */
export function startHttpFront(
  functions: readonly [routes: ReadonlyMap<string, unknown>, handler: Handler][],
  port: number,
): Promise<Listening> {
  const handlers = new Map(
    functions.flatMap(([routes, handler]) => [...routes.keys()].map((route) => [route, handler])),
  );
  const server = serve(async (request, response) => {
    const body = await readBody(request);
    if (!body) return sendJson(response, 413, { message: "Request Entity Too Large" });
    if (!isDecodable(request.url ?? "/")) return sendJson(response, 400, { message: "Bad Request" });
    const event = toEvent(request, body, [...handlers.keys()]);
    const handler = event && handlers.get(event.routeKey);
    if (!handler) return sendJson(response, 404, { message: "Not Found" });

    const endsAt = Date.now() + timeoutMs;
    const context = { getRemainingTimeInMillis: () => endsAt - Date.now() } as Context;
    const answer = await handler(event, context);
    response.writeHead(answer.statusCode ?? 200, answer.headers as Record<string, string>).end(answer.body ?? "");
  });
  return listen(server, port);
}

/** Whether the path is percent-encoded as it should be. */
function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(split(url, "?")[0]);
    return true;
  } catch {
    return false;
  }
}

/** A request in payload format 2.0; `undefined` where it is none of the routes. */
export function toEvent(
  request: Pick<IncomingMessage, "method" | "url" | "headersDistinct"> & {
    socket?: { remoteAddress?: string | undefined };
  },
  body: Buffer,
  routes: readonly string[],
): APIGatewayProxyEventV2 | undefined {
  const [rawPath = "/", rawQueryString = ""] = split(request.url ?? "/", "?");
  const matched = match(`${request.method} ${rawPath}`, routes);
  if (!matched) return undefined;
  const headers = Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values]) => [name, values?.join(",")]),
  );
  const isText = isTextual(body, headers["content-type"]);
  return {
    version: "2.0",
    routeKey: matched.route,
    rawPath,
    rawQueryString,
    headers,
    requestContext: { http: { sourceIp: request.socket?.remoteAddress ?? "127.0.0.1" } },
    ...(matched.id !== undefined && { pathParameters: { id: matched.id } }),
    queryStringParameters: Object.fromEntries(new URLSearchParams(rawQueryString)),
    isBase64Encoded: !isText && body.length > 0,
    ...(body.length > 0 && { body: body.toString(isText ? "utf8" : "base64") }),
  } as unknown as APIGatewayProxyEventV2;
}

/**
 * Text comes as text by its type only: forms, and bodies without a type, come in base64. So does here what is no
 * UTF-8; whether API Gateway does so, or puts U+FFFD for it, is not documented.
 */
function isTextual(body: Buffer, type = ""): boolean {
  return isUtf8(body) && /^(text\/|application\/([a-z0-9.+-]*\+)?(json|xml|javascript))/i.test(type);
}

function match(called: string, routes: readonly string[]): { route: string; id?: string } | undefined {
  for (const route of routes) {
    if (route === called) return { route };
    const [before = "", after] = split(route, "{id}");
    if (after === undefined || !called.startsWith(before) || !called.endsWith(after)) continue;
    const id = called.slice(before.length, called.length - after.length);
    if (id && !id.includes("/")) return { route, id: decodeURIComponent(id) };
  }
  return undefined;
}

function split(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
