/** Whatever comes in: our own errors or nothing, no body with a bit changed, no id turned into another. */

import { describe, expect, test } from "vitest";
import {
  larkDeleted,
  type SignedRequest,
  signApi,
  signLark,
  signSlack,
  signWechatwork,
  wechatworkDeleted,
} from "../../../cli/sign.ts";
import { dingtalkEvent, signDingtalk } from "../../../cli/sources/dingtalk.ts";
import { parseToken } from "../../../lambda/genauth/token.ts";
import { decodeUtf8, parseQuery } from "../../../lambda/http.ts";
import { receiveWith } from "../../../lambda/intake/receive.ts";
import { slack } from "../../../lambda/operators/slack.ts";
import { Problem } from "../../../lambda/problem.ts";
import { parseSyncRelation } from "../../../lambda/resignation/sync-relation.ts";
import { dingtalk } from "../../../lambda/sources/dingtalk.ts";
import { parseKeys } from "../../../lambda/sources/index.ts";
import { lark } from "../../../lambda/sources/lark.ts";
import { orders } from "../../../lambda/sources/orders.ts";
import { wechatwork } from "../../../lambda/sources/wechatwork.ts";
import { readXml } from "../../../lambda/sources/wechatwork-xml.ts";
import { newApiSecret } from "../../../local/stack.ts";
import { computingMs } from "../../computing.ts";
import { fc, fewer } from "../../fast-check.ts";
import { gist, now, settings, toRequest } from "../../parts.ts";

const secret = newApiSecret();
const encodingAesKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const context = { settings: settings(), now };
const larkKeys = { encryptKey: ["key"], verificationToken: ["token"] };
const wechatworkKeys = { token: ["t"], encodingAesKey: [encodingAesKey], receiveIds: ["ww1"] };

const dingtalkSigner = { token: "tok", aesKey: encodingAesKey, ownerKey: "dingclient", corpId: "dingcorp" };
const dingtalkKeys = { token: ["tok"], aesKey: [encodingAesKey], ownerKey: ["dingclient"], corpId: "dingcorp" };

type Receive = (request: ReturnType<typeof toRequest>) => ReturnType<typeof gist>;
const ring = {
  lark: { keys: larkKeys },
  wechatwork: { keys: wechatworkKeys },
  dingtalk: { keys: dingtalkKeys },
  api: { keys: { zapier: [secret] } },
};
const receiveLark: Receive = (request) => gist(receiveWith(ring, lark, request, settings(), now));
const receiveWechatwork: Receive = (request) => gist(receiveWith(ring, wechatwork, request, settings(), now));
const receiveDingtalk: Receive = (request) => gist(receiveWith(ring, dingtalk, request, settings(), now));
const receiveApi: Receive = (request) => gist(receiveWith(ring, orders, request, settings(), now));

const signedBySource: [string, Receive, (id: string) => SignedRequest, string][] = [
  [
    "lark",
    receiveLark,
    (id) => signLark(larkDeleted({ open_id: `ou_${id}` }, { token: "token", now }), { encryptKey: "key" }, now),
    "lark:ou_",
  ],
  [
    "wechatwork",
    receiveWechatwork,
    (id) => signWechatwork(wechatworkDeleted(id, "ww1", now), { token: "t", encodingAesKey, receiveId: "ww1" }, now),
    "wechatwork:",
  ],
  [
    "dingtalk",
    receiveDingtalk,
    (id) => signDingtalk(dingtalkEvent("user_leave_org", [id], dingtalkSigner, { at: now }), dingtalkSigner, now),
    "dingtalk:",
  ],
  [
    "api",
    receiveApi,
    (id) => signApi({ method: "POST", path: "/resignations", body: { userId: `lark:${id}` } }, secret, { now }),
    "lark:",
  ],
];

const isOurs = (error: unknown) => error instanceof Problem;
const ids = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((id) => id.isWellFormed() && /^[^\s\p{C}]+$/u.test(id) && !id.includes("]]>"));

