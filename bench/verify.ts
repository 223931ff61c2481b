import { EventDispatcher, LoggerLevel } from "@larksuiteoapi/node-sdk";
import { AwsLambdaReceiver, LogLevel } from "@slack/bolt";
import { decrypt, getSignature } from "@wecom/crypto";
import { Webhook } from "standardwebhooks";
import type { RuntimeSettings } from "../lambda/environment.ts";
import { toRequest } from "../lambda/http.ts";
import type { Keys } from "../lambda/secrets.ts";
import { routes } from "../lambda/sources/index.ts";
import { first } from "../local/files.ts";
import { median, type Section, tableOf } from "./measure.ts";
import type { startBench } from "./stage.ts";

const rounds = 15;
const roundMs = 150;

type Act = () => unknown;

/** Verify and map, from API Gateway's event to the departure: ours beside the official library, on the same bytes, in turns. */
export async function benchVerify({ requests, keys, stack }: Awaited<ReturnType<typeof startBench>>): Promise<Section> {
  const settings = stack.settings as unknown as RuntimeSettings;
  const [lark, wechatwork, slack, api] = [requests.lark(), requests.wechatwork(), requests.slack(), requests.api()];
  const listed = (section: Record<string, string | string[]>) =>
    Object.fromEntries(Object.entries(section).map(([name, value]) => [name, [value].flat()]));
  const ours =
    ({ event }: typeof lark, section: Record<string, string | string[]>): Act =>
    () => {
      const request = toRequest(event);
      const context = { keys: listed(section) as unknown as Keys[keyof Keys], settings, now: new Date() };
      return routes.get(request.route)?.routes[request.route]?.(request, context);
    };

  const { token, encodingAesKey } = keys.wechatwork;
  const receiver = new AwsLambdaReceiver({ signingSecret: keys.slack.signingSecret, logLevel: LogLevel.ERROR });
  receiver.init({ processEvent: async ({ ack }: { ack: () => Promise<void> }) => ack() } as never);
  const receiveSlack = await receiver.start();
  const dispatcher = new EventDispatcher({ ...keys.lark, loggerLevel: LoggerLevel.error }).register({
    "contact.user.deleted_v3": ({ object }) => object?.open_id,
  });

  const contests: [source: string, library: string, ours: Act, theirs: Act][] = [
    [
      "lark",
      "@larksuiteoapi/node-sdk",
      ours(lark, keys.lark),
      () =>
        dispatcher.invoke(
          Object.assign(Object.create({ headers: lark.event.headers }), JSON.parse(lark.event.body ?? "")),
        ),
    ],
    [
      "wechatwork",
      "@wecom/crypto",
      ours(wechatwork, keys.wechatwork),
      () => {
        const { msg_signature, timestamp = "", nonce = "" } = wechatwork.event.queryStringParameters ?? {};
        const encrypted = /<Encrypt><!\[CDATA\[(.*?)\]\]>/.exec(wechatwork.event.body ?? "")?.[1] ?? "";
        if (getSignature(token, timestamp, nonce, encrypted) !== msg_signature) throw new Error("signature");
        return /<UserID><!\[CDATA\[(.*?)\]\]>/.exec(decrypt(encodingAesKey, encrypted).message)?.[1];
      },
    ],
    ["slack", "@slack/bolt", ours(slack, keys.slack), () => receiveSlack(slack.event as never, {})],
    [
      "api",
      "standardwebhooks",
      ours(api, { zapier: keys.api.zapier }),
      () =>
        new Webhook(first(keys.api.zapier) ?? "").verify(
          api.event.body ?? "",
          api.event.headers as Record<string, string>,
        ),
    ],
  ];

  const rows: (string | number)[][] = [];
  const headline: [string, string, string, string][] = [];
  for (const [source, library, mine, theirs] of contests) {
    const found = { mine: [] as number[], theirs: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      found.mine.push(await perSecond(mine));
      found.theirs.push(await perSecond(theirs));
    }
    const [one, other] = [median(found.mine), median(found.theirs)];
    const ratio = (one / other).toFixed(2);
    rows.push([source, Math.round(one), library, Math.round(other), ratio]);
    headline.push([
      `Verify and map, ${source}`,
      `${Math.round(one)} a second`,
      `${Math.round(other)}, ${library}`,
      ratio,
    ]);
  }
  const text = [
    `Requests a second, median of ${rounds} rounds of ${roundMs} ms each, in turns. Ours makes more checks (docs/reliability.md) and reads the event as API Gateway gives it.`,
    tableOf(["verify + map", "ours", "the official library", "its", "ours ÷ its"], rows),
  ].join("\n");
  return { text, headline };
}

async function perSecond(act: Act): Promise<number> {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < roundMs) {
    for (let times = 0; times < 20; times += 1) await act();
    count += 20;
  }
  return (count * 1000) / (performance.now() - start);
}
