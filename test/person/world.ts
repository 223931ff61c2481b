/** A world around the real functions: sources, operators, an administrator, GenAuth, a queue, and one clock. */
import {
  larkDeleted,
  type SignedRequest,
  signApi,
  signLark,
  signWechatwork,
  wechatworkDeleted,
} from "../../cli/sign.ts";
import type { PersonStatus } from "../../local/genauth-people.ts";
import { type Fault, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { newKeys } from "../../local/stack.ts";
import { startDynamoDb } from "../dynamodb.ts";
import type { EffectCall, Facts, Final, Said } from "./facts.ts";
import { claimedBy, deploy, idOf, readItems, type Wishes } from "./parts.ts";
import { type Plan, people, pick, type Run, randomOf, type Step, suits, toEnd } from "./steps.ts";
import { advance, atGate, type Call, currentWorker, startWorker, type Worker } from "./workers.ts";

export type Stage = Awaited<ReturnType<typeof startStage>>;
export type World = Awaited<ReturnType<typeof startWorld>>;

/** Shared by all runs: DynamoDB, and a GenAuth whose clock is the run's. */
export async function startStage() {
  const dynamodb = startDynamoDb();
  const clock = { nowMs: 0, genauthSkewMs: 0 };
  const genauth = await startGenAuthSimulator({ now: () => new Date(clock.nowMs + clock.genauthSkewMs) });
  const { client } = dynamodb;
  const gated = dynamodb.newClient();
  const underWay = new Set<Promise<unknown>>();
  const send = gated.send.bind(gated) as (command: unknown) => Promise<unknown>;
  gated.send = ((command: object) => {
    const name = command.constructor.name.replace("Command", "");
    return atGate({ part: "ledger", name, isWrite: !/^(Get|BatchGet|Query|Scan)/.test(name) }, () => {
      const sent = send(command);
      underWay.add(sent);
      return sent.finally(() => underWay.delete(sent));
    });
  }) as never;
  const keys = newKeys();
  let tables = 0;
  return {
    ...{ clock, genauth, client, gated, keys },
    newTable: async () => {
      tables += 1;
      await dynamodb.createLedgerTable(`person-${tables}`);
      return `person-${tables}`;
    },
    async close() {
      await Promise.allSettled(underWay);
      await genauth.close();
    },
  };
}

interface Message {
  readonly nr: number;
  readonly body: string;
  readyMs: number;
  isTaken: boolean;
}

/** How long each function may take before AWS ends it. */
const limits = { webhook: 29, resigner: 90, sweep: 60 };
const startMs = Date.parse("2026-11-24T02:00:00.000Z");

export async function startWorld(stage: Stage, plan: Plan) {
  const { clock, genauth, keys, client } = stage;
  const table = await stage.newTable();
  const random = randomOf(plan.seed + 7_919);
  Object.assign(clock, { nowMs: startMs, genauthSkewMs: plan.skews.genauth });
  genauth.reset();
  genauth.addUsers(people.map(({ name, relations }) => ({ name, relations: [...relations] })));
  const userIds = new Map(
    people.map(({ relations }) => [relations[0] as string, genauth.person(relations[0] as string)?.userId ?? ""]),
  );
  const userOf = (relation: string) =>
    userIds.get(
      people.find(({ relations }) => (relations as readonly string[]).includes(relation))?.relations[0] ?? "",
    ) ?? "";

  const facts: Facts = {
    ...{ said: [], acts: [], calls: [], changes: [], twice: [], notices: [], hidden: new Set<string>() },
    graceDays: plan.graceDays,
  };
  const story: string[] = [];
  const problems: string[] = [];
  const labels = new Map<string, string>();
  let wishes: Wishes = {
    graceDays: plan.graceDays,
    protected: [],
    brake: plan.isBrakeSmall ? { perHour: 1, perDay: 3 } : { perHour: 100, perDay: 100 },
    endSessionsIn: plan.endsSessions ? ["app1"] : [],
  };
  let seq = 0;
  let messages: Message[] = [];
  let messageCount = 0;
  let workerCount = 0;
  let owners = 0;
  let acts = 0;
  let fault: { mode: Fault["mode"] | "unsent"; path: string; count: number; afterSeconds: number } | undefined;
  const used = new Map<string, Wishes>();
  const running: { kind: keyof typeof limits; worker: Worker; message?: Message; done: (worker: Worker) => void }[] =
    [];

  const outside = {
    ...{ client: stage.gated, table, host: genauth.url, keys, random },
    now: () => new Date(clock.nowMs),
    sleep: (ms: number) => atGate({ part: "sleep", name: `sleep ${ms}` }, async () => {}),
    newOwner: () => {
      owners += 1;
      const owner = `owner-${owners}`;
      const worker = currentWorker();
      if (worker) worker.owner = owner;
      return owner;
    },
    queue: {
      send: (body: string) => atGate({ part: "queue", name: "send" }, async () => put(body)),
      delay: (handle: string, seconds: number) =>
        atGate({ part: "queue", name: "delay" }, async () => {
          const message = messages.find(({ nr }) => String(nr) === handle);
          if (message) message.readyMs = clock.nowMs + seconds * 1000;
        }),
    },
    notices: {
      sendTogether: ([body = ""]: readonly string[]) =>
        atGate({ part: "notices", name: "send" }, async () => {
          const { about, id } = (JSON.parse(body) as { notice: { about: string; id: string } }).notice;
          facts.notices.push({ about, id, seq: tickSeq() });
          if (about !== "alive") tell(`a notice: ${about}, ${label(id)}`);
        }),
    },
    writeLog: (line: string) => {
      if (line.includes('"level":"ERROR"') && /could not be worked on|did not come to its end|unexpected/i.test(line))
        problems.push(line);
    },
  };
  let deployed = deploy(outside, wishes);
  const warm = {
    webhook: deployed.webhook(),
    resigners: [deployed.resigner(), deployed.resigner()],
    sweep: deployed.sweep(),
  };

  const realFetch = globalThis.fetch;
  globalThis.fetch = ((url: URL | string, init?: RequestInit) => {
    const { pathname, origin } = new URL(String(url));
    if (origin !== genauth.url || !currentWorker()) return realFetch(url, init);
    const sent = typeof init?.body === "string" ? JSON.parse(init.body) : undefined;
    const call: Call = { part: "genauth", name: pathname.replace("/api/v3/", ""), sent };
    // The deadline is of the wall clock: a worker that waits for its turn must not feel it.
    const { signal, ...rest } = init ?? {};
    return atGate(call, (worker) => callGenAuth(String(url), rest, pathname, sent, worker as Worker));
  }) as typeof fetch;

  return {
    ...{ facts, story, problems, take, settle, final, label },
    async close() {
      globalThis.fetch = realFetch;
      for (const { worker } of running) worker.isDead = true;
    },
    items: () => readItems(client, table),
    now: () => clock.nowMs,
    person: (relation: string) => genauth.people().find(({ userId }) => userId === userOf(relation)),
    user: (userId: string) => genauth.people().find((one) => one.userId === userId),
  };

  function tickSeq(): number {
    seq += 1;
    return seq;
  }

  function tell(line: string): void {
    const at = new Date(clock.nowMs).toISOString().slice(8, 23).replace("T", " ");
    story.push(`${at}  ${line}`);
  }

  function label(id: string): string {
    return labels.get(id) ?? id;
  }

  function put(body: string, readyMs = clock.nowMs): void {
    messageCount += 1;
    messages.push({ nr: messageCount, body, readyMs, isTaken: false });
  }

  // ---------------------------------------------------------------- GenAuth

  async function callGenAuth(
    url: string,
    init: RequestInit,
    path: string,
    sent: unknown,
    worker: Worker,
  ): Promise<Response> {
    tickSeq();
    const hasEffect = path.endsWith("/resign-user") || path.endsWith("/update-user");
    const call = hasEffect ? await noteCall(path, sent as Record<string, unknown>, worker) : undefined;
    const mode = takeFault(path);
    if (path.endsWith("/get-user")) worker.lastLook = seq;
    const name = path.replace("/api/v3/", "");
    const unknown = () => {
      if (call) call.unknownUntilMs = clock.nowMs;
    };
    if (mode === "unsent") {
      unknown();
      worker.told.push(`${name} (never arrives)`);
      throw new TypeError("fetch failed");
    }
    if (mode !== "none") genauth.fail({ mode, path, count: 1, afterSeconds: fault?.afterSeconds ?? 5 });
    if (call && mode === "late") call.lateMs = clock.nowMs + (fault?.afterSeconds ?? 5) * 1000;
    if (fault && fault.count <= 0) fault = undefined;
    const isUnknown = ["cut", "late", "500", "http500"].includes(mode);
    if (isUnknown) unknown();
    try {
      const response = await realFetch(url, init);
      const body = await response.text();
      const headers = ["date", "retry-after", "content-type"].flatMap((key) => {
        const value = response.headers.get(key);
        return value === null ? [] : [[key, value] as [string, string]];
      });
      noteChanges(call);
      worker.told.push(
        `${name}${hasEffect && "status" in (sent as object) ? ` ${(sent as { status: string }).status}` : ""} → ${describe(body)}`,
      );
      return new Response(body, { status: response.status, headers });
    } catch (error) {
      noteChanges(call);
      worker.told.push(`${name} (${mode === "late" ? "arrives later" : "answer lost"})`);
      throw error;
    } finally {
      genauth.fail({ mode: "none" });
    }
  }

  function takeFault(path: string): Fault["mode"] | "unsent" {
    if (!fault || fault.path !== path || fault.count <= 0) return "none";
    fault.count -= 1;
    return fault.mode;
  }

  async function noteCall(path: string, sent: Record<string, unknown>, worker: Worker): Promise<EffectCall> {
    const items = await readItems(client, table);
    const type = String(
      sent.userIdType ?? (sent.options as { userIdType?: string } | undefined)?.userIdType ?? "user_id",
    );
    const given = String(sent.userId);
    const userId = type === "user_id" ? given : genauth.person(given)?.userId;
    const message = running.find((one) => one.worker === worker)?.message?.body;
    const call: EffectCall = {
      ...{ seq: tickSeq(), atMs: clock.nowMs, worker: worker.name, path, userId },
      status: path.endsWith("update-user") ? String(sent.status) : undefined,
      departure: claimedBy(items, worker.owner ?? "") ?? (message?.startsWith("res_") ? message : undefined),
      ...{ written: worker.lastWrite, looked: worker.lastLook },
      statuses: Object.fromEntries(items.flatMap(({ id, status }) => (status === undefined ? [] : [[id, status]]))),
      protected: used.get(worker.name)?.protected ?? [],
    };
    facts.calls.push(call);
    return call;
  }

  /** What changed in GenAuth since the last look here, and by which call. */
  function noteChanges(call?: EffectCall): void {
    const fresh = genauth.changes().slice(facts.changes.length);
    for (const change of fresh) {
      const atMs = Date.parse(change.at) - plan.skews.genauth;
      const mine =
        change.by === "us"
          ? (facts.calls.find((one) => one.lateMs === atMs && change.path === one.path) ?? call)
          : undefined;
      facts.changes.push({ ...change, seq: tickSeq(), atMs, call: mine });
      const who =
        people.find(({ relations }) => userOf(relations[0] as string) === change.userId)?.name ?? change.userId;
      const how =
        change.by === "hand"
          ? "an administrator"
          : mine && mine !== call
            ? `a late call for ${label(mine.departure ?? "?")}`
            : `we, for ${label(mine?.departure ?? "?")}`;
      tell(`  GenAuth: ${who} ${change.from} → ${change.to}, by ${how}`);
    }
    const again = genauth
      .allEffects()
      .filter(({ from }) => from === "Resigned")
      .slice(facts.twice.length);
    for (const { userId, at } of again) {
      const atMs = Date.parse(at) - plan.skews.genauth;
      facts.twice.push({ userId, call: call ?? facts.calls.find((one) => one.lateMs === atMs) });
      tell("  GenAuth: resigned once more");
    }
  }

  // ---------------------------------------------------------------- workers

  async function before(worker: Worker, call: Call): Promise<void> {
    clock.nowMs += 3 + Math.floor(random() * 40);
    tickSeq();
    if (call.isWrite) worker.lastWrite = seq;
    genauth.tick();
    noteChanges();
  }

  /** Lets a worker go on: to its end, or for so many calls, after which it waits or dies. */
  async function run(entry: (typeof running)[number], how: Run): Promise<void> {
    const { worker } = entry;
    for (let calls = 0; !worker.isDone; calls += 1) {
      if (calls >= how.calls) return how.ending === "kill" ? kill(entry) : undefined;
      if (calls > 1_500)
        throw new Error(`${worker.name} does not come to its end: ${worker.told.slice(-20).join(", ")}`);
      await advance(worker, (call) => before(worker, call));
      flush(worker);
    }
    running.splice(running.indexOf(entry), 1);
    entry.done(worker);
  }

  function flush(worker: Worker): void {
    for (const line of worker.told.splice(0)) tell(`  ${worker.name}: ${line}`);
  }

  function kill(entry: (typeof running)[number]): void {
    const { worker, kind, message } = entry;
    worker.isDead = true;
    running.splice(running.indexOf(entry), 1);
    const next = worker.parked[0]?.call;
    tell(`  ${worker.name} dies before ${next ? `${next.part} ${next.name}` : "its end"}`);
    for (const call of facts.calls) if (call.worker === worker.name) call.unknownUntilMs ??= clock.nowMs + 120_000;
    if (message) Object.assign(message, { isTaken: false, readyMs: worker.startedMs + 540_000 });
    // Its process is gone, and what it kept in memory: a token that was on its way, above all.
    if (kind === "resigner") warm.resigners = [deployed.resigner(), deployed.resigner()];
    if (kind === "webhook") warm.webhook = deployed.webhook();
    if (kind === "sweep") warm.sweep = deployed.sweep();
  }

  async function start(
    kind: keyof typeof limits,
    what: string,
    act: () => Promise<unknown>,
    how: Run,
    done: (worker: Worker) => void,
    message?: Message,
  ) {
    workerCount += 1;
    const name = `${kind} ${workerCount}`;
    tell(`${name} ${what}`);
    used.set(name, wishes);
    const worker = await startWorker(name, clock.nowMs, act);
    const entry = { kind, worker, done, ...(message && { message }) };
    running.push(entry);
    await run(entry, how);
  }

  // ---------------------------------------------------------------- what can happen

  async function take(step: Step): Promise<void> {
    pass(50 + Math.floor(random() * 900));
    switch (step.do) {
      case "leaves":
      case "returns":
        return says(step);
      case "orders":
        return orders(step);
      case "delivers": {
        const fitting = facts.said.filter((one) => (step.isRepeat ? one.heard !== undefined : one.heard === undefined));
        const one = pick(fitting, step.which);
        return one && deliver(one, step.run);
      }
      case "works":
        return work(step.which, step.isEarly, step.run);
      case "goes on": {
        const entry = pick(running, step.which);
        if (!entry) return;
        tell(`${entry.worker.name} goes on`);
        return run(entry, step.run);
      }
      case "sweeps":
        await sweep(step.run);
        return;
      case "passes":
        tell(`${step.seconds} s pass`);
        return pass(step.seconds * 1000);
      case "hand":
        return hand(step);
      case "operates":
        return operate(step);
      case "fails":
        fault = { mode: step.mode, path: `/api/v3/${step.path}`, count: step.count, afterSeconds: step.afterSeconds };
        tell(`GenAuth: the next ${step.count} of ${step.path} meet ${step.mode}`);
        return;
      case "token":
        genauth.expireTokens();
        tell("GenAuth forgets its tokens");
        return;
      case "loses": {
        const message = pick(
          messages.filter(({ isTaken }) => !isTaken),
          step.which,
        );
        if (!message) return;
        messages = messages.filter((one) => one !== message);
        tell(`the message ${label(message.body)} is lost`);
        return;
      }
      case "settings":
        return change(step);
    }
  }

  function pass(ms: number): void {
    clock.nowMs += ms;
    tickSeq();
    for (const entry of [...running]) {
      if (clock.nowMs - entry.worker.startedMs > limits[entry.kind] * 1000) kill(entry);
    }
    genauth.tick();
    noteChanges();
  }

  async function says(step: Extract<Step, { do: "leaves" | "returns" }>): Promise<void> {
    const person = people[step.who % people.length] as (typeof people)[number];
    const relation = pick(person.relations, step.relation) as string;
    const source = relation.startsWith("lark:") ? "lark" : "wechatwork";
    const id = relation.slice(relation.indexOf(":") + 1);
    const told = new Date(clock.nowMs + plan.skews[source]);
    const nr = facts.said.length + 1;
    const seconds = Math.floor(told.getTime() / 1000);
    const isLark = source === "lark";
    const change = step.do === "leaves" ? "delete_user" : "create_user";
    const eventId = isLark ? `event-${nr}` : `wwlocal|${change}|${id}|${seconds}`;
    if (facts.said.some((one) => one.eventId === eventId)) return;
    const request = (atMs: number): SignedRequest => {
      const now = new Date(atMs + plan.skews[source]);
      if (!isLark) {
        const xml = wechatworkDeleted(id, "wwlocal", told).replace("delete_user", change);
        return signWechatwork(xml, { ...keys.wechatwork, receiveId: "wwlocal" }, now);
      }
      const event = larkDeleted({ open_id: id }, { token: keys.lark.verificationToken, eventId, now: told });
      if (step.do === "returns") event.header.event_type = "contact.user.created_v3";
      return signLark(event, keys.lark, now);
    };
    const one: Said = {
      ...{ nr, kind: step.do, source, relation, person: person.name, userId: userOf(relation), eventId },
      id: step.do === "leaves" ? idOf(source, eventId) : "",
      atMs: clock.nowMs,
      from: isLark ? told.getTime() : seconds * 1000,
      to: isLark ? told.getTime() : seconds * 1000 + 999,
      request,
    };
    enter(one);
    tell(
      `${source}: ${person.name} ${step.do}${one.id ? ` (${label(one.id)})` : ""}${step.run ? "" : ", not told yet"}`,
    );
    if (step.run) await deliver(one, step.run);
  }

  async function orders(step: Extract<Step, { do: "orders" }>): Promise<void> {
    const person = people[step.who % people.length] as (typeof people)[number];
    const relation = pick(person.relations, step.relation) as string;
    const nr = facts.said.length + 1;
    const eventId = `zapier/order-${nr}`;
    const request = (atMs: number) =>
      signApi({ method: "POST", path: "/resignations", body: { userId: relation } }, keys.api.zapier, {
        id: `order-${nr}`,
        now: new Date(atMs + plan.skews.api),
      });
    const one: Said = {
      ...{ nr, kind: "leaves", source: "api", relation, person: person.name, userId: userOf(relation), eventId },
      ...{ id: idOf("api", eventId), atMs: clock.nowMs, from: clock.nowMs, to: clock.nowMs, request },
    };
    enter(one);
    tell(`an order: ${person.name} leaves, as ${relation} (${label(one.id)})`);
    await deliver(one, step.run);
  }

  function enter(one: Said): void {
    facts.said.push(one);
    if (one.id) labels.set(one.id, `${one.person}'s ${one.source} departure ${one.nr}`);
  }

  function deliver(one: Said, how: Run): Promise<void> {
    const isOrder = one.source === "api";
    if (isOrder && one.heard === undefined) one.to = clock.nowMs;
    const what = one.id ? label(one.id) : `${one.source}: ${one.person} ${one.kind}`;
    return start(
      "webhook",
      `hears “${what}”`,
      () => warm.webhook(one.request(clock.nowMs)),
      how,
      (worker) => {
        const { status, body } = (worker.result ?? { status: 0, body: String(worker.error) }) as {
          status: number;
          body: string;
        };
        tell(`  answered ${status}`);
        if (status >= 400 && status < 500) problems.push(`${what} was answered ${status}: ${body}`);
        if (status >= 200 && status < 300 && one.heard === undefined)
          Object.assign(one, { heard: tickSeq(), heardMs: clock.nowMs });
      },
    );
  }

  async function work(which: number, isEarly: boolean, how: Run): Promise<void> {
    const waiting = messages.filter(({ isTaken, readyMs }) => !isTaken && (isEarly || readyMs <= clock.nowMs));
    const message = pick(waiting, which);
    const busy = running.filter(({ kind }) => kind === "resigner");
    if (!message || busy.length >= 2) return;
    message.isTaken = true;
    message.readyMs = clock.nowMs + 540_000;
    const handle = busy.length === 0 ? 0 : 1;
    // Whatever it is that another one of them is still at: this one is another process.
    if (busy.length > 0 || random() < 0.1) warm.resigners[handle] = deployed.resigner();
    const serve = warm.resigners[handle] as ReturnType<typeof deployed.resigner>;
    await start(
      "resigner",
      `takes ${label(message.body)}`,
      () => serve(message.body, String(message.nr)),
      how,
      (worker) => {
        if (worker.error !== undefined) problems.push(`a resigner threw ${String(worker.error)}`);
        if (worker.result === false) messages = messages.filter((one) => one !== message);
        else message.isTaken = false;
        tell(
          worker.result === false
            ? "  done"
            : `  comes again in ${Math.round((message.readyMs - clock.nowMs) / 1000)} s`,
        );
      },
      message,
    );
  }

  async function sweep(how: Run): Promise<number> {
    let swept = 0;
    const before = story.length;
    await start(
      "sweep",
      "runs",
      () => warm.sweep(),
      how,
      (worker) => {
        if (worker.error !== undefined) problems.push(`the sweep threw ${String(worker.error)}`);
        swept = (worker.result as { swept: number } | undefined)?.swept ?? 0;
        // Most of them find nothing.
        if (swept === 0) story.splice(before);
        else tell(`  queued ${swept}`);
      },
    );
    return swept;
  }

  function hand({ who, relation: nr, what }: Extract<Step, { do: "hand" }>): void {
    const { name, relations } = people[who % people.length] as (typeof people)[number];
    const userId = userOf(relations[0] as string);
    const person = genauth.people().find((one) => one.userId === userId);
    const known = person?.relations[0];
    if (!person || known === undefined) return;
    if (what === "delete" || what === "cut") {
      const relation = pick(person.relations, nr) as string;
      facts.hidden.add(userId);
      tell(`an administrator: ${what === "delete" ? `deletes ${name}` : `cuts ${relation} from ${name}`}`);
      if (what === "delete") genauth.removeUser(known);
      else genauth.cutRelation(relation);
      return;
    }
    if (person.status === what) return;
    tell(`an administrator: ${name} is to be ${what}`);
    genauth.setStatus(known, what as PersonStatus);
    noteChanges();
  }

  async function operate({ name, which }: Extract<Step, { do: "operates" }>): Promise<void> {
    const heard = facts.said.filter(({ id, heard: at }) => id && at !== undefined);
    const found = await Promise.all(heard.map(({ id }) => ask("GET", id)));
    const fitting = found.flatMap((one) => (one && suits[name].includes(one.status) ? [one] : []));
    const chosen = pick(fitting, which);
    if (!chosen) return;
    const operator = "alice";
    acts += 1;
    const request = signApi(
      { method: "POST", path: `/resignations/${chosen.id}/${name}`, body: { operator } },
      keys.api.ops,
      {
        ...{ id: `act-${acts}`, now: new Date(clock.nowMs) },
      },
    );
    const { status, body } = await direct(request);
    tell(
      `an operator: ${name} ${label(chosen.id)}${chosen.heldFor ? ` (held for ${chosen.heldFor})` : ""} → ${status}`,
    );
    if (status >= 200 && status < 300)
      facts.acts.push({ seq: tickSeq(), name, id: chosen.id, heldFor: chosen.heldFor });
    else if (status !== 409) problems.push(`${name} was answered ${status}: ${body}`);
  }

  function change(step: Extract<Step, { do: "settings" }>): void {
    if (step.what === "protect") {
      const person = people[step.who % people.length] as (typeof people)[number];
      wishes = { ...wishes, protected: [...new Set([...wishes.protected, ...person.relations])] };
      tell(`settings: ${person.name} is protected from now on`);
    } else {
      wishes = { ...wishes, graceDays: wishes.graceDays === 0 ? 1 : 0 };
      facts.graceDays = undefined;
      tell(`settings: graceDays ${wishes.graceDays} from now on`);
    }
    deployed = deploy(outside, wishes);
    Object.assign(warm, {
      webhook: deployed.webhook(),
      resigners: [deployed.resigner(), deployed.resigner()],
      sweep: deployed.sweep(),
    });
  }

  // ---------------------------------------------------------------- the end

  /** Faults end, everything is told, time passes, the sweep runs: it must come to rest. */
  async function settle(): Promise<boolean> {
    fault = undefined;
    tell("—— nothing more happens; everything runs on until it rests");
    for (const entry of [...running]) await run(entry, toEnd);
    for (const one of facts.said.filter(({ heard }) => heard === undefined)) await deliver(one, toEnd);
    let rests = await rest();
    for (let day = 0; day < 2; day += 1) {
      if (!rests || (plan.graceDays === 0 && facts.graceDays !== undefined && day > 0)) break;
      tell("—— more than a day passes");
      pass(90_000_000);
      rests = await rest();
    }
    return rests;
  }

  async function rest(): Promise<boolean> {
    let quiet = 0;
    for (let round = 0; round < 30; round += 1) {
      pass(100_000);
      const swept = await sweep(toEnd);
      for (let taken = 0; taken < 60 && messages.some(({ readyMs }) => readyMs <= clock.nowMs); taken += 1) {
        await work(Math.floor(random() * 1_000), false, toEnd);
      }
      quiet = swept === 0 && messages.length === 0 ? quiet + 1 : 0;
      if (quiet === 3) return true;
    }
    return false;
  }

  /** What the ledger says of every departure. */
  async function final(): Promise<Final[]> {
    const found = await Promise.all(facts.said.filter(({ id }) => id).map(({ id }) => ask("GET", id)));
    return found.flatMap((one) => (one ? [one] : []));
  }

  async function ask(method: "GET", id: string): Promise<Final | undefined> {
    acts += 1;
    const request = signApi({ method, path: `/resignations/${id}` }, keys.api.ops, {
      id: `act-${acts}`,
      now: new Date(clock.nowMs),
    });
    const { status, body } = await direct(request);
    return status === 200 ? (JSON.parse(body) as Final) : undefined;
  }

  /** A request of an operator's, at once. */
  async function direct(request: SignedRequest): Promise<{ status: number; body: string }> {
    const serve = deployed.webhook();
    return serve(request);
  }
}

/** What GenAuth answered, in a word. */
function describe(body: string): string {
  try {
    const { statusCode, data } = JSON.parse(body) as { statusCode: number; data?: { status?: string } };
    return statusCode === 200 ? (data?.status ?? "done") : String(statusCode);
  } catch {
    return "unreadable";
  }
}
