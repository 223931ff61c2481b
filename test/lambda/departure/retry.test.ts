import { expect, test } from "vitest";
import { hasRunOut, retryDelaySeconds } from "../../../lambda/departure/retry.ts";
import { toResignation } from "../../../lambda/resignation/departure.ts";
import { later } from "../../../lambda/resignation/moment.ts";
import type { Resignation } from "../../../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../../../lambda/resignation/sync-relation.ts";
import { now } from "../../parts.ts";

const retry = { firstDelaySeconds: 5, maxDelaySeconds: 900, giveUpAfterSeconds: 172_800 };
const ago = (seconds: number) => later(now, -seconds);

test("the delay doubles, half of it by chance", () => {
  expect([1, 2, 3, 8, 9, 1_000].map((attempts) => retryDelaySeconds(attempts, retry, 1))).toEqual([
    5, 10, 20, 640, 900, 900,
  ]);
  expect(retryDelaySeconds(3, retry, 0)).toBe(10);
});

test("the delay is no shorter than GenAuth asks for, up to an hour", () => {
  expect(retryDelaySeconds(1, retry, 1, 60)).toBe(60);
  expect(retryDelaySeconds(9, retry, 1, 60)).toBe(900);
  expect(retryDelaySeconds(1, retry, 1, 3_600)).toBe(3_600);
  expect(retryDelaySeconds(1, retry, 1, 3_601)).toBe(3_600);
  expect(retryDelaySeconds(1, retry, 1, 999_999_999)).toBe(3_600);
});

test("an hour bounds what GenAuth asks for, and not the setting", () => {
  const patient = { ...retry, firstDelaySeconds: 7_200, maxDelaySeconds: 7_200 };
  expect(retryDelaySeconds(1, patient, 1, 86_400)).toBe(7_200);
});

test("trying runs out after 48 hours from when it could begin", () => {
  const departure = (agoSeconds: number, changes: object = {}) => {
    const occurredAt = new Date(ago(agoSeconds));
    const told = { source: "lark", eventId: "e", userId: "lark:ou_1" as SyncRelation, requestedBy: "lark" } as const;
    return { ...toResignation({ ...told, occurredAt }, now), ...changes } as Resignation;
  };
  const isOver = (given: Resignation) => hasRunOut(given, 172_800, now);
  expect(isOver(departure(172_800))).toBe(false);
  expect(isOver(departure(172_801))).toBe(true);
  for (const from of ["brake", "failed"] as const) {
    expect(isOver(departure(200_000, { released: [{ from, by: "alice (ops)", at: ago(10) }] }))).toBe(false);
  }
  expect(isOver(departure(400_000, { resignAfter: ago(10) }))).toBe(false);
  expect(isOver(departure(400_000, { leavesAt: ago(10) }))).toBe(false);
  expect(isOver(departure(400_000, { resignAfter: ago(172_801) }))).toBe(true);
});
