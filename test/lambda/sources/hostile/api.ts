import { createHash, createHmac, createPrivateKey, sign as signBytes } from "node:crypto";
import { signApi } from "../../../../cli/sign.ts";
import type { Request } from "../../../../lambda/http.ts";
import { newApiKeyPair, newApiSecret } from "../../../../local/stack.ts";
import { now, toRequest } from "../../../parts.ts";
import {
  almost,
  bitFlips,
  cuts,
  type Hostile,
  notJson,
  notObjects,
  notUtf8,
  oddTimestamps,
  seconds,
  truncations,
  unusableIds,
  withBody,
  withHeaders,
} from "./parts.ts";

const secret = newApiSecret();
const opsSecret = newApiSecret();
const pair = newApiKeyPair();
const stranger = newApiKeyPair();
export const keys = { zapier: [secret], n8n: [pair.publicKey], ops: [opsSecret] };

const id = "msg_1";
const order = { method: "POST", path: "/resignations", body: { userId: "lark:ou_1" } } as const;
const good = toRequest(signApi(order, secret, { id, now }));
const text = good.body.toString();
const ed25519 = toRequest(signApi(order, pair.privateKey, { id, now }));
const approval: Request = {
  ...toRequest(signApi({ ...order, body: { operator: "alice" } }, opsSecret, { id, now })),
  ...{ route: "POST /resignations/{id}/approve", id: "res_1" },
};
const listing: Request = toRequest(signApi({ method: "GET", path: "/resignations?limit=5" }, opsSecret, { id, now }));
export const accepted = [good, ed25519, approval, listing];

const hmac = (key: string | Buffer, content: string | Uint8Array, algorithm = "sha256") =>
  createHmac(algorithm, key).update(content).digest("base64");
const keyBytes = Buffer.from(secret.slice("whsec_".length), "base64");
const base = `${id}.${seconds}.${text}`;
const bytes = Buffer.from(hmac(keyBytes, base), "base64");
const edBytes = signBytes(null, Buffer.from(base), createPrivateKey(pair.privateKey));

