import { createCipheriv, createHash, createHmac } from "node:crypto";
import { wechatworkDeleted } from "../../../../cli/sign.ts";
import type { Request } from "../../../../lambda/http.ts";
import { now } from "../../../parts.ts";
import {
  bitFlips,
  cuts,
  type Hostile,
  hexFlips,
  hostileXml,
  notUtf8,
  oddSignatures,
  oddTimestamps,
  seconds,
  truncations,
  unusableIds,
  withBody,
} from "./parts.ts";

const token = "aToken";
const encodingAesKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const one = { token, encodingAesKey, receiveId: "ww1" };
export const keys = { token: [token], encodingAesKey: [encodingAesKey], receiveIds: ["ww1"] };

const deleted = wechatworkDeleted("zhangsan", "ww1", now);
// Every byte is fixed: a random block that is cut at a fixed place is a right one about once in twenty runs.
const nonce = "5f0c1e8a9b7d2c34";
const encrypted = encrypt(deleted);
const signature = signatureOf(encrypted);
const query = new URLSearchParams({ msg_signature: signature, timestamp: seconds, nonce });
const good = posted(encrypted);
const echo = encrypt("1616140317555161061");
const check: Request = {
  ...{ route: "GET /wechatwork", id: undefined, body: Buffer.alloc(0), headers: {} },
  rawQuery: `${queryOf(signatureOf(echo))}&echostr=${encodeURIComponent(echo)}`,
};
export const accepted = [good, check];

function encrypt(message: string, { encodingAesKey: given, receiveId } = one): string {
  return seal(padded(frame(Buffer.byteLength(message), message + receiveId)), given);
}
function queryOf(given: string, timestamp = seconds): string {
  return `msg_signature=${given}&timestamp=${timestamp}&nonce=${nonce}`;
}
/** As WeCom posts it, signed. */
function posted(text: string): Request {
  return {
    ...{ route: "POST /wechatwork", id: undefined, rawQuery: queryOf(signatureOf(text)) },
    ...{ body: Buffer.from(envelope(text)), headers: { "content-type": "text/xml" } },
  };
}

function sha1(parts: string[]): string {
  return createHash("sha1").update(parts.join("")).digest("hex");
}
function signatureOf(text: string, timestamp = seconds, key = token): string {
  return sha1([key, timestamp, nonce, text].sort());
}
function envelope(text: string): string {
  return `<xml><ToUserName>ww1</ToUserName><Encrypt>${text}</Encrypt></xml>`;
}
const withQuery = (request: Request, rawQuery: string): Request => ({ ...request, rawQuery });
const asked = (given: Record<string, string>): Request => {
  const parameters = { msg_signature: signature, timestamp: seconds, nonce, ...given };
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return withQuery(good, pairs.join("&"));
};
/** By somebody who knows the token: signed, whatever it is. */
const signed = (text: string, timestamp = seconds): Request =>
  withBody(asked({ timestamp, msg_signature: signatureOf(text, timestamp) }), envelope(text));
/** By WeCom itself. */
const told = (xml: string): Request => signed(encrypt(xml));

function seal(plain: Uint8Array, encodingKey = encodingAesKey): string {
  const key = Buffer.from(`${encodingKey}=`, "base64");
  const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]).toString("base64");
}
function frame(length: number, rest: string): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(length >>> 0);
  return Buffer.concat([Buffer.alloc(16, 7), size, Buffer.from(rest)]);
}
function padded(plain: Buffer, fill = 32 - (plain.length % 32), length = 32 - (plain.length % 32)): Buffer {
  return Buffer.concat([plain, Buffer.alloc(length, fill)]);
}

const proof = (name: string, request: Request, reason: string): Hostile => ({
  name,
  request,
  expected: `unauthorized: ${reason}`,
});
const unopened = (name: string, text: string) => proof(name, signed(text), "decryption or receiveid");
const body = "<xml></xml>";
const whole = frame(body.length, `${body}ww1`);
const bytes = Buffer.from(encrypted, "base64");
const [head = "", tail = ""] = good.rawQuery.split("&nonce=");

