/** Texts from outside (names, reasons), made safe to show in a chat. */

/** Escapes Slack's three characters, so that no part of a name or a reason becomes a link, a mention or a channel. */
export const escapeText = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A display name is written by the person: it is shown as one line, without an address that a chat makes a link. */
export const plainName = (name: string) =>
  oneLine(name, 80)
    .replaceAll("://", "：//")
    .replace(/(?<=\S)\.(?=\S)/g, "．");

export const oneLine = (text: string, maxLength: number) =>
  [...text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ")].slice(0, maxLength).join("");
