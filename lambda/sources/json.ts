import { decodeUtf8, parseJson } from "../http.ts";
import { malformed } from "../problem.ts";

/**
 * JSON that is acted upon: a byte-order mark is taken off, and no name may be given twice in one object
 * (RFC 7493, 2.3), since which of the two counts would be chance. Throws `malformed`.
 */
export function readJson(content: string | Uint8Array): unknown {
  const text = typeof content === "string" ? content : decodeUtf8(content);
  const bare = text.startsWith("\ufeff") ? text.slice(1) : text;
  const parsed = parseJson(bare);
  const twice = nameGivenTwice(bare);
  if (twice !== undefined) throw malformed(`${shorten(twice)} is given twice`);
  return parsed;
}

/** The first name that stands twice in one object, at any depth. Takes what `JSON.parse` took, and nothing else. */
export function nameGivenTwice(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  let isName = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case "{":
      case "[":
        open.push(names);
        names = text[at] === "{" ? new Set() : undefined;
        isName = names !== undefined;
        break;
      case "}":
      case "]":
        names = open.pop();
        isName = false;
        break;
      case ",":
        isName = names !== undefined;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (isName && names) {
          // The same name may be written in two ways: "a" and "\u0061".
          const name = JSON.parse(text.slice(at, end + 1)) as string;
          if (names.has(name)) return name;
          names.add(name);
        }
        isName = false;
        at = end;
      }
    }
  }
  return undefined;
}

function endOfString(text: string, start: number): number {
  let end = start;
  let escapes: number;
  do {
    end = text.indexOf('"', end + 1);
    for (escapes = 0; text[end - 1 - escapes] === "\\"; escapes += 1);
  } while (escapes % 2 === 1);
  return end;
}

export type Content = Readonly<Record<string, unknown>>;

/** The object, or one without fields where it is none. */
export const asObject = (value: unknown): Content =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Content) : {};

/** A name of the caller's, fit to be shown to them. */
export const shorten = (name: string) => name.toWellFormed().replaceAll(/\p{C}/gu, "?").slice(0, 60);

/** The kind of what came, never its value. */
export function kindOf(given: unknown): string {
  if (given === undefined) return "missing";
  if (given === null) return "null";
  if (given === "") return "empty";
  if (Array.isArray(given)) return "a list";
  return { number: "a number", boolean: "true or false", object: "an object", string: "a text" }[
    typeof given as string
  ] as string;
}
