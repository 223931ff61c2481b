import { describe, expect, test } from "vitest";
import { nameGivenTwice, readJson } from "../../../lambda/sources/json.ts";
import { computingMs } from "../../computing.ts";
import { fc, fewer } from "../../fast-check.ts";

const json = fc.jsonValue({ maxDepth: 4 });

describe("a name given twice", () => {
  test.each([
    ['{"userId":"a","reason":"left","userId":"b"}', "userId"],
    ['{"userId":"a","user\\u0049d":"b"}', "userId"],
    ['{"a":{"b":[1,{"c":1,"d":"}","c":2}]}}', "c"],
    ['{ "" : 1 , "" : 2 }', ""],
    ['{"__proto__":1,"__proto__":2}', "__proto__"],
    ['{"a\\"":1,"a\\\\":2,"a\\"":3}', 'a"'],
    ['[{"a":1},{"a":{"a":1},"b":{},"a":2}]', "a"],
  ])("%s is refused", (text, name) => {
    expect(nameGivenTwice(text)).toBe(name);
    expect(() => readJson(text)).toThrow(`${name} is given twice`);
  });

  test.each([
    '{"a":"a","b":["a","a"],"c":{"a":1,"b":{"a":1}}}',
    '["a","a",{"a":"a"},{"a":"a"}]',
    '{"a":"\\",\\"a\\":","b":"\\\\"}',
    '"a"',
    "1",
    "[]",
  ])("%s is taken", (text) => {
    expect(readJson(text)).toEqual(JSON.parse(text));
  });

  test("is found in every JSON text, at every depth; and never where none is", () => {
    fc.assert(
      fc.property(json, fc.nat(), fc.boolean(), (value, which, isSpaced) => {
        const text = JSON.stringify(value, undefined, isSpaced ? 2 : undefined);
        expect(readJson(text)).toEqual(JSON.parse(text));
        const objects: [text: string, name: string][] = [];
        // Every object that has a name, written once more with that name at its end.
        const write = (one: unknown, at: string[]): string => {
          if (typeof one !== "object" || one === null) return JSON.stringify(one);
          if (Array.isArray(one)) return `[${one.map((item, index) => write(item, [...at, String(index)]))}]`;
          const fields = Object.entries(one).map(([name, field]) => `${JSON.stringify(name)}:${write(field, at)}`);
          const [name] = Object.keys(one);
          if (name === undefined) return "{}";
          count += 1;
          if (count - 1 === chosen) fields.push(`${JSON.stringify(name)}:0`);
          if (count - 1 === chosen) objects.push([`{${fields}}`, name]);
          return `{${fields}}`;
        };
        let count = 0;
        let chosen = -1;
        write(value, []);
        if (count === 0) return;
        chosen = which % count;
        count = 0;
        const doubled = write(value, []);
        expect(nameGivenTwice(doubled)).toBe(objects[0]?.[1]);
      }),
      { numRuns: fewer(1000) },
    );
  });

  test("costs little: 250 kB in a few milliseconds", () => {
    const texts = [
      JSON.stringify({ reason: 'x\\"'.repeat(60_000) }),
      JSON.stringify(Array.from({ length: 12_000 }, (_, index) => ({ [`name${index}`]: index }))),
      `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
    ];
    for (const text of texts) {
      expect(computingMs(() => expect(nameGivenTwice(text)).toBeUndefined())).toBeLessThan(250);
    }
  });
});

test("a byte-order mark is taken off, once", () => {
  expect(readJson('\ufeff{"a":1}')).toEqual({ a: 1 });
  expect(readJson(Buffer.from('\ufeff{"a":1}'))).toEqual({ a: 1 });
  expect(() => readJson('\ufeff\ufeff{"a":1}')).toThrow("not JSON");
  expect(() => readJson(Buffer.from([0x7b, 0xff, 0x7d]))).toThrow("not UTF-8");
});
