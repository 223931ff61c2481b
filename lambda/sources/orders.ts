/** Resignations ordered by any tool that can sign a request: `POST /resignations`. */
import * as z from "zod/mini";
import { json, type Request } from "../http.ts";
import { malformed, Problem } from "../problem.ts";
import { isOutOfRange } from "../resignation/moment.ts";
import { isUnderWay } from "../resignation/status.ts";
import { view } from "../resignation/view.ts";
import type { DeskSettings } from "../settings/by-function.ts";
import { type ReadId, readParts, readRelation } from "./ids.ts";
import { kindOf, shorten } from "./json.ts";
import { isAbsent, readObject, readReason } from "./json-body.ts";
import { sha256 } from "./proof.ts";
import { type Context, defineSource, type Told, verified } from "./source.ts";
import {
  type Callers,
  demandOperator,
  hasProof,
  readCallers,
  type Signed,
  toleranceSeconds,
  verifyCaller,
} from "./standard-webhooks.ts";

/** An order, and how long its answer may wait for the outcome. */
export interface Ordered extends Told {
  readonly waitSeconds: number;
}

export const orders = defineSource<Callers, Ordered, DeskSettings>({
  section: "api",
  readKeys: readCallers,
  routes: {
    "POST /resignations": verified({
      verify: (request, { keys, now }) => verifyCaller(request, keys, now),
      read,
    }),
  },
  hasProof,
  kept: {
    route: "POST /resignations",
    headers: ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"],
  },
});

const proposed = { heldFor: "proposed", why: "Proposed by a reconciliation" } as const;

const maxWaitSeconds = 20;

function read(
  { caller, messageId, request }: Signed,
  { settings, now }: Omit<Context<Callers, DeskSettings>, "keys">,
): Ordered {
  const { userId, reason, occurredAt, isProposal } = readOrder(request, settings.allowedProviders, now);
  if (isProposal) demandOperator(caller, settings.operators.api);
  const waitSeconds = readWait(request.headers.prefer);
  return {
    events: [
      {
        kind: "departure",
        ...(isProposal ? { source: "reconcile", approvalNeeded: proposed } : { source: "api" }),
        eventId: `${caller}/${messageId}`,
        userId,
        occurredAt,
        requestedBy: caller,
        ...(reason !== undefined && { reason }),
        contentHash: sha256(request.body).toString("hex"),
      },
    ],
    waitSeconds: waitSeconds ?? 0,
    answer: ([taken]) => {
      const isOutcome = waitSeconds !== undefined && taken !== undefined && !isUnderWay(taken);
      return json(isOutcome ? 200 : 202, taken && view(taken), {
        location: `/resignations/${taken?.id}`,
        ...(waitSeconds !== undefined && { "preference-applied": `wait=${waitSeconds}` }),
      });
    },
  };
}

const orderForm = 'Send {"userId", "reason"?, "occurredAt"?} or {"provider", "userIdInIdp", "reason"?, "occurredAt"?}';
const orderFields = ["userId", "provider", "userIdInIdp", "reason", "occurredAt", "propose"];

function readOrder(request: Request, allowedProviders: readonly string[], now: Date) {
  const body = readObject(request);
  const unknown = Object.keys(body).filter((name) => !orderFields.includes(name));
  if (unknown.length > 0) throw malformed(`There is no field ${unknown.map(shorten).join(", ")}. ${orderForm}`);
  const propose = isAbsent(body.propose) ? false : body.propose;
  if (typeof propose !== "boolean") throw malformed(`propose is ${kindOf(propose)}: send true or false`);
  const reason = readReason(body.reason);
  const occurred = readOccurredAt(body.occurredAt) ?? now;
  const read = readWho(body, allowedProviders);
  if ("wrong" in read) throw new Problem("invalid_user_id", { detail: read.wrong });
  if (occurred.getTime() > now.getTime() + toleranceSeconds * 1000) {
    throw new Problem("occurred_in_future", { detail: "occurredAt lies in the future: order it on the day" });
  }
  return { userId: read.userId, reason, occurredAt: occurred, isProposal: propose };
}

function readWho(body: Record<string, unknown>, allowed: readonly string[]): ReadId {
  const { userId, provider, userIdInIdp } = body;
  const isApart = !isAbsent(provider) || !isAbsent(userIdInIdp);
  if (!isApart) {
    if ("userId" in body) return readRelation(userId, allowed);
    if ("userIdInIdp" in body) throw malformed(`provider is ${kindOf(provider)}: send a text. ${orderForm}`);
    throw malformed(`userId is missing. ${orderForm}`);
  }
  if (!isAbsent(userId)) throw malformed("userId stands beside provider and userIdInIdp: send the one or the other");
  if (typeof provider !== "string" || provider === "") {
    throw malformed(`provider is ${kindOf(provider)}: send a text. ${orderForm}`);
  }
  if (!("userIdInIdp" in body)) throw malformed(`userIdInIdp is missing. ${orderForm}`);
  return readParts(provider, userIdInIdp, allowed);
}

const instantSchema = z.iso.datetime({ offset: true });

function readOccurredAt(value: unknown): Date | undefined {
  if (isAbsent(value)) return undefined;
  const would = "send an ISO 8601 date and time with its offset, as in 2026-11-24T10:00:00+08:00";
  if (typeof value !== "string") throw malformed(`occurredAt is ${kindOf(value)}: ${would}`);
  const { data } = instantSchema.safeParse(value.replace(/(T.*[+-]\d{2})(\d{2})$/, "$1:$2"));
  if (data === undefined) throw malformed(`occurredAt is ${kindOfTime(value)}: ${would}`);
  const at = new Date(data);
  if (isOutOfRange(at)) {
    throw new Problem("occurred_out_of_range", { detail: "occurredAt lies outside the years 2000 to 2100" });
  }
  return at;
}

/** What a text that is no instant seems to be; never the text. */
function kindOfTime(text: string): string {
  const date = /^\d{4}-\d{2}-\d{2}/;
  if (/^\s|\s$/.test(text)) return "a text with white space at an end";
  if (/^\d+(\.\d+)?$/.test(text)) return "a number in a text";
  if (!date.test(text)) return "a text of another form";
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return "a date without a time";
  if (/\[.*\]$/.test(text)) return "a time with the name of its zone in brackets";
  if (text[10] !== "T") return "a date and a time without the T between them";
  if (/^.{10}T\d{2}:\d{2}(Z|[+-]|$)/.test(text)) return "a time without its seconds";
  if (/^.{10}T[\d:.,]*$/.test(text)) return "a time without its offset";
  if (!/(Z|[+-]\d{2}:?\d{2})$/.test(text)) return "a time whose offset has another form";
  return "no date and time that there is";
}

/** RFC 7240: `wait=N` in seconds, ours at most 20. What else is preferred is not ours to apply. */
function readWait(prefer: string | undefined): number | undefined {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,5})"?\s*(?:$|[,;])/i.exec(prefer ?? "") ?? [];
  return seconds === undefined ? undefined : Math.min(Number(seconds), maxWaitSeconds);
}
