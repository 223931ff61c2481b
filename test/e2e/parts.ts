/**
 * What the end-to-end suite is told of the address that it tries. By the environment: E2E_URL, E2E_KEYS (a file as
 * the secret), and where there is one, E2E_GENAUTH (the simulator), E2E_NOTICES (the stand-ins for whom notices go
 * to) and E2E_OUTPUTS (the outputs of a stack in the AWS of AWS_ENDPOINT_URL).
 */
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { first, readOutputs } from "../../cli/files.ts";
import { readKeys } from "../../cli/keys.ts";
import { larkDeleted, type SignedRequest, send, signApi, signLark } from "../../cli/sign.ts";
import type { operatorView } from "../../lambda/resignation/view.ts";
import type { Fault } from "../../local/genauth-simulator.ts";
import type { Received } from "../../local/notice-stand-ins.ts";

/** A resignation as the interface gives it to operators. */
export type Shown = ReturnType<typeof operatorView>;

export const url = process.env.E2E_URL ?? "http://127.0.0.1:3000";
export const genauth = process.env.E2E_GENAUTH;
export const notices = process.env.E2E_NOTICES;
export const outputs = process.env.E2E_OUTPUTS ? readOutputs(process.env.E2E_OUTPUTS) : undefined;

export const keys = readKeys(process.env.E2E_KEYS);
export const larkKeys = {
  encryptKey: first(keys.lark?.encryptKey),
  verificationToken: first(keys.lark?.verificationToken),
};
export const wechatworkKeys = {
  token: first(keys.wechatwork?.token) ?? "",
  encodingAesKey: first(keys.wechatwork?.encodingAesKey) ?? "",
  receiveId: first(keys.wechatwork?.receiveIds) ?? "",
};
export const zapier = first(keys.api?.zapier) ?? "";
export const ops = first(keys.api?.ops) ?? "";
export const signingSecret = first(keys.slack?.signingSecret) ?? "";

export const lark = (id: string, now = new Date()) =>
  signLark(larkDeleted({ open_id: id }, { token: larkKeys.verificationToken, now }), larkKeys);

export const order = (userId: string, headers = {}) =>
  signApi({ method: "POST", path: "/resignations", body: { userId }, headers }, zapier);

export const status = async (request: SignedRequest) => (await send(request, url)).status;

/** Asks as an operator. */
export async function ask<T>(method: "GET" | "POST", path: string, body?: object): Promise<T> {
  return (await (await send(signApi({ method, path, body }, ops), url)).json()) as T;
}

export const of = async (userId: string) =>
  (await ask<{ items: Shown[] }>("GET", `/resignations?${new URLSearchParams({ userId })}`)).items;

export const outcome = (userId: string, expected: string) =>
  expect.poll(async () => (await of(userId))[0]?.status, { timeout: 40_000, interval: 300 }).toBe(expected);

export const fail = (fault: Fault) => simulate("faults", fault);

async function simulate(path: string, body: object): Promise<void> {
  await fetch(`${genauth}/_sim/${path}`, { method: "POST", body: JSON.stringify(body) });
}

/** What GenAuth answered to each call for this person. */
export async function callsFor(userId: string): Promise<number[]> {
  const calls = (await (await fetch(`${genauth}/_sim/calls`)).json()) as { userId: string; statusCode: number }[];
  return calls.filter((call) => call.userId === userId).map(({ statusCode }) => statusCode);
}

/** Somebody whom GenAuth knows and nobody else uses. */
export async function somebody(provider: string): Promise<string> {
  const id = `${provider === "lark" ? "ou_" : ""}e2e${randomUUID().slice(0, 8)}`;
  await simulate("users", { users: [{ syncRelation: `${provider}:${id}`, name: "End To End" }] });
  return id;
}

/** What the stand-ins received, whose text names this. */
export async function told(target: string, needle: string): Promise<Received[]> {
  const received = (await (await fetch(`${notices}/_sim/received`)).json()) as Received[];
  return received.filter((one) => one.target === target && one.body.includes(needle));
}
