/** Signs departures the way each sender does: for `npm run send`, the play and the tests. */
import { createCipheriv, createHash, createHmac, createPrivateKey, randomBytes, randomUUID, sign } from "node:crypto";

/** A request ready to be sent. */
export interface SignedRequest {
  readonly method: "GET" | "POST";
  /** Path and query. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface LarkKeys {
  readonly encryptKey?: string | undefined;
  readonly verificationToken?: string | undefined;
}

/** Lark's request around an event or a URL check: encrypted and signed where there is an encrypt key. */
export function signLark(
  content: object | string,
  { encryptKey }: LarkKeys,
  now = new Date(),
  isSigned = true,
): SignedRequest {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  if (encryptKey === undefined) return larkRequest(text, {});
  const body = JSON.stringify({ encrypt: encryptLark(text, encryptKey) });
  if (!isSigned) return larkRequest(body, {});
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const nonce = randomBytes(8).toString("hex");
  const signature = createHash("sha256")
    .update(timestamp + nonce + encryptKey + body)
    .digest("hex");
  return larkRequest(body, {
    "x-lark-request-timestamp": timestamp,
    "x-lark-request-nonce": nonce,
    "x-lark-signature": signature,
  });
}

const larkRequest = (body: string, headers: Record<string, string>): SignedRequest => ({
  method: "POST",
  path: "/lark",
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body,
});

export function encryptLark(content: string, encryptKey: string): string {
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", createHash("sha256").update(encryptKey).digest(), iv);
  return Buffer.concat([iv, cipher.update(content, "utf8"), cipher.final()]).toString("base64");
}

/** The event that Lark sends when somebody was removed. */
export function larkDeleted(
  ids: Record<string, unknown>,
  { token, eventId = randomUUID(), now = new Date() }: { token?: string | undefined; eventId?: string; now?: Date },
) {
  const header = { event_id: eventId, event_type: "contact.user.deleted_v3", create_time: String(now.getTime()) };
  return {
    schema: "2.0",
    header: { ...header, token, app_id: "cli_local", tenant_key: "local" },
    event: { object: { ...ids, status: { is_resigned: false } }, old_object: { department_ids: ["0"] } },
  };
}

export interface WechatworkKeys {
  readonly token: string;
  readonly encodingAesKey: string;
  readonly receiveId: string;
}

/** WeCom's callback around an event. */
export function signWechatwork(xml: string, keys: WechatworkKeys, now = new Date()): SignedRequest {
  const { encrypt, query } = sealWechatwork(xml, keys, now);
  const body = `<xml><ToUserName><![CDATA[${keys.receiveId}]]></ToUserName><Encrypt><![CDATA[${encrypt}]]></Encrypt><AgentID><![CDATA[]]></AgentID></xml>`;
  return { method: "POST", path: `/wechatwork?${query}`, headers: { "content-type": "text/xml" }, body };
}

/** WeCom's check of the URL, as it is made when an administrator presses Save. */
export function signWechatworkCheck(echo: string, keys: WechatworkKeys, now = new Date()): SignedRequest {
  const { encrypt, query } = sealWechatwork(echo, keys, now);
  const path = `/wechatwork?${query}&echostr=${encodeURIComponent(encrypt)}`;
  return { method: "GET", path, headers: {}, body: "" };
}

function sealWechatwork(message: string, keys: WechatworkKeys, now: Date) {
  const encrypt = encryptWechatwork(message, keys);
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const nonce = randomBytes(8).toString("hex");
  const signed = [keys.token, timestamp, nonce, encrypt].sort().join("");
  const signature = createHash("sha1").update(signed).digest("hex");
  return { encrypt, query: `msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce}` };
}

export function encryptWechatwork(message: string, { encodingAesKey, receiveId }: WechatworkKeys): string {
  const key = Buffer.from(`${encodingAesKey}=`, "base64");
  const bytes = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  const plain = Buffer.concat([randomBytes(16), length, bytes, Buffer.from(receiveId)]);
  const padding = 32 - (plain.length % 32);
  const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(padding, padding)), cipher.final()]).toString(
    "base64",
  );
}

