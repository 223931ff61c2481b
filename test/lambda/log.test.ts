import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { createLog, kindOf, metricNamespace, traceOf } from "../../lambda/log.ts";

test("a count is one line that CloudWatch reads a metric out of (embedded metric format)", () => {
  const lines: string[] = [];
  createLog(
    "webhook",
    (line) => lines.push(line),
    () => 1_795_485_600_000,
  ).count("Refused", "why", { route: "POST /lark" }, "WARN");
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  expect(line).toMatchObject({ level: "WARN", message: "why", service: "webhook", route: "POST /lark", Refused: 1 });
  expect(line._aws).toEqual({
    Timestamp: 1_795_485_600_000,
    CloudWatchMetrics: [
      { Namespace: metricNamespace, Dimensions: [[]], Metrics: [{ Name: "Refused", Unit: "Count" }] },
    ],
  });
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
