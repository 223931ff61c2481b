import Table from "cli-table3";
import { play as playEvent } from "../cli/event.ts";
import type { KeysFile } from "../cli/keys.ts";
import { sourceList } from "../cli/sources/index.ts";
import { isUnderWay } from "../lambda/resignation/status.ts";
import type { GenAuthSimulator } from "./genauth-simulator.ts";
import type { startStack } from "./stack.ts";

/** Plays the scenes of every source that has keys; prints each outcome, and returns whether all are as expected. */
export async function play(
  stack: Awaited<ReturnType<typeof startStack>>,
  genauth: GenAuthSimulator,
  keys: KeysFile,
): Promise<boolean> {
  const table = new Table({
    head: ["what came in", "answer", "in the ledger", "calls to GenAuth", ""],
    style: { head: [], border: [] },
  });
  const isCalling = !stack.settings.dryRun && stack.settings.graceDays === 0;
  let isAllWell = true;
  const scenes = sourceList.flatMap(([name, source]) => (keys[name] ? source.scenes(keys[name]) : []));
  for (const { title, request, userId, expected, calls: expectedCalls } of scenes) {
    const { status: answer } = await playEvent(request, stack.url);
    const status = await outcome(userId);
    const calls = genauth.calls().filter((call) => call.userId === userId).length;
    const isWell = answer === expected && calls === (isCalling ? expectedCalls : 0);
    isAllWell &&= isWell;
    table.push([title, answer, status ?? "nothing", calls, isWell ? "as expected" : "NOT as expected"]);
  }
  console.log(table.toString());
  return isAllWell;

  async function outcome(userId: string): Promise<string | undefined> {
    for (let tries = 0; tries < 100; tries += 1) {
      const [resignation] = (await stack.ledger.list({ userId, now: new Date(), limit: 1 })).items;
      if (!resignation) return undefined;
      if (!isUnderWay(resignation)) return resignation.status;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return "still waiting";
  }
}
