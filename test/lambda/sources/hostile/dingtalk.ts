import { createHash, createHmac } from "node:crypto";
import type { Request } from "../../../../lambda/http.ts";
import {
  aesKey,
  check,
  encrypt,
  encrypted,
  envelope,
  event,
  frame,
  good,
  left,
  nonce,
  padded,
  queryOf,
  receiver,
  seal,
  sha1,
  signature,
  signatureOf,
  signed,
  timestamp,
  token,
} from "./dingtalk-signer.ts";
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
} from "./parts.ts";

export { keys } from "./dingtalk-signer.ts";

export const accepted = [good, signed(encrypted, seconds), check];

const proof = (name: string, request: Request, reason: string): Hostile => ({
  ...{ name, request, expected: `unauthorized: ${reason}` },
});
const asked = (given: Record<string, string>): Request => ({ ...good, rawQuery: queryOf(given) });
const both = (value: string) => asked({ signature: value, msg_signature: value });
const withQuery = (change: (query: string) => string): Request => ({ ...good, rawQuery: change(good.rawQuery) });
const unopened = (name: string, text: string) => proof(name, signed(text), "decryption");
const kept = (name: string, message: string | Buffer, reason: string): Hostile => ({
  ...{ name, request: signed(encrypt(message)), expected: `kept: ${reason}` },
});

const body = Buffer.from(`{}${receiver}`);
const whole = frame(2, body);
const bytes = Buffer.from(encrypted, "base64");
const values = [token, timestamp, nonce, encrypted];

const ofQuery: Hostile[] = [
  ...hexFlips(signature).map((value, index) => proof(`signature, digit ${index} changed`, both(value), "signature")),
  ...cuts(signature).map((value) => proof(`signature cut to ${value.length}`, both(value), "query")),
  ...oddSignatures(signature).map(([name, value]) => proof(`signature ${name}`, both(value), "query")),
  ...oddTimestamps
    .filter(Boolean)
    .map((at) => proof(`timestamp ${JSON.stringify(at)}, signed`, signed(encrypted, at), "timestamp form")),
  ...[11, 12, 14, 16].map((length) =>
    proof(`timestamp of ${length} digits, signed`, signed(encrypted, seconds.padEnd(length, "0")), "timestamp form"),
  ),
  ...["\0", "a\n", "\u00e9", "\u7f16", "n".repeat(65), "n".repeat(200), `${nonce}\u200b`].map((by) =>
    proof(
      `nonce ${JSON.stringify(by.slice(0, 9))}, ${by.length}, signed`,
      signed(encrypted, timestamp, by),
      "nonce form",
    ),
  ),
  ...cuts(nonce)
    .slice(1)
    .map((by) => proof(`nonce cut to ${by.length}`, asked({ nonce: by }), "signature")),
  ...["timestamp", "nonce"].flatMap((name) => [
    proof(`${name} empty`, asked({ [name]: "" }), "query"),
    proof(
      `${name} missing`,
      withQuery((query) => query.replace(name, "other")),
      "query",
    ),
    proof(
      `${name} in capitals`,
      withQuery((query) => query.replace(name, name.toUpperCase())),
      "query",
    ),
  ]),
  ...["timestamp", "nonce", "signature", "msg_signature"].flatMap((name) => [
    proof(
      `${name} twice`,
      withQuery((query) => `${query}&${name}=x`),
      "query",
    ),
    proof(
      `${name} twice, once encoded`,
      withQuery((query) => `${query}&%${name.charCodeAt(0).toString(16)}${name.slice(1)}=x`),
      "query",
    ),
  ]),
  ...["", signature.slice(1), signature.toUpperCase(), "0".repeat(40)].map((wrong, index) =>
    proof(
      `msg_signature wrong beside a right signature, ${index}`,
      asked({ msg_signature: wrong }),
      index < 3 ? "query" : "signature",
    ),
  ),
  proof(
    "no signature at all",
    withQuery((query) => query.replaceAll("signature", "other")),
    "query",
  ),
  proof("timestamp and nonce swapped", asked({ timestamp: nonce, nonce: timestamp }), "timestamp form"),
  ...Array.from({ length: 9 }, (_, index) =>
    proof(
      `${index + 1} letters moved from timestamp to nonce`,
      asked({ timestamp: timestamp.slice(0, -1 - index), nonce: timestamp.slice(-1 - index) + nonce }),
      index === 2 ? "signature" : "timestamp form",
    ),
  ),
  ...["%", "%E0%A4%A", "%zz", "%u0061"].map((odd) =>
    proof(
      `a bad escape: ${odd}`,
      withQuery((query) => `${query}&x=${odd}`),
      "query",
    ),
  ),
  ...["", "?", "&&&", "=", "signature", "a;b"].map((rawQuery) =>
    proof(`query ${JSON.stringify(rawQuery)}`, { ...good, rawQuery }, "query"),
  ),
];

