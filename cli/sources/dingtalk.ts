import { randomBytes, randomUUID } from "node:crypto";
import { Option } from "commander";
import type { SignedRequest } from "../event.ts";
import { first } from "../files.ts";
import { localSecret, randomText } from "../random.ts";
import { sealFrame, signSorted } from "./aes-frame.ts";
import type { Section, SendOptions, Source } from "./source.ts";

/** DingTalk, 钉钉 (docs/dingtalk.md). */
export const dingtalk = {
  title: "DingTalk",
  asks: {
    token: { question: "DingTalk > Event subscription > token", make: () => randomText(32), sample: "token" },
    aesKey: {
      question: "DingTalk > Event subscription > aes_key (43 letters and digits)",
      make: () => randomText(43),
      sample: "a".repeat(43),
    },
    ownerKey: { question: "DingTalk > the app's credentials > Client ID (ding…)", sample: "ding" },
    corpId: { questionFor: whichCorp, sample: "ding" },
  },
  newKeys: () => ({
    token: localSecret(32),
    aesKey: localSecret(43),
    ownerKey: "dinglocalclient",
    corpId: "dinglocalcorp",
  }),

  whatToPaste: (
    outputs,
    taken,
  ) => `DingTalk, developer console > your app > Event subscription > HTTP push (docs/dingtalk.md):
  aes_key                                    ${taken.aesKey}
  token                                      ${taken.token}
  Request URL                                ${outputs.DingtalkUrl}
  Then tick: user_leave_org, user_add_org, user_active_org`,

  checks: (section) => [{ title: "DingTalk", request: signDingtalk(urlCheck, keysOf(section)), expected: 200 }],

  demoId: (n) => `demo_${n}`,

  scenes(section) {
    const request = signDeparture(section, "demo_1");
    return [{ title: "DingTalk: demo_1 left", request, userId: "dingtalk:demo_1", expected: 200, calls: 1 }];
  },

  sends: {
    description: "as DingTalk does when somebody left the enterprise",
    options: [
      new Option("--user <id>", "the person's userid at DingTalk, as in manager331"),
      new Option("--event-id <id>", "send it under this event id: the same again is a repeat"),
      new Option("--check", "send DingTalk's check of the URL instead"),
    ],
    sign: (section, user, { check, at, eventId }: SendOptions & { eventId?: string }) =>
      check ? signDingtalk(urlCheck, keysOf(section)) : signDeparture(section, user, { at, eventId }),
  },
} satisfies Source;

/** Asked for once: every event of another enterprise is passed over. */
function whichCorp({ corpId }: Section): string | undefined {
  return corpId === undefined ? "DingTalk > your enterprise's CorpId (ding…)" : undefined;
}

export interface DingtalkKeys {
  readonly token: string;
  readonly aesKey: string;
  /** The receiver. */
  readonly ownerKey: string;
  readonly corpId: string;
}

const keysOf = ({ token, aesKey, ownerKey, corpId }: Section): DingtalkKeys => ({
  token: first(token) ?? "",
  aesKey: first(aesKey) ?? "",
  ownerKey: first(ownerKey) ?? "",
  corpId: first(corpId) ?? "",
});

function signDeparture(section: Section, user: string, more: Parameters<typeof dingtalkEvent>[3] = {}): SignedRequest {
  const keys = keysOf(section);
  return signDingtalk(dingtalkEvent("user_leave_org", [user], keys, more), keys);
}

/** DingTalk's check of the address, as it is made when an administrator presses Save. */
export const urlCheck = { EventType: "check_url" };

/** An event about people, as DingTalk writes it today. */
export function dingtalkEvent(
  type: string,
  userId: readonly unknown[],
  { corpId }: Pick<DingtalkKeys, "corpId">,
  { at, eventId }: { at?: Date | undefined; eventId?: string | undefined } = {},
) {
  const time = (at ?? new Date()).getTime();
  return {
    ...{ EventType: type, EventTime: time, CorpId: corpId, BizId: String(time) },
    ...{ eventId: eventId ?? randomUUID().replaceAll("-", ""), timeStamp: String(time), userId },
  };
}

/** DingTalk's request around a message, under both names of the signature. */
export function signDingtalk(
  message: object | string,
  { token, aesKey, ownerKey }: Omit<DingtalkKeys, "corpId">,
  now = new Date(),
): SignedRequest {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  const encrypt = sealFrame(text, aesKey, ownerKey);
  const timestamp = String(now.getTime());
  const nonce = randomBytes(4).toString("hex");
  const signature = signSorted(token, timestamp, nonce, encrypt);
  return {
    method: "POST",
    path: `/dingtalk?signature=${signature}&msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce}`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ encrypt }),
  };
}
