import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import {
  larkDeleted,
  type SignedRequest,
  send,
  signApi,
  signLark,
  signWechatwork,
  wechatworkDeleted,
} from "../../cli/sign.ts";
import { routes as deskRoutes } from "../../lambda/desk.ts";
import type { Answer } from "../../lambda/http.ts";
import { resignationId } from "../../lambda/resignation/departure.ts";
import type { Resignation } from "../../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../../lambda/resignation/sync-relation.ts";
import { routes as webhookRoutes } from "../../lambda/webhook.ts";
import { simulatorCredentials } from "../../local/genauth-simulator.ts";
import { startHttpFront } from "../../local/http-front.ts";
import { startPoller } from "../../local/poller.ts";
import type { Call, Fate } from "./fault-proxy.ts";
import { startStage } from "./stage.ts";

export interface SoakOptions {
  readonly departures: number;
  /** Decides who leaves, how often they are told of, and what happens to which call. How the processes interleave it does not. */
  readonly seed: number;
  /** Share of the calls that go wrong. */
  readonly faultRate: number;
  /** Share of the departures of which, on the average, a function is killed. */
  readonly killRate: number;
  readonly deadlineSeconds: number;
  readonly graceDays: number;
  readonly tell?: (line: string) => void;
}

export interface SoakReport {
  readonly statuses: Record<string, number>;
  readonly requests: number;
  readonly calls: number;
  readonly faults: Partial<Record<Fate, number>>;
  readonly kills: number;
  readonly approved: number;
  readonly effects: number;
  readonly seconds: number;
  readonly violations: string[];
}

const faults: Fate[] = ["refuse", "lose", "delay", "cut", "twice", "error", "garbage"];

/** About what a departure takes from acceptance to outcome, in calls. */
const callsPerDeparture = 25;

/** Ten times the wall's: a lease of two minutes runs out in 12 s, and no call takes as long as its margin of 6 s. */
const speed = 10;

interface Leaver {
  readonly source: "lark" | "wechatwork" | "api";
  readonly eventId: string;
  readonly userId: SyncRelation;
  readonly occurredAt: Date;
  /** Told of twice, though it was answered. */
  readonly isRepeated: boolean;
  /** What happens after it was told: its source says that the person is back, or an operator cancels. */
  readonly then: "nothing" | "return" | "cancel";
  /** Somebody gives the person access, or takes it, in GenAuth's own console. */
  readonly hand: "none" | "Activated" | "Suspended";
}