/** Signed as Standard Webhooks has it, whatever it is. */
function sign(
  request: Request,
  body: string | Uint8Array,
  given: { id?: string; timestamp?: string; key?: string } = {},
): Request {
  const { id: messageId = id, timestamp = seconds, key = secret } = given;
  const signed = Buffer.concat([Buffer.from(`${messageId}.${timestamp}.`), Buffer.from(body as string)]);
  const headers = {
    "webhook-id": messageId,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${hmac(Buffer.from(key.slice("whsec_".length), "base64"), signed)}`,
  };
  return withBody(withHeaders(request, headers), body);
}
const ordered = (content: unknown) => sign(good, JSON.stringify(content));
const acted = (content: unknown, key = opsSecret) => sign(approval, JSON.stringify(content), { key });
const asked = (rawQuery: string): Request => ({ ...listing, rawQuery });

const proof = (name: string, request: Request, reason: string): Hostile => ({
  name,
  request,
  expected: `unauthorized: ${reason}`,
});
/** What shows in the request alone is said to everybody. */
const bad = (name: string, request: Request): Hostile => ({ name, request, expected: "bad_header" });
/** What claims to be a signature is a wrong one; what does not has another form. */
const form = (name: string, value: string | undefined): Hostile =>
  /(?:^|[\s,])v1a?,/.test(value ?? "")
    ? proof(name, signedWith(value), "webhook-signature form")
    : bad(name, signedWith(value));
const signedWith = (value: string | undefined) => withHeaders(good, { "webhook-signature": value });
const changed = (given: Buffer, at: number, bit = at % 8) => {
  const copy = Buffer.from(given);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy.toString("base64");
};
const base64 = bytes.toString("base64");

/** The group's order: a careless verifier of Ed25519 takes S + L as well as S. */
const groupOrder = 2n ** 252n + 27742317777372353535851937790883648493n;
function malleated(given: Buffer): string {
  const s = BigInt(`0x${Buffer.from(given.subarray(32)).reverse().toString("hex")}`) + groupOrder;
  const raised = Buffer.from(s.toString(16).padStart(64, "0"), "hex").reverse();
  return Buffer.concat([given.subarray(0, 32), raised]).toString("base64");
}

const odd = [
  ".",
  "m.1",
  "msg 1",
  "msg\n1",
  "msg,1",
  "msg/1",
  "msg:1",
  "msg+1",
  "msg=1",
  "msg%31",
  "мsg",
  "msg\u0000",
  "../x",
  "a".repeat(257),
  "",
];

export const cases: Hostile[] = [
  ...Array.from({ length: 32 }, (_, at) =>
    proof(`signature, byte ${at} changed`, signedWith(`v1,${changed(bytes, at)}`), "signature"),
  ),
  ...Array.from({ length: 64 }, (_, at) =>
    proof(
      `Ed25519 signature, byte ${at} changed`,
      withHeaders(ed25519, { "webhook-signature": `v1a,${changed(edBytes, at)}` }),
      "signature",
    ),
  ),
  proof(
    "Ed25519 signature with another S",
    withHeaders(ed25519, { "webhook-signature": `v1a,${malleated(edBytes)}` }),
    "signature",
  ),
  proof(
    "Ed25519 signature of zeros",
    withHeaders(ed25519, { "webhook-signature": `v1a,${Buffer.alloc(64).toString("base64")}` }),
    "signature",
  ),
  proof("Ed25519 signature of a stranger", toRequest(signApi(order, stranger.privateKey, { id, now })), "signature"),
  ...cuts(`v1,${base64}`).map((value) => form(`signature cut to ${value.length}`, value)),
  ...[
    `${base64}=`,
    `${base64}A`,
    `${base64}\n`,
    base64.replace("=", ""),
    base64.replaceAll(/[+/]/g, "-").replace("=", "-"),
    `${base64.slice(0, 8)} ${base64.slice(8)}`,
    bytes.toString("hex"),
    bytes.toString("latin1"),
    `${base64},`,
    `,${base64}`,
    `"${base64}"`,
    bytes.subarray(1).toString("base64"),
    Buffer.concat([bytes, bytes]).toString("base64"),
    edBytes.toString("base64"),
  ].map((value, index) =>
    proof(`signature v1, of odd form ${index}`, signedWith(`v1,${value}`), "webhook-signature form"),
  ),
  // The two bits of a last letter that stand for nothing: another text for the same bytes.
  proof("signature v1, base64 that is not canonical", signedWith(`v1,${nextLetter(base64)}`), "webhook-signature form"),
  ...["", "v1", "v1 ", "V1,", "v0,", "v2,", "v10,", "v1a,", "v1b,", "1,", "v1=", "v1:", "v1;", "t=1,v1="].map(
    (version) => form(`version ${JSON.stringify(version)}`, version + base64),
  ),
  ...[undefined, " ", ",", ", ,", "null", "v1,", "v1, v1,", `v1,${base64}`.replaceAll(",", "\t")].map((value, index) =>
    form(`signature of no form ${index}`, value),
  ),
  proof(
    "a hundred wrong signatures",
    signedWith(Array.from({ length: 100 }, (_, index) => `v1,${changed(bytes, index % 32)}`).join(" ")),
    "signature",
  ),
  proof(
    "an HMAC with the public key as its secret",
    signedWith(`v1,${hmac(Buffer.from(pair.publicKey.slice(5), "base64"), base)}`),
    "signature",
  ),
  proof("an HMAC with the public key's text", signedWith(`v1,${hmac(pair.publicKey, base)}`), "signature"),
  proof(
    "an HMAC under the version of Ed25519, twice as long",
    signedWith(`v1a,${Buffer.concat([bytes, bytes]).toString("base64")}`),
    "signature",
  ),
  ...(
    [
      ["the secret's text", hmac(secret, base)],
      ["the base64 of the secret", hmac(secret.slice(6), base)],
      ["no secret", hmac("", base)],
      ["another's secret", hmac(newApiSecret(), base)],
      ["the secret, of the body alone", hmac(keyBytes, text)],
      ["the secret, without the id", hmac(keyBytes, `${seconds}.${text}`)],
      ["the secret, without the timestamp", hmac(keyBytes, `${id}.${text}`)],
      ["the secret, with colons", hmac(keyBytes, `${id}:${seconds}:${text}`)],
      ["the secret, in another order", hmac(keyBytes, `${seconds}.${id}.${text}`)],
      ["the secret, with SHA3", hmac(keyBytes, base, "sha3-256")],
      [
        "the secret, with SHA-512 cut",
        Buffer.from(hmac(keyBytes, base, "sha512"), "base64")
          .subarray(0, 32)
          .toString("base64"),
      ],
      [
        "a hash",
        createHash("sha256")
          .update(Buffer.concat([keyBytes, Buffer.from(base)]))
          .digest("base64"),
      ],
    ] as const
  ).map(([name, value]) => proof(`signed with ${name}`, signedWith(`v1,${value}`), "signature")),
  ...bitFlips(good.body, 23).map((body, index) => proof(`body, bit flip ${index}`, withBody(good, body), "signature")),
  ...truncations(good.body, 20).map((body) => proof(`body cut to ${body.length}`, withBody(good, body), "signature")),
  ...almost(text).map(([name, body]) => proof(`body ${name}`, withBody(good, body), "signature")),
  proof("body serialised anew", withBody(good, '{ "userId": "lark:ou_1" }'), "signature"),
  ...odd.map((messageId) =>
    bad(`webhook-id ${JSON.stringify(messageId.slice(0, 10))}`, sign(good, text, { id: messageId })),
  ),
  bad("webhook-id missing", withHeaders(good, { "webhook-id": undefined })),
  bad("webhook-id twice", withHeaders(good, { "webhook-id": `${id},${id}` })),
  ...["msg_2", "MSG_1", "msg_", "msg_11"].map((other) =>
    proof(`webhook-id ${other} with another's signature`, withHeaders(good, { "webhook-id": other }), "signature"),
  ),
  ...oddTimestamps
    .filter((value) => value !== "0" && value !== seconds.slice(0, 9))
    .map((timestamp) => bad(`timestamp ${JSON.stringify(timestamp)}, signed`, sign(good, text, { timestamp }))),
  ...["0", seconds.slice(0, 9), `${seconds}0`, `${seconds}00`].map((timestamp) => ({
    name: `timestamp ${timestamp}, signed`,
    request: sign(good, text, { timestamp }),
    expected: "clock_off",
  })),
  bad("timestamp missing", withHeaders(good, { "webhook-timestamp": undefined })),
  proof("timestamp with another's signature", withHeaders(good, { "webhook-timestamp": "1795485601" }), "signature"),
  ...[300_001, 301_000, 86_400_000, -300_001, -301_000].map((ms) => ({
    ...{ name: `replayed ${ms} ms later`, request: good, expected: "clock_off" },
    at: new Date(now.getTime() + ms),
  })),

  ...notJson.map((body) => ({
    name: `order ${JSON.stringify(body.slice(0, 20))}`,
    request: sign(good, body),
    expected: "malformed",
  })),
  ...notObjects.map((body) => ({
    name: `order ${body.slice(0, 20)}`,
    request: sign(good, body),
    expected: "malformed",
  })),
  ...notUtf8.map((body) => ({
    name: `order, not UTF-8: ${body.toString("hex")}`,
    request: sign(good, body),
    expected: "malformed",
  })),
  ...[
    {},
    { userid: "lark:ou_1" },
    { userId: "lark:ou_1", extra: 1 },
    { userId: "lark:ou_1", provider: "lark" },
    { userId: "lark:ou_1", userIdInIdp: "ou_1" },
    { provider: "lark" },
    { userIdInIdp: "ou_1" },
    { provider: 1, userIdInIdp: "ou_1" },
    { userId: "lark:ou_1", reason: 1 },
    { userId: "lark:ou_1", reason: "x".repeat(501) },
    { userId: "lark:ou_1", propose: "yes" },
    ...[
      "yesterday",
      "2026-11-24",
      "2026-11-24T02:00:00",
      "2026-13-01T00:00:00Z",
      "2026-02-30T00:00:00Z",
      "1795485600",
      1795485600,
      "Tue, 24 Nov 2026 02:00:00 GMT",
    ].map((occurredAt) => ({ userId: "lark:ou_1", occurredAt })),
  ].map((content) => ({
    name: `order ${JSON.stringify(content).slice(0, 80)}`,
    request: ordered(content),
    expected: "malformed",
  })),
  {
    name: 'order {"__proto__": …}',
    request: sign(good, '{"__proto__":{"userId":"lark:ou_1"}}'),
    expected: "malformed",
  },
  {
    name: "an order of 6 minutes ahead",
    request: ordered({ userId: "lark:ou_1", occurredAt: "2026-11-24T02:06:00Z" }),
    expected: "occurred_in_future",
  },
  ...[
    ...[
      "lark",
      "lark:",
      ":",
      ":ou_1",
      "okta:ou_1",
      "LARK:ou_1",
      "lark ou_1",
      "lark;ou_1",
      "lark\uff1aou_1",
      "__proto__:x",
      "constructor:x",
      1,
      0,
      null,
      true,
      [],
      ["lark:ou_1"],
      {},
      { toString: "lark:ou_1" },
    ],
    ...unusableIds.map((one) => `lark:${one}`),
  ].map((userId) => ({
    name: `order for ${JSON.stringify(userId).slice(0, 40)}`,
    request: ordered({ userId }),
    expected: "invalid_user_id",
  })),
  ...[...unusableIds.slice(1), 1, null, ["ou_1"]].map((userIdInIdp) => ({
    name: `order for lark's ${JSON.stringify(userIdInIdp).slice(0, 40)}`,
    request: ordered({ provider: "lark", userIdInIdp }),
    expected: "invalid_user_id",
  })),
  ...[
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/html",
    "text/xml",
    "application/xml",
    "image/png",
    "application/jsonx",
    "xapplication/json",
    "json",
    "application/json, text/html",
  ].map((type) => ({
    name: `order as ${type}`,
    request: withHeaders(good, { "content-type": type }),
    expected: "unsupported_media_type",
  })),
  {
    name: "a proposal by no operator",
    request: ordered({ userId: "lark:ou_1", propose: true }),
    expected: "forbidden",
  },

  ...[
    "status=gone",
    "status=",
    "status=HELD",
    "limit=0",
    "limit=-1",
    "limit=101",
    "limit=1.5",
    "limit=1e9",
    "limit=x",
    "since=yesterday",
    "since=2026-13-01",
    "userId=",
    "user=1",
    "a",
    "limit=5&limit=6",
    "x=%",
    "status[]=held",
    "__proto__=1",
  ].map((query) => ({
    name: `list ${query}`,
    request: asked(query),
    expected: "malformed",
  })),
  {
    name: "list by no operator",
    request: { ...sign(listing, "", { key: secret }), rawQuery: "" },
    expected: "forbidden",
  },
  ...[
    {},
    { operator: "" },
    { operator: 1 },
    { operator: null },
    { operator: "a".repeat(101) },
    { operator: "alice", reason: 1 },
    { operator: "alice", reason: "x".repeat(501) },
    { operator: "alice", id: "res_2" },
    { operator: "alice", heldFor: "nothing" },
    [],
    "alice",
  ].map((content) => ({
    name: `approve with ${JSON.stringify(content).slice(0, 40)}`,
    request: acted(content),
    expected: "malformed",
  })),
  { name: "approve by no operator", request: acted({ operator: "ops" }, secret), expected: "forbidden" },
  { ...proof("approve with the signature of an order", withHeaders(approval, good.headers), "signature") },
];

function nextLetter(given: string): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const at = given.length - 2;
  return `${given.slice(0, at)}${letters[letters.indexOf(given[at] ?? "") + 1]}=`;
}
