const name = "[A-Za-z_][A-Za-z0-9_.-]*";
const attribute = `\\s+${name}(?::${name})?\\s*=\\s*(?:"[^"<]*"|'[^'<]*')`;
const opening = new RegExp(`<(${name})(?:${attribute})*\\s*(/?)>`, "y");
const closing = new RegExp(`</(${name})\\s*>`, "y");
const cdata = /<!\[CDATA\[([\s\S]*?)\]\]>/y;
const declaration = /<\?xml\s[^?<>]*\?>/y;
const comment = /<!--[\s\S]*?-->/y;
const whiteSpace = /\s+/y;
const characters = /[^<&]+/y;
const entity = /&(amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});/y;

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const maxDepth = 16;
/** Elements, texts and comments: what a document costs, whatever its length. */
const maxPieces = 100_000;

/**
 * Reads WeCom's flat XML: the text of the root's direct children, by name, without the white space at its ends. Text
 * stays text: a general parser makes 123 of the user `00123`. A declaration, comments and attributes are passed over.
 * Whatever else the dialect has no use for is an error: DOCTYPE, processing instructions, entities of its own.
 *
 * A child that holds elements, or that comes twice, has no text: it reads as absent. Throws on anything that is not such XML.
 */
export const readXml = (xml: string): ReadonlyMap<string, string> => readElements(xml).fields;

/** The same, and the names of the children that have no text. */
export function readElements(xml: string): {
  fields: ReadonlyMap<string, string>;
  unusable: ReadonlySet<string>;
} {
  let position = xml.length - xml.replace(/^\uFEFF?\s*/, "").length;
  let pieces = 0;

  const fields = new Map<string, string>();
  const unusable = new Set<string>();
  const open: string[] = [];
  let content = "";

  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(xml);
    if (match) position = pattern.lastIndex;
    return match;
  };

  const close = (element: string) => {
    if (open.pop() !== element) throw new SyntaxError("XML elements are not nested");
    if (open.length !== 1) return;
    if (fields.has(element)) unusable.add(element);
    fields.set(element, content.replace(/^[ \t\r\n]+/, "").replace(/(?<![ \t\r\n])[ \t\r\n]+$/, ""));
  };

  take(declaration);
  do {
    count();
    skipComments();
    const start = take(opening);
    const stop = start ? null : take(closing);
    if (start) {
      const [, element = "", slash] = start;
      if (open.length === 2) unusable.add(open[1] ?? "");
      if (open.push(element) > maxDepth) throw new SyntaxError("XML is too deep");
      if (open.length === 2) content = "";
      if (slash) close(element);
    } else if (stop) {
      close(stop[1] ?? "");
    } else {
      const text = takeText();
      if (open.length === 2) content += text;
      else if (open.length < 2 && text.trim()) throw new SyntaxError("XML has text between its elements");
    }
  } while (open.length > 0);

  skipComments();
  if (xml.slice(position).trim()) throw new SyntaxError("XML goes on after its root");
  for (const element of unusable) fields.delete(element);
  return { fields, unusable };

  /** Outside the root white space may stand between them. */
  function skipComments(): void {
    while (take(comment) ?? (open.length === 0 && take(whiteSpace))) count();
  }

  function count(): void {
    pieces += 1;
    if (pieces > maxPieces) throw new SyntaxError("XML has too many pieces");
  }

  function takeText(): string {
    if (open.length === 0) throw new SyntaxError("XML has no root");
    const [, escaped] = take(entity) ?? [];
    if (escaped !== undefined) return toCharacter(escaped);
    const text = take(cdata)?.[1] ?? take(characters)?.[0];
    if (text === undefined) throw new SyntaxError("XML has something else than elements and text");
    return text;
  }
}

function toCharacter(escaped: string): string {
  const named = entities[escaped];
  if (named) return named;
  const codePoint = escaped.startsWith("#x") ? Number.parseInt(escaped.slice(2), 16) : Number(escaped.slice(1));
  if (codePoint === 0 || codePoint > 0x10ffff) throw new SyntaxError("XML has an impossible character");
  return String.fromCodePoint(codePoint);
}
