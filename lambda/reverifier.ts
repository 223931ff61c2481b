import middy from "@middy/core";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { atFirstCall, connectGround, connectQueue, connectSecret, connectTable, type Site } from "./aws/connect.ts";
import { createLedger } from "./aws/ledger.ts";
import { type Answer, answerError, json, toRequest as readEvent } from "./http.ts";
import {
  createQuarantine,
  type HourCount,
  isKeptAsAuthentic,
  type Kept,
  type Quarantine,
  toRequest,
} from "./intake/quarantine.ts";
import { type ReceiveParts, receive, receiveWith } from "./intake/receive.ts";
import { createRespond, type RespondParts } from "./intake/respond.ts";
import { countUnreadable, isUnreadable } from "./log.ts";
import { malformed, Problem } from "./problem.ts";
import type { SourceName } from "./resignation.ts";
import * as settingsOf from "./settings-of.ts";
import { quarantineRoutes, type Received, routes } from "./sources/index.ts";
import { type KeyRing, parseKeys } from "./sources/keys.ts";

export interface ReverifierParts extends Omit<RespondParts, "quarantine">, Omit<ReceiveParts, "ledger" | "settings"> {
  readonly quarantine: Quarantine;
}

/** The sources whose refused requests are kept. */
const keptSources: readonly SourceName[] = [
  ...new Set([...routes.values()].flatMap(({ kept, section }) => (kept ? [section] : []))),
];

/** The operators' look at the quarantine: what was refused, counted, and once more with the keys of today. */
export function createReverifier(parts: ReverifierParts) {
  const { quarantine, keys, log } = parts;
  const { respond, passOn } = createRespond(parts);

  return middy()
    .use({
      onError: (request) => {
        const { event, error } = request as { event: APIGatewayProxyEventV2; error: unknown };
        request.response = answerError(error, event, "api", log);
      },
    })
    .handler(async (event: APIGatewayProxyEventV2): Promise<Answer> => {
      const request = readEvent(event);
      const route = quarantineRoutes.get(request.route);
      if (!route) throw new Problem("not_found");
      const review = await receive(parts, route, request);
      return review.kind === "count" ? json(200, await count()) : json(200, await reverify(review.after));
    });

  async function count(): Promise<{ items: HourCount[] }> {
    return { items: (await Promise.all(keptSources.map((source) => quarantine.counts(source)))).flat() };
  }

  /** One page of one source; `next` names the one that follows. */
  async function reverify(after: string | undefined) {
    const [source, slot] = readPosition(after);
    await keys.refresh();
    const ring = await keys.read();
    const { items, unreadable, next } = await quarantine.page(source, slot);
    for (const one of unreadable) countUnreadable(log, placeName(source, one));
    let departures = 0;
    let verified = 0;
    for (const kept of items) {
      const found = await verifyAgain(kept, ring);
      if (found === undefined) continue;
      verified += 1;
      departures += found;
      await quarantine.forget(kept);
    }
    const nextSource = keptSources[keptSources.indexOf(source) + 1];
    const following = next === undefined ? nextSource : `${source} ${next}`;
    return { source, looked: items.length, verified, departures, ...(following && { next: following }) };
  }

  /**
   * Carries it out as the webhook would have, but for a departure, which waits for an operator. Gives back how many
   * departures it told of, or nothing if it still cannot be verified or read.
   */
  async function verifyAgain(kept: Kept, ring: KeyRing): Promise<number | undefined> {
    const source = routes.get(kept.route);
    if (!source) return undefined;
    const request = toRequest(kept);
    try {
      // As at the time it came: what was too old then is too old for good.
      const received = receiveWith(ring, source, request, parts.settings, new Date(kept.receivedAt));
      if (received.kind !== "answer" && received.kind !== "departures") return undefined;
      if (received.kind === "answer" && received.keepAs) return undefined;
      await respond(toReverified(received, kept), source, request);
      // What was authentic when it came was passed on then.
      if (!isKeptAsAuthentic(kept)) await passOn(source, request);
      return received.kind === "departures" ? received.departures.length : 0;
    } catch (error) {
      if (error instanceof Problem) return undefined;
      if (!isUnreadable(error)) throw error;
      // What the ledger has of this one departure is bent: it stays here, and the others go on.
      countUnreadable(log, placeName(kept.source, kept.slot));
      return undefined;
    }
  }
}

const placeName = (source: string, slot: string) => `quarantine ${source} ${slot}`;

/** Of its departures none is carried out before an operator released it, and nobody waits for what becomes of them. */
function toReverified(received: Received, { receivedAt, reason }: Kept): Received {
  if (received.kind !== "departures") return received;
  const why = `Came at ${receivedAt} and was not taken (${reason}); verified since`;
  const approvalNeeded = { heldFor: "reverified", why } as const;
  const departures = received.departures.map((departure) => ({ ...departure, approvalNeeded }));
  return { ...received, departures, waitSeconds: 0 };
}

/** Where a page starts: a source, and the slot that the page before ended at. */
function readPosition(after = keptSources[0] as string): [SourceName, string | undefined] {
  const [name, ...slot] = after.split(" ");
  const source = keptSources.find((one) => one === name);
  if (!source) throw malformed("after: it is the next of another page, or left out");
  return [source, slot.length > 0 ? slot.join(" ") : undefined];
}

/** Builds the function from its environment. */
export function connectReverifier(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const site: Site = { name: "reverifier", environment };
  const ground = connectGround(site, settingsOf.reverifier, writeLog);
  return createReverifier({
    ...ground,
    ledger: createLedger(connectTable(site, "LEDGER_TABLE")),
    quarantine: createQuarantine({ ...ground, ...connectTable(site, "QUARANTINE_TABLE") }),
    queue: connectQueue(site, "QUEUE_URL"),
    forwards: environment.FORWARDS_URL ? connectQueue(site, "FORWARDS_URL") : undefined,
    keys: connectSecret(site, "KEYS_SECRET_ID", parseKeys),
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectReverifier(process.env));
