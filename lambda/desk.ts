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
import { variables } from "./settings.ts";
import { parseKeys, routesOf } from "./sources/index.ts";
import { type Ordered, orders } from "./sources/orders.ts";

/** Orders, lists, decisions, Slack, and the quarantine's routes. */
export const routes = routesOf<Ordered | Work>([orders, api, slack]);

export type DeskParts = FrontParts & ReverifyParts;

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

  /** The resignation as it is when something came of it, or when the time is over. */
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
  const ground = connectGround(site, writeLog);
  return createDesk({
    ...ground,
    ledger: createLedger(connectTable(site, "ledgerTable")),
    quarantine: createQuarantine({ ...ground, ...connectTable(site, "quarantineTable") }),
    queue: connectQueue(site, "queueUrl"),
    forwards: environment[variables.forwardsUrl] ? connectQueue(site, "forwardsUrl") : undefined,
    keys: connectSecret(site, "keysSecretId", parseKeys),
  });
}

/** What Lambda calls. */
export const handler = atFirstCall(() => connectDesk(process.env));
