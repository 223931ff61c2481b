import { atFirstCall, connectGround, connectQueue, connectSecret, connectTable, type Site } from "./aws/connect.ts";
import { createFront, type FrontParts } from "./intake/front.ts";
import { createQuarantine } from "./intake/quarantine.ts";
import { take } from "./intake/take.ts";
import { createLedger } from "./ledger.ts";
import { api } from "./operators/api.ts";
import { createReverify, type ReverifyParts } from "./operators/reverify.ts";
import { slack } from "./operators/slack.ts";
import type { Work } from "./operators/work.ts";
import { isUnderWay, type Resignation } from "./resignation.ts";
import type { DeskSettings } from "./settings-of.ts";
import * as settingsOf from "./settings-of.ts";
import { parseKeys, routesOf } from "./sources/index.ts";
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
    signIn: () => "life",
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
export function connectDesk(environment: NodeJS.ProcessEnv, writeLog?: (line: string) => void) {
  const site: Site = { name: "desk", environment };
  const ground = connectGround(site, settingsOf.desk, writeLog);
  return createDesk({
    ...ground,
    ledger: createLedger(connectTable(site, "LEDGER_TABLE")),
    quarantine: createQuarantine({ ...ground, ...connectTable(site, "QUARANTINE_TABLE") }),
    queue: connectQueue(site, "QUEUE_URL"),
    forwards: environment.FORWARDS_URL ? connectQueue(site, "FORWARDS_URL") : undefined,
    keys: connectSecret(site, "KEYS_SECRET_ID", parseKeys),
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectDesk(process.env));
