/** The signature of what Slack sends (docs.slack.dev, "Verifying requests from Slack"). */
import { createHmac } from "node:crypto";
import * as z from "zod/mini";
import { decodeUtf8, type Request } from "../http.ts";
import { malformed, refused } from "../problem.ts";
import { key, oneOrMore, readFields } from "./keys.ts";
import { findEvery, isSameDigest } from "./proof.ts";

const keysSchema = z.object({ signingSecret: oneOrMore(key) });
export type SlackKeys = z.infer<typeof keysSchema>;

export const readSlackKeys = readFields(keysSchema);

const toleranceSeconds = 300;

/** The fields of a form that Slack signed: HMAC-SHA256 over `v0:{timestamp}:{raw body}`; 5 minutes either way. */
export function verifySlack(
  request: Request,
  keys: SlackKeys,
  now: Date,
): Readonly<Record<string, string | undefined>> {
  const signature = request.headers["x-slack-signature"] ?? "";
  const timestamp = request.headers["x-slack-request-timestamp"] ?? "";
  if (!/^v0=[0-9a-f]{64}$/.test(signature)) throw refused("signature form");
  if (!/^\d{10}$/.test(timestamp)) throw refused("timestamp form");
  const proven = findEvery(keys.signingSecret, (secret) =>
    isSameDigest(sign(secret, timestamp, request.body), signature),
  );
  if (proven === undefined) throw refused("signature");
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > toleranceSeconds) throw refused("timestamp");

  const form = [...new URLSearchParams(decodeUtf8(request.body))];
  const fields = Object.fromEntries(form);
  if (Object.keys(fields).length !== form.length) throw malformed("A form field is given twice");
  return fields;
}

export function sign(signingSecret: string, timestamp: string, body: Uint8Array): string {
  return `v0=${createHmac("sha256", signingSecret).update(`v0:${timestamp}:`).update(body).digest("hex")}`;
}