describe.each(signedBySource)("%s", (_, receive, sign, prefix) => {
  test("takes every id byte for byte", () => {
    fc.assert(
      fc.property(ids, (id) => {
        const received = receive(toRequest(sign(id)));
        expect(received).toMatchObject({ kind: "departures", departures: [{ userId: prefix + id }] });
      }),
    );
  });

  test("takes no body with one bit changed", () => {
    const request = toRequest(sign("ou_1"));
    fc.assert(
      fc.property(fc.nat(request.body.length - 1), fc.nat(7), (at, bit) => {
        const body = Buffer.from(request.body);
        body[at] = (body[at] ?? 0) ^ (1 << bit);
        try {
          const received = receive({ ...request, body });
          // WeCom signs Encrypt alone: the rest of the envelope is not believed either.
          expect(received).toMatchObject({ departures: [{ userId: `${prefix}ou_1` }] });
          expect(prefix).toBe("wechatwork:");
        } catch (error) {
          if (!isOurs(error)) throw error;
        }
      }),
      { numRuns: fewer(500) },
    );
  });

  test("answers anything with our own errors", () => {
    const header = fc.option(fc.string({ maxLength: 80 }), { nil: undefined });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), header, (bytes, rawQuery, value) => {
        const request = { ...toRequest(sign("ou_1")), body: Buffer.from(bytes), rawQuery, header: () => value };
        expect(() => receive(request)).toThrow(Problem);
      }),
      { numRuns: fewer(300) },
    );
  });
});

test("an authentic Lark event of any form is an answer or our own error", () => {
  const name = fc.constantFrom(
    "schema",
    "header",
    "event",
    "token",
    "type",
    "uuid",
    "object",
    "event_type",
    "status",
    "is_resigned",
  );
  const value = fc.constantFrom<unknown>(
    "2.0",
    "token",
    "contact.user.deleted_v3",
    "contact.user.updated_v3",
    "user_leave",
    true,
    null,
    1,
    "",
  );
  const { node } = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof({ depthSize: "small" }, value, fc.dictionary(name, tie("node"), { maxKeys: 5 })),
  }));
  fc.assert(
    fc.property(fc.dictionary(name, node), (content) => {
      try {
        receiveLark(toRequest(signLark({ ...content, token: "token" }, { encryptKey: "key" }, now)));
      } catch (error) {
        if (!isOurs(error)) throw error;
      }
    }),
    { numRuns: fewer(500) },
  );
});

test("an authentic Slack form of any kind is an answer or our own error, and orders nothing by itself", () => {
  const value = fc.oneof(
    fc.constantFrom(
      "/resign",
      "T0",
      "U0ALICE",
      "lark:ou_1",
      "https://hooks.slack.com/x",
      "block_actions",
      "resign",
      "1",
    ),
    fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
    fc.json({ maxDepth: 3 }),
  );
  const names = [
    ...["team_id", "user_id", "api_app_id", "command", "text", "response_url", "payload", "ssl_check", "trigger_id"],
  ];
  const form = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 9 });
  const given = { ...context, settings: settings({ operators: { slack: ["T0/U0ALICE"] } }) };
  const act = {
    type: "block_actions",
    user: { id: "U0ALICE", team_id: "T0" },
    response_url: "https://hooks.slack.com/x",
  };
  const payload = fc.record({
    payload: fc.jsonValue({ maxDepth: 3 }).map((actions) => JSON.stringify({ ...act, actions })),
  });
  fc.assert(
    fc.property(fc.constantFrom("commands", "interactions"), fc.oneof(form, payload), (route, fields) => {
      const request = toRequest(signSlack(`/slack/${route}`, fields as Record<string, string>, "secret", now));
      try {
        const work = slack.routes[request.route]?.(request, { ...given, keys: { signingSecret: ["secret"] } });
        expect(work).toBeTypeOf("function");
      } catch (error) {
        if (!isOurs(error)) throw error;
      }
    }),
    { numRuns: fewer(1_000) },
  );
});

