import { createCipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type DingtalkKeys, signDingtalk, urlCheck } from "../../../cli/sources/dingtalk.ts";
import type { Answer } from "../../../lambda/http.ts";
import { openFrame, sign } from "../../../lambda/sources/aes-frame.ts";
import { dingtalk, sealSuccess } from "../../../lambda/sources/dingtalk.ts";
import { parseKeys } from "../../../lambda/sources/index.ts";
import { now, problemOf, toRequest } from "../../parts.ts";
import { readVectors } from "../../vectors.ts";
import { event, expectTaken, one, opened, receive, told } from "./dingtalk-parts.ts";

describe("the answer", () => {
  test("to the check of the address is the encrypted success", () => {
    expectTaken(told(urlCheck), { isUrlCheck: true });
    expectTaken(told('{ "EventType" : "check_url" }'), { isUrlCheck: true });
  });

  test("is JSON with four texts, sealed anew each time, at our own time", () => {
    const [first, second] = [1, 2].map(() => {
      const { answer } = told(urlCheck);
      expect(answer).toMatchObject({ statusCode: 200, headers: { "content-type": "application/json" } });
      return JSON.parse((answer as { body: string }).body) as Record<string, string>;
    });
    expect(Object.keys(first ?? {})).toEqual(["msg_signature", "timeStamp", "nonce", "encrypt"]);
    expect(first?.timeStamp).toBe(String(now.getTime()));
    expect(first?.nonce).toMatch(/^[A-Za-z0-9]{16}$/);
    expect(first?.encrypt).toMatch(/^[A-Za-z0-9+/]{86,87}={1,2}$/);
    expect(first?.encrypt).not.toBe(second?.encrypt);
    expect(first?.nonce).not.toBe(second?.nonce);
  });

  test("to a departure is the same, whatever came of it", () => {
    const { answer } = told(event("user_leave_org"));
    expect(opened(typeof answer === "function" ? answer([]) : answer)).toBe("success");
  });

  test("is sealed with those of the keys that proved the request", () => {
    const other = { ...one, token: "other", aesKey: "b".repeat(43), ownerKey: "dingother" };
    const both = {
      ...{ token: [one.token, other.token], aesKey: [other.aesKey, one.aesKey] },
      ...{ ownerKey: [one.ownerKey, other.ownerKey], corpId: "dingcorp" },
    };
    for (const keys of [one, other]) {
      const { answer } = receive(signDingtalk(urlCheck, keys, now), both);
      expect(opened(answer as Answer, keys)).toBe("success");
    }
  });
});

describe("refused", () => {
  const good = signDingtalk(event("user_leave_org"), one, now);
  const withPath = (change: (path: string) => string) => receive({ ...good, path: change(good.path) });
  const signature = /[0-9a-f]{40}/g;

  test.each<[string, () => unknown, string]>([
    ["another token", () => receive(signDingtalk("{}", { ...one, token: "other" }, now)), "signature"],
    ["another key", () => receive(signDingtalk("{}", { ...one, aesKey: "b".repeat(43) }, now)), "decryption"],
    ["another receiver", () => receive(signDingtalk("{}", { ...one, ownerKey: "dingcorp" }, now)), "ownerKey"],
    ["no signature", () => withPath((path) => path.replaceAll("signature", "other")), "query"],
    ["a repeated parameter", () => withPath((path) => `${path}&nonce=1`), "query"],
    ["a bad escape", () => withPath((path) => `${path}&x=%E0%A4%A`), "query"],
    [
      "a signature in capitals",
      () => withPath((path) => path.replace(signature, (text) => text.toUpperCase())),
      "query",
    ],
    [
      "a timestamp of 12 digits",
      () => withPath((path) => path.replace(/timestamp=\d/, "timestamp=")),
      "timestamp form",
    ],
    [
      "a nonce of 65 letters",
      () => withPath((path) => path.replace(/nonce=.*/, `nonce=${"n".repeat(65)}`)),
      "nonce form",
    ],
    ["no nonce", () => withPath((path) => path.replace(/nonce=.*/, "nonce=")), "query"],
    ["a body that is no JSON", () => receive({ ...good, body: "<xml/>" }), "envelope"],
    ["a body without encrypt", () => receive({ ...good, body: "{}" }), "envelope"],
    ["an encrypt that is no text", () => receive({ ...good, body: '{"encrypt":7}' }), "envelope"],
  ])("%s", (_, act, reason) => {
    expect(problemOf(act)).toBe(`unauthorized: ${reason}`);
  });

  test("a wrong msg_signature is made no better by a right signature; either of them will do alone", () => {
    const wrong = (path: string) =>
      path.replace(/msg_signature=./, (text) => `msg_signature=${text.endsWith("0") ? 1 : 0}`);
    expect(problemOf(() => withPath(wrong))).toBe("unauthorized: signature");
    for (const name of [/msg_signature=\w+&/, /(?<=\?)signature=\w+&/]) {
      expect(withPath((path) => path.replace(name, ""))).toMatchObject({ departures: [{ userId: "dingtalk:a" }] });
    }
  });

  test("of what is refused, the type is kept beside query and body", () => {
    const kept = { route: "POST /dingtalk", headers: ["content-type"] };
    expect(dingtalk).toMatchObject({ section: "dingtalk", kept, tellsEverything: true });
  });

  test("only a query with a signature is worth keeping", () => {
    const asked = (rawQuery: string) => dingtalk.hasProof({ ...toRequest(good), rawQuery });
    expect(["signature=a", "x=1&msg_signature=b"].map(asked)).toEqual([true, true]);
    expect(["", "signature=", "my_signature=a", "timestamp=1"].map(asked)).toEqual([false, false, false, false]);
  });
});

