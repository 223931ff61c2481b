/** The real parts around one clock: what is told goes in, and what became of people is asked of GenAuth's simulator. */
import { setTimeout as wait } from "node:timers/promises";
import { type SignedRequest, send } from "../../cli/sign.ts";
import { openTable } from "../../lambda/aws/table.ts";
import { accept, noteReturn } from "../../lambda/departure/accept.ts";
import { personId } from "../../lambda/departure/people.ts";
import { createDesk, routes as deskRoutes } from "../../lambda/desk.ts";
import { createGenAuth, type GenAuth } from "../../lambda/genauth/genauth.ts";
import { createQuarantine } from "../../lambda/intake/quarantine.ts";
import { createLedger, type Ledger } from "../../lambda/ledger.ts";
import { createLog } from "../../lambda/log.ts";
import { type Act, operate } from "../../lambda/operators/operate.ts";
import { type StopAct, stopOrStart } from "../../lambda/operators/stop.ts";
import type { Departure } from "../../lambda/resignation/departure.ts";
import type { Moment } from "../../lambda/resignation/moment.ts";
import { exactly } from "../../lambda/resignation/moment.ts";
import type { Notice } from "../../lambda/resignation/notice.ts";
import type { Resignation } from "../../lambda/resignation/resignation.ts";
import type { SourceName } from "../../lambda/resignation/source-names.ts";
import type { SyncRelation } from "../../lambda/resignation/sync-relation.ts";
import { createResigner } from "../../lambda/resigner.ts";
import { parseKeys } from "../../lambda/sources/index.ts";
import { createSweep } from "../../lambda/sweep.ts";
import { createWebhook, routes as webhookRoutes } from "../../lambda/webhook.ts";
import { type Fault, simulatorCredentials, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { startHttpFront } from "../../local/http-front.ts";
import type { Listening } from "../../local/listen.ts";
import { newKeys } from "../../local/stack.ts";
import { startDynamoDb } from "../dynamodb.ts";
import { settings } from "../parts.ts";

export const minute = 60;
export const hour = 3_600;
export const day = 86_400;

/** Where the clock stands when a test begins, unless it says otherwise. */
export const startAt = new Date("2026-11-24T08:00:00.000Z");

/** DynamoDB and GenAuth on this machine, for all tests of a file. */
export type Ground = Awaited<ReturnType<typeof startGround>>;

export async function startGround() {
  const clock = { ms: startAt.getTime() };
  const dynamodb = startDynamoDb();
  const simulator = await startGenAuthSimulator({ now: () => new Date(clock.ms) });
  return { clock, dynamodb, simulator, keys: newKeys(), close: () => simulator.close() };
}

/** What a worker can have instead of the real parts: one that is slow, or dies. */
export type Instead = (parts: { ledger: Ledger; genauth: GenAuth }) => { ledger: Ledger; genauth: GenAuth };

let tables = 0;

/** A company of its own: an empty ledger, the simulator's people, and a clock that moves only when told to. */
export async function startCompany(ground: Ground, changes: object = {}, startsAt = startAt, deadlineMs = 20_000) {
  const { clock, dynamodb, simulator } = ground;
  const { client } = dynamodb;
  tables += 1;
  const name = `company-${tables}`;
  await dynamodb.createLedgerTable(name);
  clock.ms = startsAt.getTime();
  simulator.reset();

  const given = { current: withOperators(changes) };
  const now = () => new Date(clock.ms);
  const ledger = createLedger({ client, table: name });
  const table = openTable({ client, table: name });
  const lines: Record<string, unknown>[] = [];
  const log = createLog(
    "test",
    (line) => void lines.push(JSON.parse(line)),
    () => clock.ms,
  );
  const { userPoolId, accessKeyId, accessKeySecret } = simulatorCredentials;
  const secret = { read: async () => ({ accessKeyId, accessKeySecret }), refresh: async () => false };
  const genauth = createGenAuth({ host: simulator.url, userPoolId, secret, now, deadlineMs });

  const notices: Notice[] = [];
  const noticesQueue = {
    sendTogether: async ([message = ""]: readonly string[]) => void notices.push(JSON.parse(message).notice),
  };
  const buried: string[] = [];
  const delays = new Map<string, number>();
  let messages: { id: string; atMs: number; receipt: string }[] = [];
  let count = 0;
  const nextName = (what: string) => {
    count += 1;
    return `${what}-${count}`;
  };
  const queue = {
    send: async (id: string) => void messages.push({ id, atMs: clock.ms, receipt: nextName("receipt") }),
    delay: async (receipt: string, seconds: number) => void delays.set(receipt, Math.ceil(seconds)),
    bury: async (id: string) => void buried.push(id),
  };
  const parts = { ledger, queue, log, now, random: () => 0.5, sleep: async () => {} };
  let front: Listening | undefined;

  /** Runs the worker with these messages; what must come again is back in the queue with its delay. */
  async function work(taken: typeof messages, instead: Instead = (real) => real) {
    const resigner = createResigner({
      ...{ ...parts, ...instead({ ledger, genauth }), notices: noticesQueue, settings: given.current },
      newOwner: () => nextName("owner"),
    });
    const records = taken.map(({ id, receipt }) => ({ body: id, messageId: receipt, receiptHandle: receipt }));
    const { batchItemFailures } = await resigner({ Records: records as never });
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    for (const { id, receipt } of taken.filter((one) => failed.has(one.receipt))) {
      // Without a delay of its own a message comes again when its visibility timeout is over.
      messages.push({ id, atMs: clock.ms + (delays.get(receipt) ?? 720) * 1_000, receipt: nextName("receipt") });
    }
  }

  function take(howMany: number) {
    const ready = messages.filter(({ atMs }) => atMs <= clock.ms).slice(0, howMany);
    messages = messages.filter((one) => !ready.includes(one));
    return ready;
  }

  const company = {
    ...{ clock, now, ledger, table, tableName: name, genauth, simulator, notices, lines, buried },
    /** Deployed anew, with these settings beside those of before. */
    deploy(next: object) {
      given.current = withOperators({ ...changes, ...next });
    },
    pass(seconds: number) {
      clock.ms += seconds * 1_000;
    },

    /** A departure is told of; gives back its id. */
    async deliver(more: Partial<Omit<Departure, "userId">> & { userId?: string } = {}): Promise<string> {
      const { userId = someone, source = "lark", occurredAt = now(), ...others } = more;
      const told = { eventId: nextName("event"), requestedBy: source, ...others };
      const departure = { ...told, source, occurredAt, userId: userId as SyncRelation };
      return (await accept(parts, departure)).id;
    },

    /** A source says that somebody is back. */
    back: (userId: string = someone, { source = "lark", at = now(), moment = exactly(at) }: Back = {}) =>
      noteReturn(parts, { userId: userId as SyncRelation, source, moment }),

    act: (name: Act["name"], id: string, more: Partial<Act> = {}) =>
      operate(parts, { name, id, caller: "ops", operator: "alice", requestId: nextName("request"), ...more }),

    /** An operator stops everything, or starts it again. */
    stopOrStart: (name: StopAct["name"], more: Partial<StopAct> = {}) =>
      stopOrStart(parts, { name, caller: "ops", operator: "alice", requestId: nextName("request"), ...more }),

    /** The next messages have their turns: all that are ready at once, or so many. */
    step: (howMany: number = messages.length, instead?: Instead) => work(take(howMany), instead),

    /** How many messages there are in the queue. */
    waiting: () => messages.length,

    /** The messages that wait are taken in the opposite order from now on. */
    reverseQueue: () => void messages.reverse(),

    /** One message after the other, until none is ready. */
    async drain(batchSize = 1) {
      for (let taken = take(batchSize); taken.length > 0; taken = take(batchSize)) await work(taken);
    },

    sweep: () => createSweep({ ...parts, notices: noticesQueue, settings: given.current })(),

    /**
     * Lets the time pass from one thing that waits to the next, with sweep and queue, until nothing waits or so many
     * seconds are over.
     */
    async rest(seconds = 1_000 * day) {
      const endsAt = clock.ms + seconds * 1_000;
      for (let rounds = 0; rounds < 1_000; rounds += 1) {
        simulator.tick();
        await company.drain();
        const [due] = await ledger.due(new Date("9999-01-01"), 1);
        if (due && Date.parse(due.dueAt) <= clock.ms) {
          await company.sweep();
          continue;
        }
        const waiting = [...messages.map(({ atMs }) => atMs), ...(due ? [Date.parse(due.dueAt)] : [])];
        const next = Math.max(Math.min(...waiting), clock.ms + 1_000);
        if (waiting.length === 0 || next > endsAt) {
          if (seconds < 1_000 * day) clock.ms = endsAt;
          return;
        }
        clock.ms = next;
      }
      throw new Error("It does not come to rest");
    },

    get: async (id: string) => (await ledger.get(id)) as Resignation,
    status: async (id: string) => (await ledger.get(id))?.status,
    /** As GenAuth shows them. */
    seen: (userId: string = someone) => simulator.person(userId)?.status,
    /** How often they were resigned. */
    resigned: (userId: string = someone) => simulator.effects(userId),
    /** What we did to them, as it stands in the ledger. */
    async person(userId: string = someone) {
      return ledger.getPerson(personId(simulator.person(userId)?.userId ?? ""));
    },
    /** What people were told of a departure. */
    told: (id: string) => notices.filter((one) => one.id === id).map(({ about }) => about),
    counted: (metric: string) => lines.filter((line) => line[metric] === 1).length,
    /** What was measured last. */
    measured: (measure: string) => lines.findLast((line) => line[measure] !== undefined)?.[measure],
    fail: (mode: Fault["mode"], path: keyof typeof paths, more: Partial<Fault> = {}) =>
      simulator.fail({ mode, path: paths[path], ...more }),

    /** A signed request of a sender, to the real webhook over HTTP. */
    async request(signed: SignedRequest): Promise<{ status: number; body: Record<string, unknown> }> {
      front ??= await listenForSenders();
      const response = await send(signed, front.url);
      const text = await response.text();
      return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : { text } };
    },

    close: async () => front?.close(),
  };

  async function listenForSenders() {
    await dynamodb.createQuarantineTable(`${name}-quarantine`);
    const ring = parseKeys(JSON.stringify(ground.keys));
    const front = {
      ...parts,
      keys: { read: async () => ring, refresh: async () => false },
      quarantine: createQuarantine({ client, table: `${name}-quarantine`, now, random: () => 0.5 }),
      forwards: undefined,
      settings: given.current,
      sleep: wait,
    };
    return startHttpFront(
      [
        [webhookRoutes, createWebhook(front)],
        [deskRoutes, createDesk(front)],
      ],
      0,
    );
  }

  return company;
}
export type Company = Awaited<ReturnType<typeof startCompany>>;

interface Back {
  readonly source?: SourceName;
  readonly at?: Date;
  readonly moment?: Moment;
}

const paths = {
  resign: "/api/v3/resign-user",
  look: "/api/v3/get-user",
  status: "/api/v3/update-user",
  sessions: "/api/v3/kick-users",
} as const;

/** Whom a test is about, where it names nobody. */
export const someone = "lark:ou_demo_1";

const withOperators = (changes: object) => settings({ operators: { api: ["ops", "deputy"] }, ...changes });

/** A worker that dies right after this call of one of its parts: nothing that it does later happens. */
export const diesAfter =
  (name: string): Instead =>
  (parts) => {
    let isDead = false;
    const mortal = <T extends object>(part: T): T =>
      new Proxy(part, {
        get: (target, called) => {
          const method = target[called as keyof T];
          if (typeof method !== "function") return method;
          return async (...args: unknown[]) => {
            if (isDead) throw new Error("The worker is dead");
            const answer = await (method as (...given: unknown[]) => unknown).apply(target, args);
            if (called === name) isDead = true;
            if (isDead) throw new Error("The worker is dead");
            return answer;
          };
        },
      });
    return { ledger: mortal(parts.ledger), genauth: mortal(parts.genauth) };
  };
