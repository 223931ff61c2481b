/** The vendors' own libraries as independent judges of what we verify and of what `npm run send` makes. */
import { EventDispatcher } from "@larksuiteoapi/node-sdk";
import { decrypt, encrypt, getSignature } from "@wecom/crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { larkDeleted, signApi, signLark, signWechatwork, wechatworkDeleted } from "../../../cli/sign.ts";
import { receiveWith } from "../../../lambda/intake/receive.ts";
import { orders } from "../../../lambda/sources/orders.ts";
import { wechatwork } from "../../../lambda/sources/wechatwork.ts";
import { newApiSecret } from "../../../local/stack.ts";
import { gist, now, settings, toRequest } from "../../parts.ts";

test("@wecom/crypto encrypts and signs what we read", () => {
  const encodingAesKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
  const keys = { token: ["aToken"], encodingAesKey: [encodingAesKey], receiveIds: ["ww1"] };
  for (let length = 1; length <= 64; length += 1) {
    const userId = "a".repeat(length);
    const encrypted = encrypt(encodingAesKey, wechatworkDeleted(userId, "ww1", now), "ww1");
    const signature = getSignature("aToken", "1795485600", "nonce", encrypted);
    const request = toRequest({
      method: "POST",
      path: `/wechatwork?msg_signature=${signature}&timestamp=1795485600&nonce=nonce`,
      headers: {},
      body: `<xml><ToUserName><![CDATA[ww1]]></ToUserName><Encrypt><![CDATA[${encrypted}]]></Encrypt></xml>`,
    });
    const told = receiveWith({ wechatwork: { keys } }, wechatwork, request, settings(), now);
    expect(gist(told)).toMatchObject({ departures: [{ userId: `wechatwork:${userId}` }] });
  }
});

test("@wecom/crypto reads what send makes", () => {
  const keys = { token: "aToken", encodingAesKey: "b".repeat(43), receiveId: "ww1" };
  const { path, body } = signWechatwork("<xml>张三</xml>", keys, now);
  const query = new URLSearchParams(path.split("?")[1]);
  const [, encrypted = ""] = /<Encrypt><!\[CDATA\[(.*?)\]\]>/.exec(body) ?? [];
  expect(getSignature("aToken", query.get("timestamp") ?? "", query.get("nonce") ?? "", encrypted)).toBe(
    query.get("msg_signature"),
  );
  expect(decrypt(keys.encodingAesKey, encrypted)).toMatchObject({ message: "<xml>张三</xml>", id: "ww1" });
});

test("@larksuiteoapi/node-sdk's dispatcher takes what send makes", async () => {
  const keys = { encryptKey: "an encrypt key", verificationToken: "a token" };
  const request = signLark(larkDeleted({ open_id: "ou_1" }, { token: keys.verificationToken }), keys);
  const seen: unknown[] = [];
  const dispatcher = new EventDispatcher({ ...keys, loggerLevel: 0 }).register({
    "contact.user.deleted_v3": (data) => void seen.push(data.object?.open_id),
  });
  await dispatcher.invoke(Object.assign(Object.create({ headers: request.headers }), JSON.parse(request.body)));
  expect(seen).toEqual(["ou_1"]);
});

describe("standardwebhooks", () => {
  const secret = newApiSecret();
  const body = JSON.stringify({ userId: "lark:ou_1" });

  test("signs what we verify", () => {
    const signature = new Webhook(secret).sign("msg_1", now, body);
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(now.getTime() / 1000),
      "webhook-signature": signature,
    };
    const request = toRequest({ method: "POST", path: "/resignations", headers, body });
    const ring = { api: { keys: { zapier: [secret] } } };
    expect(gist(receiveWith(ring, orders, request, settings(), now))).toMatchObject({
      departures: [{ eventId: "zapier/msg_1", requestedBy: "zapier" }],
    });
  });

  test("verifies what send signs", () => {
    const { headers, body: sent } = signApi(
      { method: "POST", path: "/resignations", body: { userId: "lark:ou_1" } },
      secret,
    );
    expect(new Webhook(secret).verify(sent, headers)).toEqual({ userId: "lark:ou_1" });
  });
});
