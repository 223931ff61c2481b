/** The alarms watch names that are really emitted. */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { counted } from "../lib/alarms.ts";
import { type LocalAws, startAws } from "../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../local/genauth-simulator.ts";
import { larkDeleted, send, signApi, signLark } from "../local/sign.ts";
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
  const code = ["lambda", "lambda/sources"].flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(`${folder}/${file}`, "utf8")),
  );
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
  await send({ ...lark("ou_demo_4"), body: '{"encrypt":"forged"}' }, stack.url);
  await send(signLark({ schema: "2.0", header: { token: keys.lark.verificationToken } }, keys.lark), stack.url);
  await send(signLark(larkDeleted({}, { token: keys.lark.verificationToken }), keys.lark), stack.url);
  expect((await send(order("lark:ou_demo_5", new Date(Date.now() - 600_000)), stack.url)).status).toBe(401);
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
