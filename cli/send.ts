import { Command, InvalidArgumentError, Option } from "commander";
import { localUrl } from "./defaults.ts";
import { first, readKeys } from "./files.ts";
import {
  larkDeleted,
  type SignedRequest,
  send,
  signApi,
  signLark,
  signWechatwork,
  signWechatworkCheck,
  wechatworkDeleted,
} from "./sign.ts";
import { talkAsSlack } from "./slack-talk.ts";

interface Common {
  url: string;
  keys?: string;
  user?: string;
  check?: boolean;
  count: number;
  age: number;
}

const program = new Command("send").description(
  "Signs and sends a departure, to the local stack or to a deployed one: proof that an installation works.",
);

add("lark", "as Lark does when somebody was removed: encrypted and signed")
  .option("--user <id>", "the person's id at Lark, as in ou_…; stands in open_id, union_id and user_id")
  .option("--event-id <id>", "send it under this event id: the same again is a repeat")
  .option("--check", "send Lark's check of the URL instead")
  .action((options: Common & { eventId?: string }) => {
    const { lark } = readKeys(options.keys);
    if (!lark) throw new Error("The keys have no section lark");
    const keys = { encryptKey: first(lark.encryptKey), verificationToken: first(lark.verificationToken) };
    const token = keys.verificationToken;
    if (options.check) {
      return sendAll(options, () =>
        signLark({ type: "url_verification", challenge: "challenge", token }, keys, new Date(), false),
      );
    }
    const { eventId } = options;
    return sendAll(options, (user) => {
      const ids = { open_id: user, union_id: user, user_id: user };
      return signLark(larkDeleted(ids, { token, ...(eventId && { eventId }), now: past(options) }), keys);
    });
  });

add("wechatwork", "as WeCom does when a member was deleted")
  .option("--user <id>", "the member's UserID, as in zhangsan")
  .option("--check", "send WeCom's check of the URL instead")
  .action((options: Common) => {
    const { wechatwork } = readKeys(options.keys);
    if (!wechatwork) throw new Error("The keys have no section wechatwork");
    const receiveId = first(wechatwork.receiveIds) ?? "";
    const keys = {
      token: first(wechatwork.token) ?? "",
      encodingAesKey: first(wechatwork.encodingAesKey) ?? "",
      receiveId,
    };
    return sendAll(options, (user) =>
      options.check
        ? signWechatworkCheck("1616140317555161061", keys)
        : signWechatwork(wechatworkDeleted(user, receiveId, past(options)), keys),
    );
  });

add("api", "as Zapier or a script does: POST /resignations")
  .option("--user <sync relation>", "GenAuth's id of the person, as in lark:ou_… or wechatwork:zhangsan")
  .option("--caller <name>", "whose key signs, by its name in the keys", "zapier")
  .option("--reason <text>", "why")
  .option("--id <webhook-id>", "send it under this id: the same again is a repeat")
  .option("--wait <seconds>", "wait so long for the outcome", seconds, 10)
  .action((options: Common & { caller: string; reason?: string; id?: string; wait: number }) => {
    const key = first(readKeys(options.keys).api?.[options.caller]);
    if (!key) throw new Error(`The keys have no caller ${options.caller} in their section api`);
    const { reason, id, age } = options;
    return sendAll(options, (userId) => {
      const body = { userId, ...(reason && { reason }), ...(age > 0 && { occurredAt: past(options).toISOString() }) };
      const headers = { prefer: `wait=${options.wait}` };
      return signApi({ method: "POST", path: "/resignations", body, headers }, key, id === undefined ? {} : { id });
    });
  });

program
  .command("slack <command>")
  .description(
    'as Slack does when an operator types a command: npm run send -- slack "/resign lark:ou_demo_5 left today"',
  )
  .option("--url <address>", "where the webhook is", localUrl)
  .option("--keys <file>", "the keys, as they stand in the secret (default: LOCAL_KEYS, or those of npm start)")
  .option("--as <team/user>", "who types it", "T0LOCAL/U0ALICE")
  .addOption(new Option("--click <button>", "then click this button of the card").choices(["resign", "dismiss"]))
  .action(async (command: string, options: { url: string; keys?: string; as: string; click?: string }) => {
    const signingSecret = first(readKeys(options.keys).slack?.signingSecret);
    if (!signingSecret) throw new Error("The keys have no section slack");
    const [team = "", user = ""] = options.as.split("/");
    await talkAsSlack({ command, url: options.url, signingSecret, who: { team, user }, click: options.click });
  });

program.parseAsync().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

function add(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--url <address>", "where the webhook is", localUrl)
    .option("--keys <file>", "the keys, as they stand in the secret (default: LOCAL_KEYS, or those of npm start)")
    .option("--count <n>", "send so many, of <user>_1, <user>_2, …", seconds, 1)
    .option("--age <seconds>", "let it have happened so long ago", seconds, 0);
}

async function sendAll({ url, user, check, count }: Common, sign: (user: string) => SignedRequest): Promise<void> {
  if (user === undefined && !check) throw new Error("Whose departure is it? Say --user <id>");
  for (let index = 1; index <= count; index += 1) {
    const one = count === 1 ? (user ?? "check") : `${user}_${index}`;
    const response = await send(sign(one), url).catch(() => {
      throw new Error(`Nobody answers at ${url}: is it running? (npm start)`);
    });
    console.log(`${one}  ${response.status}  ${(await response.text()) || "(no body)"}`);
    if (!response.ok) {
      console.error(hints[response.status] ?? "");
      process.exitCode = 1;
      return;
    }
  }
}

const hints: Record<number, string> = {
  401: "Refused: the keys here are not those in the secret, or this machine's clock is wrong. The function's log names the check that failed.",
  404: "Not found: the address is wrong, or this source has no section in the secret and is off.",
  503: "Not now: the secret is not filled in, or AWS did not answer. The function's log says which.",
};

function past({ age }: Common): Date {
  return new Date(Date.now() - age * 1000);
}

function seconds(given: string): number {
  if (!/^\d{1,7}$/.test(given)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(given);
}
