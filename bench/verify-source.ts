import { EventDispatcher, LoggerLevel } from "@larksuiteoapi/node-sdk";
import { AwsLambdaReceiver, LogLevel } from "@slack/bolt";
import { decrypt, getSignature } from "@wecom/crypto";
import { Webhook } from "standardwebhooks";
import { first } from "../cli/files.ts";
import { routes as deskRoutes } from "../lambda/desk.ts";
import { toRequest } from "../lambda/http.ts";
import { routes as webhookRoutes } from "../lambda/webhook.ts";
import { median } from "./measure.ts";
import { startBench } from "./stage.ts";

export const rounds = 15;
export const roundMs = 150;

type Act = () => unknown;

/** Requests a second. */
export interface Contest {
  readonly library: string;
  readonly ours: number;
  readonly theirs: number;
}

/** Ours beside the official library, on the same bytes, in turns. */
export async function contend(source: "lark" | "wechatwork" | "slack" | "api"): Promise<Contest> {
  const { requests, keys, stack } = await startBench();
  const { settings } = stack;
  const [lark, wechatwork, slack, api] = [requests.lark(), requests.wechatwork(), requests.slack(), requests.api()];
  const listed = (section: Record<string, string | string[]>) =>
    Object.fromEntries(Object.entries(section).map(([name, value]) => [name, [value].flat()]));
  const ours = ({ event }: typeof lark, section: Record<string, string | string[]>): Act => {
    // As the secret's cached reader has them.
    const sectionKeys = listed(section);
    return () => {
      const request = toRequest(event);
      const source = webhookRoutes.get(request.route) ?? deskRoutes.get(request.route);
      return source?.routes[request.route]?.(request, { keys: sectionKeys, settings, now: new Date() });
    };
  };

  const { token, encodingAesKey } = keys.wechatwork;
  const receiver = new AwsLambdaReceiver({ signingSecret: keys.slack.signingSecret, logLevel: LogLevel.ERROR });
  receiver.init({ processEvent: async ({ ack }: { ack: () => Promise<void> }) => ack() } as never);
  const receiveSlack = await receiver.start();
  const dispatcher = new EventDispatcher({ ...keys.lark, loggerLevel: LoggerLevel.error }).register({
    "contact.user.deleted_v3": ({ object }) => object?.open_id,
  });

  const webhook = new Webhook(first(keys.api.zapier) ?? "");

  const contests: Record<typeof source, [library: string, ours: Act, theirs: Act]> = {
    lark: [
      "@larksuiteoapi/node-sdk",
      ours(lark, keys.lark),
      () =>
        dispatcher.invoke(
          Object.assign(Object.create({ headers: lark.event.headers }), JSON.parse(lark.event.body ?? "")),
        ),
    ],
    wechatwork: [
      "@wecom/crypto",
      ours(wechatwork, keys.wechatwork),
      () => {
        const { msg_signature, timestamp = "", nonce = "" } = wechatwork.event.queryStringParameters ?? {};
        const encrypted = /<Encrypt><!\[CDATA\[(.*?)\]\]>/.exec(wechatwork.event.body ?? "")?.[1] ?? "";
        if (getSignature(token, timestamp, nonce, encrypted) !== msg_signature) throw new Error("signature");
        return /<UserID><!\[CDATA\[(.*?)\]\]>/.exec(decrypt(encodingAesKey, encrypted).message)?.[1];
      },
    ],
    slack: ["@slack/bolt", ours(slack, keys.slack), () => receiveSlack(slack.event as never, {})],
    api: [
      "standardwebhooks",
      ours(api, { zapier: keys.api.zapier }),
      () => webhook.verify(api.event.body ?? "", api.event.headers as Record<string, string>),
    ],
  };
  const [library, mine, theirs] = contests[source];
  const found = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    found.ours.push(await perSecond(mine));
    found.theirs.push(await perSecond(theirs));
  }
  return { library, ours: median(found.ours), theirs: median(found.theirs) };
}

async function perSecond(act: Act): Promise<number> {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < roundMs) {
    for (let times = 0; times < 20; times += 1) {
      const result = act();
      if (result instanceof Promise) await result;
    }
    count += 20;
  }
  return (count * 1000) / (performance.now() - start);
}
