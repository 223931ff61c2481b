/** Resigner and sweep are killed at every one of their calls; then the queue and the sweep go on with others. */
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SyncRelation, toResignation } from "../../lambda/resignation.ts";
import type { Fate } from "./fault-proxy.ts";
import { type Killing, speed, startKilling } from "./killing.ts";

let killing: Killing;
beforeAll(async () => {
  killing = await startKilling();
}, 60_000);
afterAll(() => killing.close());

describe.each<Fate>(["kill before", "kill after"])("%s", (fate) => {
  test("resigning: whoever is next ends it, with one effect", async () => {
    const { stage, dying, somebody, idOf, work } = killing;
    const killed: { id: string; userId: string }[] = [];
    let died = true;
    for (let at = 0; died; at += 1) {
      const { userId, tell } = somebody();
      expect(await tell()).toBe(200);
      const id = (await idOf(userId)) ?? "";
      died = await dying(at, fate, () => work(id).catch(() => {}));
      if (died) killed.push({ id, userId });
      expect(stage.genauth.effects(userId)).toBeLessThanOrEqual(1);
    }
    // Ledger, relation, token, look, lease, facts, brake, claim, effect, facts, the call, effect, outcome, and after it.
    expect(killed.length).toBeGreaterThanOrEqual(18);

    // A lease, and the time in which a call may still arrive.
    await wait(156_000 / speed);
    for (const { id, userId } of killed) {
      expect((await work(id)).batchItemFailures).toEqual([]);
      expect(await stage.ledger.get(id)).toMatchObject({ status: "resigned" });
      expect([userId, stage.genauth.effects(userId)]).toEqual([userId, 1]);
      expect(stage.genauth.person(userId)?.status).toBe("Resigned");
    }
  }, 120_000);

  test("sweeping: what it did not reach it reaches the next time", async () => {
    const { stage, sweep, dying, somebody, drain } = killing;
    await drain();
    const left = Array.from({ length: 5 }, somebody).map(({ userId }) =>
      toResignation(
        {
          ...({ source: "lark", eventId: userId, requestedBy: "lark" } as const),
          userId: userId as SyncRelation,
          occurredAt: stage.now(),
        },
        stage.now(),
      ),
    );
    for (const one of left) expect(await stage.ledger.enter(one)).toBeUndefined();
    await wait(182_000 / speed);

    let deaths = 0;
    while (await dying(deaths, fate, () => sweep.invoke({}).catch(() => {}))) deaths += 1;
    expect(deaths).toBeGreaterThanOrEqual(3);
    const queued = await drain();
    for (const { id } of left) expect(queued).toContain(id);
  }, 120_000);
});
