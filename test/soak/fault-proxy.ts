import { Agent, type IncomingHttpHeaders, request as requestHttp, type ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { type Listening, listen, readBody, serve } from "../../local/listen.ts";

/** One call that a function makes: to which service, for what, and about whom as far as the call says. */
export interface Call {
  readonly service: "dynamodb" | "sqs" | "secretsmanager" | "genauth";
  readonly action: string;
  readonly about: string;
}

/** What becomes of a call. `kill`: whoever made it dies, before the call is made or before its answer arrives. */
export type Fate =
  | "pass"
  | "refuse"
  | "lose"
  | "delay"
  | "cut"
  | "twice"
  | "error"
  | "garbage"
  | "kill before"
  | "kill after";

export type Targets = Record<Call["service"], string>;

/**
 * Stands between one function and everything that it calls, and does to each call what its fate says. `refuse`:
 * it never arrives; `lose`: it is carried out and its answer never comes.
 */
export async function startFaultProxy(
  targets: Targets,
  fateOf: (call: Call) => Fate,
  kill: () => void,
): Promise<Listening> {
  const agent = new Agent({ keepAlive: true });
  const server = serve(async (incoming, response) => {
    const body = (await readBody(incoming)) ?? Buffer.alloc(0);
    const call = readCall(incoming.headers, incoming.url ?? "", body);
    const fate = fateOf(call);
    if (fate === "kill before") return kill();
    if (fate === "refuse") return void response.socket?.destroy();
    if (fate === "error") return void response.writeHead(503, { "content-type": "text/html" }).end("<h1>503</h1>");
    if (fate === "delay") await wait(300);
    const { method = "POST", url = "/", headers } = incoming;
    const answer = await carryOut(targets[call.service] + url, method, headers, body).catch(() => undefined);
    if (!answer) return void response.socket?.destroy();
    if (fate === "kill after") return kill();
    give(response, answer, fate);
  });

  function carryOut(url: string, method: string, headers: IncomingHttpHeaders, body: Buffer): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const { host, connection, ...sent } = headers;
      const outgoing = requestHttp(url, { method, headers: sent, agent }, (answer) => {
        const { statusCode: status = 502, headers: received } = answer;
        // An answer may break off, when GenAuth's stand-in carries it out late.
        readBody(answer).then(
          (body = Buffer.alloc(0)) => resolve({ status, type: received["content-type"] ?? "", body }),
          reject,
        );
      });
      outgoing.on("error", reject).end(body);
    });
  }

  const listening = await listen(server, 0);
  return {
    url: listening.url,
    async close() {
      await listening.close();
      agent.destroy();
    },
  };
}

interface Answered {
  status: number;
  type: string;
  body: Buffer;
}

function give(response: ServerResponse, { status, type, body }: Answered, fate: Fate): void {
  const headers = { "content-type": type, "content-length": body.length };
  switch (fate) {
    case "lose":
      return void response.socket?.destroy();
    case "cut":
      response.writeHead(status, headers).write(body.subarray(0, body.length >> 1));
      return void setTimeout(() => response.socket?.destroy(), 2);
    case "garbage":
      return void response.writeHead(200, { "content-type": type }).end(`{"${"\u0001".repeat(3)}`);
    case "twice": {
      const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const raw = Buffer.concat([Buffer.from(`HTTP/1.1 ${status} Again\r\n${head.join("")}\r\n`), body]);
      const { socket } = response;
      socket?.write(raw);
      return void socket?.write(raw);
    }
    default:
      return void response.writeHead(status, headers).end(body);
  }
}

function readCall(headers: IncomingHttpHeaders, path: string, body: Buffer): Call {
  if (path.startsWith("/api/v3/")) {
    const url = new URL(path, "http://genauth");
    const about = /"userId":"([^"]+)"/.exec(body.toString())?.[1] ?? url.searchParams.get("userId") ?? "";
    return { service: "genauth", action: url.pathname.slice("/api/v3/".length), about };
  }
  const [target = "", action = ""] = String(headers["x-amz-target"]).split(".");
  const service = target.startsWith("DynamoDB") ? "dynamodb" : target === "AmazonSQS" ? "sqs" : "secretsmanager";
  const { Key, Item, MessageBody } = JSON.parse(body.toString() || "{}");
  return { service, action, about: Key?.id?.S ?? Item?.id?.S ?? MessageBody ?? "" };
}
