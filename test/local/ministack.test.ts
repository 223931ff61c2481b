/** What `npm run deploy:local` says where it cannot start. */
import { dirname } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { listen, serve } from "../../local/listen.ts";
import { ministack, withoutMath } from "../../local/ministack.ts";
import { installPython } from "../../local/python.ts";
import { runCommand } from "../cli/run.ts";
import { makeFolder } from "../folder.ts";
import { longTest } from "../long.ts";

const folder = makeFolder();
afterEach(() => vi.unstubAllEnvs());

test("an alarm on several metrics watches the first there, and everything else is as it was", () => {
  const queue = { Type: "AWS::SQS::Queue" };
  const one = { Type: "AWS::CloudWatch::Alarm", Properties: { MetricName: "Heartbeat", Threshold: 1 } };
  const metric = (MetricName: string) => ({
    ...{ Id: MetricName, ReturnData: false },
    MetricStat: { Metric: { MetricName, Namespace: "N" }, Period: 300, Stat: "Sum" },
  });
  const Metrics = [{ Id: "expr_1", Expression: "MAX([a, b])" }, metric("a"), metric("b")];
  const several = { Type: "AWS::CloudWatch::Alarm", Properties: { Threshold: 1, Metrics } };
  expect(withoutMath({ Resources: { queue, one, several }, Outputs: {} })).toEqual({
    Resources: {
      ...{ queue, one },
      several: {
        Type: "AWS::CloudWatch::Alarm",
        Properties: { Threshold: 1, MetricName: "a", Namespace: "N", Period: 300, Statistic: "Sum" },
      },
    },
    Outputs: {},
  });
});

test("the port is taken", async () => {
  const taken = await listen(
    serve(async (_, response) => void response.end()),
    0,
  );
  const { port } = new URL(taken.url);
  const { code, err } = await runCommand("deploy", ["--once"], { MINISTACK_PORT: port });
  expect([code, err]).toEqual([1, expect.stringContaining(`Port ${port} is taken`)]);
  expect(err).toContain("MINISTACK_PORT=");
  await taken.close();
});

// Before: whatever was said, it deployed.
longTest("it deploys nothing for --help, nor for what it does not know", async () => {
  const environment = { AWS_ENDPOINT_URL: "http://127.0.0.1:1" };
  const help = await runCommand("deploy", ["--help"], environment);
  expect([help.code, help.out]).toEqual([0, expect.stringContaining("MINISTACK_PORT")]);
  for (const wrong of ["--onec", "prod"]) {
    const { code, out, err } = await runCommand("deploy", [wrong], environment);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/unknown option|too many arguments/);
  }
});

test("there is no Python", () => {
  vi.stubEnv("PATH", dirname(process.execPath));
  expect(() => installPython(ministack, `${folder}/no-python`)).toThrow(
    /Python 3\.10 or later is needed.*AWS_ENDPOINT_URL/,
  );
});
