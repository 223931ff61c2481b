/** The last of the suite: from here on everybody is held until an hour is over. */
import { describe, expect, test } from "vitest";
import { ask, callsFor, fail, genauth, lark, notices, type Shown, somebody, status, told } from "./parts.ts";

const people = 30;

describe.skipIf(!genauth)("more leave than may go by themselves", () => {
  test("the rest are held, people hear of it once, and operators let them go by name", async () => {
    await fail({ mode: "none" });
    const ids = await Promise.all(Array.from({ length: people }, () => somebody("lark")));
    expect(new Set(await Promise.all(ids.map((id) => status(lark(id)))))).toEqual(new Set([200]));
    const userIds = new Set(ids.map((id) => `lark:${id}`));
    const mine = async () => {
      const { items } = await ask<{ items: Shown[] }>("GET", "/resignations?limit=100");
      return items.filter(({ userId }) => userIds.has(userId));
    };
    const statuses = async () => [...new Set((await mine()).map((one) => one.status))].sort();
    await expect.poll(statuses, { timeout: 60_000, interval: 500 }).toEqual(["held", "resigned"]);

    const held = (await mine()).filter((one) => one.status === "held");
    expect(held.length).toBeGreaterThanOrEqual(people - 20);
    const [{ brakeId } = { brakeId: "" }] = held as { brakeId?: string }[];
    for (const one of held) {
      expect(one).toMatchObject({ heldFor: "brake", brakeId });
      expect(await callsFor(one.userId)).toEqual([]);
    }
    if (notices) {
      await expect.poll(() => told("webhook", `${brakeId}`), { timeout: 60_000, interval: 500 }).toHaveLength(1);
    }

    const [refused, ...others] = held;
    await ask("POST", `/resignations/${refused?.id}/cancel`, { operator: "alice", reason: "still here" });
    for (const { id } of others) await ask("POST", `/resignations/${id}/approve`, { operator: "alice" });
    await expect.poll(statuses, { timeout: 60_000, interval: 500 }).toEqual(["cancelled", "resigned"]);
    for (const { userId } of await mine()) {
      expect(await callsFor(userId)).toEqual(userId === refused?.userId ? [] : [200]);
    }
  }, 200_000);
});
