/** Limits that a stranger's answer must not move: GenAuth's `Retry-After`, and a headcount that it does not tell. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { isLong } from "./long.ts";
import { type Company, type Ground, hour, minute, startCompany, startGround } from "./person/fixtures.ts";

let ground: Ground;
let company: Company;
beforeAll(async () => {
  ground = await startGround();
});
afterEach(() => company?.close());
afterAll(() => ground.close());

// Before: one answer with twenty days in it, and the departure was never tried again.
test("a Retry-After of twenty days puts the last try off no further than the end of its time", async () => {
  company = await startCompany(ground, { retry: { giveUpAfterSeconds: 1_800 } });
  const { counted, deliver, fail, rest, status, told } = company;
  fail("429", "resign", { retryAfterSeconds: 20 * 86_400 });
  const id = await deliver();
  await rest(29 * minute);
  expect(await status(id)).toBe("accepted");
  await rest(2 * minute);
  expect([await status(id), counted("Failed"), told(id)]).toEqual(["failed", 1, ["failed"]]);
});

test("a Retry-After of eleven days is an hour, and the departure is tried until then", async () => {
  company = await startCompany(ground, {});
  const { deliver, fail, rest, resigned, status } = company;
  fail("429", "resign", { count: 1, retryAfterSeconds: 999_999 });
  const id = await deliver();
  await rest(hour - 2 * minute);
  expect(await status(id)).toBe("accepted");
  await rest(3 * minute);
  expect([await status(id), resigned()]).toEqual(["resigned", 1]);
});

const more: [{ brake?: object }, number][] = [
  [{}, 10],
  [{ brake: { perDay: 2 } }, 2],
  [{ brake: { percentPerDay: 100 } }, 15],
];

// Before: 30 of 30 were resigned, with a line in the log.
test.each<[{ brake?: object }, number]>([
  [{ brake: { perDay: 10 } }, 3],
  [{ brake: { headcount: 1_000 } }, 15],
  ...(isLong ? more : []),
])("while GenAuth does not tell the headcount, with %j %i of 15 go through", async (changes, expected) => {
  company = await startCompany(ground, changes);
  const { counted, deliver, rest, simulator, status } = company;
  simulator.fail({ mode: "403", path: "/api/v3/list-users" });
  const ids: string[] = [];
  for (let index = 1; index <= 15; index += 1) ids.push(await deliver({ userId: `lark:ou_demo_${index}` }));
  await rest(5 * minute);
  const all = await Promise.all(ids.map(status));
  expect(all.filter((one) => one === "resigned")).toHaveLength(expected);
  expect(all.filter((one) => one === "held")).toHaveLength(15 - expected);
  const isAsked = !("percentPerDay" in (changes.brake ?? {}) || "headcount" in (changes.brake ?? {}));
  expect(counted("HeadcountUnknown") > 0).toBe(isAsked);
});
