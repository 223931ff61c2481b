import * as z from "zod/mini";
import type { Request } from "../http.ts";
import { type DirectoryName, directoryNames } from "../resignation/source-names.ts";

/** A verified request on its way to a second listener: everything that its proof needs, byte for byte. */
const forwardSchema = z.object({
  source: z.enum(directoryNames),
  receivedAt: z.iso.datetime(),
  rawQuery: z.string(),
  headers: z.record(z.string(), z.string()),
  /** Base64. */
  body: z.string(),
});
export type Forward = z.infer<typeof forwardSchema>;

/** Throws zod's error. */
export const parseForward = (text: string): Forward => forwardSchema.parse(JSON.parse(text));

type ForwardSettings = { readonly [D in DirectoryName]?: { readonly forwardTo?: string | undefined } };

/** Where a directory's second listener is; nowhere, too, where the directory has no such setting. */
export const forwardToOf = (settings: ForwardSettings, source: DirectoryName): string | undefined =>
  settings[source]?.forwardTo;

export function toForward(source: DirectoryName, request: Request, now: Date): Forward {
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    value === undefined || ofTheConnection.test(name) ? [] : [[name, value]],
  );
  return {
    source,
    receivedAt: now.toISOString(),
    rawQuery: request.rawQuery,
    headers: Object.fromEntries(headers),
    body: request.body.toString("base64"),
  };
}

/** Headers of one connection alone, or added by API Gateway: not passed on. */
const ofTheConnection =
  /^(host|connection|keep-alive|content-length|transfer-encoding|te|trailer|upgrade|expect|proxy-.*|x-forwarded-.*|x-amzn-trace-id)$/;
