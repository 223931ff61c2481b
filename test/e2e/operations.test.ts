/** What operators live with: notices, a second listener, dead letters, a function that is killed. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { InvokeCommand, LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { beforeEach, describe, expect, test } from "vitest";
import {
  ask,
  callsFor,
  fail,
  genauth,
  lark,
  notices,
  of,
  order,
  outcome,
  outputs,
  somebody,
  status,
  told,
} from "./parts.ts";

describe.skipIf(!genauth || !notices)("with those whom it tells", () => {
  test("everybody hears of a resignation, and programs by a signed event", async () => {
    const userId = `lark:${await somebody("lark")}`;
    expect(await status(order(userId))).toBe(202);
    await outcome(userId, "resigned");
    const [resigned] = await of(userId);
    const heard = (target: string, needle: string) =>
      expect.poll(async () => (await told(target, needle)).length, { timeout: 60_000, interval: 500 }).toBe(1);
    for (const target of ["slack", "lark", "wechatwork"]) await heard(target, userId);
    await heard("webhook", userId);
    const [event] = await told("webhook", userId);
    expect(JSON.parse(event?.body ?? "")).toMatchObject({ type: "resignation.resigned", data: { id: resigned?.id } });
    expect(event?.headers).toMatchObject({
      "webhook-id": expect.stringMatching(`^evt_resigned_${resigned?.id}_\\d+$`),
    });
  }, 90_000);

  test("the second listener gets what Lark sent, byte for byte, and no forgery", async () => {
    const id = await somebody("lark");
    const [one, other] = [lark(id), lark(await somebody("lark"))];
    const forged = { ...other, headers: { ...other.headers, "x-lark-signature": "0".repeat(64) } };
    expect([await status(forged), await status(one)]).toEqual([401, 200]);
    await expect.poll(() => told("listener", one.body), { timeout: 40_000, interval: 500 }).toHaveLength(1);
    const [heard] = await told("listener", one.body);
    expect(heard?.body).toBe(one.body);
    for (const name of Object.keys(one.headers))
      expect([name, heard?.headers[name]]).toEqual([name, one.headers[name]]);
    expect(await told("listener", other.body)).toEqual([]);
    // Or it would meet the fault that is meant for the next one.
    await outcome(`lark:${id}`, "resigned");
  });
});

describe.skipIf(!genauth)("what GenAuth refuses for good", () => {
  beforeEach(() => fail({ mode: "none" }));

  test("has failed, lies among the dead letters, and an operator's retry ends it", async () => {
    const userId = `lark:${await somebody("lark")}`;
    await fail({ mode: "403", count: 1 });
    expect(await status(order(userId))).toBe(202);
    await outcome(userId, "failed");
    const [failed] = await of(userId);
    if (outputs) await redrive(outputs, failed?.id ?? "");
    expect(await callsFor(userId)).toEqual([403]);
    expect(await ask("POST", `/resignations/${failed?.id}/retry`, { operator: "alice" })).toMatchObject({
      status: "accepted",
    });
    await outcome(userId, "resigned");
    expect(await callsFor(userId)).toEqual([403, 200]);
  });

  /** Takes the dead letter of this resignation and puts it back: it does nothing that an operator has not answered for. */
  async function redrive({ QueueUrl, DeadLettersUrl }: Record<string, string>, id: string): Promise<void> {
    const client = new SQSClient();
    const receive = async () => {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl: DeadLettersUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2 }),
      );
      return Messages.find(({ Body }) => Body === id);
    };
    await expect.poll(receive, { timeout: 20_000, interval: 200 }).toBeDefined();
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: id }));
    await wait(3_000);
  }
});

/** The deployment's functions are processes of this machine: Linux shows which process is which function. */
describe.skipIf(!genauth || !outputs || process.platform !== "linux")(
  "a function that is killed in the middle of a call",
  () => {
    test("leaves a doubt, and whoever is next looks and ends it", async () => {
      const userId = `lark:${await somebody("lark")}`;
      await fail({ mode: "hang", count: 1 });
      expect(await status(order(userId))).toBe(202);
      await expect.poll(() => callsFor(userId), { timeout: 20_000, interval: 100 }).toEqual([0]);
      const killed = processesOf("Resigner");
      expect(killed.length).toBeGreaterThan(0);
      for (const pid of killed) process.kill(pid, "SIGKILL");
      expect((await of(userId))[0]?.status).toBe("resigning");

      // Its lease has to run out, and the time in which a call may still arrive; then the sweep queues it again, which
      // runs every five minutes by itself.
      await wait(154_000);
      await invoke("Sweep");
      await outcome(userId, "resigned");
      expect(await callsFor(userId)).toEqual([0, 200]);
    }, 240_000);

    /** `id`: a regular expression of the function's name. */
    const processesOf = (id: string) =>
      readdirSync("/proc").flatMap((entry) => (isFunction(entry, id) ? [Number(entry)] : []));

    function isFunction(entry: string, id: string): boolean {
      try {
        const environment = readFileSync(`/proc/${entry}/environ`, "utf8");
        return /^\d+$/.test(entry) && new RegExp(`(^|\0)AWS_LAMBDA_FUNCTION_NAME=[^\0]*${id}`).test(environment);
      } catch {
        return false;
      }
    }

    async function invoke(id: string): Promise<void> {
      const client = new LambdaClient();
      const { Functions = [] } = await client.send(new ListFunctionsCommand({}));
      const found = Functions.find(({ FunctionName }) => FunctionName?.includes(id));
      await client.send(new InvokeCommand({ FunctionName: found?.FunctionName, Payload: "{}" }));
    }
  },
);