const ofSignature: Hostile[] = [
  ...["x", "aToken ", " aToken", "ATOKEN", "", aesKey].map((other) =>
    proof(`signed with ${JSON.stringify(other)}`, both(signatureOf(encrypted, timestamp, other)), "signature"),
  ),
  ...(
    [
      ["not sorted", sha1(values)],
      ["sorted backwards", sha1(values.toSorted().reverse())],
      ["sorted as a dictionary is", sha1(values.toSorted((a, b) => b.localeCompare(a, "en")))],
      ["joined with a comma", sha1([values.toSorted().join(",")])],
      ["without the text", sha1(values.slice(0, 3).sort())],
      ["without the token", sha1(values.slice(1).sort())],
      ["over the message", sha1([token, timestamp, nonce, left].sort())],
      ["HMAC-SHA1", createHmac("sha1", token).update(values.slice(1).sort().join("")).digest("hex")],
      ["SHA-256, cut", createHash("sha256").update(values.toSorted().join("")).digest("hex").slice(0, 40)],
    ] as const
  ).map(([name, value]) => proof(`signature ${name}`, both(value), "signature")),
];

const ofBody: Hostile[] = [
  ...bitFlips(Buffer.from(encrypted), 40).map((text, index) => ({
    ...{ name: `encrypt, bit flip ${index}`, request: withBody(good, envelope(text.toString("latin1"))) },
    expected: "unauthorized: signature",
  })),
  ...truncations(Buffer.from(encrypted), 20)
    .slice(1)
    .map((text) => proof(`encrypt cut to ${text.length}`, withBody(good, envelope(text.toString())), "signature")),
  ...[...notJson, ...notObjects].map((text, index) =>
    proof(`body ${index}: ${JSON.stringify(text.slice(0, 20))}`, withBody(good, text), "envelope"),
  ),
  ...notUtf8.map((odd) => proof(`body, not UTF-8: ${odd.toString("hex")}`, withBody(good, odd), "envelope")),
  ...["null", "7", "true", "[]", "{}", '""', `["${encrypted}"]`, `{"encrypt":"${encrypted}"}`].map((value) =>
    proof(`encrypt is ${value.slice(0, 12)}`, withBody(good, `{"encrypt":${value}}`), "envelope"),
  ),
  ...["Encrypt", "ENCRYPT", "encrypt ", "data", "__proto__"].map((name) =>
    proof(`encrypt is called ${name}`, withBody(good, JSON.stringify({ [name]: encrypted })), "envelope"),
  ),
  proof(
    "encrypt twice, a foreign one last",
    withBody(good, `{"encrypt":"${encrypted}","encrypt":"AAAA"}`),
    "signature",
  ),
  proof("the event itself", withBody(good, left), "envelope"),
  proof("the signature of the check", { ...good, rawQuery: check.rawQuery }, "signature"),
];

