import Table from "cli-table3";
import { first, type KeysFile } from "../cli/files.ts";
import {
  larkDeleted,
  type SignedRequest,
  send,
  signApi,
  signLark,
  signWechatwork,
  wechatworkDeleted,
} from "../cli/sign.ts";
import { isUnderWay } from "../lambda/resignation.ts";
import type { GenAuthSimulator } from "./genauth-simulator.ts";
import type { startStack } from "./stack.ts";

interface Scene {
  title: string;
  request: SignedRequest;
  userId: string;
  expected: { answer: number; calls: number };
}

/** Plays one departure per source, a repeat and a forgery; prints what came of each and tells whether all is as it should be. */
export async function play(
  stack: Awaited<ReturnType<typeof startStack>>,
  genauth: GenAuthSimulator,
  keys: KeysFile,
): Promise<boolean> {
  const table = new Table({
    head: ["what came in", "answer", "in the ledger", "calls to GenAuth", ""],
    style: { head: [], border: [] },
  });
  const isCalling = !stack.settings.dryRun && stack.settings.graceDays === 0;
  let isAllWell = true;
  for (const { title, request, userId, expected } of scenes(keys)) {
    const response = await send(request, stack.url);
    const status = await outcome(userId);
    const calls = genauth.calls().filter((call) => call.userId === userId).length;
    const isWell = response.status === expected.answer && calls === (isCalling ? expected.calls : 0);
    isAllWell &&= isWell;
    table.push([title, response.status, status ?? "nothing", calls, isWell ? "as expected" : "NOT as expected"]);
  }
  console.log(table.toString());
  return isAllWell;

  async function outcome(userId: string): Promise<string | undefined> {
    for (let tries = 0; tries < 100; tries += 1) {
      const [resignation] = (await stack.ledger.list({ userId, now: new Date(), limit: 1 })).items;
      if (!resignation) return undefined;
      if (!isUnderWay(resignation)) return resignation.status;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return "still waiting";
  }
}

function scenes({ lark, wechatwork, api }: KeysFile): Scene[] {
  const list: Scene[] = [];
  if (lark) {
    const keys = { encryptKey: first(lark.encryptKey), verificationToken: first(lark.verificationToken) };
    const deleted = (userId: string) =>
      larkDeleted({ open_id: userId, union_id: userId, user_id: userId }, { token: keys.verificationToken });
    const request = signLark(deleted("ou_demo_1"), keys);
    const forged = signLark(deleted("ou_demo_2"), { encryptKey: "not the key", verificationToken: "not the token" });
    list.push(
      { title: "Lark: ou_demo_1 was removed", request, userId: "lark:ou_demo_1", expected: { answer: 200, calls: 1 } },
      { title: "the same once more", request, userId: "lark:ou_demo_1", expected: { answer: 200, calls: 1 } },
      {
        title: "a forgery for ou_demo_2",
        request: forged,
        userId: "lark:ou_demo_2",
        expected: { answer: 401, calls: 0 },
      },
    );
  }
  if (wechatwork) {
    const receiveId = first(wechatwork.receiveIds) ?? "";
    const keys = {
      token: first(wechatwork.token) ?? "",
      encodingAesKey: first(wechatwork.encodingAesKey) ?? "",
      receiveId,
    };
    const request = signWechatwork(wechatworkDeleted("demo_1", receiveId), keys);
    list.push({
      title: "WeCom: demo_1 was deleted",
      request,
      userId: "wechatwork:demo_1",
      expected: { answer: 200, calls: 1 },
    });
  }
  const [caller, given] = Object.entries(api ?? {})[0] ?? [];
  const secret = [given ?? []].flat().find((key) => key.startsWith("whsec_"));
  if (secret) {
    const body = { userId: "lark:ou_demo_3", reason: "left today" };
    const request = signApi({ method: "POST", path: "/resignations", body, headers: { prefer: "wait=10" } }, secret);
    list.push({
      title: `${caller}: POST /resignations`,
      request,
      userId: "lark:ou_demo_3",
      expected: { answer: 200, calls: 1 },
    });
  }
  return list;
}
