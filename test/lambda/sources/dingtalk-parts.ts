import { expect } from "vitest";
import { type DingtalkKeys, dingtalkEvent, signDingtalk } from "../../../cli/sources/dingtalk.ts";
import type { Answer } from "../../../lambda/http.ts";
import { receiveWith } from "../../../lambda/intake/receive.ts";
import { openFrame, sign } from "../../../lambda/sources/aes-frame.ts";
import { dingtalk } from "../../../lambda/sources/dingtalk.ts";
import { parseKeys } from "../../../lambda/sources/index.ts";
import { gist, now, settings, toRequest } from "../../parts.ts";

export const one: DingtalkKeys = {
  ...{ token: "aToken", aesKey: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG" },
  ...{ ownerKey: "dingclient", corpId: "dingcorp" },
};
type GivenKeys = { [Name in keyof DingtalkKeys]: string | string[] };

export function receive(request: ReturnType<typeof signDingtalk>, given: GivenKeys = one, at = now) {
  const ring = parseKeys(JSON.stringify({ dingtalk: given }));
  return gist(receiveWith(ring, dingtalk, toRequest(request), settings(), at));
}

export const told = (message: object | string) => receive(signDingtalk(message, one, now));
export const event = (type: string, userId: readonly unknown[] = ["a"], changes: object = {}) => ({
  ...dingtalkEvent(type, userId, one, { at: now, eventId: "e1" }),
  ...changes,
});
export const left = (changes: object) => told(event("user_leave_org", ["a"], changes));

/** What an answer says to DingTalk, who opens it with the keys that it has. */
export function opened(
  answer: Answer | undefined,
  { token, aesKey, ownerKey }: DingtalkKeys = one,
): string | undefined {
  const { msg_signature, timeStamp, nonce, encrypt } = JSON.parse(answer?.body ?? "{}") as Record<string, string>;
  expect(sign(token, timeStamp ?? "", nonce ?? "", encrypt ?? "")).toBe(msg_signature);
  const frame = openFrame(encrypt ?? "", aesKey);
  return frame?.receiver === ownerKey ? frame.message.toString() : undefined;
}

/** Nobody left and nobody is back; the answer is the encrypted `success`. */
export function expectTaken(received: ReturnType<typeof told>, more: object = {}): void {
  const { answer, ...rest } = received;
  expect(opened(typeof answer === "function" ? answer([]) : answer)).toBe("success");
  expect(rest).toEqual({ kind: "answer", ...more });
}
