import { createHmac, createPrivateKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { Option } from "commander";
import type { SignedRequest } from "../event.ts";
import { first } from "../files.ts";
import { wholeNumber } from "../numbers.ts";
import { randomText } from "../random.ts";
import type { Section, SendOptions, Source } from "./source.ts";

/** Whatever signs its orders by Standard Webhooks: Zapier, n8n, Make, scripts, operators (docs/signed-orders.md). */
export const orders = {
  title: "signed orders",
  asks: "callers",
  newKeys: () => ({ zapier: newApiSecret(), ops: newApiSecret(), deputy: newApiSecret() }),

  whatToPaste: (
    outputs,
    taken,
  ) => `Zapier, n8n, Make, scripts (docs/zapier.md, docs/n8n.md, docs/make.md, docs/signed-orders.md):
  POST to                                    ${outputs.ResignationsUrl}

These are shown once. Whoever takes only a text key gets the second form:
${Object.entries(taken).map(inBothForms).join("\n")}`,

  checks: (section) =>
    secretsOf(section).map(([caller, secret]) => ({
      title: `api.${caller}`,
      request: signApi({ method: "GET", path: "/resignations/res_00000000000000000000000000000000" }, secret),
      expected: 404,
    })),

  scenes(section) {
    const [caller, secret] = secretsOf(Object.fromEntries(Object.entries(section).slice(0, 1)))[0] ?? [];
    if (!secret) return [];
    const body = { userId: "lark:ou_demo_3", reason: "left today" };
    const request = signApi({ method: "POST", path: "/resignations", body, headers: { prefer: "wait=10" } }, secret);
    return [{ title: `${caller}: POST /resignations`, request, userId: "lark:ou_demo_3", expected: 200, calls: 1 }];
  },

  sends: {
    description: "as Zapier or a script does: POST /resignations",
    options: [
      new Option("--user <sync relation>", "GenAuth's id of the person, as in lark:ou_… or wechatwork:zhangsan"),
      new Option("--caller <name>", "whose key signs, by its name in the keys").default("zapier"),
      new Option("--reason <text>", "why"),
      new Option("--id <webhook-id>", "send it under this id: the same again is a repeat"),
      new Option("--wait <seconds>", "wait so long for the outcome").argParser(wholeNumber).default(10),
    ],
    sign(
      section,
      userId,
      { caller, reason, id, wait, at }: SendOptions & { caller: string; reason?: string; id?: string; wait: number },
    ) {
      const key = first(section[caller]);
      if (!key) throw new Error(`The keys have no caller ${caller} in their section api`);
      const body = { userId, ...(reason && { reason }), ...(at && { occurredAt: at.toISOString() }) };
      const request = { method: "POST", path: "/resignations", body, headers: { prefer: `wait=${wait}` } } as const;
      return signApi(request, key, id === undefined ? {} : { id });
    },
  },
} satisfies Source;

/** Both spellings give the same signature: libraries take the first, tools with a text key the second. */
function inBothForms([caller, secret]: [string, string]): string {
  const text = Buffer.from(secret.slice("whsec_".length), "base64").toString("utf8");
  return `  ${caller.padEnd(12)} ${secret}\n  ${"".padEnd(12)} ${text}`;
}

/** The callers who sign with a secret, and it: who signs with a private key has it to themselves. */
function secretsOf(section: Section): [caller: string, secret: string][] {
  return Object.entries(section).flatMap(([caller, keys]) => {
    const secret = [keys].flat().find((key) => key.startsWith("whsec_"));
    return secret ? [[caller, secret] as [string, string]] : [];
  });
}

/** `whsec_` and the base64 of 40 letters and digits: tools that take only a text key get those 40 themselves. */
export const newApiSecret = () => `whsec_${Buffer.from(randomText(40)).toString("base64")}`;

/** An Ed25519 pair for scheme `v1a`. */
export function newApiKeyPair() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  return {
    publicKey: `whpk_${raw.toString("base64")}`,
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

/**
 * Signs a request as Standard Webhooks has it. The key is a `whsec_` secret, or the private half of a `whpk_`
 * key in PKCS#8 PEM.
 */
export function signApi(
  request: { method: "GET" | "POST"; path: string; body?: unknown; headers?: Record<string, string> },
  key: string,
  { id = `msg_${randomUUID()}`, now = new Date() }: { id?: string; now?: Date } = {},
): SignedRequest {
  const body =
    request.body === undefined ? "" : typeof request.body === "string" ? request.body : JSON.stringify(request.body);
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signed = Buffer.from(`${id}.${timestamp}.${body}`);
  const signature = key.startsWith("whsec_")
    ? `v1,${createHmac("sha256", Buffer.from(key.slice("whsec_".length), "base64"))
        .update(signed)
        .digest("base64")}`
    : `v1a,${sign(null, signed, createPrivateKey(key)).toString("base64")}`;
  return {
    method: request.method,
    path: request.path,
    headers: {
      ...(body && { "content-type": "application/json" }),
      ...request.headers,
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": signature,
    },
    body,
  };
}
