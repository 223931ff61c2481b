/** Many resigners at once, each a function of its own with one message, before one brake. */
import { expect } from "vitest";
import { type SignedRequest, send, signApi } from "../cli/sign.ts";
import type { Resignation } from "../lambda/resignation/resignation.ts";
import { connectResigner } from "../lambda/resigner.ts";
import type { LocalAws } from "../local/aws.ts";
import type { GenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";

/** Each limit, and how many it lets through. */
export const limits: [string, object, number][] = [
  ["an hour", { perHour: 7 }, 7],
  ["a day", { perDay: 9, perHour: 100 }, 9],
  ["the share of the headcount", { perHour: 100, perDay: 100, percentPerDay: 10, headcount: 60 }, 6],
];

/** Exactly as many go as may, the rest are held, and release lets exactly those through. */
export async function checkBrake(
  { aws, genauth }: { aws: LocalAws; genauth: GenAuthSimulator },
  { resigners, brake, allowed }: { resigners: number; brake: object; allowed: number },
): Promise<void> {
  genauth.reset();
  const keys = newKeys();
  const lines: string[] = [];
  const writeLog = (line: string) => void lines.push(line);
  const stack = await startStack({ aws, genauth, keys, settings: { brake }, writeLog, isPolling: false });
  const metrics = (name: string) => lines.filter((line) => (JSON.parse(line) as Record<string, unknown>)[name] === 1);
  const ask = async <Answer>(request: SignedRequest) => (await (await send(request, stack.url)).json()) as Answer;
  const order = (userId: string) =>
    ask<{ id: string }>(signApi({ method: "POST", path: "/resignations", body: { userId } }, keys.api.zapier));
  const everyone = async (status: string) => {
    const path = `/resignations?limit=100&status=${status}`;
    return (await ask<{ items: Resignation[] }>(signApi({ method: "GET", path }, keys.api.ops))).items;
  };
  const functions = Array.from({ length: resigners }, () => connectResigner(stack.environment, writeLog));
  const work = (id: string, index: number) =>
    functions[index]?.({ Records: [{ body: id, messageId: id, receiptHandle: id }] as never });
  // On a busy machine a call to AWS may time out: then the message comes again, as it does from the queue.
  const workOff = async (messages: string[]): Promise<void> => {
    const results = await Promise.all(messages.map(work));
    const again = results.flatMap((result) => result?.batchItemFailures.map((one) => one.itemIdentifier) ?? []);
    if (again.length > 0) await workOff(again);
  };

  const people = Array.from({ length: resigners }, (_, index) => `lark:ou_demo_${index + 1}`);
  await workOff((await Promise.all(people.map(order))).map(({ id }) => id));
  expect(genauth.calls()).toHaveLength(allowed);
  const held = await everyone("held");
  expect(held).toHaveLength(resigners - allowed);
  expect(await everyone("resigned")).toHaveLength(allowed);
  expect(metrics("BrakeTripped")).toHaveLength(1);
  expect(metrics("Held")).toHaveLength(resigners - allowed);
  expect(new Set(held.map((one) => one.status === "held" && one.brakeId)).size).toBe(1);

  for (const { id } of held) {
    const body = { operator: "alice", reason: "looked into it" };
    const request = signApi({ method: "POST", path: `/resignations/${id}/approve`, body }, keys.api.ops);
    expect((await send(request, stack.url)).status).toBe(200);
  }
  await workOff(held.map(({ id }) => id));
  expect(genauth.calls()).toHaveLength(resigners);
  expect(new Set(genauth.calls().map(({ userId }) => userId)).size).toBe(resigners);
  expect(await everyone("resigned")).toHaveLength(resigners);
  await stack.close();
}
