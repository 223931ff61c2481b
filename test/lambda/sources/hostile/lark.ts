import { createHash, createHmac } from "node:crypto";
import { encryptLark, larkDeleted, signLark } from "../../../../cli/sign.ts";
import type { Request } from "../../../../lambda/http.ts";
import { now, toRequest } from "../../../parts.ts";
import {
  almost,
  bitFlips,
  cuts,
  type Hostile,
  hexFlips,
  notJson,
  notObjects,
  notUtf8,
  oddSignatures,
  oddTimestamps,
  seconds,
  truncations,
  unusableIds,
  withBody,
  withHeaders,
} from "./parts.ts";

const encryptKey = "an encrypt key";
const verificationToken = "a token";
export const keys = { encryptKey: [encryptKey], verificationToken: [verificationToken] };

const deleted = larkDeleted({ open_id: "ou_1" }, { token: verificationToken, eventId: "e1", now });
const urlCheck = { type: "url_verification", challenge: "abc", token: verificationToken };
const good = toRequest(signLark(deleted, { encryptKey }, now));
const { "x-lark-signature": signature = "", "x-lark-request-nonce": nonce = "" } = good.headers;
const text = good.body.toString();
const check = toRequest(signLark(urlCheck, { encryptKey }, now, false));
export const accepted = [good, check];

/** Signed as Lark does, whatever it is. */
function sign(body: string | Uint8Array, timestamp = seconds, signedNonce = "nonce", key = encryptKey): Request {
  const digest = createHash("sha256")
    .update(timestamp + signedNonce + key)
    .update(body)
    .digest("hex");
  const headers = {
    "x-lark-request-timestamp": timestamp,
    "x-lark-request-nonce": signedNonce,
    "x-lark-signature": digest,
  };
  return withBody({ ...good, headers }, body);
}
const seal = (content: string, isSigned = true): Request => {
  const body = JSON.stringify({ encrypt: encryptLark(content, encryptKey) });
  return isSigned ? sign(body) : withBody({ ...good, headers: {} }, body);
};
const sealed = (content: unknown) => seal(JSON.stringify(content));
const unsigned = (body: string | Uint8Array) => withBody({ ...good, headers: {} }, body);
const digestOf = (algorithm: string, ...parts: string[]) => createHash(algorithm).update(parts.join("")).digest("hex");
const at = (ms: number) => new Date(now.getTime() + ms);

const proof = (name: string, request: Request, reason: string): Hostile => ({
  name,
  request,
  expected: `unauthorized: ${reason}`,
});
const signedWith = (value: string) => withHeaders(good, { "x-lark-signature": value });
const encrypted = Buffer.from(JSON.parse(check.body.toString()).encrypt, "base64");
const checkOf = (bytes: Uint8Array) => unsigned(JSON.stringify({ encrypt: Buffer.from(bytes).toString("base64") }));

