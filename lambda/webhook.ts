import { atFirstCall, connectGround, connectQueue, connectSecret, connectTable, type Site } from "./aws/connect.ts";
import { createFront, type FrontParts } from "./intake/front.ts";
import { passOn } from "./intake/pass-on.ts";
import { createQuarantine } from "./intake/quarantine.ts";
import { type TakeParts, take } from "./intake/take.ts";
import { createLedger } from "./ledger.ts";
import type { WebhookSettings } from "./settings-of.ts";
import * as settingsOf from "./settings-of.ts";
import { directoryRoutes, parseKeys } from "./sources/index.ts";

/** What the directories send. */
export const routes = directoryRoutes;

export type WebhookParts = FrontParts<WebhookSettings> & TakeParts;

/** HTTP in, from the directories: route → verify → write each event down → answer. Never waits, never lists. */
export const createWebhook = (parts: WebhookParts) =>
  createFront(parts, {
    routes,
    signIn: ({ events }) =>
      events.some(({ kind }) => kind === "url_check")
        ? "url_check"
        : events.some(({ kind }) => kind === "other_tenant")
          ? "none"
          : "life",
    async answer({ events, answer }, source, request) {
      const taken = await take(parts, events, source, request);
      // After our own events are durable. If this fails, the sender sends again, and both listeners hear it.
      if (!events.some(({ kind }) => kind === "url_check")) await passOn(parts, source, request);
      return answer(taken);
    },
  });

/** Builds the function from its environment. */
export function connectWebhook(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const site: Site = { name: "webhook", environment };
  const ground = connectGround(site, settingsOf.webhook, writeLog);
  return createWebhook({
    ...ground,
    ledger: createLedger(connectTable(site, "LEDGER_TABLE")),
    quarantine: createQuarantine({ ...ground, ...connectTable(site, "QUARANTINE_TABLE") }),
    queue: connectQueue(site, "QUEUE_URL"),
    forwards: environment.FORWARDS_URL ? connectQueue(site, "FORWARDS_URL") : undefined,
    keys: connectSecret(site, "KEYS_SECRET_ID", parseKeys),
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectWebhook(process.env));
