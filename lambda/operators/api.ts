/** The operators' interface: lists and decisions over signed HTTP (docs/signed-orders.md). */
import * as z from "zod/mini";
import { type Answer, json, parseQuery } from "../http.ts";
import { countUnreadable } from "../log.ts";
import { malformed } from "../problem.ts";
import { isOutOfRange } from "../resignation/moment.ts";
import { holds, type Status } from "../resignation/resignation.ts";
import { statuses } from "../resignation/status.ts";
import { operatorView, view } from "../resignation/view.ts";
import type { DeskSettings } from "../settings/by-function.ts";
import { isAbsent, orMalformed, readObject, readReason } from "../sources/json-body.ts";
import { type Context, defineSource, verified } from "../sources/source.ts";
import {
  type Callers,
  demandOperator,
  hasProof,
  readCallers,
  type Signed,
  verifyCaller,
} from "../sources/standard-webhooks.ts";
import { type ActName, findOrThrow, list as listPage, operate } from "./operate.ts";
import { type StopAct, stopOrStart, stopView } from "./stop.ts";
import type { Desk, Work } from "./work.ts";

type OperatorContext = Omit<Context<Callers, DeskSettings>, "keys">;

const signed = (read: (proven: Signed, context: OperatorContext) => Work) =>
  verified({
    verify: (request, { keys, now }: Context<Callers, DeskSettings>) => verifyCaller(request, keys, now),
    read,
  });

/** The same for what operators alone may do. Throws `forbidden`. */
const byOperator = (read: (proven: Signed, context: OperatorContext) => Work) =>
  signed((proven, context) => {
    demandOperator(proven.caller, context.settings.operators.api);
    return read(proven, context);
  });

export const api = defineSource<Callers, Work, DeskSettings>({
  section: "api",
  readKeys: readCallers,
  routes: {
    "GET /resignations": byOperator(list),
    "GET /resignations/{id}": signed(find),
    "POST /resignations/{id}/approve": byOperator(act("approve")),
    "POST /resignations/{id}/cancel": byOperator(act("cancel")),
    "POST /resignations/{id}/retry": byOperator(act("retry")),
    "POST /resignations/{id}/acknowledge": byOperator(act("acknowledge")),
    "GET /stop": byOperator(
      () =>
        async ({ ledger }) =>
          json(200, stopView(await ledger.readStop())),
    ),
    "POST /stop": byOperator(stop("stop")),
    "POST /start": byOperator(stop("start")),
    "GET /quarantine": byOperator(
      () =>
        async ({ reverify }) =>
          json(200, await reverify.count()),
    ),
    "POST /quarantine/reverify": byOperator(reverifyPage),
  },
  hasProof,
});

/** Every caller sees the outcome of an order; the person and the history are for operators. */
function find({ caller, request }: Signed, { settings }: OperatorContext): Work {
  const show = settings.operators.api.includes(caller) ? operatorView : view;
  return async ({ ledger }) => json(200, show(await findOrThrow(ledger, request.id ?? "")));
}

function list({ request }: Signed): Work {
  const { cursor, since, ...query } = orMalformed(listSchema, Object.fromEntries(parseQuery(request.rawQuery)));
  const from = since === undefined ? undefined : new Date(since);
  // Refused, since the ledger is read month by month, and there is nothing before 2000.
  if (from && isOutOfRange(from)) throw malformed("since lies outside the years 2000 to 2100");
  const asked = { ...query, since: from };
  return async ({ ledger, log, now }: Desk): Promise<Answer> => {
    const { items, nextCursor, unreadable } = await listPage(ledger, { ...asked, now: now() }, cursor);
    for (const id of unreadable) countUnreadable(log, id);
    return json(200, {
      items: items.map(operatorView),
      ...(nextCursor && { nextCursor }),
      ...(unreadable.length > 0 && { unreadable }),
    });
  };
}

function act(name: ActName) {
  return ({ caller, messageId, request }: Signed): Work => {
    const optional = ["reason", "genauthUserId", "userId", "heldFor"];
    const {
      operator,
      reason: given,
      ...chosen
    } = orMalformed(actSchemas[name], readFields(readObject(request), optional));
    const reason = readReason(given);
    const act = {
      ...{ name, id: request.id ?? "", caller, operator, requestId: `${caller}/${messageId}` },
      ...(reason !== undefined && { reason }),
      ...chosen,
    };
    return async (desk) => json(200, operatorView(await operate(desk, act)));
  };
}

function stop(name: StopAct["name"]) {
  return ({ caller, messageId, request }: Signed): Work => {
    const { operator, reason: given } = orMalformed(stopSchema, readFields(readObject(request), ["reason"]));
    const reason = readReason(given);
    const act = {
      name,
      caller,
      operator,
      requestId: `${caller}/${messageId}`,
      ...(reason !== undefined && { reason }),
    };
    return async (desk) => json(200, stopView(await stopOrStart(desk, act)));
  };
}

function reverifyPage({ request }: Signed): Work {
  const { after } = orMalformed(reverifySchema, readFields(readObject(request), ["after"]));
  return async ({ reverify }) => json(200, await reverify.page(after));
}

/** What is optional may be null or empty. */
function readFields(body: Record<string, unknown>, optional: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).filter(([name, given]) => !(optional.includes(name) && isAbsent(given))),
  );
}

const operatorSchema = z.string().check(z.minLength(1), z.maxLength(100));
const actSchema = z.strictObject({
  operator: operatorSchema,
  reason: z.optional(z.string()),
  genauthUserId: z.optional(z.undefined()),
  userId: z.optional(z.undefined()),
  heldFor: z.optional(z.undefined()),
});
const approveSchema = z.strictObject({
  operator: operatorSchema,
  reason: z.optional(z.string()),
  genauthUserId: z.optional(z.string()),
  userId: z.optional(z.string()),
  heldFor: z.optional(z.enum(holds)),
});
const actSchemas = { approve: approveSchema, cancel: actSchema, retry: actSchema, acknowledge: actSchema };

const stopSchema = z.strictObject({ operator: operatorSchema, reason: z.optional(z.string()) });

const reverifySchema = z.strictObject({ after: z.optional(z.string()) });

const listSchema = z.strictObject({
  status: z.optional(z.enum(statuses as [Status, ...Status[]])),
  userId: z.optional(z.string().check(z.minLength(1))),
  since: z.optional(z.union([z.iso.datetime({ offset: true }), z.iso.date()])),
  limit: z._default(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(100)), 50),
  cursor: z.optional(z.string()),
});