describe("the keys", () => {
  const wrong = (changes: object) => {
    const section = parseKeys(JSON.stringify({ dingtalk: { ...one, ...changes } })).dingtalk;
    return section && "wrong" in section ? section.wrong : undefined;
  };
  test("are judged by their form, each a text or a list", () => {
    expect(wrong({})).toBeUndefined();
    expect(wrong({ token: ["a1b", "b".repeat(64)], ownerKey: ["x", "y"] })).toBeUndefined();
    expect(wrong({ aesKey: `${"a".repeat(42)}=` })).toBe("dingtalk.aesKey: must be 43 letters and digits");
    expect(wrong({ token: "ab" })).toBe("dingtalk.token: must be 3 to 64 letters and digits");
    expect(wrong({ ownerKey: "" })).toContain("dingtalk.ownerKey");
    expect(wrong({ corpId: undefined })).toContain("dingtalk.corpId");
    expect(wrong({ corpId: ["dingcorp"] })).toContain("dingtalk.corpId");
  });

  test("whose last letter carries bits that are not used are right", () => {
    const aesKey = "1234567890123456789012345678901234567890123";
    expect(Buffer.from(`${aesKey}=`, "base64").toString("base64")).not.toBe(`${aesKey}=`);
    expect(receive(signDingtalk(urlCheck, { ...one, aesKey }, now), { ...one, aesKey })).toMatchObject({
      isUrlCheck: true,
    });
  });
});

interface Vectors {
  config: DingtalkKeys & { nowMs: number };
  answers: { id: string; config?: DingtalkKeys; random: string; timeStamp: string; nonce: string; body: string }[];
  published: (Omit<DingtalkKeys, "corpId"> &
    Record<"id" | "msg_signature" | "timestamp" | "nonce" | "encrypt" | "message", string>)[];
  vectors: {
    id: string;
    config?: Partial<DingtalkKeys>;
    method: string;
    query: string;
    body: string;
    expect: { verdict: string; userIds?: string[]; eventId?: string; occurredAtMs?: number };
  }[];
}
const known = readVectors<Vectors>("dingtalk.json");

describe.skipIf(!known)("known answers", () => {
  for (const { id, config, random, timeStamp, nonce, body } of known?.answers ?? []) {
    test(`our answer, byte for byte: ${id}`, () => {
      const { ownerKey: receiver, ...keys } = { ...(known?.config as DingtalkKeys), ...config };
      expect(JSON.stringify(sealSuccess({ ...keys, receiver }, timeStamp, nonce, Buffer.from(random)))).toBe(body);
    });
  }

  for (const one of known?.published ?? []) {
    test(one.id, () => {
      expect(sign(one.token, one.timestamp, one.nonce, one.encrypt)).toBe(one.msg_signature);
      const { message, receiver } = openFrame(one.encrypt, one.aesKey) ?? {};
      expect([message?.toString(), receiver]).toEqual([one.message, one.ownerKey]);
    });
  }

  for (const vector of known?.vectors ?? []) {
    test(vector.id, () => {
      const { nowMs, ...config } = { ...(known?.config as Vectors["config"]), ...vector.config };
      const { verdict, userIds = [], eventId = "", occurredAtMs } = vector.expect;
      // API Gateway has no GET for it.
      if (vector.method !== "POST") return expect(dingtalk.routes).not.toHaveProperty(`${vector.method} /dingtalk`);
      const path = `/dingtalk?${vector.query}`;
      const request = { method: "POST" as const, path, headers: {}, body: vector.body };
      const act = () => receive(request, config, new Date(nowMs));
      if (verdict === "refuse") return expect(problemOf(act)).toMatch(/^unauthorized: /);

      const { answer, ...received } = act();
      expect(opened(typeof answer === "function" ? answer([]) : answer, config)).toBe("success");
      const people = userIds.map((userId) => expect.objectContaining({ userId: `dingtalk:${userId}` }));
      const isLeft = verdict === "departure" || verdict === "refuse-or-stale";
      expect("departures" in received ? received.departures : []).toEqual(isLeft ? people : []);
      expect("returns" in received ? received.returns : []).toEqual(verdict === "return" ? people : []);
      for (const one of isLeft && "departures" in received ? received.departures : []) {
        expect([one.occurredAt.getTime(), one.eventId]).toEqual([occurredAtMs, expect.stringContaining(eventId)]);
      }
      if (verdict === "unusable") expect(received).toHaveProperty("keepAs");
      if (verdict === "url_check") expect(received).toHaveProperty("isUrlCheck");
    });
  }
});

test("a message with a byte that is no UTF-8 is kept", () => {
  const key = Buffer.from(`${one.aesKey}=`, "base64");
  const message = Buffer.from([0x7b, 0xff, 0x7d]);
  const plain = Buffer.concat([Buffer.alloc(16, 7), Buffer.from([0, 0, 0, 3]), message, Buffer.from("dingclient")]);
  const padding = 32 - (plain.length % 32);
  const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
  const padded = Buffer.concat([plain, Buffer.alloc(padding, padding)]);
  const encrypt = Buffer.concat([cipher.update(padded), cipher.final()]).toString("base64");
  const query = `signature=${sign("aToken", "1795485600", "n", encrypt)}&timestamp=1795485600&nonce=n`;
  const request = {
    method: "POST" as const,
    path: `/dingtalk?${query}`,
    headers: {},
    body: JSON.stringify({ encrypt }),
  };
  expect(receive(request)).toMatchObject({ kind: "answer", keepAs: "no JSON object" });
});
