import { listen, readBody, serve } from "./listen.ts";
import { newApiSecret } from "./stack.ts";

/** One request that a target received. */
export interface Received {
  target: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** How a target answers; by default as the real one does when all is well. */
export type Answering = (
  target: string,
) => { status: number; body?: string; headers?: Record<string, string> } | "hang" | undefined;

/** Stand-ins for what notices go to: Slack's incoming webhook, Lark's and WeCom's robots, a webhook of one's own. */
export async function startNoticeStandIns(onReceive: (received: Received) => void = () => {}) {
  const received: Received[] = [];
  let answering: Answering = () => undefined;
  const wellAnswers: Record<string, string> = {
    slack: "ok",
    lark: '{"code":0,"msg":"success"}',
    wechatwork: '{"errcode":0,"errmsg":"ok"}',
    webhook: "",
  };
  const server = serve(async (request, response) => {
    const target = (request.url ?? "").slice(1).split("?")[0] ?? "";
    const body = (await readBody(request))?.toString() ?? "";
    const one = { target, headers: request.headers, body };
    received.push(one);
    onReceive(one);
    const answer = answering(target);
    if (answer === "hang") return;
    response.writeHead(answer?.status ?? 200, answer?.headers).end(answer?.body ?? wellAnswers[target]);
  });
  const { url, close } = await listen(server, 0);
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
