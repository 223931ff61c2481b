/** `doctor --before-deploy`, against a stand-in that answers as Lambda does. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { askAccount } from "../../cli/doctor/account.ts";
import { type Listening, listen, sendJson, serve } from "../../local/listen.ts";
import { runCommand } from "./run.ts";

let lambda: Listening;
let asked: string[] = [];
let limit: object | undefined;

beforeAll(async () => {
  const server = serve(async ({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    if (limit) return sendJson(response, 200, { AccountLimit: limit, AccountUsage: {} });
    const refused = { Message: "User: x is not authorized to perform: lambda:GetAccountSettings" };
    sendJson(response, 403, refused, { "x-amzn-errortype": "AccessDeniedException" });
  });
  lambda = await listen(server, 0);
});
beforeEach(() => {
  asked = [];
  for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await lambda.close();
});

const environment = (region = "eu-west-1") => ({
  ...{ AWS_ENDPOINT_URL_LAMBDA: lambda.url, AWS_REGION: region },
  ...{ AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" },
});
const account = (ConcurrentExecutions: number, UnreservedConcurrentExecutions = ConcurrentExecutions) => {
  limit = { ConcurrentExecutions, UnreservedConcurrentExecutions };
};

test("a new account is told what to ask for, and where; nothing is created", async () => {
  account(10);
  const { code, out } = await runCommand("doctor", ["--before-deploy"], environment());
  expect(code).toBe(1);
  expect(out).toContain("10 in eu-west-1, 10 of them not reserved; a first deployment needs 150");
  expect(out).toContain(
    "Ask for 1000 (Concurrent executions): https://eu-west-1.console.aws.amazon.com/servicequotas/home/services/lambda/quotas/L-B99A9384",
  );
  expect(out).toContain("With concurrency.webhookReserved 0 it goes through");
  expect(asked).toEqual(["GET /2016-08-19/account-settings"]);
});

test("an account that has enough is well", async () => {
  account(1_000, 950);
  const { code, out } = await runCommand("doctor", ["--before-deploy"], environment());
  expect([code, out]).toEqual([0, expect.stringContaining("1000 in eu-west-1, 950 of them not reserved")]);
});

describe("what is needed", () => {
  test.each([
    [120, 120, 20, true],
    [119, 119, 20, false],
    [1_000, 119, 20, false],
    [100, 100, 0, true],
    [10, 10, 0, false],
  ])("of %i, %i are not reserved, and %i are to be kept", async (all, free, reserved, isWell) => {
    account(all, free);
    expect(await askAccount(reserved)).toMatchObject([{ isWell }]);
  });

  test("is asked for beside what others have reserved", async () => {
    account(1_000, 40);
    expect((await askAccount(20))[0]?.advice).toContain("Ask for 2000");
  });

  test("where nothing is to be kept, it says to keep some later", async () => {
    account(10);
    expect((await askAccount(0))[0]?.advice).toContain("Then take concurrency.webhookReserved out of cdk.json");
  });

  test("in China the console is another", async () => {
    account(10);
    vi.stubEnv("AWS_REGION", "cn-northwest-1");
    expect((await askAccount(20))[0]?.advice).toContain("https://cn-northwest-1.console.amazonaws.cn/servicequotas/");
  });
});

test("an account that may not be asked is not well, and it says why", async () => {
  limit = undefined;
  const [finding] = await askAccount(20);
  expect(finding).toMatchObject({ isWell: false, found: expect.stringContaining("AccessDeniedException") });
  expect(finding?.advice).toContain("lambda:GetAccountSettings");
});
