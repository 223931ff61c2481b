/**
 * The real functions in processes of their own, killed (SIGKILL) at every one of their calls, before it is made and
 * before its answer arrives; then the sender's repeat, the queue and the sweep go on with others.
 */
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { larkDeleted, send, signLark } from "../../cli/sign.ts";
import type { Answer } from "../../lambda/http.ts";
import { toResignation } from "../../lambda/resignation/departure.ts";
import type { SyncRelation } from "../../lambda/resignation/sync-relation.ts";
import { routes } from "../../lambda/webhook.ts";
import { startHttpFront } from "../../local/http-front.ts";
import type { Listening } from "../../local/listen.ts";
import type { Fate } from "./fault-proxy.ts";
import type { RealFunction } from "./functions.ts";
import { startStage } from "./stage.ts";

/** A lease of two minutes runs out in 4 s. */
const speed = 30;

let stage: Awaited<ReturnType<typeof startStage>>;
let webhook: RealFunction;
let resigner: RealFunction;
let sweep: RealFunction;
let front: Listening;
/** At which of its calls the next function dies. */
let plan: { at: number; fate: Fate } | undefined;
let calls = 0;

beforeAll(async () => {
  const brake = { perHour: 1_000, perDay: 1_000, percentPerDay: 100, headcount: 1_000 };
  stage = await startStage({
    speed,
    deadlineSpeed: 1,
    settings: { brake, endSessionsIn: ["app"] },
    writeLog: () => {},
  });
  const fateOf = (): Fate => {
    calls += 1;
    return plan && calls - 1 === plan.at ? plan.fate : "pass";
  };
  [webhook, resigner, sweep] = await Promise.all([
    stage.start("webhook", 1, fateOf),
    stage.start("resigner", 1, fateOf),
    stage.start("sweep", 1, fateOf),
  ]);
  const answer = (event: unknown) => webhook.invoke(event).catch((): Answer => ({ statusCode: 502 }));
  front = await startHttpFront([[routes, answer as never]], 0);
}, 60_000);
afterAll(async () => {
  await front.close();
  await Promise.all([webhook, resigner, sweep].map((one) => one.close()));
  await stage.close();
});

/** Runs an act with the function dying at one of its calls; tells whether it died. */
async function dying(at: number, fate: Fate, act: () => Promise<unknown>): Promise<boolean> {
  const before = webhook.kills() + resigner.kills() + sweep.kills();
  calls = 0;
  plan = { at, fate };
  await act();
  plan = undefined;
  return webhook.kills() + resigner.kills() + sweep.kills() > before;
}

let people = 0;
function somebody(): { userId: string; tell: () => Promise<number> } {
  people += 1;
  const id = `ou_killed_${people}`;
  stage.genauth.addUsers([{ syncRelation: `lark:${id}` }]);
  const { verificationToken: token } = stage.keys.lark;
  const event = larkDeleted({ open_id: id }, { token, now: stage.now() });
  const tell = async () => (await send(signLark(event, stage.keys.lark, stage.now()), front.url)).status;
  return { userId: `lark:${id}`, tell };
}

const idOf = async (userId: string) => {
  const { items } = await stage.ledger.list({ userId, now: stage.now(), limit: 1 });
  return items[0]?.id;
};
const work = (id: string) =>
  resigner.invoke({
    Records: [{ body: id, messageId: "m", receiptHandle: "r" }],
  } as SQSEvent) as Promise<SQSBatchResponse>;

describe.each<Fate>(["kill before", "kill after"])("%s", (fate) => {
  test("receiving: nothing is answered that is not in the ledger, and the repeat is taken", async () => {
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
  }, 120_000);

  test("resigning: whoever is next ends it, with one effect", async () => {
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
    await new Promise((resolve) => setTimeout(resolve, 156_000 / speed));
    for (const { id, userId } of killed) {
      expect((await work(id)).batchItemFailures).toEqual([]);
      expect(await stage.ledger.get(id)).toMatchObject({ status: "resigned" });
      expect([userId, stage.genauth.effects(userId)]).toEqual([userId, 1]);
      expect(stage.genauth.person(userId)?.status).toBe("Resigned");
    }
  }, 120_000);

  test("sweeping: what it did not reach it reaches the next time", async () => {
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
    await new Promise((resolve) => setTimeout(resolve, 182_000 / speed));

    let deaths = 0;
    while (await dying(deaths, fate, () => sweep.invoke({}).catch(() => {}))) deaths += 1;
    expect(deaths).toBeGreaterThanOrEqual(3);
    const queued = await drain();
    for (const { id } of left) expect(queued).toContain(id);
  }, 120_000);
});

/** Everything that is in the queue. */
async function drain(): Promise<string[]> {
  const client = new SQSClient();
  const command = new ReceiveMessageCommand({ QueueUrl: stage.queueUrl, MaxNumberOfMessages: 10 });
  const bodies: string[] = [];
  for (;;) {
    const { Messages = [] } = await client.send(command);
    if (Messages.length === 0) return bodies;
    bodies.push(...Messages.map(({ Body = "" }) => Body));
    // Or they come again while a busy machine is at the next one.
    for (const { ReceiptHandle } of Messages) {
      await client.send(new DeleteMessageCommand({ QueueUrl: stage.queueUrl, ReceiptHandle }));
    }
  }
}