test("an authentic DingTalk message of any form is answered", () => {
  const name = fc.constantFrom("EventType", "CorpId", "EventTime", "timeStamp", "eventId", "userId", "UserId", "x");
  const value = fc.constantFrom<unknown>(
    "user_leave_org",
    "user_add_org",
    "check_url",
    "dingcorp",
    ["a", 7],
    [],
    null,
    1,
    "",
  );
  const content = fc.dictionary(name, fc.oneof(value, fc.jsonValue({ maxDepth: 2 })), { maxKeys: 8 });
  fc.assert(
    fc.property(
      fc.oneof(
        content.map((one) => JSON.stringify(one)),
        fc.string(),
      ),
      (message) => {
        const received = receiveDingtalk(toRequest(signDingtalk(message, dingtalkSigner, now)));
        const answer = typeof received.answer === "function" ? received.answer([]) : received.answer;
        expect(answer.body).toMatch(/^{"msg_signature":"[0-9a-f]{40}",/);
      },
    ),
    { numRuns: 1_000 },
  );
});

test("XML gives back what was put in, but for white space at its ends, or is refused", () => {
  const text = fc.string({ unit: "binary" }).filter((value) => !value.includes("]]>") && value.isWellFormed());
  fc.assert(
    fc.property(
      text,
      text.filter((value) => !/[<&]/.test(value)),
      (one, other) => {
        const fields = readXml(`<xml><A><![CDATA[${one}]]></A><B>${other}</B></xml>`);
        const trimmed = [one, other].map((value) => value.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, ""));
        expect([fields.get("A"), fields.get("B")]).toEqual(trimmed);
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom(
          "<xml>",
          "</xml>",
          "<a>",
          "</a>",
          "<![CDATA[",
          "]]>",
          "&amp;",
          "&x;",
          "<",
          "x",
          " ",
          "<!--",
          "<a/>",
        ),
      ),
      (parts) => {
        try {
          expect(readXml(parts.join(""))).toBeInstanceOf(Map);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      },
    ),
    { numRuns: fewer(2_000) },
  );
});

test("hostile XML costs no more than its length", () => {
  const spent = computingMs(() => {
    for (const unit of ["<a>", "&amp;", "<![CDATA[", "]]>", "<a ", "&#", "x]]", "</"]) {
      expect(() => readXml(`<xml>${unit.repeat(60_000 / unit.length)}`)).toThrow(SyntaxError);
    }
  });
  // Not a benchmark: what is quadratic takes minutes here.
  expect(spent).toBeLessThan(5_000);
});

test("a sync relation is read as it is or not at all", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const parsed = parseSyncRelation(text, ["lark"]);
      expect(parsed === undefined || parsed === text).toBe(true);
      expect(parseSyncRelation(`lark:${text}`, ["lark"]) ?? `lark:${text}`).toBe(`lark:${text}`);
    }),
  );
});

test("queries and bytes: our own errors or their value", () => {
  fc.assert(
    fc.property(fc.string(), (rawQuery) => {
      try {
        parseQuery(rawQuery);
      } catch (error) {
        expect(isOurs(error)).toBe(true);
      }
    }),
  );
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
      (text) => {
        expect(decodeUtf8(Buffer.from(text))).toBe(text);
      },
    ),
  );
});

test("secrets of any form are keys or a text that holds none of their values", () => {
  const value = "ThisIsASecretValue1234567890ThisIsASecretValue";
  const json = fc
    .jsonValue()
    .map((any) => JSON.stringify({ lark: any, wechatwork: { token: value, x: any }, api: { [value]: any, a: value } }));
  fc.assert(
    fc.property(fc.oneof(fc.string(), json), (text) => {
      expect(JSON.stringify(Object.values(parseKeys(text)).filter((section) => "wrong" in section))).not.toContain(
        value,
      );
      expect(JSON.stringify(parseToken(text))).not.toContain(value);
    }),
  );
});
