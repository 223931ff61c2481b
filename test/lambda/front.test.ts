import type { Context } from "aws-lambda";
import { expect, test } from "vitest";
import { createDesk, routes as deskRoutes } from "../../lambda/desk.ts";
import { createLog } from "../../lambda/log.ts";
import { createWebhook, routes as webhookRoutes } from "../../lambda/webhook.ts";
import { now, settings } from "../parts.ts";

const parts = {
  ...{ log: createLog("front", () => {}), settings: settings(), now: () => now, sleep: async () => {} },
  ...{ ledger: {}, quarantine: {}, queue: {}, forwards: undefined, keys: {} },
};

// As while a version deploys that moves a route from one function to another.
test.each([
  ["webhook", createWebhook(parts as never), [...deskRoutes.keys()]],
  ["desk", createDesk(parts as never), [...webhookRoutes.keys()]],
])("%s asks the sender to come again at a route that is not its own", async (_, handle, others) => {
  for (const routeKey of others) {
    const event = { routeKey, rawQueryString: "", headers: {}, body: "" };
    const answer = await handle(event as never, { getRemainingTimeInMillis: () => 60_000 } as Context);
    expect([routeKey, answer.statusCode, answer.headers?.["retry-after"]]).toEqual([routeKey, 503, "10"]);
  }
});
