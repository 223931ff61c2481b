/** What `npm run deploy` makes of what the real `cdk diff` said (test/fixtures/README.md). */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { deploy, lossesOf } from "../../cli/deploy/plan.ts";

const recorded = (name: string) => readFileSync(`test/fixtures/diffs/${name}.txt`, "utf8");
const told = (name: string) => lossesOf(recorded(name)).map(({ id, impact }) => `${id}: ${impact}`);

test("a first deployment, and one that changes nothing, take nothing away", () => {
  expect(told("first")).toEqual([]);
  expect(told("same")).toEqual([]);
});

test("what is replaced is told, and only where it holds data", () => {
  expect(told("replaced")).toEqual([
    "ResignWebhookKeysC95930F6: replace",
    "ResignWebhookLedgerF83BA7FC: replace",
    "ResignWebhookQueue32B9FF21: replace",
    "ResignWebhookDeskLogsA8CCE839: replace",
  ]);
});

test("what is deleted or let go is told, and no function", () => {
  expect(told("removed")).toEqual([
    "ResignWebhookOldQueue12345678: orphan",
    "ResignWebhookOldSecret12345678: destroy",
    "OldLogs12345678: destroy",
  ]);
});

test("the upgrade from the version before takes the access log's former group away, and nothing else", () => {
  expect(told("upgrade")).toEqual(["ResignWebhookAccessLogs9AB5C761: replace"]);
  expect(readFileSync("docs/upgrade.md", "utf8")).toContain("--let-go ResignWebhookAccessLogs9AB5C761");
});

test("words that are not known count as a loss, and half an answer is none", () => {
  const changed = recorded("upgrade");
  const line = "[~] AWS::SQS::Queue ResignWebhook/Queue ResignWebhookQueue32B9FF21";
  expect(changed).toContain(`${line}\n`);
  const moved = changed.replace(line, `${line} moves away`);
  expect(lossesOf(moved)).toContainEqual({
    ...{ id: "ResignWebhookQueue32B9FF21", type: "AWS::SQS::Queue", impact: "moves away" },
  });
  expect(lossesOf(changed.replace(line, `${line} may be replaced`))).toHaveLength(2);
  expect(lossesOf(changed.replace(line, `${line} import`))).toHaveLength(1);
  expect(() => lossesOf(changed.slice(0, 500))).toThrow("cdk diff gave no whole answer");
});

async function run(name: string, letGo: string[] = []) {
  const ran: string[] = [];
  const cdk = async (args: readonly string[]) => {
    ran.push(args.join(" "));
    return recorded(name);
  };
  const shared = ["--context", "a=b"];
  const error = await deploy({ cdk, shared, more: ["--outputs-file", "outputs.json"], letGo }).then(
    () => "",
    (refused: Error) => refused.message,
  );
  return { ran, error };
}

test("what takes nothing away is deployed, with all that was said", async () => {
  expect(await run("same")).toEqual({
    ran: ["diff --context a=b", "deploy --context a=b --outputs-file outputs.json"],
    error: "",
  });
});

test("what takes data away is not deployed, and each resource is named", async () => {
  const { ran, error } = await run("replaced", ["ResignWebhookKeysC95930F6"]);
  expect(ran).toEqual(["diff --context a=b"]);
  expect(error).toContain("ResignWebhookLedgerF83BA7FC (AWS::DynamoDB::GlobalTable): replace");
  expect(error).not.toContain("ResignWebhookKeys");
});

test("what is meant is deployed where every resource is named", async () => {
  expect((await run("upgrade", ["ResignWebhookAccessLogs9AB5C761"])).ran).toHaveLength(2);
  expect((await run("upgrade", ["ResignWebhookAccessLogs"])).ran).toHaveLength(1);
});
