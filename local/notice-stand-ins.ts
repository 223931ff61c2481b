import { newApiSecret } from "../cli/sources/orders.ts";
import { listen, readBody, sendJson, serve } from "./listen.ts";

/** One request that a target received. */
export interface Received {
  target: string;
  /** Path and query. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** How a target answers; by default as the real one does when all is well. */
export type Answering = (
  target: string,
) => { status: number; body?: string; headers?: Record<string, string> } | "hang" | undefined;

/**
 * Stand-ins for what notices go to: Slack's incoming webhook, Lark's and WeCom's robots, a webhook of one's own; and
 * for a second listener (`forwardTo`). `GET /_sim/received` gives everything that came.
 */
export async function startNoticeStandIns(onReceive: (received: Received) => void = () => {}, port = 0) {
  const received: Received[] = [];
  let answering: Answering = () => undefined;
  const wellAnswers: Record<string, string> = {
    slack: "ok",
    lark: '{"code":0,"msg":"success"}',
    wechatwork: '{"errcode":0,"errmsg":"ok"}',
    webhook: "",
    listener: "success",
  };
  const server = serve(async (request, response) => {
    const { url = "", headers } = request;
    const target = url.slice(1).split("?")[0] ?? "";
    if (target === "_sim/received") return sendJson(response, 200, received);
    const body = (await readBody(request))?.toString() ?? "";
    const one = { target, url, headers, body };
    received.push(one);
    if (target !== "listener") onReceive(one);
    const answer = answering(target);
    if (answer === "hang") return;
    response.writeHead(answer?.status ?? 200, answer?.headers).end(answer?.body ?? wellAnswers[target]);
  });
  const { url, close } = await listen(server, port, "NOTICES_PORT");
  const secret = newApiSecret();
  return {
    /** What stands in the secret *notice targets*. */
    targets: {
      slack: { url: `${url}/slack` },
      lark: { url: `${url}/lark`, secret: "robot secret" },
      wechatwork: { url: `${url}/wechatwork?key=robot-key` },
      webhook: { url: `${url}/webhook`, secret },
    },
    url,
    secondListener: `${url}/listener`,
    of: (target: string) => received.filter((one) => one.target === target),
    answer: (next: Answering) => {
      answering = next;
    },
    close,
  };
}

/** A notice as people read it. */
export function toLine({ target, body }: Received): string {
  const { text, content, type, data } = JSON.parse(body) as {
    text?: string | { content: string };
    content?: { text: string };
    type?: string;
    data?: { id?: string };
  };
  const said = typeof text === "string" ? text : (text?.content ?? content?.text ?? `${type} ${data?.id}`);
  return `notice ${target.padEnd(11)}${said.replaceAll("\n", " / ")}`;
}
