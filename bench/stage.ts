import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import {
  larkDeleted,
  type SignedRequest,
  send,
  signApi,
  signLark,
  signSlack,
  signWechatwork,
  signWechatworkCheck,
  slackCommand,
  wechatworkDeleted,
} from "../cli/sign.ts";
import { startAws } from "../local/aws.ts";
import { startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { toEvent } from "../local/http-front.ts";
import { newKeys, startStack } from "../local/stack.ts";
import { putItem } from "./obvious/put-item.ts";

/** Loopback AWS endpoints, a GenAuth simulator and genuine requests, for functions in this process and in others. */
export async function startBench() {
  const aws = await startAws();
  const genauth = await startGenAuthSimulator();
  const keys = newKeys();
  // The brake would hold all but the first few.
  const brake = { perHour: 5_000, perDay: 5_000, percentPerDay: 100, headcount: 1_000_000 };
  const stack = await startStack({ aws, genauth, keys, isPolling: false, brake });
  const wechatworkKeys = { ...keys.wechatwork, receiveId: "wwlocal" };
  const who = { team: "T0LOCAL", user: "U0ALICE" };
  const reply = "https://hooks.slack.com/commands/x";
  let people = 0;
  const next = () => {
    people += 1;
    return people;
  };

  const requests = {
    lark: () => {
      const id = `ou_demo_${next()}`;
      const request = signLark(larkDeleted({ open_id: id }, { token: keys.lark.verificationToken }), keys.lark);
      return { request, event: asEvent(request), answer: { statusCode: 200 }, userId: `lark:${id}` };
    },
    wechatworkCheck: () => {
      const request = signWechatworkCheck("1616140317555161061", wechatworkKeys);
      const answer = { statusCode: 200, body: "1616140317555161061" };
      return { request, event: asEvent(request), answer, userId: undefined };
    },
    wechatwork: () => {
      const id = `demo_${next()}`;
      const request = signWechatwork(wechatworkDeleted(id, "wwlocal"), wechatworkKeys);
      return { request, event: asEvent(request), answer: { statusCode: 200 }, userId: `wechatwork:${id}` };
    },
    slack: () => {
      const userId = `lark:ou_demo_${next()}`;
      const request = signSlack(
        "/slack/commands",
        slackCommand(`/resign ${userId}`, who, reply),
        keys.slack.signingSecret,
      );
      return { request, event: asEvent(request), answer: { statusCode: 200 }, userId };
    },
    api: () => {
      const userId = `lark:ou_demo_${next()}`;
      const request = signApi({ method: "POST", path: "/resignations", body: { userId } }, keys.api.zapier);
      return { request, event: asEvent(request), answer: { statusCode: 202 }, userId };
    },
  };

  const environment = stack.environment as Record<string, string>;
  return {
    ...{ aws, genauth, keys, stack, requests, environment },
    /** For functions in other processes. */
    environmentOfOthers(): Record<string, string> {
      const ofAws = Object.entries(process.env).filter(([name]) => name.startsWith("AWS_"));
      return { ...(Object.fromEntries(ofAws) as Record<string, string>), ...environment };
    },
    /** Has it accepted by the webhook in this process. */
    take: async (request: SignedRequest) => void (await send(request, stack.url)),
    async idOf(userId: string): Promise<string> {
      const { items } = await stack.ledger.list({ userId, now: new Date(), limit: 1 });
      return items[0]?.id ?? "";
    },
    /** An item as the obvious way writes it. */
    async obviousItem(): Promise<string> {
      const id = `obvious|${next()}`;
      Object.assign(process.env, environment);
      const client = new DynamoDBClient();
      await putItem(client, {
        id,
        userId: `lark:ou_demo_${people}`,
        status: "accepted",
        acceptedAt: new Date().toISOString(),
      });
      client.destroy();
      return id;
    },
    async close() {
      await stack.close();
      await Promise.all([aws.close(), genauth.close()]);
    },
  };
}

/** A request as API Gateway hands it over. */
function asEvent({ method, path, headers, body }: SignedRequest): APIGatewayProxyEventV2 {
  const [rawPath = ""] = path.split("?");
  const distinct = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value]]));
  const event = toEvent({ method, url: path, headersDistinct: distinct }, Buffer.from(body), [`${method} ${rawPath}`]);
  if (!event) throw new Error(`There is no ${method} ${rawPath}`);
  return event;
}
