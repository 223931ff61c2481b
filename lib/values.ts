/** What a setting's value must look like, and why one that looks right can never do. */
import { isIP } from "node:net";
import * as z from "zod/mini";

/** A name or an id: with white space in it, it would be equal to none that ever comes. */
export const text = z
  .string()
  .check(z.minLength(1), z.regex(/^\S*$/, "must hold no white space: it could never match"));
export const count = z.number().check(z.int(), z.gte(0));
export const atLeast = (least: number) => z.number().check(z.gte(least));
export const provider = text.check(z.regex(/^[a-z][a-z0-9-]*$/, "must be a provider's name, as in lark or wechatwork"));
export const caller = text.check(
  z.regex(/^[A-Za-z0-9_-]{1,32}$/, "must be the name of a caller in the webhook keys, as in ops"),
);
export const slackPerson = text.check(z.regex(/^[TE]\w+\/[UW]\w+$/, "must be team id and user id, as in T0123/U0456"));
export const slackCommand = text.check(
  z.regex(/^\/[^/\p{Lu}]+$/u, "must be / and one word in small letters, as in /resign"),
);
export const host = text.check(
  z.regex(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
    "must be a host's bare name in small letters, as in hooks.slack.com: nothing else can match",
  ),
);
export const forwardTo = z
  .string()
  .check(z.refine((address) => isSafeAddress(address, true), "must be https://…, as in https://sync.example.com/lark"));
export const pattern = z.string().check(
  z.minLength(1),
  z.regex(/^[a-z][a-z0-9-]*:/, 'must begin with a provider, as in "lark:ou_1" or "wechatwork:svc-*"'),
  z.regex(/^[^\s\p{C}]*$/u, "can never match: no id holds white space"),
  z.regex(/^[^*]*\*?$/, "can never match: * stands for the rest of an id, and so at the end only"),
  z.refine((given) => !given.endsWith(":"), "can never match: it names no id"),
);

/** Thirty days: who left before may long have been hired again. */
export const maxEventAgeSeconds = 2_592_000;

/**
 * A brake's log is one item of the ledger, written whole for each departure that it lets through: 46 write units at
 * 500. DynamoDB takes 1,000 a second for an item, so with thousands in it the departures of a lay-off wait for minutes.
 */
export const maxPerDay = 500;

/** A host's name as the Domain Name System has it. */
export const hostName = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/;

/** AWS Certificate Manager makes certificates for names of at most so many letters. */
export const maxCertificateName = 64;

/** An id as EC2 gives them, as in vpc-0a1b2c3d. */
export const ec2Id = (kind: string) =>
  text.check(z.regex(new RegExp(`^${kind}-[0-9a-f]{8,17}$`), `must be an id as in ${kind}-0a1b2c3d4e5f67890`));

/** CloudWatch keeps logs for so many days and no others. */
export const logDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Why a protected relation's pattern can never match, though its form is right. */
export function whyUnmatched(
  given: string,
  providers: readonly string[],
  { provider: larkProvider, userIdField }: { readonly provider: string; readonly userIdField: string },
): string | undefined {
  const [name = "", id = ""] = given.split(/:(.*)/s);
  if (!providers.includes(name)) return `can never match: ${name} is none of ${providers.join(", ")}`;
  if (providers.some((one) => id.includes(`${one}:`))) {
    return "can never match: it names a provider twice; everybody has an entry of their own";
  }
  if (name !== larkProvider) return undefined;
  const kind = id.startsWith("ou_") ? "open_id" : id.startsWith("on_") ? "union_id" : undefined;
  if (kind === undefined || kind === userIdField) return undefined;
  return `can never match: that is Lark's ${kind}, and lark.userIdField is ${userIdField}`;
}

/** Why no second listener can be at an address; one that is none is refused by its form. `own`: the name of ours. */
export function whyNoListener(address: string, own: string | undefined): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, hostname } = new URL(address);
  const name = hostname.replace(/\.$/, "");
  if (name === own?.toLowerCase()) return "is our own address: every request would come again";
  const isPublicName = name.includes(".") && isIP(name) === 0 && !name.startsWith("[") && !name.endsWith(".localhost");
  return protocol === "https:" && isPublicName
    ? undefined
    : "must be https://… on a host's public name, as in https://sync.example.com/lark";
}

/** Whether a token or people's data may be sent there: over TLS, or to this machine. */
export function isSafeAddress(address: string, mayHavePath = false): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, pathname } = new URL(address);
  const isLocal = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
  return (mayHavePath || pathname === "/") && (protocol === "https:" || (protocol === "http:" && isLocal));
}