export const cases: Hostile[] = [
  ...hexFlips(signature).map((value, index) =>
    proof(`signature, digit ${index} changed`, asked({ msg_signature: value }), "signature"),
  ),
  ...cuts(signature).map((value) =>
    proof(`signature cut to ${value.length}`, asked({ msg_signature: value }), "query"),
  ),
  ...oddSignatures(signature).map(([name, value]) =>
    proof(`signature ${name}`, asked({ msg_signature: value }), "query"),
  ),
  ...oddTimestamps.map((value) =>
    proof(`timestamp ${JSON.stringify(value)}, signed`, signed(encrypted, value), "query"),
  ),
  ...[11, 12, 13, 16].map((length) =>
    proof(`timestamp of ${length} digits, signed`, signed(encrypted, seconds.padEnd(length, "0")), "query"),
  ),
  ...cuts(nonce)
    .slice(1)
    .map((value) => proof(`nonce cut to ${value.length}`, asked({ nonce: value }), "signature")),
  ...["msg_signature", "timestamp", "nonce"].flatMap((name) => [
    proof(`${name} empty`, asked({ [name]: "" }), "query"),
    proof(`${name} missing`, withQuery(good, good.rawQuery.replace(name, "other")), "query"),
    proof(`${name} twice`, withQuery(good, `${good.rawQuery}&${name}=${query.get(name)}`), "query"),
    proof(
      `${name} twice, once encoded`,
      withQuery(good, `${good.rawQuery}&%${name.charCodeAt(0).toString(16)}${name.slice(1)}=x`),
      "query",
    ),
    proof(`${name} in capitals`, withQuery(good, good.rawQuery.replace(name, name.toUpperCase())), "query"),
    proof(`${name} as a list`, withQuery(good, good.rawQuery.replace(name, `${name}[]`)), "query"),
  ]),
  proof("timestamp and nonce swapped", asked({ timestamp: nonce, nonce: seconds }), "query"),
  ...Array.from({ length: 9 }, (_, index) =>
    proof(
      `${9 - index} digits moved from timestamp to nonce`,
      asked({ timestamp: seconds.slice(0, index + 1), nonce: seconds.slice(index + 1) + nonce }),
      "query",
    ),
  ),
  ...["%", "%E0%A4%A", "%zz", "%u0061"].map((odd) =>
    proof(`a bad escape: ${odd}`, withQuery(good, `${good.rawQuery}&x=${odd}`), "query"),
  ),
  ...["", "?", "&&&", "=", "msg_signature", "a;b", `${head};nonce=${tail}`].map((rawQuery) =>
    proof(`query ${JSON.stringify(rawQuery.slice(0, 15))}`, withQuery(good, rawQuery), "query"),
  ),

  ...bitFlips(Buffer.from(encrypted), 40).map((text, index) => ({
    ...proof(
      `Encrypt, bit flip ${index}`,
      withBody(good, envelope(text.toString("latin1").replaceAll(/[<&]/g, "!"))),
      "",
    ),
    expected: /^unauthorized: (signature|envelope)$/,
  })),
  ...truncations(Buffer.from(encrypted), 20)
    .slice(1)
    .map((text) => proof(`Encrypt cut to ${text.length}`, withBody(good, envelope(text.toString())), "signature")),
  ...["x", "aToken ", " aToken", "ATOKEN", "", encodingAesKey].map((other) =>
    proof(
      `signed with ${JSON.stringify(other)}`,
      asked({ msg_signature: signatureOf(encrypted, seconds, other) }),
      "signature",
    ),
  ),
  ...(
    [
      ["not sorted", sha1([token, nonce, encrypted, seconds])],
      ["sorted backwards", sha1([token, seconds, nonce, encrypted].sort().reverse())],
      ["sorted as a dictionary is", sha1([token, seconds, nonce, encrypted].sort((a, b) => b.localeCompare(a)))],
      ["without the text", sha1([token, seconds, nonce].sort())],
      ["without the token", sha1([seconds, nonce, encrypted].sort())],
      ["over the message", sha1([token, seconds, nonce, deleted].sort())],
      ["HMAC-SHA1", createHmac("sha1", token).update([seconds, nonce, encrypted].sort().join("")).digest("hex")],
      [
        "SHA-256, cut",
        createHash("sha256").update([token, seconds, nonce, encrypted].sort().join("")).digest("hex").slice(0, 40),
      ],
      ["RIPEMD-160", createHash("ripemd160").update([token, seconds, nonce, encrypted].sort().join("")).digest("hex")],
    ] as const
  ).map(([name, value]) => proof(`signature ${name}`, asked({ msg_signature: value }), "signature")),

  ...["ww2", "", "ww", "ww11", "WW1", "ww1 ", " ww1", "ww1\0", "ww1\n", "wwl", "ww1|ww1"].map((receiveId) =>
    proof(
      `for the receiver ${JSON.stringify(receiveId)}`,
      posted(encrypt(deleted, { ...one, receiveId })),
      "decryption or receiveid",
    ),
  ),
  ...["b".repeat(43), encodingAesKey.toLowerCase(), `${encodingAesKey.slice(0, 42)}A`.replace(/^a/, "b")].map((other) =>
    proof(
      `encrypted with ${other.slice(0, 6)}…`,
      posted(encrypt(deleted, { ...one, encodingAesKey: other })),
      "decryption or receiveid",
    ),
  ),
  ...bitFlips(bytes.subarray(-16), 16).map((last, index) =>
    unopened(`last block, bit flip ${index}`, Buffer.concat([bytes.subarray(0, -16), last]).toString("base64")),
  ),
  ...Array.from({ length: bytes.length / 16 - 1 }, (_, blocks) =>
    unopened(`ciphertext of ${blocks + 1} blocks`, bytes.subarray(0, 16 * (blocks + 1)).toString("base64")),
  ),
  ...Array.from({ length: 31 }, (_, more) =>
    unopened(`ciphertext of ${32 + more + 1} bytes`, bytes.subarray(0, 33 + more).toString("base64")),
  ).filter((_, more) => more !== 31),
  ...[-11, -8, -4, -3, -2, -1, 1, 2, 3].map((off) =>
    unopened(`a length that is off by ${off}`, seal(padded(frame(body.length + off, `${body}ww1`)))),
  ),
  ...[4, 33, 64, 256, 65_536, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1].map((more) =>
    unopened(`a length of ${more} more`, seal(padded(frame(body.length + more, `${body}ww1`)))),
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
  ...[
    `${encrypted}=`,
    `${encrypted}==`,
    `${encrypted}\n`,
    ` ${encrypted}`,
    `${encrypted.slice(0, 20)} ${encrypted.slice(20)}`,
    encrypted.replace(/=*$/, "").slice(0, -1),
    `-_${encrypted.slice(2)}`,
    `${encrypted.slice(0, -4)}====`,
  ].map((odd, index) => ({
    ...unopened(`base64 of odd form ${index}`, odd),
    expected: /^unauthorized: (decryption or receiveid|signature)$/,
  })),

  ...hostileXml.map((xml) => ({
    ...proof(`envelope ${JSON.stringify(xml.slice(0, 40))}, ${xml.length}`, withBody(good, xml), ""),
    expected: "unauthorized: envelope",
  })),
  ...notUtf8.map((bytes) => proof(`envelope, not UTF-8: ${bytes.toString("hex")}`, withBody(good, bytes), "envelope")),
  ...[
    `<xml><Encrypt>${encrypted}</Encrypt><Encrypt>${encrypted}</Encrypt></xml>`,
    `<xml><Encrypt><a>${encrypted}</a></Encrypt></xml>`,
    `<xml><a><Encrypt>${encrypted}</Encrypt></a></xml>`,
    `<xml><encrypt>${encrypted}</encrypt></xml>`,
    "<xml><Encrypt></Encrypt></xml>",
    "<xml><Encrypt/></xml>",
  ].map((xml, index) => proof(`envelope with no one Encrypt, ${index}`, withBody(good, xml), "envelope")),
  ...cuts(check.rawQuery.slice(-12)).map((end) =>
    proof(
      `URL check cut by ${12 - end.length}`,
      withQuery(check, check.rawQuery.slice(0, -12) + end.replace(/%.?$/, "")),
      "signature",
    ),
  ),
  proof("URL check without echostr", withQuery(check, check.rawQuery.replace("echostr", "other")), "query"),
  proof(
    "URL check with the signature of an event",
    withQuery(check, `${good.rawQuery}&${check.rawQuery.split("&").at(-1)}`),
    "signature",
  ),

  ...hostileXml
    .filter((xml) => xml !== `<xml>${"<a></a>".repeat(10_000)}</xml>` && xml.length < 700_000)
    .map((xml) => ({
      name: `event ${JSON.stringify(xml.slice(0, 40))}, ${xml.length}`,
      request: told(xml),
      expected: "kept: no XML",
    })),
  ...[...unusableIds.filter((id) => !id.includes("\0") && !/^ ?a[ \r]?$/.test(id)), "]]&gt;a b"].map((id) => ({
    name: `departure of ${JSON.stringify(id)}`,
    request: told(wechatworkDeleted(id, "ww1", now)),
    expected: "kept: no UserID",
  })),
  ...[
    "<UserID>a</UserID><UserID>b</UserID>",
    "<UserID><b>a</b></UserID>",
    "<a><UserID>a</UserID></a>",
    "<userid>a</userid>",
    "",
  ].map((fields) => ({
    name: `departure with ${JSON.stringify(fields)}`,
    request: told(`<xml><Event>change_contact</Event><ChangeType>delete_user</ChangeType>${fields}</xml>`),
    expected: "kept: no UserID",
  })),
];
