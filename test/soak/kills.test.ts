/** The webhook is killed at every one of its calls; then the sender comes again. The other functions: kills.long.test.ts. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Fate } from "./fault-proxy.ts";
import { type Killing, startKilling } from "./killing.ts";

let killing: Killing;
beforeAll(async () => {
  killing = await startKilling();
}, 60_000);
afterAll(() => killing.close());

test.each<Fate>(["kill before", "kill after"])(
  "%s: nothing is answered that is not in the ledger, and the repeat is taken",
  async (fate) => {
    const { stage, dying, somebody, idOf, work, drain } = killing;
    const told: ReturnType<typeof somebody>[] = [];
    let died = true;
    for (let at = 0; died; at += 1) {
      const one = somebody();
      let answer = 0;
      died = await dying(at, fate, async () => {
        answer = await one.tell();
      });
      if (answer === 200) expect(await idOf(one.userId)).toBeDefined();
      if (died) told.push(one);
    }
    // The secret, the note that Lark was heard, the ledger, the queue.
    expect(told.length).toBeGreaterThanOrEqual(4);
    await drain();
    for (const { userId, tell } of told) {
      expect(await tell()).toBe(200);
      expect(await drain()).toEqual([await idOf(userId)]);
      expect((await work((await idOf(userId)) ?? "")).batchItemFailures).toEqual([]);
      expect([userId, stage.genauth.effects(userId)]).toEqual([userId, 1]);
    }
  },
);
