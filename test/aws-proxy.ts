import { once } from "node:events";
import { type Listening, listen, readBody, serve } from "../local/listen.ts";

export type Service = "DYNAMODB" | "SQS" | "SECRETS_MANAGER";
export const services: Service[] = ["DYNAMODB", "SQS", "SECRETS_MANAGER"];

export interface AwsCall {
  service: Service;
  /** Which function called, by the name in its user agent. */
  caller: string | undefined;
  action: string;
  body: Record<string, unknown>;
}

/**
 * Stands between this process's AWS clients and a local service: sees each call, and fails it as AWS does in an
 * outage where it is told to. `late`: the call is carried out, and its answer comes after the client gave it up.
 */
export async function startAwsProxy(
  service: Service,
  onCall: (call: AwsCall) => "pass" | "fail" | "late",
): Promise<Listening> {
  const variable = `AWS_ENDPOINT_URL_${service}`;
  const target = process.env[variable] ?? "";
  const server = serve(async (request, response) => {
    const body = await readBody(request);
    const { host, connection, "content-length": length, ...headers } = request.headers;
    const [, action = ""] = String(headers["x-amz-target"]).split(".");
    const [, caller] = /resign-webhook-(\w+)/.exec(headers["user-agent"] ?? "") ?? [];
    const fate = onCall({ service, caller, action, body: JSON.parse(body?.toString() || "{}") });
    if (fate === "fail") return void response.writeHead(503).end();
    const sent = { method: "POST", headers: headers as Record<string, string>, body: new Uint8Array(body ?? []) };
    const answer = await fetch(target + request.url, sent);
    const answered = Buffer.from(await answer.arrayBuffer());
    if (fate === "late" && !response.closed) await once(response, "close");
    const { "content-type": type = "" } = Object.fromEntries(answer.headers);
    response.writeHead(answer.status, { "content-type": type, "content-length": answered.length }).end(answered);
  });
  const listening = await listen(server, 0);
  process.env[variable] = listening.url;
  return listening;
}
