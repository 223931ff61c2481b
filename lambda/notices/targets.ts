import * as z from "zod/mini";
import { describe, isApiSecret, mask, parseSecret, placeholder } from "../settings/secret-text.ts";

const address = z
  .string()
  .check(
    z.refine(
      (url) => URL.canParse(url) && /^(https:\/\/|http:\/\/127\.0\.0\.1[:/])/.test(url),
      "must be an https address",
    ),
  );

/** The secret *notice targets*: where notices go. A robot's address is a secret itself. Every section is optional. */
const targetsSchema = z.object({
  slack: z.optional(z.object({ url: address })),
  lark: z.optional(z.object({ url: address, secret: z.optional(z.string()) })),
  wechatwork: z.optional(z.object({ url: address })),
  webhook: z.optional(z.object({ url: address, secret: z.string().check(z.refine(isApiSecret, "must be whsec_…")) })),
});
export type Targets = z.infer<typeof targetsSchema>;

/** The targets that can be told, and what is wrong with the others, by their names. */
export type TargetRing = Targets & {
  readonly wrong?: Readonly<Record<string, string>>;
  /** There are none yet. */
  readonly isUnfilled?: true;
};

/** Reads the secret *notice targets*. A mistake in one section leaves the others working. Never throws. */
export function parseTargets(text: string): TargetRing {
  const whole = parseSecret(text);
  const names = Object.keys(targetsSchema.shape);
  if (!whole) return { wrong: Object.fromEntries(names.map((name) => [name, "the secret is not a JSON object"])) };
  if (placeholder in whole) return { isUnfilled: true };
  const ring: Record<string, unknown> = {};
  const wrong: Record<string, string> = {};
  for (const [name, section] of Object.entries(whole)) {
    if (!names.includes(name)) {
      wrong[mask(name)] = `secret.${mask(name)}: there is no such target, only ${names.join(", ")}`;
      continue;
    }
    const parsed = targetsSchema.safeParse({ [name]: section });
    if (parsed.success) Object.assign(ring, parsed.data);
    else wrong[name] = describe(parsed.error, "secret");
  }
  return { ...(ring as Targets), ...(Object.keys(wrong).length > 0 && { wrong }) };
}