/** The event that WeCom sends when a member was deleted. */
export function wechatworkDeleted(userId: string, corpId: string, now = new Date()): string {
  return [
    `<xml><ToUserName><![CDATA[${corpId}]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>`,
    `<CreateTime>${Math.floor(now.getTime() / 1000)}</CreateTime><MsgType><![CDATA[event]]></MsgType>`,
    "<Event><![CDATA[change_contact]]></Event><ChangeType><![CDATA[delete_user]]></ChangeType>",
    `<UserID><![CDATA[${userId}]]></UserID></xml>`,
  ].join("");
}

/** A request of Slack's: a form, signed with the app's signing secret. */
export function signSlack(
  path: string,
  form: Record<string, string>,
  signingSecret: string,
  now = new Date(),
): SignedRequest {
  const body = new URLSearchParams(form).toString();
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signature = createHmac("sha256", signingSecret).update(`v0:${timestamp}:${body}`).digest("hex");
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    "x-slack-request-timestamp": timestamp,
    "x-slack-signature": `v0=${signature}`,
  };
  return { method: "POST", path, headers, body };
}

export interface SlackUser {
  readonly team: string;
  readonly user: string;
}

/** `/resign …`, as somebody types it. */
export function slackCommand(command: string, { team, user }: SlackUser, replyUrl: string): Record<string, string> {
  const [word = "", ...rest] = command.split(" ");
  const who = {
    team_id: team,
    team_domain: "local",
    channel_id: "C0LOCAL",
    channel_name: "it",
    user_id: user,
    user_name: "local",
  };
  const app = { api_app_id: "A0LOCAL", token: "unused", trigger_id: randomUUID(), is_enterprise_install: "false" };
  return { ...who, ...app, command: word, text: rest.join(" "), response_url: replyUrl };
}

/** A click on one of a message's buttons. */
export function slackClick(
  actionId: string,
  value: string,
  { team, user }: SlackUser,
  replyUrl: string,
): Record<string, string> {
  const action = { type: "button", action_id: actionId, block_id: "b", value, action_ts: String(Date.now() / 1000) };
  const who = { user: { id: user, username: "local", team_id: team }, team: { id: team, domain: "local" } };
  return {
    payload: JSON.stringify({
      type: "block_actions",
      ...who,
      api_app_id: "A0LOCAL",
      trigger_id: randomUUID(),
      response_url: replyUrl,
      actions: [action],
    }),
  };
}

/**
 * Signs a request as Standard Webhooks has it. The key is a `whsec_` secret, or the private half of a `whpk_`
 * key in PKCS#8 PEM.
 */
export function signApi(
  request: { method: "GET" | "POST"; path: string; body?: unknown; headers?: Record<string, string> },
  key: string,
  { id = `msg_${randomUUID()}`, now = new Date() }: { id?: string; now?: Date } = {},
): SignedRequest {
  const body =
    request.body === undefined ? "" : typeof request.body === "string" ? request.body : JSON.stringify(request.body);
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signed = Buffer.from(`${id}.${timestamp}.${body}`);
  const signature = key.startsWith("whsec_")
    ? `v1,${createHmac("sha256", Buffer.from(key.slice("whsec_".length), "base64"))
        .update(signed)
        .digest("base64")}`
    : `v1a,${sign(null, signed, createPrivateKey(key)).toString("base64")}`;
  return {
    method: request.method,
    path: request.path,
    headers: {
      ...(body && { "content-type": "application/json" }),
      ...request.headers,
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": signature,
    },
    body,
  };
}

/** Sends a signed request to an address. */
export function send({ method, path, headers, body }: SignedRequest, address: string): Promise<Response> {
  return fetch(address.replace(/\/$/, "") + path, { method, headers, ...(body && { body }) });
}
