import type { Request } from "../../../../lambda/http.ts";
import { now } from "../../../parts.ts";

/** A request that must be refused, and the check that must refuse it: `<code>: <reason>` of the Problem, or what it is taken for. */
export interface Hostile {
  readonly name: string;
  readonly request: Request;
  readonly expected: string | RegExp;
  /** Settings that differ from the defaults. */
  readonly changes?: object;
  readonly at?: Date;
}

export const seconds = String(now.getTime() / 1000);

export const withHeaders = (request: Request, headers: Record<string, string | undefined>): Request => ({
  ...request,
  headers: { ...request.headers, ...headers },
});

export const withBody = (request: Request, body: string | Uint8Array): Request => ({
  ...request,
  body: Buffer.from(body as string),
});

/** The text with each of its hexadecimal digits changed in turn. */
export const hexFlips = (hex: string): string[] =>
  [...hex].map((digit, at) => hex.slice(0, at) + (Number.parseInt(digit, 16) ^ 1).toString(16) + hex.slice(at + 1));

/** The text cut off at every length from 0 on. */
export const cuts = (text: string): string[] =>
  Array.from({ length: text.length }, (_, length) => text.slice(0, length));

/** So many bodies, each with one bit changed, spread over all of it. */
export const bitFlips = (body: Uint8Array, count: number): Buffer[] =>
  spread(body.length, count).map((at, index) => {
    const changed = Buffer.from(body);
    changed[at] = (changed[at] ?? 0) ^ (1 << (index % 8));
    return changed;
  });

/** So many bodies, each cut off somewhere. */
export const truncations = (body: Uint8Array, count: number): Buffer[] =>
  spread(body.length, count).map((at) => Buffer.from(body.subarray(0, at)));

const spread = (length: number, count: number): number[] => [
  ...new Set(Array.from({ length: count }, (_, index) => Math.floor((index * length) / count))),
];

/** The same body to a careless eye. */
export const almost = (body: string): [name: string, body: string][] => [
  ["a space in front", ` ${body}`],
  ["a line end behind", `${body}\n`],
  ["a byte order mark in front", `\uFEFF${body}`],
  ["a zero byte behind", `${body}\0`],
  ["twice", body + body],
  ["nothing", ""],
  ["in capitals", body.toUpperCase()],
  ["with a space in the middle", `${body.slice(0, 20)} ${body.slice(20)}`],
];

/** What some parser or other reads as these ten digits, or as a time. */
export const oddTimestamps: string[] = [
  "",
  " ",
  "0",
  "null",
  "NaN",
  "Infinity",
  ` ${seconds}`,
  `${seconds} `,
  `${seconds}\n`,
  `\t${seconds}`,
  `+${seconds}`,
  `-${seconds}`,
  `${seconds}.0`,
  `${seconds}.`,
  `${seconds}e0`,
  `${seconds}n`,
  `${seconds}abc`,
  `0x${Number(seconds).toString(16)}`,
  `${seconds},${seconds}`,
  `${seconds}, ${seconds}`,
  `"${seconds}"`,
  `${seconds.slice(0, 1)}_${seconds.slice(1)}`,
  seconds.slice(0, 9),
  [...seconds].map((digit) => String.fromCodePoint(0xff10 + Number(digit))).join(""),
  [...seconds].map((digit) => String.fromCodePoint(0x0660 + Number(digit))).join(""),
  now.toISOString(),
  now.toUTCString(),
];

/** Signatures that are none, though some comparison or other would take them. The names must not change from run to run. */
export const oddSignatures = (signature: string): [name: string, signature: string][] => [
  ["in capitals", signature.toUpperCase()],
  ["with a space in front", ` ${signature}`],
  ["with a space behind", `${signature} `],
  ["with a line end", `${signature}\n`],
  ["twice, as a repeated header", `${signature},${signature}`],
  ["twice, as a list", `${signature}, ${signature}`],
  ["twice", signature + signature],
  ["with a byte more", `${signature}00`],
  ["after 0x", `0x${signature}`],
  ["after its algorithm", `sha256=${signature}`],
  ["in quotes", `"${signature}"`],
  ["in base64", Buffer.from(signature, "hex").toString("base64")],
  ["in bytes", Buffer.from(signature, "hex").toString("latin1")],
  ["with a g", signature.replace(/./, "g")],
  ["with a Cyrillic a", signature.replace(/./, "\u0430")],
  ["with a zero byte", signature.replace(/.$/, "\0")],
  ["null", "null"],
  ["undefined", "undefined"],
  ["an object", "[object Object]"],
];