/** Lets people leave while calls fail and functions die, until every departure has come to its end; then looks for broken promises. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { departures, seed, faultRate, killRate, deadlineSeconds, graceDays, tell = () => {} } = options;
  const startedAt = Date.now();
  const secondsSince = () => Math.round((Date.now() - startedAt) / 1000);
  const violations: string[] = [];
  const chance = (of: string) => createHash("sha256").update(`${seed}|${of}`).digest().readUInt32BE() / 2 ** 32;

  const stage = await startStage({
    speed,
    settings: {
      graceDays,
      retry: { firstDelaySeconds: 1, maxDelaySeconds: 20 },
      notices: { about: [] },
    },
    brake: {
      perHour: Math.max(20, Math.ceil(departures / 10)),
      perDay: 5_000,
      percentPerDay: 10,
      headcount: 1_000_000,
    },
    writeLog: search,
  });
  const { genauth, ledger, keys, now } = stage;
  const secrets = [
    ...[keys.lark.encryptKey, keys.lark.verificationToken, keys.wechatwork.token, keys.wechatwork.encodingAesKey],
    ...[keys.slack.signingSecret, ...Object.values(keys.api), simulatorCredentials.accessKeySecret],
    ...["local-token-", "Soaked Person"],
  ];
  function search(text: string): void {
    const found = secrets.findIndex((secret) => text.includes(secret));
    if (found >= 0) violations.push(`a secret or a name was written to a log (the ${found}th)`);
  }

  const leavers = Array.from({ length: departures }, (_, index) => toLeaver(index));
  const isKnown = (userId: string) => chance(`known ${userId}`) > 0.03;
  const known = [...new Set(leavers.map(({ userId }) => userId))].filter(isKnown);
  genauth.addUsers(known.map((syncRelation) => ({ syncRelation, name: "Soaked Person" })));

  const counts: Partial<Record<Fate, number>> = {};
  let calls = 0;
  const turns = new Map<string, number>();
  function fateOf(name: string, call: Call): Fate {
    const key = `${name} ${call.service} ${call.action} ${call.about}`;
    const turn = (turns.get(key) ?? 0) + 1;
    turns.set(key, turn);
    calls += 1;
    const drawn = chance(`fate ${key} ${turn}`);
    const killPerCall = killRate / callsPerDeparture;
    const kind = chance(`kind ${key} ${turn}`);
    const fate =
      drawn < killPerCall
        ? kind < 0.5
          ? "kill before"
          : "kill after"
        : drawn < killPerCall + faultRate
          ? (faults[Math.floor(kind * faults.length)] ?? "pass")
          : "pass";
    counts[fate] = (counts[fate] ?? 0) + 1;
    return fate;
  }

  const start = (id: "webhook" | "desk" | "resigner" | "sweep", instances: number) =>
    stage.start(id, instances, (call) => fateOf(id, call));
  const [webhook, desk, resigner, sweep] = await Promise.all([
    start("webhook", 2),
    start("desk", 1),
    start("resigner", 3),
    start("sweep", 1),
  ]);
  const answerBy = (called: typeof webhook) => (event: unknown) =>
    called.invoke(event).catch((): Answer => ({ statusCode: 502 })) as Promise<Answer>;
  const front = await startHttpFront(
    [
      [webhookRoutes, answerBy(webhook)],
      [deskRoutes, answerBy(desk)],
    ],
    0,
  );
  const client = new SQSClient();
  const poller = startPoller(
    client,
    stage.queueUrl,
    ({ Records }: SQSEvent) =>
      resigner.invoke({ Records }).catch(
        (): SQSBatchResponse => ({
          batchItemFailures: Records.map(({ messageId }) => ({ itemIdentifier: messageId })),
        }),
      ) as Promise<SQSBatchResponse>,
    { concurrency: 3 },
  );

  let requests = 0;
  let approved = 0;
  let isOver = false;
  const sweeping = repeat(1_500, () => sweep.invoke({}).catch(() => {}));
  const operating = repeat(1_000, letGo);
  const telling = repeat(30_000, async () => tell(`${secondsSince()} s: ${JSON.stringify(await count())}`));

  const later: Promise<void>[] = [];
  /** Departures that were cancelled, and those of which their own source said that the person is back. */
  const calledOff = new Set<string>();
  const toSend = leavers.values();
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (const leaver of toSend) {
        await sendUntilTaken(leaver);
        if (leaver.isRepeated) await sendUntilTaken(leaver);
        later.push(happen(leaver));
      }
    }),
  );
  await Promise.all(later);
  tell(`${secondsSince()} s: every departure was answered 2xx`);
  while ((await countOpen()) > 0) {
    if (secondsSince() > deadlineSeconds) {
      violations.push(`not at its end after ${deadlineSeconds} s: ${JSON.stringify(await count())}`);
      break;
    }
    await wait(500);
  }
  isOver = true;
  await Promise.all([sweeping, operating, telling]);
  await poller.close();

  const statuses = await count();
  await check();
  const report: SoakReport = {
    ...{ statuses, requests, calls, approved, violations },
    faults: Object.fromEntries(Object.entries(counts).filter(([fate]) => fate !== "pass")),
    kills: webhook.kills() + desk.kills() + resigner.kills() + sweep.kills(),
    effects: known.reduce((sum, userId) => sum + genauth.effects(userId), 0),
    seconds: secondsSince(),
  };
  await front.close();
  client.destroy();
  await Promise.all([webhook, desk, resigner, sweep].map((one) => one.close()));
  await stage.close();
  return report;

  function toLeaver(index: number): Leaver {
    const isSecond = index > 0 && chance(`second ${index}`) < 0.08;
    const who = isSecond ? Math.floor(chance(`whose ${index}`) * index) : index;
    const provider = chance(`provider ${who}`) < 0.5 ? "lark" : "wechatwork";
    const source = isSecond ? "api" : chance(`source ${index}`) < 0.25 ? "api" : provider;
    const id = provider === "lark" ? `ou_${who}` : `staff.${who}`;
    const occurredAt = now();
    const eventId =
      source === "lark"
        ? `event-${index}`
        : source === "api"
          ? `zapier/order-${index}`
          : `wwlocal|delete_user|${id}|${Math.floor(occurredAt.getTime() / 1000)}`;
    const userId = `${provider}:${id}` as SyncRelation;
    const next = chance(`then ${index}`);
    const then = next < 0.1 && source !== "api" ? "return" : next > 0.93 ? "cancel" : "nothing";
    const hands = chance(`hand ${index}`);
    const hand = hands < 0.03 ? "Activated" : hands > 0.98 ? "Suspended" : "none";
    return { source, eventId, userId, occurredAt, isRepeated: chance(`repeated ${index}`) < 0.1, then, hand };
  }

  /** What comes after a departure: at any moment of its way. */
  async function happen(leaver: Leaver): Promise<void> {
    await wait(chance(`when ${leaver.eventId}`) * 4_000);
    if (leaver.hand !== "none") genauth.setStatus(leaver.userId, leaver.hand);
    if (leaver.then === "return") {
      await sendUntilTaken(leaver, signReturn(leaver, now()));
      calledOff.add(resignationId(leaver));
    }
    if (leaver.then === "cancel") await decide(resignationId(leaver), "cancel");
  }

  function signReturn({ source, userId }: Leaver, at: Date): () => SignedRequest {
    const id = userId.slice(userId.indexOf(":") + 1);
    if (source === "lark") {
      const { verificationToken: token } = keys.lark;
      const event = larkDeleted({ open_id: id }, { token, eventId: `back-${id}-${at.getTime()}`, now: at });
      const created = { ...event, header: { ...event.header, event_type: "contact.user.created_v3" } };
      return () => signLark(created, keys.lark, now());
    }
    const xml = wechatworkDeleted(id, "wwlocal", at).replace("delete_user", "create_user");
    return () => signWechatwork(xml, { ...keys.wechatwork, receiveId: "wwlocal" }, now());
  }

  /** An operator's decision, until it is taken or refused; a cancel that was taken calls the departure off. */
  async function decide(id: string, name: "approve" | "cancel"): Promise<boolean> {
    const path = `/resignations/${id}/${name}`;
    for (let tries = 0; tries < 40; tries += 1) {
      const request = signApi({ method: "POST", path, body: { operator: "soak" } }, keys.api.ops, { now: now() });
      const response = await send(request, front.url).catch(() => undefined);
      if (response?.ok || (response && response.status < 500)) {
        const isTaken = response.ok || (await ledger.get(id))?.status === "cancelled";
        if (name === "cancel" && isTaken) calledOff.add(id);
        return isTaken;
      }
      await wait(100);
    }
    if (name === "cancel" && (await ledger.get(id))?.status === "cancelled") calledOff.add(id);
    return false;
  }

  /** Signed anew for every try, as senders do. */
  function sign({ source, eventId, userId, occurredAt }: Leaver): SignedRequest {
    const id = userId.slice(userId.indexOf(":") + 1);
    if (source === "lark") {
      const { verificationToken: token } = keys.lark;
      return signLark(larkDeleted({ open_id: id }, { token, eventId, now: occurredAt }), keys.lark, now());
    }
    if (source === "wechatwork") {
      const given = { ...keys.wechatwork, receiveId: "wwlocal" };
      return signWechatwork(wechatworkDeleted(id, "wwlocal", occurredAt), given, now());
    }
    const order = { method: "POST", path: "/resignations", body: { userId, reason: "soak" } } as const;
    return signApi(order, keys.api.zapier, { id: eventId.slice("zapier/".length), now: now() });
  }

  async function sendUntilTaken(leaver: Leaver, signNow = () => sign(leaver)): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      requests += 1;
      const response = await send(signNow(), front.url).catch(() => undefined);
      const said = await response?.text();
      if (said !== undefined) search(said);
      if (response?.ok) return;
      if (response && response.status < 500) violations.push(`${leaver.eventId} was answered ${response.status}`);
      await wait(50 + chance(`pause ${leaver.eventId} ${tries}`) * 400);
    }
    violations.push(`${leaver.eventId} was never taken`);
  }

  /** Operators let everybody go who is held, but for those who are said to be back. */
  async function letGo(): Promise<void> {
    const request = signApi({ method: "GET", path: "/resignations?status=held&limit=100" }, keys.api.ops, {
      now: now(),
    });
    const response = await send(request, front.url).catch(() => undefined);
    if (!response?.ok) return;
    const { items } = (await response.json()) as { items: { id: string; heldFor: string }[] };
    const held = items.values();
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        for (const { id, heldFor } of held) {
          if (await decide(id, heldFor === "returned" ? "cancel" : "approve")) approved += 1;
        }
      }),
    );
  }

  async function repeat(everyMs: number, act: () => Promise<unknown>): Promise<void> {
    while (!isOver) {
      await act();
      await wait(everyMs);
    }
  }

  async function countOpen(): Promise<number> {
    const open = ["accepted", "resigning", "held", "suspended"] as const;
    const pages = await Promise.all(open.map((status) => ledger.list({ status, now: now(), limit: 1 })));
    return pages.reduce((sum, { items }) => sum + items.length, 0);
  }

  async function count(): Promise<Record<string, number>> {
    const found: Record<string, number> = {};
    for (const id of leavers.map(resignationId)) {
      const { status } = (await ledger.get(id)) ?? { status: "not in the ledger" };
      found[status] = (found[status] ?? 0) + 1;
    }
    return found;
  }

  async function check(): Promise<void> {
    for (const leaver of leavers) {
      const one = await ledger.get(resignationId(leaver));
      if (one) checkOne(one);
      else violations.push(`${leaver.eventId} was answered 2xx and is not in the ledger`);
    }
    for (const userId of known) await checkPerson(userId);
    const attributes = new GetQueueAttributesCommand({
      QueueUrl: stage.deadLettersUrl,
      AttributeNames: ["ApproximateNumberOfMessages"],
    });
    const { Attributes } = await client.send(attributes);
    if (Attributes?.ApproximateNumberOfMessages !== "0") violations.push("there are dead letters");
  }

  function checkOne({ id, status, userId }: Resignation): void {
    const isOver = ["resigned", "duplicate", "not_found", "cancelled"].includes(status);
    if (!isOver) violations.push(`${id} is ${status}`);
    if (status === "not_found" && known.includes(userId)) violations.push(`${id} is not_found, and GenAuth knows them`);
    if (status === "cancelled" && !calledOff.has(id)) violations.push(`${id} is cancelled, and nobody said so`);
  }

  /** By GenAuth's own state: nobody twice, nobody lost, nobody cut off for what was called off. */
  async function checkPerson(userId: string): Promise<void> {
    const changes = genauth.changes().filter((one) => one.userId === genauth.person(userId)?.userId);
    const resigned = changes.filter(({ by, to }) => by === "us" && to === "Resigned").length;
    const effects = genauth.effects(userId);
    const hasHand = changes.some(({ by }) => by === "hand");
    if (effects > resigned && !hasHand) violations.push(`${userId} was resigned ${effects} times`);
    if (effects > resigned + 1) violations.push(`${userId} was resigned ${effects} times, with a hand's help`);
    // What an administrator does by hand is theirs: it is neither lifted nor repeated, and the ledger is judged above.
    if (hasHand) return;
    const theirs = leavers.filter((one) => one.userId === userId);
    const state = genauth.person(userId)?.status;
    const stands = theirs.filter((one) => !calledOff.has(resignationId(one)));
    if (stands.length > 0 && state !== "Resigned") violations.push(`${userId} left, and is ${state}`);
    if (stands.length > 0 || state === "Activated") return;
    const records = await Promise.all(theirs.map((one) => ledger.get(resignationId(one))));
    const isTold = records.some((one) => one?.backAfterResigned !== undefined);
    if (state !== "Resigned" || !isTold) violations.push(`${userId} is back, and is ${state}: nobody was told`);
  }
}
