import { isIP } from "node:net";

/** Which origin gets which of the places that are kept for what was refused at one source within one hour. */

/** Places in all; each holds one request. */
export const places = 8_192;
/** Most places of one origin: its further requests displace its own earlier ones. */
const mostOfOne = 64;
/** So many origins have places of their own; an origin that comes later shares those of another one. */
export const maxGroups = 256;

/**
 * The network that a request came from: an owner has a /24 (v4) or a /48 (v6) at least, so that changing the address
 * within it brings no further places.
 */
export function originOf(address: string | undefined): string {
  const given = address?.replace(/^::ffff:(?=\d+\.)/i, "") ?? "";
  if (isIP(given) === 4) return `${given.split(".").slice(0, 3).join(".")}.0/24`;
  if (isIP(given) !== 6) return "unknown";
  const [before = "", after = ""] = given.split("::");
  const groupsOf = (text: string) => text.split(":").filter(Boolean);
  // A dotted end stands for two groups.
  const end = groupsOf(after).flatMap((group) => (group.includes(".") ? ["0", "0"] : [group]));
  const start = groupsOf(before);
  const whole = [...start, ...Array.from({ length: Math.max(0, 8 - start.length - end.length) }, () => "0"), ...end];
  const network = whole.slice(0, 3).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(":")}::/48`;
}

/**
 * The place of an origin's nth request of the hour, if there is one for it. An origin keeps a fair sample of all it
 * sent (a reservoir). The more origins there are, the fewer places has each: where their number doubles, each gives
 * every second of its places to a new one, so the fullest yield, and none yields to the same origin twice.
 */
export function placeOf(
  { group, groups, nth }: { group: number; groups: number; nth: number },
  random: () => number,
): number | undefined {
  const shares = Math.max(places / mostOfOne, 2 ** Math.ceil(Math.log2(Math.max(1, groups))));
  const own = places / shares;
  const drawn = nth <= own ? nth - 1 : Math.floor(random() * nth);
  return drawn < own ? group + drawn * shares : undefined;
}