const ofFrame: Hostile[] = [
  ...[
    "dingcorp",
    "",
    "ding",
    "dingclientt",
    "DINGCLIENT",
    "dingclient ",
    " dingclient",
    "dingclient\0",
    "dingclient\n",
  ].map((to) => proof(`for the receiver ${JSON.stringify(to)}`, signed(encrypt(left, to)), "ownerKey")),
  ...["b".repeat(43), aesKey.toLowerCase(), aesKey.replace("a", "b")].map((other) =>
    unopened(`encrypted with ${other.slice(0, 6)}…, ${other.slice(-3)}`, encrypt(left, receiver, other)),
  ),
  ...bitFlips(bytes.subarray(-16), 16).map((last, index) =>
    unopened(`last block, bit flip ${index}`, Buffer.concat([bytes.subarray(0, -16), last]).toString("base64")),
  ),
  ...Array.from({ length: bytes.length / 16 - 1 }, (_, blocks) =>
    unopened(`ciphertext of ${blocks + 1} blocks`, bytes.subarray(0, 16 * (blocks + 1)).toString("base64")),
  ),
  ...Array.from({ length: 31 }, (_, more) =>
    unopened(`ciphertext of ${33 + more} bytes`, bytes.subarray(0, 33 + more).toString("base64")),
  ),
  ...[-2, -1, 1, 2, 9, 10].map((off) =>
    proof(`a length that is off by ${off}`, signed(seal(padded(frame(2 + off, body)))), "ownerKey"),
  ),
  ...[11, 33, 64, 256, 65_536, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 3].map((more) =>
    unopened(`a length of ${more} more`, seal(padded(frame(2 + more, body)))),
  ),
  ...[0, 33, 34, 64, 128, 255].map((fill) => unopened(`padding of ${fill}`, seal(padded(whole, fill)))),
  ...Array.from({ length: 31 - (whole.length % 32) }, (_, index) => {
    const plain = padded(whole);
    plain[whole.length + index] = 0;
    return unopened(`padding, byte ${index} wrong`, seal(plain));
  }),
  unopened("nothing but padding", seal(Buffer.alloc(32, 32))),
  unopened("a frame of 19 bytes", seal(padded(Buffer.alloc(19, 1)))),
  unopened("zeros", seal(Buffer.alloc(64))),
  ...[`${encrypted}=`, `${encrypted}\n`, ` ${encrypted}`, `-_${encrypted.slice(2)}`, encrypted.slice(0, -1), "="].map(
    (odd, index) => unopened(`base64 of odd form ${index}`, odd),
  ),
  unopened("base64 with line breaks", encrypted.replaceAll(/(.{76})/g, "$1\n")),
];

const ofMessage: Hostile[] = [
  ...[...notJson, ...notObjects].map((text, index) =>
    kept(`message ${index}: ${JSON.stringify(text.slice(0, 20))}`, text, "no JSON object"),
  ),
  ...notUtf8.map((odd) => kept(`message, not UTF-8: ${odd.toString("hex")}`, odd, "no JSON object")),
  ...almost(left)
    .filter(([name]) => !["a space in front", "a line end behind", "with a space in the middle"].includes(name))
    .map(([name, text]) => kept(`message ${name}`, text, name === "in capitals" ? "no EventType" : "no JSON object")),
  kept("our own answer", "success", "no JSON object"),
  ...[...unusableIds, 7, 1e5, true, null, [], ["a"], {}, "x".repeat(65)].map((id) =>
    kept(`departure of ${JSON.stringify(id)?.slice(0, 30)}`, event("user_leave_org", [id]), "no usable userId"),
  ),
  ...[undefined, null, [], {}, "a", 7, { 0: "a", length: 1 }].map((userId) =>
    kept(`departure with the list ${JSON.stringify(userId)}`, event("user_leave_org", [], { userId }), "no userId"),
  ),
  ...["user_leave", "User_Leave_Org", "user_leave_org\0", "user_leave_org ", "user_leave_orgs"].map((type) =>
    kept(`type ${JSON.stringify(type)}`, event(type, ["a"]), "unknown EventType"),
  ),
  ...[undefined, null, 7, true, [], ["user_leave_org"], {}, ""].map((EventType) =>
    kept(`type ${JSON.stringify(EventType)}`, event("", ["a"], { EventType }), "no EventType"),
  ),
  ...[undefined, null, 7, [], ["dingcorp"], {}, ""].map((CorpId) =>
    kept(`enterprise ${JSON.stringify(CorpId)}`, event("user_leave_org", ["a"], { CorpId }), "no CorpId"),
  ),
  ...["EventType", "CorpId", "userId", "eventId"].map((name) =>
    kept(`${name} twice`, left.replace("{", `{"${name}":"x",`), "a name given twice"),
  ),
];

export const cases: Hostile[] = [...ofQuery, ...ofSignature, ...ofBody, ...ofFrame, ...ofMessage];
