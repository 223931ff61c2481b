/**
 * The real functions in processes of their own, killed (SIGKILL) at one of their calls, before it is made or before
 * its answer arrives; others go on.
 */
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { larkDeleted, send, signLark } from "../../cli/sign.ts";
import type { Answer } from "../../lambda/http.ts";
import { routes } from "../../lambda/webhook.ts";
import { startHttpFront } from "../../local/http-front.ts";
import type { Fate } from "./fault-proxy.ts";
import { startStage } from "./stage.ts";

/** A lease of two minutes runs out in 4 s. */
export const speed = 30;

export type Killing = Awaited<ReturnType<typeof startKilling>>;

export async function startKilling() {
  /** At which of its calls the next function dies. */
  let plan: { at: number; fate: Fate } | undefined;
  let calls = 0;
  let people = 0;

  const brake = { perHour: 1_000, perDay: 1_000, percentPerDay: 100, headcount: 1_000 };
  const stage = await startStage({
    speed,
    deadlineSpeed: 1,
    settings: { brake, endSessionsIn: ["app"] },
    writeLog: () => {},
  });
  const fateOf = (): Fate => {
    calls += 1;
    return plan && calls - 1 === plan.at ? plan.fate : "pass";
  };
  const [webhook, resigner, sweep] = await Promise.all([
    stage.start("webhook", 1, fateOf),
    stage.start("resigner", 1, fateOf),
    stage.start("sweep", 1, fateOf),
  ]);
  const answer = (event: unknown) => webhook.invoke(event).catch((): Answer => ({ statusCode: 502 }));
  const front = await startHttpFront([[routes, answer as never]], 0);

  return {
    ...{ stage, sweep },

    /** Runs an act with the function dying at one of its calls; tells whether it died. */
    async dying(at: number, fate: Fate, act: () => Promise<unknown>): Promise<boolean> {
      const before = webhook.kills() + resigner.kills() + sweep.kills();
      calls = 0;
      plan = { at, fate };
      await act();
      plan = undefined;
      return webhook.kills() + resigner.kills() + sweep.kills() > before;
    },

    somebody(): { userId: string; tell: () => Promise<number> } {
      people += 1;
      const id = `ou_killed_${people}`;
      stage.genauth.addUsers([{ syncRelation: `lark:${id}` }]);
      const { verificationToken: token } = stage.keys.lark;
      const event = larkDeleted({ open_id: id }, { token, now: stage.now() });
      const tell = async () => (await send(signLark(event, stage.keys.lark, stage.now()), front.url)).status;
      return { userId: `lark:${id}`, tell };
    },

    async idOf(userId: string): Promise<string | undefined> {
      const { items } = await stage.ledger.list({ userId, now: stage.now(), limit: 1 });
      return items[0]?.id;
    },

    work: (id: string) =>
      resigner.invoke({
        Records: [{ body: id, messageId: "m", receiptHandle: "r" }],
      } as SQSEvent) as Promise<SQSBatchResponse>,

    /** Everything that is in the queue, taken out of it: what is only hidden comes back after 6 s. */
    async drain(): Promise<string[]> {
      const client = new SQSClient();
      const { queueUrl: QueueUrl } = stage;
      const bodies: string[] = [];
      for (;;) {
        const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
        if (Messages.length === 0) return bodies;
        for (const { Body = "", ReceiptHandle } of Messages) {
          bodies.push(Body);
          await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
        }
      }
    },

    async close() {
      await front.close();
      await Promise.all([webhook, resigner, sweep].map((one) => one.close()));
      await stage.close();
    },
  };
}
