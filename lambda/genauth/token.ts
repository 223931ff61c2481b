import * as z from "zod/mini";
import { describe, parseSecret, placeholder } from "../settings/secret-text.ts";

const key = z.string().check(z.minLength(1));

const tokenSchema = z.union([z.object({ token: key }), z.object({ accessKeyId: key, accessKeySecret: key })], {
  error: "must hold either token, or accessKeyId and accessKeySecret",
});

/** What GenAuth takes: a token, or a key pair that is exchanged for one. */
export type Token = z.infer<typeof tokenSchema>;

/** Reads the secret *GenAuth token*; `wrong` says what is wrong with it, never with a value. */
export function parseToken(text: string): Token | { wrong: string } {
  const whole = parseSecret(text);
  if (!whole) return { wrong: "the secret is not a JSON object" };
  if (placeholder in whole) return { wrong: "the secret still holds the placeholder" };
  const parsed = tokenSchema.safeParse(whole);
  return parsed.success ? parsed.data : { wrong: describe(parsed.error, "secret") };
}
