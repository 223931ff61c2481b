import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { connectGround } from "../../lambda/aws/connect.ts";
import { createLog, kindOf, metricNamespace, traceOf } from "../../lambda/log.ts";
import { sweep } from "../../lambda/settings/by-function.ts";
import { settings } from "../parts.ts";

test("a count is one line that CloudWatch reads a metric out of (embedded metric format)", () => {
  const lines: string[] = [];
  createLog(
    "webhook",
    (line) => lines.push(line),
    () => 1_795_485_600_000,
  ).count("Refused", "why", { route: "POST /lark" }, "WARN");
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  const sums = { Refused: 1, AlarmRefused: 1 };
  expect(line).toMatchObject({ level: "WARN", message: "why", service: "webhook", route: "POST /lark", ...sums });
  expect(line._aws).toEqual({
    Timestamp: 1_795_485_600_000,
    CloudWatchMetrics: [
      { Namespace: metricNamespace, Dimensions: [["Stack"]], Metrics: [{ Name: "Refused", Unit: "Count" }] },
      { Namespace: metricNamespace, Dimensions: [["Stack"]], Metrics: [{ Name: "AlarmRefused", Unit: "Count" }] },
    ],
  });
});

test("what belongs to an alarm adds to its one metric, by its weight, in all of the stack alone", () => {
  const lines: string[] = [];
  const log = createLog("x", (line) => lines.push(line));
  log.count("StartedFailing", "why", { source: "lark" });
  log.measure("OldestHeldSeconds", 86_399);
  log.measure("OldestHeldSeconds", 86_400);
  log.count("Accepted", "why", { source: "lark" });
  const sent = lines.map((line) => JSON.parse(line));
  expect(sent.map(({ AlarmRefused, AlarmHeld }) => [AlarmRefused, AlarmHeld])).toEqual([
    [3, undefined],
    [undefined, undefined],
    [undefined, 1],
    [undefined, undefined],
  ]);
  const dimensions = sent.map(({ _aws }) =>
    _aws.CloudWatchMetrics.map((one: { Dimensions: unknown }) => one.Dimensions),
  );
  const [all, bySource] = [[["Stack"]], [["Stack"], ["Stack", "source"]]];
  expect(dimensions).toEqual([[bySource, all], [all], [all, all], [bySource]]);
});

test("a metric is counted for its stack, and by source where there is one", () => {
  const lines: string[] = [];
  const environment = { RESIGN_SETTINGS: JSON.stringify(settings()), STACK_NAME: "mine" };
  const { log } = connectGround({ name: "sweep", environment }, sweep, (line) => lines.push(line));
  log.count("Refused", "why", { source: "lark" });
  log.measure("HeldWaiting", 3);
  const [counted, measured] = lines.map((line) => JSON.parse(line));
  expect(counted).toMatchObject({ Stack: "mine", source: "lark", Refused: 1 });
  expect(counted._aws.CloudWatchMetrics[0].Dimensions).toEqual([["Stack"], ["Stack", "source"]]);
  expect(measured).toMatchObject({ Stack: "mine", HeldWaiting: 3 });
  expect(measured._aws.CloudWatchMetrics[0].Dimensions).toEqual([["Stack"]]);
});

test("lines are pure JSON on standard output, even where the runtime dresses up console.log", () => {
  const script =
    'console.log = () => {}; const { createLog } = await import("./lambda/log.ts"); createLog("x").info("hello");';
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script]).toString();
  expect(JSON.parse(out)).toMatchObject({ level: "INFO", message: "hello" });
});

test("an unexpected error is told by its kind and place, never by its text", () => {
  const secret = new TypeError("whsec_secret is not valid");
  expect(JSON.stringify(traceOf(secret))).not.toContain("whsec_secret");
  expect(traceOf(secret).trace).toContain("log.test.ts");
  expect(kindOf(new Error("x", { cause: { code: "ECONNRESET" } }))).toBe("ECONNRESET");
  expect(kindOf("text")).toBe("string");
});
