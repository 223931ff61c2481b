/** The JSON body of a request that a person or a tool made: lenient where nothing can be meant but one thing. */
import type * as z from "zod/mini";
import type { Request } from "../http.ts";
import { malformed, Problem } from "../problem.ts";
import { kindOf, readJson, shorten } from "./json.ts";

/** Throws `malformed` or `unsupported_media_type`, which say what came and what would do. */
export function readObject(request: Request): Record<string, unknown> {
  const body = readBody(request);
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw malformed(`The body is ${kindOf(body)}: send a JSON object`);
}

/** Many tools fill in what their trigger lacks with nothing. */
export const isAbsent = (value: unknown) => value === undefined || value === null || value === "";

export function readReason(value: unknown): string | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== "string") throw malformed(`reason is ${kindOf(value)}: send a text of at most 500 characters`);
  if (value.length > 500) throw malformed(`reason has ${value.length} characters: at most 500 will do`);
  return value.toWellFormed();
}

/** Throws `malformed`: which field, the kind of what came, and what would do. */
export function orMalformed<T>(schema: z.ZodMiniType<T>, given: Record<string, unknown>): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw malformed(parsed.error.issues.map((issue) => explainIssue(issue, given)).join("; "));
}

/** Which field, the kind of what came, and what would do. */
function explainIssue(issue: z.core.$ZodIssue, given: Record<string, unknown>): string {
  if (issue.code === "unrecognized_keys") return `there is no field ${issue.keys.map(shorten).join(", ")} here`;
  const name = String(issue.path[0] ?? "body");
  const came = given[name];
  switch (issue.code) {
    case "too_big":
      return `${name} is too long or too large: at most ${issue.maximum} will do`;
    case "too_small":
      return `${name} is ${came === "" ? "empty" : "too small"}: at least ${issue.minimum} will do`;
    case "invalid_value":
      return `${name} is none of ${issue.values.join(", ")}`;
    case "invalid_type": {
      const type: string = issue.expected;
      if (type === "undefined") return `there is no field ${name} here`;
      const would = { string: "a text", int: "a whole number" }[type] ?? `a ${type}`;
      return `${name} is ${kindOf(came)}: send ${would}`;
    }
    default:
      return `${name} is ${kindOf(came)} of another form${name === "since" ? ": send an ISO 8601 date, or date and time with its offset" : ""}`;
  }
}

/** Takes JSON under any type that does not plainly say that it is something else. */
function readBody(request: Request): unknown {
  demandPlainBody(request);
  const types = readList(request.headers["content-type"]).map((one) => one.split(";")[0]?.trim() ?? "");
  const other = types.find((type) => !isJsonType.test(type));
  if (other !== undefined) {
    const came = shorten(other);
    throw new Problem("unsupported_media_type", { detail: `Content-Type is ${came}: send application/json` });
  }
  return readJson(request.body);
}

/** Throws `unsupported_media_type` where the body is packed. */
export function demandPlainBody({ headers }: Request): void {
  const encodings = readList(headers["content-encoding"]).filter((one) => one !== "identity");
  if (encodings.length === 0) return;
  throw new Problem("unsupported_media_type", {
    detail: `Content-Encoding is ${shorten(encodings.join(", "))}: send the body as it is`,
  });
}

const isJsonType = /^(application\/([a-z0-9.-]+\+)?json|text\/(json|plain)|application\/octet-stream)$/;

/** The values of a header that several ones may have been joined into. */
const readList = (given = "") =>
  given
    .toLowerCase()
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);