export const cases: Hostile[] = [
  ...hexFlips(signature).map((value, index) =>
    proof(`signature, digit ${index} changed`, signedWith(value), "signature"),
  ),
  ...cuts(signature).map((value) => proof(`signature cut to ${value.length}`, signedWith(value), "signature form")),
  ...oddSignatures(signature).map(([name, value]) => proof(`signature ${name}`, signedWith(value), "signature form")),
  ...bitFlips(good.body, 60).map((body, index) => proof(`body, bit flip ${index}`, withBody(good, body), "signature")),
  ...truncations(good.body, 30).map((body) => proof(`body cut to ${body.length}`, withBody(good, body), "signature")),
  ...almost(text).map(([name, body]) => proof(`body ${name}`, withBody(good, body), "signature")),
  proof("body with a second key", withBody(good, text.replace("{", '{"encrypt":"x",')), "signature"),
  proof("body serialised anew", withBody(good, JSON.stringify(JSON.parse(text), null, 1)), "signature"),

  ...cuts(nonce).map((value) =>
    proof(`nonce cut to ${value.length}`, withHeaders(good, { "x-lark-request-nonce": value }), "signature"),
  ),
  proof("nonce twice", withHeaders(good, { "x-lark-request-nonce": `${nonce},${nonce}` }), "signature"),
  proof("nonce missing", withHeaders(good, { "x-lark-request-nonce": undefined }), "signature"),
  proof(
    "timestamp and nonce swapped",
    withHeaders(good, { "x-lark-request-timestamp": nonce, "x-lark-request-nonce": seconds }),
    "signature",
  ),
  proof("timestamp missing", withHeaders(good, { "x-lark-request-timestamp": undefined }), "signature"),
  ...Array.from({ length: 10 }, (_, index) =>
    proof(
      `${10 - index} digits moved from timestamp to nonce`,
      withHeaders(good, {
        "x-lark-request-timestamp": seconds.slice(0, index),
        "x-lark-request-nonce": seconds.slice(index) + nonce,
      }),
      "timestamp form",
    ),
  ),
  ...oddTimestamps.map((value) =>
    proof(`timestamp ${JSON.stringify(value)}, signed`, sign(text, value), "timestamp form"),
  ),
  ...[11, 12, 13, 14, 16].map((length) =>
    proof(`timestamp of ${length} digits, signed`, sign(text, seconds.padEnd(length, "0")), "timestamp form"),
  ),
  ...[86_400_001, 86_401_000, 172_800_000, 365 * 86_400_000, -86_400_001, -172_800_000].map((ms) => ({
    ...proof(`replayed ${ms} ms later`, sign(text), "timestamp"),
    at: at(ms),
  })),

  ...[
    "",
    " ",
    verificationToken,
    ` ${encryptKey}`,
    `${encryptKey} `,
    encryptKey.toUpperCase(),
    digestOf("sha256", encryptKey),
    "key",
  ].map((key) => proof(`signed with ${JSON.stringify(key)}`, sign(text, seconds, "nonce", key), "signature")),
  ...[
    [
      "HMAC-SHA256",
      createHmac("sha256", encryptKey)
        .update(seconds + nonce + text)
        .digest("hex"),
    ],
    [
      "HMAC-SHA256 of all",
      createHmac("sha256", encryptKey)
        .update(seconds + nonce + encryptKey + text)
        .digest("hex"),
    ],
    ["the key in front", digestOf("sha256", encryptKey, seconds, nonce, text)],
    ["the key behind", digestOf("sha256", seconds, nonce, text, encryptKey)],
    ["no key", digestOf("sha256", seconds, nonce, text)],
    ["no body", digestOf("sha256", seconds, nonce, encryptKey)],
    ["the body alone", digestOf("sha256", text)],
    ["what was encrypted", digestOf("sha256", seconds, nonce, encryptKey, JSON.stringify(deleted))],
    ["SHA-512, cut", digestOf("sha512", seconds, nonce, encryptKey, text).slice(0, 64)],
    ["SHA3-256", digestOf("sha3-256", seconds, nonce, encryptKey, text)],
    ["SHA-256 twice", createHash("sha256").update(Buffer.from(signature, "hex")).digest("hex")],
  ].map(([name, value = ""]) => proof(`signature by ${name}`, signedWith(value), "signature")),
  ...["sha1", "md5"].map((name) =>
    proof(`signature by ${name}`, signedWith(digestOf(name, seconds, nonce, encryptKey, text)), "signature form"),
  ),

  proof("an event without its signature", withHeaders(good, { "x-lark-signature": undefined }), "signature missing"),
  proof(
    "a URL check that is none",
    seal(JSON.stringify({ ...urlCheck, type: "url_verification " }), false),
    "signature missing",
  ),
  proof(
    "a URL check with a list of types",
    seal(JSON.stringify({ ...urlCheck, type: ["url_verification"] }), false),
    "signature missing",
  ),
  {
    name: "an event that says it is a URL check too",
    request: seal(JSON.stringify({ ...deleted, type: "url_verification" }), false),
    expected: "malformed",
  },
  proof("a plain URL check", unsigned(JSON.stringify(urlCheck)), "not encrypted, though an encryptKey is set"),
  ...notJson.map((body) => proof(`unsigned ${JSON.stringify(body.slice(0, 20))}`, unsigned(body), "json")),
  ...notObjects.map((body) => proof(`unsigned ${body.slice(0, 20)}`, unsigned(body), "json")),
  ...notUtf8.map((body) => proof(`unsigned, not UTF-8: ${body.toString("hex")}`, unsigned(body), "json")),
  ...[
    null,
    1,
    true,
    {},
    [],
    ["x"],
    "",
    "x",
    "====",
    "AAAA",
    Buffer.alloc(16).toString("base64"),
    Buffer.alloc(40).toString("base64"),
  ].map((encrypt) =>
    proof(`unsigned, encrypt ${JSON.stringify(encrypt)}`, unsigned(JSON.stringify({ encrypt })), "decryption"),
  ),
  ...truncations(encrypted, 20).map((bytes) =>
    proof(`URL check, ciphertext cut to ${bytes.length}`, checkOf(bytes), "decryption"),
  ),
  // CBC without a signature: a bit of the IV changes the first 16 characters at will. Nothing but a URL check passes so.
  ...bitFlips(encrypted.subarray(0, 16), 16).map((iv, index) => ({
    ...proof(`URL check, bit flip ${index} in the IV`, checkOf(Buffer.concat([iv, encrypted.subarray(16)])), ""),
    expected: /^unauthorized: (decryption|signature missing)$/,
  })),
  ...["url-safe", "with a line end", "with a space", "without its padding"].map((name) => {
    const base64 = Buffer.concat([encrypted, encrypted.subarray(0, 16)]).toString("base64");
    const odd = {
      "url-safe": base64.replaceAll("=", "").replaceAll(/[+/]/g, "-"),
      "with a line end": `${base64}\n`,
      "with a space": ` ${base64}`,
      "without its padding": base64.replaceAll("=", ""),
    }[name];
    return proof(
      `URL check, base64 ${name}`,
      unsigned(JSON.stringify({ encrypt: `${odd}-`.slice(0, -1) })),
      "decryption",
    );
  }),
  ...["", "x", "A TOKEN", "a token ", "a toke", null, 1, ["a token"], { toString: "a token" }, undefined].flatMap(
    (token) => [
      proof(
        `URL check, token ${JSON.stringify(token)}`,
        seal(JSON.stringify({ ...urlCheck, token }), false),
        "verification token",
      ),
      proof(
        `event, token ${JSON.stringify(token)}`,
        sealed({ ...deleted, header: { ...deleted.header, token } }),
        "verification token",
      ),
    ],
  ),
  proof(
    "event 2.0 with the token of 1.0",
    sealed({ ...deleted, token: verificationToken, header: { ...deleted.header, token: "x" } }),
    "verification token",
  ),
  ...[null, [], "x", undefined].map((header) =>
    proof(
      `event 2.0, header ${JSON.stringify(header)}`,
      sealed({ ...deleted, token: verificationToken, header }),
      "verification token",
    ),
  ),
  ...[undefined, null, 1, true, ["abc"], {}].map((challenge) => ({
    name: `URL check, challenge ${JSON.stringify(challenge)}`,
    request: seal(JSON.stringify({ ...urlCheck, challenge }), false),
    expected: "malformed",
  })),

  ...notJson.map((body) => ({
    name: `signed ${JSON.stringify(body.slice(0, 20))}`,
    request: sign(body),
    expected: "malformed",
  })),
  ...notObjects.map((body) => ({ name: `signed ${body.slice(0, 20)}`, request: sign(body), expected: "malformed" })),
  ...notUtf8.map((body) => ({
    name: `signed, not UTF-8: ${body.toString("hex")}`,
    request: sign(body),
    expected: "malformed",
  })),
  ...[null, 1, "", "x", [], {}].map((encrypt) =>
    proof(`signed, encrypt ${JSON.stringify(encrypt)}`, sign(JSON.stringify({ encrypt })), "decryption"),
  ),
  proof(
    "signed, encrypted with another key",
    sign(JSON.stringify({ encrypt: encryptLark(JSON.stringify(deleted), "x") })),
    "decryption",
  ),
  ...(
    [
      [{ event_id: "" }, "no event id"],
      [{ event_id: 1 }, "no event id"],
      [{ event_id: null }, "no event id"],
      [{ event_id: undefined }, "no event id"],
      [{ event_type: 1 }, "no type"],
      [{ event_type: undefined }, "no type"],
    ] as const
  ).map(([fields, keptAs]) => ({
    name: `event 2.0, header ${Object.entries(fields)}`,
    request: sealed({ ...deleted, header: { ...deleted.header, ...fields } }),
    expected: `kept: ${keptAs}`,
  })),
  ...["x", 1, true, { object: 1 }, { object: "x" }, { object: { status: 1 } }, { old_object: "x" }].map((event) => ({
    name: `event 2.0, event ${JSON.stringify(event)}`,
    request: sealed({ ...deleted, event }),
    expected: "kept: no open_id",
  })),
  ...(
    [
      [{ uuid: "" }, "no event id"],
      [{ uuid: 1 }, "no event id"],
      [{ uuid: undefined }, "no event id"],
      [{ event: undefined }, "no type"],
      [{ event: {} }, "no type"],
      [{ event: { type: 1 } }, "no type"],
    ] as const
  ).map(([fields, keptAs]) => ({
    name: `event 1.0, ${Object.entries(fields).map(([name, value]) => `${name} ${JSON.stringify(value)}`)}`,
    request: sealed({
      uuid: "u",
      ts: seconds,
      token: verificationToken,
      event: { type: "user_leave", open_id: "ou_1" },
      ...fields,
    }),
    expected: `kept: ${keptAs}`,
  })),
  ...[undefined, "", "cli_other", "CLI_LOCAL", "cli_local "].map((app_id) => ({
    ...proof(
      `event of the app ${JSON.stringify(app_id)}`,
      sealed({ ...deleted, header: { ...deleted.header, app_id } }),
      "app id",
    ),
    changes: { lark: { appId: "cli_local" } },
  })),
  ...["u1", "on_1", "OU_1", "xou_1", "o_1"].map((open_id) => ({
    name: `departure of the open id ${open_id}`,
    request: sealed({ ...deleted, event: { object: { open_id } } }),
    expected: "kept: another id than open_id",
  })),
  ...[...unusableIds, undefined, null, 1, true, {}, ["ou_1"]].map((open_id) => ({
    name: `departure of ${JSON.stringify(open_id)}`,
    request: sealed({ ...deleted, event: { object: { open_id } } }),
    expected: "kept: no open_id",
  })),
];
