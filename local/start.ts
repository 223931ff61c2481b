import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { folder } from "../cli/files.ts";
import { localKeysFile, readKeys } from "../cli/keys.ts";
import { startAws } from "./aws.ts";
import { startGenAuthSimulator } from "./genauth-simulator.ts";
import { startNoticeStandIns, toLine } from "./notice-stand-ins.ts";
import { play } from "./play.ts";
import { readLocalSettings, startStack, withSecondListener } from "./stack.ts";

const logFile = `${folder}/functions.log`;

/** `npm start`: everything on this machine, without AWS. */
async function start(): Promise<void> {
  const port = readPort("PORT", 3000);
  const keys = readKeys();
  const settings = readLocalSettings();

  mkdirSync(folder, { recursive: true });
  writeFileSync(logFile, "");
  const genauth = await startGenAuthSimulator({
    port: readPort("GENAUTH_PORT", port && port + 1),
    portVariable: "GENAUTH_PORT",
  });
  const aws = await startAws();
  const told = await startNoticeStandIns((received) => console.log(toLine(received)), readPort("NOTICES_PORT", 0));
  const stack = await startStack({
    ...{ aws, genauth, keys, port, writeLog, targets: told.targets },
    settings: withSecondListener(settings, told.secondListener),
  });

  console.log(`webhook     ${stack.url}/lark  /wechatwork  /slack/commands  /resignations`);
  console.log(`GenAuth     ${genauth.url}/_sim/calls (a simulator)`);
  console.log(`notices     ${told.url}/_sim/received (stand-ins for whom they go to)`);
  console.log(`keys        ${process.env.LOCAL_KEYS ?? localKeysFile}`);
  console.log(`logs        ${logFile}`);
  console.log(`ready ${stack.url}`);

  const isOnce = process.argv.includes("--once");
  const isPlaying = isOnce || process.env.LOCAL_PLAY !== "off";
  const isAllWell = isPlaying ? await play(stack, genauth, keys) : true;
  if (isOnce) {
    await stack.close();
    await Promise.all([aws.close(), genauth.close(), told.close()]);
    process.exit(isAllWell ? 0 : 1);
  }
  console.log("Serving until Ctrl-C. Next: npm run send -- lark --user ou_demo_4");
}

/** Writes every line to the file; warnings and errors to the terminal too. */
function writeLog(line: string): void {
  appendFileSync(logFile, `${line}\n`);
  const { level, service, message, code, reason } = JSON.parse(line) as Record<string, string>;
  if (level !== "INFO")
    console.log(`${level?.toLowerCase()}  ${service}: ${message}${code ? ` (${code}: ${reason})` : ""}`);
}

function readPort(variable: string, otherwise: number): number {
  const given = process.env[variable] ?? String(otherwise);
  if (!/^\d{1,5}$/.test(given) || Number(given) > 65_535) throw new Error(`${variable} must be a port, not ${given}`);
  return Number(given);
}

process.on("SIGINT", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));

start().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