/** JSON that is none, or of no use. */
export const notJson: string[] = [
  "",
  " ",
  "{",
  "}",
  "{}}",
  '{"a":1,}',
  "{'a':1}",
  "{a:1}",
  '{"a":NaN}',
  '{"a":01}',
  '{"a":"\u0001"}',
  '{"a":"\\x"}',
  "// {}",
  '{"a":1}{"b":2}',
  "<xml/>",
  "a=b",
  "\u0000",
  "\uFEFF{}",
  "[".repeat(100_000),
  '{"a":'.repeat(100_000),
];

export const notObjects: string[] = [
  "null",
  "true",
  "0",
  "1e400",
  '"{}"',
  "[]",
  "[{}]",
  `${"[".repeat(50_000)}${"]".repeat(50_000)}`,
];

export const notUtf8: Buffer[] = [
  "ff",
  "c3",
  "c328",
  "e28228",
  "f0288cbc",
  "eda080",
  "c0af",
  "fe",
  "80",
  "f4908080",
].map((hex) => Buffer.concat([Buffer.from('{"a":"'), Buffer.from(hex, "hex"), Buffer.from('"}')]));

/** XML that is none, or of a kind that WeCom never sends. */
export const hostileXml: string[] = [
  "",
  " ",
  "hello",
  "{}",
  "<xml>",
  "</xml>",
  "<xml></XML>",
  "<xml></xml></xml>",
  "<xml></xml><xml></xml>",
  "<xml></xml>text",
  "text<xml></xml>",
  "<xml>text</xml>",
  "<xml><a></xml></a>",
  "<xml><a><b></a></b></xml>",
  "<xml><a>",
  "<x:xml></x:xml>",
  "<xml><?php x ?></xml>",
  "<!DOCTYPE xml><xml></xml>",
  "<!DOCTYPE x [<!ENTITY a 'b'>]><xml><a>&a;</a></xml>",
  `<!DOCTYPE x [<!ENTITY a "aa">${"bcdefghij"
    .split("")
    .map((name, index) => `<!ENTITY ${name} "${`&${"abcdefghij"[index]};`.repeat(10)}">`)
    .join("")}]><xml><a>&j;</a></xml>`,
  "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><xml><a>&a;</a></xml>",
  "<!DOCTYPE x SYSTEM 'http://127.0.0.1/x.dtd'><xml></xml>",
  "<xml><a>&b;</a></xml>",
  "<xml><a>&amp</a></xml>",
  "<xml><a>&#0;</a></xml>",
  "<xml><a>&#x0;</a></xml>",
  "<xml><a>&#1114112;</a></xml>",
  "<xml><a>&#x110000;</a></xml>",
  "<xml><a>&#12345678;</a></xml>",
  "<xml><a>&#xfffffff;</a></xml>",
  "<xml><a>&#x;</a></xml>",
  "<xml><a>a & b</a></xml>",
  "<xml><a>a < b</a></xml>",
  "<xml><a><![CDATA[x]]</a></xml>",
  "<xml><a><![CDATA[x</a></xml>",
  "<xml><a><![cdata[x]]></a></xml>",
  "<xml><1a></1a></xml>",
  "<xml>< a></a></xml>",
  "<xml><a / ></xml>",
  `${"<a>".repeat(17)}${"</a>".repeat(17)}`,
  `${"<a>".repeat(20_000)}`,
  "<xml a=1></xml>",
  "<xml a></xml>",
  "<xml a='<'></xml>",
  "<xml a='1></xml>",
  "<xml a='1'b='2'></xml>",
  "<xml></xml a='1'>",
  " <xml></xml><?xml version='1.0'?>",
  "<xml><?xml version='1.0'?></xml>",
  "<?xml version='1.0'?><?xml version='1.0'?><xml></xml>",
  "<?xml version='1.0'?>",
  "<!-- --><?xml version='1.0'?><xml></xml>",
  "<xml><!-- ></xml>",
  "<!-- <xml></xml> -->",
  `<xml>${"<a></a>".repeat(50_000)}</xml>`,
  `<xml>${"<!---->".repeat(100_000)}</xml>`,
  `<xml><a>${"&amp;".repeat(100_000)}</a></xml>`,
  `<xml>${"<a></a>".repeat(10_000)}</xml>`,
];

/** Ids that could be none of a person's. */
export const unusableIds: string[] = [
  "",
  " ",
  " a",
  "a ",
  "a b",
  "a\tb",
  "a\nb",
  "a\r",
  "a\u0000",
  "\u0007",
  "a\u001b[31m",
  "a\u007f",
  "a\u0085",
  "a\u00a0b",
  "a\u200bb",
  "a\u200db",
  "a\u202eb",
  "a\u2028b",
  "a\u3000b",
  "a\u2066b",
  "\ufeffa",
  "a\u{e0041}",
  "\ue000",
  "a".repeat(129),
  "张".repeat(43),
];
