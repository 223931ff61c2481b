import { atFirstCall } from "./aws/connect.ts";
import { connectFront, createFront, type FrontParts } from "./intake/front.ts";
import { passOn } from "./intake/pass-on.ts";
import { type TakeParts, take } from "./intake/take.ts";
import type { WebhookSettings } from "./settings/by-function.ts";
import * as settingsOf from "./settings/by-function.ts";
import { directoryRoutes } from "./sources/index.ts";

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
          : "heard",
    async answer({ events, answer }, source, request) {
      const taken = await take(parts, events, source, request);
      // After our own events are durable. If this fails, the sender sends again, and both listeners hear it.
      if (!events.some(({ kind }) => kind === "url_check")) await passOn(parts, source, request);
      return answer(taken);
    },
  });

/** Builds the function from its environment. */
export const connectWebhook = (environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) =>
  createWebhook(connectFront({ name: "webhook", environment }, settingsOf.webhook, writeLog));

/** What Lambda calls. */
export const handler = atFirstCall(() => connectWebhook(process.env));
