/** The directory compared with GenAuth: who left without our hearing of it. */
import { writeFileSync } from "node:fs";
import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { type GenAuthSimulator, startGenAuthSimulator } from "../../local/genauth-simulator.ts";
import { newKeys, startStack } from "../../local/stack.ts";
import { makeFolder } from "../folder.ts";
import { longTest } from "../long.ts";
import { demoIds, writeCsv } from "./directory.ts";
import { runCommand } from "./run.ts";

const folder = makeFolder();
const keys = newKeys();
const keysFile = `${folder}/keys.json`;
writeFileSync(keysFile, JSON.stringify(keys));

let aws: LocalAws;
let genauth: GenAuthSimulator;
let stack: Awaited<ReturnType<typeof startStack>>;

beforeAll(async () => {
  aws = await startAws();
  genauth = await startGenAuthSimulator();
  stack = await startStack({ aws, genauth, keys });
});
beforeEach(() => genauth.reset());
afterAll(async () => {
  await stack.close();
  await Promise.all([aws.close(), genauth.close()]);
});

const reconcile = (args: string[]) =>
  runCommand("reconcile", [...args, "--genauth", genauth.url, "--url", stack.url], { LOCAL_KEYS: keysFile });

const csv = (name: string, ids: Iterable<string>, header?: string) => writeCsv(`${folder}/${name}.csv`, ids, header);

test("finds who is active and gone, and who was resigned and is there, by name and age", async () => {
  genauth.setStatus("lark:ou_demo_9", "Resigned");
  genauth.setStatus("lark:ou_demo_2", "Resigned");
  const { code, out, err } = await reconcile(["--from", csv("few", demoIds(4))]);
  expect(err).toContain("497 people in the directory");
  expect(code).toBe(2);
  const [missing = "", byMistake = ""] = out.split("Resigned in GenAuth");
  expect(missing).toMatch(/lark:ou_demo_1 .*Demo Lark 1 .*\d+ days ago .*never/);
  expect(missing).toContain("lark:ou_demo_3 ");
  expect(missing).not.toContain("ou_demo_2 ");
  expect(byMistake).toContain("lark:ou_demo_9");
  expect(byMistake).not.toContain("ou_demo_2 ");
  expect(out).not.toContain("wechatwork:");
  expect(genauth.calls()).toEqual([]);
});

longTest("proposes at most so many, once, as held: nobody is called before an operator approves", async () => {
  const args = ["--from", csv("proposed", demoIds(6)), "--propose", "--limit", "3"];
  const { code, out } = await reconcile(args);
  expect(code).toBe(2);
  expect(out).toContain("3 proposed");
  expect(out).toContain("2 more");
  const held = async () => (await stack.ledger.list({ status: "held", now: new Date(), limit: 100 })).items;
  await expect.poll(async () => (await held()).length, { timeout: 10_000 }).toBe(3);
  for (const one of await held()) {
    expect(one).toMatchObject({ source: "reconcile", heldFor: "proposed", requestedBy: "ops" });
  }
  // Run again: those it proposed a while ago do not count, so that the next ones get their turn.
  const [former] = await held();
  await new DynamoDBClient().send(
    new UpdateItemCommand({
      TableName: stack.table,
      Key: { id: { S: former?.id ?? "" } },
      UpdateExpression: "SET acceptedAt = :before",
      ExpressionAttributeValues: { ":before": { S: new Date(Date.now() - 600_000).toISOString() } },
    }),
  );
  const again = await reconcile(args);
  expect([again.code, again.out]).toEqual([2, expect.stringContaining("1 were proposed before")]);
  await expect.poll(async () => (await held()).length, { timeout: 10_000 }).toBe(4);
  expect(new Set((await held()).map(({ userId }) => userId)).size).toBe(4);
  expect(genauth.calls()).toEqual([]);

  const [first] = await held();
  const approve = ["approve", first?.id ?? "", "--url", stack.url, "--operator", "alice"];
  expect((await runCommand("ledger", approve, { LOCAL_KEYS: keysFile })).code).toBe(0);
  await expect.poll(() => genauth.calls().length, { timeout: 10_000 }).toBe(1);
});

test("a caller who is no operator proposes nobody", async () => {
  const { code, err } = await reconcile(["--from", csv("stranger", demoIds(2)), "--propose", "--key", keys.api.zapier]);
  expect(code).toBe(1);
  expect(err).toContain("403");
});

longTest.each([
  ["an empty directory", () => ["--from", csv("empty", [])], "The directory is empty"],
  ["a file without the column", () => ["--from", csv("other", ["a"], "name,mail")], "has no column userIdInIdp"],
  [
    "an id with white space",
    () => ["--from", csv("blank", ["ou_1", "ou 2"])],
    "row 3: the id is empty or holds white space",
  ],
  ["no file", () => ["--from", `${folder}/none.csv`], "There is no file"],
  ["no credentials", () => ["--from", "lark"], '{"appId","appSecret"}'],
])("%s is an error that says so, and proposes nobody", async (_, args, expected) => {
  const { code, err } = await reconcile([...args(), "--propose"]);
  expect(code).toBe(1);
  expect(err).toContain(expected);
});

// Before: "0 people … nobody.", and exit 0.
test("a provider that nobody has is an error that names those that there are", async () => {
  const { code, out, err } = await reconcile(["--from", csv("feishu", demoIds(1)), "--provider", "feishu"]);
  expect([code, out]).toEqual([1, ""]);
  expect(err).toMatch(/Nobody in GenAuth has an id of feishu\. Its providers are: .*lark.*wechatwork/);
});

// Before: all 500 were listed as leavers, and the first 20 proposed.
longTest("a directory of other ids is refused, unless somebody says that it is so", async () => {
  const args = ["--from", csv("unions", [...demoIds(252).map((id) => `on_${id}`), ...demoIds(1, 248)])];
  const refused = await reconcile([...args, "--propose"]);
  expect([refused.code, refused.out]).toEqual([1, ""]);
  expect(refused.err).toContain("252 of 500 active people of lark are not in the directory");
  const meant = await reconcile([...args, "--yes", "--json"]);
  expect([meant.code, JSON.parse(meant.out).missing.length]).toEqual([2, 252]);
});

longTest("while GenAuth throttles it waits, and where the token is refused it says so", async () => {
  genauth.fail({ mode: "429", count: 3, path: "/api/v3/get-user-sync-relations" });
  expect((await reconcile(["--from", csv("throttled", demoIds(1))])).code).toBe(0);
  genauth.fail({ mode: "401", path: "/api/v3/list-users" });
  const { code, err } = await reconcile(["--from", csv("refused", demoIds(1))]);
  expect(code).toBe(1);
  expect(err).toContain("token_refused");
});
