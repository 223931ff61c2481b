import { atFirstCall } from "./aws/connect.ts";
import { connectFront, createFront, type FrontParts } from "./intake/front.ts";
import { take } from "./intake/take.ts";
import { api } from "./operators/api.ts";
import { createReverify, type ReverifyParts } from "./operators/reverify.ts";
import { slack } from "./operators/slack.ts";
import type { Work } from "./operators/work.ts";
import type { Resignation } from "./resignation/resignation.ts";
import { isUnderWay } from "./resignation/status.ts";
import type { DeskSettings } from "./settings/by-function.ts";
import * as settingsOf from "./settings/by-function.ts";
import { routesOf } from "./sources/index.ts";
import { type Ordered, orders } from "./sources/orders.ts";

/** Orders, lists, decisions, Slack, and the quarantine's routes. */
export const routes = routesOf<Ordered | Work, DeskSettings>([orders, api, slack]);

export type DeskParts = FrontParts<DeskSettings> & ReverifyParts;

/** HTTP in, from callers and operators: route → verify → carry out. May wait, and may list. */
export function createDesk(parts: DeskParts) {
  const { ledger, now, sleep } = parts;
  const desk = { ...parts, reverify: createReverify(parts) };

  return createFront(parts, {
    routes,
    signIn: () => "heard",
    async answer(said, source, request) {
      if (typeof said === "function") return said(desk);
      const taken = await take(parts, said.events, source, request);
      return said.answer(await Promise.all(taken.map((one) => outcomeOf(one, said.waitSeconds))));
    },
  });

  /** Waits until the resignation has an outcome or is held, or until the time is over; returns it as it is then. */
  async function outcomeOf(taken: Resignation, waitSeconds: number): Promise<Resignation> {
    const until = now().getTime() + waitSeconds * 1000;
    let latest = taken;
    while (isUnderWay(latest) && now().getTime() < until) {
      await sleep(200);
      latest = (await ledger.get(taken.id)) ?? latest;
    }
    return latest;
  }
}

/** Builds the function from its environment. */
export const connectDesk = (environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) =>
  createDesk(connectFront({ name: "desk", environment }, settingsOf.desk, writeLog));

/** What Lambda calls. */
export const handler = atFirstCall(() => connectDesk(process.env));
