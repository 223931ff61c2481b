/** Texts of other people's making, as a chat may show them. */

/** Slack's three: nothing of a name or a reason can become a link, a mention or a channel. */
export const escapeText = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A display name is its owner's own text: it writes no line, and no address that a chat makes a link of. */
export const plainName = (name: string) =>
  oneLine(name, 80)
    .replaceAll("://", "：//")
    .replace(/(?<=\S)\.(?=\S)/g, "．");

export const oneLine = (text: string, maxLength: number) =>
  [...text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ")].slice(0, maxLength).join("");
