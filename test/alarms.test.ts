/** The alarms watch names that are really emitted. */
import { readdirSync, readFileSync } from "node:fs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { larkDeleted, send, signApi, signLark } from "../cli/sign.ts";
import { openTable } from "../lambda/aws/table.ts";
import { personId, relationId } from "../lambda/departure/people.ts";
import { createLog } from "../lambda/log.ts";
import { createResigner } from "../lambda/resigner.ts";
import { counted } from "../lib/alarms.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { newKeys, startStack } from "../local/stack.ts";

let aws: LocalAws;
let genauth: GenAuthSimulator;
const keys = newKeys();
let lines: string[] = [];

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
});
afterAll(async () => {
  await Promise.all([aws.close(), genauth.close()]);
});

const metrics = () =>
  new Set(lines.flatMap((line) => JSON.parse(line)._aws?.CloudWatchMetrics[0].Metrics[0].Name ?? []));

const start = (settings: object, more: object = {}) => {
  lines = [];
  return startStack({ aws, genauth, keys, settings, writeLog: (line) => lines.push(line), ...more });
};
const order = (userId: string, now?: Date) =>
  signApi({ method: "POST", path: "/resignations", body: { userId } }, keys.api.zapier, now ? { now } : {});

test("every alarm's metric is counted somewhere in the functions", () => {
  const files = readdirSync("lambda", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const code = files.map((file) => readFileSync(`lambda/${file}`, "utf8"));
  const text = code.join("\n");
  for (const name of Object.keys(counted)) {
    expect([name, new RegExp(`count\\(\\s*"${name}"|metric: "${name}"`).test(text)]).toEqual([name, true]);
  }
});

test("a bad day raises its alarms, under their names", async () => {
  const retry = { firstDelaySeconds: 1, maxDelaySeconds: 1, giveUpAfterSeconds: 1 };
  const stack = await start({ retry, brake: { perHour: 1 }, protected: ["lark:ou_demo_1"] });
  const lark = (id: string) =>
    signLark(larkDeleted({ open_id: id }, { token: keys.lark.verificationToken }), keys.lark);
  for (const n of [1, 2, 3]) await send(lark(`ou_demo_${n}`), stack.url);
  for (const _ of [1, 2, 3]) await send({ ...lark("ou_demo_4"), body: '{"encrypt":"forged"}' }, stack.url);
  await send(signLark({ schema: "2.0", header: { token: keys.lark.verificationToken } }, keys.lark), stack.url);
  await send(signLark(larkDeleted({}, { token: keys.lark.verificationToken }), keys.lark), stack.url);
  expect((await send(order("lark:ou_demo_5", new Date(Date.now() - 600_000)), stack.url)).status).toBe(400);
  await expect.poll(metrics, { timeout: 10_000 }).toContain("BrakeTripped");
  for (const name of ["Held", "Refused", "Malformed", "UnusableDeparture", "ClockDrift", "StartedFailing"]) {
    expect(metrics()).toContain(name);
  }
  await stack.close();
});

test("GenAuth refuses the token, and then everything", async () => {
  const retry = { firstDelaySeconds: 1, maxDelaySeconds: 1, giveUpAfterSeconds: 2 };
  const stack = await start({ retry }, { token: { token: "expired" } });
  await send(order("lark:ou_demo_6"), stack.url);
  await expect.poll(metrics, { timeout: 15_000 }).toContain("Failed");
  expect(metrics()).toContain("TokenRefused");
  await stack.close();
});

test("the secret still holds the placeholder", async () => {
  const stack = await start({}, { keys: { fillMeIn: "" } });
  expect((await send(order("lark:ou_demo_7"), stack.url)).status).toBe(503);
  expect(metrics()).toContain("KeysNotFilledIn");
  await stack.close();
});

describe("somebody whom GenAuth does not let us treat as we should", () => {
  const retry = { firstDelaySeconds: 1, maxDelaySeconds: 1, giveUpAfterSeconds: 60 };
  const deleted = (id: string) => larkDeleted({ open_id: id }, { token: keys.lark.verificationToken });
  const act = (id: unknown, name: string) =>
    signApi({ method: "POST", path: `/resignations/${id}/${name}`, body: { operator: "alice" } }, keys.api.ops);
  const statusOf = async (stack: Awaited<ReturnType<typeof start>>, id: string) => (await stack.ledger.get(id))?.status;

  test("is told of when their sessions stay, and when their access cannot be given back", async () => {
    const stack = await start({ retry, graceDays: 1, endSessionsIn: ["app"] });
    genauth.fail({ mode: "403", path: "/api/v3/kick-users" });
    const { id } = (await (await send(order("lark:ou_demo_8"), stack.url)).json()) as { id: string };
    await expect.poll(metrics, { timeout: 10_000 }).toContain("SessionsLeft");
    expect(await statusOf(stack, id)).toBe("suspended");
    expect(lines.map((line) => JSON.parse(line)).find(({ SessionsLeft }) => SessionsLeft)).toMatchObject({ id });

    genauth.fail({ mode: "403", path: "/api/v3/update-user" });
    expect((await send(act(id, "cancel"), stack.url)).status).toBe(200);
    await expect.poll(metrics, { timeout: 15_000 }).toContain("NotGivenBack");
    genauth.fail({ mode: "none" });
    await expect.poll(() => genauth.person("lark:ou_demo_8")?.status, { timeout: 10_000 }).toBe("Activated");
    await stack.close();
  });

  test("is told of when they are back after they were resigned", async () => {
    const stack = await start({ retry });
    await send(signLark(deleted("ou_demo_9"), keys.lark), stack.url);
    await expect.poll(metrics, { timeout: 10_000 }).toContain("Resigned");
    const { header, ...event } = deleted("ou_demo_9");
    const back = { ...event, header: { ...header, event_type: "contact.user.created_v3" } };
    await send(signLark(back, keys.lark), stack.url);
    await expect.poll(metrics, { timeout: 10_000 }).toContain("BackAfterResigned");
    await stack.close();
  });
});

test("an item of the ledger that nobody can read is counted and left as it is, and no log names a person", async () => {
  const stack = await start({}, { isPolling: false });
  const table = openTable({ client: new DynamoDBClient(), table: stack.table });
  const id = `res_${"0".repeat(32)}`;
  const relation = "lark:ou_demo_10";
  const person = genauth.person(relation)?.userId ?? "";
  const unreadable = [
    { id, status: "nonsense", dueAt: "2026-01-01T00:00:00.000Z", open: "open" },
    { id: relationId(relation), user: 7 },
    { id: personId(person), effect: "nonsense" },
  ];
  for (const item of unreadable) {
    await table.put(item);
    const taken = await stack.resigner({ Records: [{ body: item.id, messageId: "1", receiptHandle: "1" }] } as never);
    expect(taken).toEqual({ batchItemFailures: [] });
  }
  expect(await table.get({ id })).toEqual(unreadable[0]);
  const told = lines.map((line) => JSON.parse(line)).filter(({ Unreadable }) => Unreadable === 1);
  expect(told.map((line) => line.id ?? line.kind)).toEqual([id, "relation", "person"]);

  // An operator's list goes on past it, and names it. Before: 503.
  await table.put({
    id,
    status: "held",
    acceptedAt: new Date().toISOString(),
    month: new Date().toISOString().slice(0, 7),
  });
  const list = async (query: string) => {
    const answer = await send(signApi({ method: "GET", path: `/resignations${query}` }, keys.api.ops), stack.url);
    return [answer.status, await answer.json()];
  };
  for (const query of ["", "?status=held"]) {
    expect(await list(query)).toEqual([200, expect.objectContaining({ items: [], unreadable: [id] })]);
  }
  expect(await list("?status=failed")).toEqual([200, { items: [] }]);
  await stack.close();
  expect(lines.join("\n")).not.toMatch(new RegExp(`ou_demo_10|${person}`));
});

test("a message that cannot be worked on comes again, and the log tells of a person only that it was one", async () => {
  lines = [];
  const fail = async () => {
    throw new Error("no answer");
  };
  const resigner = createResigner({
    ledger: { getRelation: fail, takePerson: fail, get: fail },
    log: createLog("resigner", (line) => lines.push(line)),
    now: () => new Date(),
    newOwner: () => "owner",
  } as never);
  const ids = [relationId("lark:ou_demo_11"), personId("a-user"), "res_1"];
  const Records = ids.map((body, index) => ({ body, messageId: String(index), receiptHandle: "" }));
  expect((await resigner({ Records } as never)).batchItemFailures).toHaveLength(3);
  expect(lines.map((line) => JSON.parse(line)).map(({ id, kind }) => id ?? kind)).toEqual([
    ...["relation", "person", "res_1"],
  ]);
  expect(lines.join("\n")).not.toMatch(/ou_demo_11|a-user/);
});
