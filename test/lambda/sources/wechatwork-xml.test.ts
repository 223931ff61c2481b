import { describe, expect, test } from "vitest";
import { readElements, readXml } from "../../../lambda/sources/wechatwork-xml.ts";
import { hostileXml } from "./hostile/parts.ts";

const read = (xml: string) => Object.fromEntries(readXml(xml));

describe("reads", () => {
  test.each<[string, Record<string, string>]>([
    ["<xml></xml>", {}],
    ["<xml/>", {}],
    ["<xml />", {}],
    ["<xml><a></a></xml>", { a: "" }],
    ["<xml><a/></xml>", { a: "" }],
    ["<xml><a>00123</a><b>1e5</b><c> d </c></xml>", { a: "00123", b: "1e5", c: "d" }],
    ["<xml><a><![CDATA[<b>&amp;]] >]]></a></xml>", { a: "<b>&amp;]] >" }],
    ["<xml><a>1<![CDATA[2]]>3&lt;4<![CDATA[]]></a></xml>", { a: "123<4" }],
    ["<xml><a>&amp;&lt;&gt;&quot;&apos;</a></xml>", { a: "&<>\"'" }],
    ["<xml><a>&#65;&#x42;&#x6c;&#20013;&#x10FFFF;&#1114111;&#1;</a></xml>", { a: "ABl中\u{10FFFF}\u{10FFFF}\u0001" }],
    ["<xml><a >x</a ></xml >", { a: "x" }],
    ["\uFEFF<xml><a>x</a></xml>", { a: "x" }],
    ["  \n<xml>\n  <a>x</a>\n\t<b>y</b> \n</xml>\n ", { a: "x", b: "y" }],
    ["\uFEFF \n<xml></xml>", {}],
    ["<xml><a>x</a></xml>\n", { a: "x" }],
    ["<_.-1><a-b_c.d>x</a-b_c.d></_.-1>", { "a-b_c.d": "x" }],
    ["<?xml version='1.0' encoding=\"UTF-8\"?>\n<xml><a>x</a></xml>", { a: "x" }],
    ["\uFEFF<?xml version='1.0'?><xml><a>x</a></xml>", { a: "x" }],
    ["<!-- a --><xml><!-- --><a>1<!-- <b> -->2</a><!-- --></xml> <!-- --> \n<!-- -->", { a: "12" }],
    ["<?xml version='1.0'?> <!-- a -->\n<xml></xml>", {}],
    ["<xml a='1' b-c = \"2>\"><a x:y='z' >1</a><b c=''/></xml>", { a: "1", b: "" }],
    ["<xml xmlns='urn:x' xmlns:y=\"urn:y\"><a>x</a></xml>", { a: "x" }],
    ["<xml><__proto__>x</__proto__></xml>", JSON.parse('{"__proto__":"x"}')],
  ])("%s", (xml, expected) => {
    expect(read(xml)).toEqual(expected);
  });

  test.each<[string, Record<string, string>]>([
    ["<xml><a><b>x</b></a><c>y</c></xml>", { c: "y" }],
    ["<xml><a>t<b>x</b></a><c>y</c></xml>", { c: "y" }],
    ["<xml><a>t<b/></a></xml>", {}],
    ["<xml><a><b><c>x</c></b></a><b>y</b></xml>", { b: "y" }],
    ["<xml><a>1</a><a>1</a><b>y</b></xml>", { b: "y" }],
    ["<xml><a>1</a><a>2</a><a>3</a></xml>", {}],
    ["<xml><a/><a/></xml>", {}],
  ])("as absent what holds elements or comes twice: %s", (xml, expected) => {
    expect(read(xml)).toEqual(expected);
  });

  test("up to 16 elements deep, of any length, and 100,000 pieces", () => {
    expect(read(`${"<a>".repeat(16)}${"</a>".repeat(16)}`)).toEqual({});
    expect(() => read(`${"<a>".repeat(17)}${"</a>".repeat(17)}`)).toThrow("XML is too deep");
    expect(read(`<xml><a>${"x".repeat(2_000_000)}</a></xml>`).a).toHaveLength(2_000_000);
    expect(read(`<xml>${"<a></a>".repeat(49_999)}</xml>`)).toEqual({});
    expect(() => read(`<xml>${"<a></a>".repeat(50_000)}</xml>`)).toThrow("XML has too many pieces");
    expect(() => read(`<xml>${"<!---->".repeat(100_000)}</xml>`)).toThrow("XML has too many pieces");
  });

  const whites = ["", " ", "\t", "\n", "\r\n", "\n\t\t", " \r\n "];
  const values: [string, string][] = [
    ["zhang", "zhang"],
    ["<![CDATA[zhang]]>", "zhang"],
    ["<![CDATA[ zh ang\n]]>", "zh ang"],
    ["z<![CDATA[h]]>&#97;ng", "zhang"],
    ["&#32;a&#10;", "a"],
    ["\u00a0a\u3000", "\u00a0a\u3000"],
    ["\u200ba\ufeff", "\u200ba\ufeff"],
    ["", ""],
  ];
  test.each(values)("without the white space of XML at both ends, and no other: %j", (value, expected) => {
    for (const before of whites) {
      for (const after of whites) {
        expect(read(`<xml>${before}<a>${before}${value}${after}</a>${after}<b>${after}</b></xml>`)).toEqual({
          ...{ a: expected, b: "" },
        });
      }
    }
  });
});

test("the children that have no text are told by name", () => {
  const { fields, unusable } = readElements("<xml><a>1</a><a>2</a><b><c/></b><d>3</d></xml>");
  expect([[...fields], [...unusable]]).toEqual([[["d", "3"]], ["a", "b"]]);
});

test.each([
  ["<xml><a></b></xml>", "XML elements are not nested"],
  ["</xml>", "XML elements are not nested"],
  ["<xml>text</xml>", "XML has text between its elements"],
  ["<xml><a></a>text</xml>", "XML has text between its elements"],
  ["<xml><![CDATA[x]]></xml>", "XML has text between its elements"],
  ["<xml></xml>text", "XML goes on after its root"],
  ["<xml></xml><xml></xml>", "XML goes on after its root"],
  ["", "XML has no root"],
  ["text", "XML has no root"],
  ["&amp;", "XML has no root"],
  ["<xml><!-- ></xml>", "XML has something else than elements and text"],
  ["<xml><?xml version='1.0'?></xml>", "XML has something else than elements and text"],
  ["<xml", "XML has no root"],
  ["<xml>", "XML has something else than elements and text"],
  ["<xml><a>&#0;</a></xml>", "XML has an impossible character"],
  ["<xml><a>&#1114112;</a></xml>", "XML has an impossible character"],
  ["<xml><a>&#x110000;</a></xml>", "XML has an impossible character"],
])("refuses %s: %s", (xml, message) => {
  expect(() => readXml(xml)).toThrow(new SyntaxError(message));
});

test.each(
  hostileXml.filter((xml) => xml !== `<xml>${"<a></a>".repeat(10_000)}</xml>`).map((xml) => [xml.slice(0, 60), xml]),
)("refuses %s", (_, xml) => {
  expect(() => readXml(xml)).toThrow(SyntaxError);
});
