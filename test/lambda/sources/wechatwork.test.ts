import { createCipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  encryptWechatwork,
  type SignedRequest,
  signWechatwork,
  signWechatworkCheck,
  wechatworkDeleted,
} from "../../../cli/sign.ts";
import { receiveWith } from "../../../lambda/intake/receive.ts";
import { decrypt, sign, wechatwork } from "../../../lambda/sources/wechatwork.ts";
import { gist, now, problemOf, settings, toRequest } from "../../parts.ts";
import { readVectors } from "../../vectors.ts";

const encodingAesKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const one = { token: "aToken", encodingAesKey, receiveId: "ww1" };
const keys = { token: ["aToken"], encodingAesKey: [encodingAesKey], receiveIds: ["ww1"] };
const seconds = now.getTime() / 1000;

function receive(request: SignedRequest, given: typeof keys & { corpId?: string } = keys) {
  return gist(receiveWith({ wechatwork: { keys: given } }, wechatwork, toRequest(request), settings(), now));
}

const told = (xml: string) => receive(signWechatwork(xml, one, now));
const event = (fields: string) =>
  `<xml><ToUserName><![CDATA[ww1]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName><CreateTime>${seconds}</CreateTime>` +
  `<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_contact]]></Event>${fields}</xml>`;

describe("a departure", () => {
  test("is delete_user", () => {
    expect(told(wechatworkDeleted("zhangsan", "ww1", now))).toMatchObject({
      kind: "departures",
      departures: [
        {
          source: "wechatwork",
          eventId: `ww1|delete_user|zhangsan|${seconds}`,
          userId: "wechatwork:zhangsan",
          occurredAt: now,
        },
      ],
    });
  });

  test("is update_user with Status 5, where it is sent", () => {
    const update = (status: string) => event(`<ChangeType>update_user</ChangeType><UserID>a</UserID>${status}`);
    expect(told(update("<Status>5</Status>"))).toMatchObject({ departures: [{ userId: "wechatwork:a" }] });
    for (const status of ["", "<Status/>", "<Status>2</Status>", "<Status>4</Status>"]) {
      expect(told(update(status))).toEqual({
        kind: "answer",
        answer: expect.objectContaining({ statusCode: 200, body: "success" }),
      });
    }
  });

  test("in suite form is told by suite and corp", () => {
    const xml = `<xml><SuiteId>s1</SuiteId><AuthCorpId>c1</AuthCorpId><InfoType>change_contact</InfoType><TimeStamp>${seconds}</TimeStamp><ChangeType>delete_user</ChangeType><UserID>a</UserID></xml>`;
    const suite = { ...one, receiveId: "s1" };
    const given = { ...keys, receiveIds: ["s1", "c1"], corpId: "c1" };
    expect(receive(signWechatwork(xml, suite, now), given)).toMatchObject({
      departures: [{ eventId: `s1|c1|delete_user|a|${seconds}`, userId: "wechatwork:a" }],
    });
  });

  test.each(["00123", "1e5", "__proto__", "a".repeat(64), "A.b-c@d_E", "0x10", "true"])(
    "keeps the id %s as it is",
    (id) => {
      expect(told(wechatworkDeleted(id, "ww1", now))).toMatchObject({ departures: [{ userId: `wechatwork:${id}` }] });
    },
  );

  test("of an unknown id form is taken, and told of", () => {
    expect(told(wechatworkDeleted("张三", "ww1", now))).toMatchObject({
      departures: [{ userId: "wechatwork:张三" }],
      notices: [{ metric: "UnusableDeparture" }],
    });
  });

  test("without a usable id is answered and told of", () => {
    for (const id of ["", "<UserID> </UserID>", "<UserID>a b</UserID>", "<UserID>a</UserID><UserID>b</UserID>"]) {
      const received = told(event(`<ChangeType>delete_user</ChangeType>${id}`));
      expect(received).toMatchObject({
        kind: "answer",
        answer: { body: "success" },
        notices: [{ metric: "UnusableDeparture" }],
      });
    }
  });

  test("without CreateTime is as old as its request", () => {
    const xml = event("<ChangeType>delete_user</ChangeType><UserID>a</UserID>").replace(
      /<CreateTime>.*<\/CreateTime>/,
      "",
    );
    expect(told(xml)).toMatchObject({ departures: [{ occurredAt: now, eventId: `ww1|delete_user|a|${seconds}` }] });
  });
});

describe("what is made of an event", () => {
  const success = expect.objectContaining({ statusCode: 200, body: "success" });
  const withinSecond = { from: now, to: new Date(now.getTime() + 999) };
  const nothing = { kind: "answer", answer: success };
  const of = (xml: string) => {
    const received = told(xml);
    return received?.kind === "departures" ? { ...received, answer: received.answer([]) } : received;
  };

  test("a departure", () => {
    expect(of(event("<ChangeType>delete_user</ChangeType><UserID>a</UserID>"))).toEqual({
      kind: "departures",
      departures: [
        {
          ...{ source: "wechatwork", eventId: `ww1|delete_user|a|${seconds}`, userId: "wechatwork:a" },
          ...{ occurredAt: now, moment: withinSecond, requestedBy: "wechatwork" },
        },
      ],
      returns: [],
      answer: success,
    });
  });

  test("a return", () => {
    expect(of(event("<ChangeType>create_user</ChangeType><UserID>a</UserID>"))).toEqual({
      kind: "departures",
      departures: [],
      returns: [{ userId: "wechatwork:a", source: "wechatwork", moment: withinSecond }],
      answer: success,
    });
  });

  test.each([
    ["<UserID>a</UserID><NewUserID>b</NewUserID>", { former: "wechatwork:a", next: "wechatwork:b" }],
    ["<UserID>a</UserID><NewUserID>b b</NewUserID>", undefined],
    ["<UserID>a a</UserID><NewUserID>b</NewUserID>", undefined],
    ["<UserID></UserID><NewUserID></NewUserID>", undefined],
  ])("a rename, %s", (fields, renamed) => {
    const message = "A WeCom userid was changed: GenAuth may still know the old one";
    expect(of(event(`<ChangeType>update_user</ChangeType>${fields}`))).toEqual({
      ...nothing,
      ...{ notices: [{ metric: "Renamed", message }], ...(renamed && { renamed }) },
    });
  });

  test.each([
    "<ChangeType>update_user</ChangeType><UserID>a</UserID><Name>b</Name>",
    "<ChangeType>update_party</ChangeType><UserID>a</UserID><NewUserID>b</NewUserID>",
    "<ChangeType>update_party</ChangeType><UserID>a</UserID><Status>5</Status>",
  ])("nothing: %s", (fields) => {
    expect(of(event(fields))).toEqual(nothing);
    const other = event("<ChangeType>delete_user</ChangeType><UserID>a</UserID>").replace(
      "change_contact",
      "subscribe",
    );
    expect(of(other)).toEqual(nothing);
  });

  test.each([
    ["<CreateTime>1795485500</CreateTime>", 1_795_485_500],
    ["<TimeStamp>1795485400</TimeStamp>", 1_795_485_400],
    ["<CreateTime>1795485500</CreateTime><TimeStamp>1795485400</TimeStamp>", 1_795_485_500],
    ["<CreateTime>x1795485500</CreateTime>", seconds],
    ["<CreateTime>17954855001</CreateTime>", seconds],
    ["<CreateTime>179548550</CreateTime>", seconds],
    ["<CreateTime>abcdefghij</CreateTime>", seconds],
    ["<CreateTime></CreateTime>", seconds],
  ])("it happened when it says, or else when it was sent: %s", (time, expected) => {
    const xml = event("<ChangeType>delete_user</ChangeType><UserID>a</UserID>").replace(
      /<CreateTime>.*<\/CreateTime>/,
      time,
    );
    expect(of(xml)).toMatchObject({
      departures: [{ occurredAt: new Date(expected * 1000), eventId: `ww1|delete_user|a|${expected}` }],
    });
  });

  test.each([
    ["a", 0],
    ["A.b-c@d_9", 0],
    ["a".repeat(64), 0],
    ["a".repeat(65), 1],
    ["-a", 1],
    ["a!", 1],
    ["!a", 1],
  ])("an id of the form %s gets %i notices", (id, notices) => {
    const received = { notices: [], ...of(event(`<ChangeType>delete_user</ChangeType><UserID>${id}</UserID>`)) };
    expect(received).toMatchObject({
      departures: [{ userId: `wechatwork:${id}` }],
      notices: Array(notices).fill({ metric: "UnusableDeparture", message: expect.stringContaining("unknown form") }),
    });
  });

  test("what cannot be used is kept, and says what it lacks", () => {
    const message = "A WeCom delete_user came without a usable UserID";
    expect(of(event("<ChangeType>delete_user</ChangeType>"))).toEqual({
      ...nothing,
      ...{ notices: [{ metric: "UnusableDeparture", message }], keepAs: "no UserID" },
    });
    expect(of("hello")).toEqual({
      ...nothing,
      notices: [{ metric: "Malformed", message: "An authentic WeCom event could not be read as XML" }],
      keepAs: "no XML",
    });
  });

  test("of what is refused, the type is kept beside query and body", () => {
    const kept = { route: "POST /wechatwork", headers: ["content-type"] };
    expect(wechatwork).toMatchObject({ section: "wechatwork", kept });
  });
});

test("nobody leaves by a rename, a move out of view, or a department's change", () => {
  const rename = event("<ChangeType>update_user</ChangeType><UserID>a</UserID><NewUserID>b</NewUserID>");
  expect(told(rename)).toMatchObject({ kind: "answer", notices: [{ metric: "Renamed" }] });
  const unsubscribe = event("").replace("change_contact", "unsubscribe").replace("sys", "a");
  for (const xml of [
    unsubscribe,
    event("<ChangeType>delete_party</ChangeType><Id>1</Id>"),
    event("<ChangeType>update_tag</ChangeType>"),
  ]) {
    expect(told(xml)).toMatchObject({ kind: "answer", answer: { body: "success" } });
  }
});

test("somebody who is created again has returned", () => {
  const received = told(event("<ChangeType>create_user</ChangeType><UserID>a</UserID>"));
  expect(received).toMatchObject({
    departures: [],
    returns: [{ userId: "wechatwork:a", source: "wechatwork", moment: { from: now } }],
  });
});

test("a departure that claims to be more than an hour ahead is kept and told; a return is taken", () => {
  const ahead = (change: string, more: number) =>
    told(
      event(`<ChangeType>${change}</ChangeType><UserID>a</UserID>`).replace(
        /<CreateTime>.*<\/CreateTime>/,
        `<CreateTime>${seconds + 3_600 + more}</CreateTime>`,
      ),
    );
  expect(ahead("delete_user", 0)).toMatchObject({ departures: [{ userId: "wechatwork:a" }] });
  expect(ahead("delete_user", 1)).toMatchObject({
    ...{ kind: "answer", answer: { body: "success" }, keepAs: "in the future" },
    notices: [{ metric: "UnusableDeparture", message: expect.stringContaining("more than an hour ahead") }],
  });
  // Whether it is believed is decided when it is written down.
  expect(ahead("create_user", 1)).toMatchObject({ returns: [{ userId: "wechatwork:a" }] });
});

test("an authentic event that is no such XML is answered and told of", () => {
  for (const message of ["hello", '{"Event":"change_contact"}', "<!DOCTYPE x><xml></xml>", "<xml><?a?></xml>"]) {
    expect(told(message)).toMatchObject({
      kind: "answer",
      answer: { body: "success" },
      notices: [{ metric: "Malformed" }],
    });
  }
});

test("the URL check is answered with the bare text, a number too large for a number", () => {
  const received = receive(signWechatworkCheck("94966531020182955848408", one, now));
  expect(received).toMatchObject({
    kind: "answer",
    isUrlCheck: true,
    answer: { statusCode: 200, body: "94966531020182955848408" },
  });
});

test("the old and the new keys both serve", () => {
  const given = {
    token: ["new", "aToken"],
    encodingAesKey: ["b".repeat(43), encodingAesKey],
    receiveIds: ["x", "ww1"],
    corpId: "ww1",
  };
  expect(receive(signWechatwork(wechatworkDeleted("a", "ww1", now), one, now), given)).toMatchObject({
    kind: "departures",
  });
});

describe("refused", () => {
  const good = signWechatwork(wechatworkDeleted("a", "ww1", now), one, now);
  const withPath = (change: (path: string) => string) => receive({ ...good, path: change(good.path) });

  test.each([
    ["another token", () => receive(signWechatwork("<xml/>", { ...one, token: "x" }, now)), "unauthorized: signature"],
    [
      "another key",
      () => receive(signWechatwork("<xml/>", { ...one, encodingAesKey: "b".repeat(43) }, now)),
      "unauthorized: decryption or receiveid",
    ],
    [
      "another receiver",
      () => receive(signWechatwork("<xml/>", { ...one, receiveId: "ww2" }, now)),
      "unauthorized: decryption or receiveid",
    ],
    ["no signature", () => withPath((path) => path.replace("msg_signature", "other")), "unauthorized: query"],
    ["a repeated parameter", () => withPath((path) => `${path}&nonce=1`), "unauthorized: query"],
    [
      "a signature in capitals",
      () =>
        withPath((path) =>
          path.replace(/msg_signature=[0-9a-f]+/, (text) => text.slice(0, 14) + text.slice(14).toUpperCase()),
        ),
      "unauthorized: query",
    ],
    [
      "a timestamp of another form",
      () => withPath((path) => path.replace(/timestamp=\d/, "timestamp=")),
      "unauthorized: query",
    ],
    ["a bad escape", () => withPath((path) => `${path}&x=%E0%A4%A`), "unauthorized: query"],
    ["an envelope without Encrypt", () => receive({ ...good, body: "<xml></xml>" }), "unauthorized: envelope"],
    ["an envelope that is no XML", () => receive({ ...good, body: "{}" }), "unauthorized: envelope"],
    [
      "an entity bomb",
      () => receive({ ...good, body: '<!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>' }),
      "unauthorized: envelope",
    ],
  ])("%s", (_, act, expected) => {
    expect(problemOf(act)).toBe(expected);
  });

  test("timestamp and nonce that changed places: the signature allows it, the form does not", () => {
    const swap = (path: string) => path.replace(/timestamp=(\w+)&nonce=(\w+)/, "timestamp=$2&nonce=$1");
    expect(problemOf(() => withPath(swap))).toBe("unauthorized: query");
  });
});

describe("white space of XML at both ends of every value is none of the value", () => {
  const fields = {
    ...{ ToUserName: "ww1", FromUserName: "sys", CreateTime: String(seconds), MsgType: "event" },
    ...{ Event: "change_contact", ChangeType: "delete_user", UserID: "zhang" },
  };
  const suite = {
    ...{ SuiteId: "s1", AuthCorpId: "ww1", InfoType: "change_contact" },
    ...{ TimeStamp: String(seconds), ChangeType: "delete_user", UserID: "zhang" },
  };
  const spaces: [string, string][] = [
    [" ", ""],
    ["", " "],
    ["\n", "\n"],
    ["\n\t", "\n"],
    ["\r\n    ", "\r\n"],
    ["\t", "\t\t"],
  ];
  const forms: [string, (before: string, value: string, after: string) => string][] = [
    ["around CDATA", (before, value, after) => `${before}<![CDATA[${value}]]>${after}`],
    ["within CDATA", (before, value, after) => `<![CDATA[${before}${value}${after}]]>`],
    ["in plain text", (before, value, after) => before + value + after],
  ];
  test.each(forms)("%s, in any one field and in all", (_, write) => {
    for (const [before, after] of spaces) {
      for (const given of [fields, suite]) {
        const names = Object.keys(given);
        for (const odd of [...names.map((name) => [name]), names]) {
          const written = Object.entries(given).map(
            ([name, value]) => `<${name}>${odd.includes(name) ? write(before, value, after) : value}</${name}>`,
          );
          expect(told(`<xml>${written.join("\n")}</xml>`)).toMatchObject({
            departures: [{ userId: "wechatwork:zhang", occurredAt: now }],
          });
        }
      }
    }
  });

  test.each(forms)("%s, in the envelope", (_, write) => {
    const request = signWechatwork(wechatworkDeleted("zhang", "ww1", now), one, now);
    const [, encrypted = ""] = /<Encrypt><!\[CDATA\[(.*?)\]\]>/.exec(request.body) ?? [];
    for (const [before, after] of spaces) {
      const body = `${before}<xml>${after}<Encrypt>${write(before, encrypted, after)}</Encrypt>${before}</xml>${after}`;
      expect(receive({ ...request, body })).toMatchObject({ departures: [{ userId: "wechatwork:zhang" }] });
    }
  });
});

describe("an envelope of another form", () => {
  const request = signWechatwork(wechatworkDeleted("a", "ww1", now), one, now);
  const [, encrypted = ""] = /<Encrypt><!\[CDATA\[(.*?)\]\]>/.exec(request.body) ?? [];

  test.each([
    `<?xml version="1.0" encoding="UTF-8"?>\n${request.body}`,
    `\uFEFF<?xml version='1.0'?><!-- a -->${request.body}<!-- b -->`,
    `<!-- a -->${request.body}`,
    request.body.replace("<xml>", "<xml><!-- a -->"),
    request.body.replace("<xml>", '<xml xmlns="urn:x" version="1">'),
    request.body.replace("<Encrypt>", "<Encrypt type='aes'>"),
    request.body.replace("</xml>", `<More>${"x".repeat(300_000)}</More></xml>`),
  ])("is read: %s", (body) => {
    expect(receive({ ...request, body })).toMatchObject({ departures: [{ userId: "wechatwork:a" }] });
  });

  test.each([
    JSON.stringify({ tousername: "ww1", encrypt: encrypted, agentid: "" }),
    JSON.stringify({ ToUserName: "ww1", Encrypt: encrypted }),
    `<!DOCTYPE xml>${request.body}`,
    `<?xml-stylesheet href="a"?>${request.body}`,
    request.body.replaceAll("Encrypt", "encrypt"),
    request.body.replace("</xml>", "<Encrypt>x</Encrypt></xml>"),
    request.body.slice(0, -6),
    "",
  ])("is refused and kept, if its query could be WeCom's: %s", (body) => {
    const envelope = expect.objectContaining({ code: "unauthorized", reason: "envelope", isHopeless: false });
    expect(() => receive({ ...request, body })).toThrow(envelope);
    const query = expect.objectContaining({ code: "unauthorized", reason: "query", isHopeless: true });
    expect(() => receive({ ...request, path: "/wechatwork?msg_signature=x", body })).toThrow(query);
  });

  test("is read, inside too: a declaration, comments and attributes", () => {
    const xml = `<?xml version="1.0"?><!-- a -->${event('<ChangeType a="b">delete_user</ChangeType><UserID>zh<!-- -->ang</UserID>')}`;
    expect(told(xml)).toMatchObject({ departures: [{ userId: "wechatwork:zhang" }] });
  });

  test("is read, where it is larger than 64 kB", () => {
    const users = Array.from({ length: 5_000 }, (_, n) => `somebody-with-a-long-id-${n}`).join(",");
    const tag = event(`<ChangeType>update_tag</ChangeType><TagId>1</TagId><AddUserItems>${users}</AddUserItems>`);
    expect(tag.length).toBeGreaterThan(64 * 1024);
    expect(told(tag)).toEqual({ kind: "answer", answer: expect.objectContaining({ body: "success" }) });
    const left = event(`<ChangeType>delete_user</ChangeType><UserID>a</UserID><More>${users}</More>`);
    expect(told(left)).toMatchObject({ departures: [{ userId: "wechatwork:a" }] });
  });
});

test("an echostr whose + became a blank is read as it was", () => {
  for (let n = 0; n < 200; n += 1) {
    const request = signWechatworkCheck(String(n), one, now);
    const path = request.path.replaceAll("%2B", n % 2 ? "%20" : "+");
    expect(receive({ ...request, path })).toMatchObject({ isUrlCheck: true, answer: { body: String(n) } });
  }
});

describe("an authentic event that may be about a person and is not understood is kept, counted and told", () => {
  const change = (type: string, more = "") => event(`<ChangeType>${type}</ChangeType><UserID>a</UserID>${more}`);
  const left = change("delete_user");

  test.each([
    [change("Delete_User"), "unknown ChangeType"],
    [change("DELETE_USER"), "unknown ChangeType"],
    [change("\u00a0delete_user"), "unknown ChangeType"],
    [change("remove_user"), "unknown ChangeType"],
    [change("resign_user"), "unknown ChangeType"],
    [change("delete_user_v2"), "unknown ChangeType"],
    [change(""), "unknown ChangeType"],
    [event("<UserID>a</UserID>"), "unknown ChangeType"],
    [change("delete_user</ChangeType><ChangeType>delete_user"), "unknown ChangeType"],
    [change("update_user", "<Status>05</Status>"), "unknown Status"],
    [change("update_user", "<Status>6</Status>"), "unknown Status"],
    [change("update_user", "<Status>left</Status>"), "unknown Status"],
    [change("update_user", "<Status>5</Status><Status>5</Status>"), "no one Status"],
    [change("update_user", "<NewUserID>b</NewUserID><NewUserID>c</NewUserID>"), "no one Status"],
    [left.replace("change_contact", "Change_Contact"), "not understood"],
    [left.replace("change_contact", "change_contact_v2"), "not understood"],
    [left.replace("change_contact", "member_changed"), "not understood"],
    [left.replace("<Event>", "<Event>change_contact</Event><Event>"), "not understood"],
    [left.replace(/<Event>.*<\/Event>/, ""), "not understood"],
    [left.replace("change_contact", "contact_updated").replace("delete_user", "remove_user"), "not understood"],
    [left.replace("change_contact", "updated").replace("delete_user", "Leave_Member"), "not understood"],
    [`<root>${left}</root>`, "not understood"],
    ["<xml><MsgType>event</MsgType><Item><UserID>a</UserID></Item></xml>", "not understood"],
    [left.replace(/<(\/?)(\w+)/g, (name) => name.toLowerCase()), "not understood"],
    [left.replace("<xml>", `<xml>${left.slice(5, -6)}`), "not understood"],
    ["<xml></xml>", "not understood"],
  ])("%s", (xml, keepAs) => {
    expect(told(xml)).toEqual({
      ...{ kind: "answer", answer: expect.objectContaining({ statusCode: 200, body: "success" }), keepAs },
      notices: [{ metric: "UnusableDeparture", message: expect.any(String) }],
    });
  });

  test.each([
    event("").replace("change_contact", "enter_agent"),
    event("<ChangeType>del_external_contact</ChangeType><UserID>a</UserID>").replace(
      "change_contact",
      "change_external_contact",
    ),
    event("<ChangeType>del_follow_user</ChangeType><UserID>a</UserID>").replace(
      "change_contact",
      "change_external_contact",
    ),
    event("").replace("change_contact", "batch_job_result"),
    "<xml><SuiteId>s1</SuiteId><InfoType>suite_ticket</InfoType><SuiteTicket>x</SuiteTicket></xml>",
    "<xml><MsgType>text</MsgType><FromUserName>a</FromUserName><Content>hello</Content></xml>",
    ...["create_party", "update_party", "delete_party", "update_tag"].map((type) => change(type)),
  ])("what is about something else is not: %s", (xml) => {
    expect(told(xml)).toEqual({ kind: "answer", answer: expect.objectContaining({ body: "success" }) });
  });
});

test("somebody whose Status is 1 again has returned, and a rename beside it is told too", () => {
  const xml = event("<ChangeType>update_user</ChangeType><UserID>a</UserID><Status>1</Status>");
  expect(told(xml)).toMatchObject({ departures: [], returns: [{ userId: "wechatwork:a" }] });
  expect(told(xml.replace("</Status>", "</Status><NewUserID>b</NewUserID>"))).toMatchObject({
    returns: [{ userId: "wechatwork:a" }],
    notices: [{ metric: "Renamed" }],
    renamed: { former: "wechatwork:a", next: "wechatwork:b" },
  });
});

describe("an event of another corp", () => {
  const changes = ["delete_user", "create_user", "update_user", "Delete_User"];
  const own = (change: string) => event(`<ChangeType>${change}</ChangeType><UserID>a</UserID><Status>5</Status>`);
  const suite = (change: string, corp: string | undefined) =>
    `<xml><SuiteId>s1</SuiteId>${corp === undefined ? "" : `<AuthCorpId>${corp}</AuthCorpId>`}<InfoType>change_contact</InfoType><TimeStamp>${seconds}</TimeStamp><ChangeType>${change}</ChangeType><UserID>a</UserID><NewUserID>b</NewUserID></xml>`;
  const from = (xml: string, receiveId: string, given: object) =>
    receive(signWechatwork(xml, { ...one, receiveId }, now), { ...keys, ...given });
  const both = { receiveIds: ["ww1", "ww2", "s1"], corpId: "ww1" };
  const other = {
    ...{ kind: "answer", answer: expect.objectContaining({ statusCode: 200, body: "success" }) },
    notices: [expect.objectContaining({ metric: "OtherTenant", level: "WARN", facts: { source: "wechatwork" } })],
    isNoLife: true,
  };

  test.each(changes)("is answered and counted, and does nothing: %s", (change) => {
    expect(from(own(change), "ww2", both)).toEqual(other);
    expect(from(own(change), "s1", both)).toEqual(other);
    for (const corp of ["ww2", "s1", "WW1", "ww11"]) expect(from(suite(change, corp), "s1", both)).toEqual(other);
    expect(from(suite(change, "ww2"), "ww1", both)).toEqual(other);
    expect(from(own(change), "ww1", { corpId: "ww2" })).toEqual(other);
  });

  test("ours is taken: addressed to the corp, or named by the suite", () => {
    const taken = { departures: [{ userId: "wechatwork:a" }] };
    expect(from(own("delete_user"), "ww1", both)).toMatchObject(taken);
    expect(from(suite("delete_user", "ww1"), "s1", both)).toMatchObject(taken);
    expect(from(suite("delete_user", "ww1"), "s1", { receiveIds: ["s1"], corpId: "ww1" })).toMatchObject(taken);
    expect(from(suite("delete_user", "ww1"), "ww1", {})).toMatchObject(taken);
    expect(from(own("delete_user"), "", { receiveIds: [""] })).toMatchObject(taken);
  });

  test("is kept and told where nobody can say whose it is", () => {
    const kept = (keepAs: string) => ({ keepAs, notices: [{ metric: "UnusableDeparture" }] });
    expect(from(suite("delete_user", "ww1"), "s1", { receiveIds: ["s1"] })).toMatchObject(kept("no corpId"));
    expect(from(suite("delete_user", undefined), "s1", both)).toMatchObject(kept("no AuthCorpId"));
    expect(from(suite("delete_user", "ww1</AuthCorpId><AuthCorpId>ww1"), "s1", both)).toMatchObject(
      kept("no AuthCorpId"),
    );
  });

  test("of no interest is nothing", () => {
    const ticket = "<xml><SuiteId>s1</SuiteId><InfoType>suite_ticket</InfoType></xml>";
    expect(from(ticket, "s1", both)).toEqual({ kind: "answer", answer: expect.objectContaining({ body: "success" }) });
  });
});

describe("decryption", () => {
  const key = Buffer.from(`${encodingAesKey}=`, "base64");
  const seal = (plain: Buffer) => {
    const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
    return Buffer.concat([cipher.update(plain), cipher.final()]).toString("base64");
  };
  const frame = (length: number, rest: string, padding = 0) => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(length);
    const plain = Buffer.concat([Buffer.alloc(16, 7), size, Buffer.from(rest)]);
    const fill = padding || 32 - (plain.length % 32);
    return Buffer.concat([plain, Buffer.alloc(32 - (plain.length % 32), fill)]);
  };

  test("pads to 32, where Node's own unpadding fails", () => {
    for (let length = 0; length < 70; length += 1) {
      const message = "x".repeat(length);
      expect(decrypt(encryptWechatwork(message, one), encodingAesKey)?.message.toString()).toBe(message);
    }
  });

  test("of a frame without a message, or without a receiver", () => {
    const empty = { message: Buffer.alloc(0), receiveId: "" };
    expect(decrypt(seal(frame(0, "")), encodingAesKey)).toEqual(empty);
    expect(decrypt(seal(frame(3, "abc")), encodingAesKey)).toEqual({ message: Buffer.from("abc"), receiveId: "" });
    expect(decrypt(seal(frame(0, "ww1")), encodingAesKey)).toEqual({ ...empty, receiveId: "ww1" });
  });

  test.each([
    ["a length beyond the end", seal(frame(100, "abc"))],
    ["a length of 4 GiB", seal(frame(0xffffffff, "abc"))],
    ["padding of 0", seal(Buffer.alloc(32))],
    ["padding of 33", seal(frame(3, "abcww1", 33))],
    [
      "padding of 48, all of it",
      seal(Buffer.concat([frame(3, `abc${"w".repeat(25)}`).subarray(0, 48), Buffer.alloc(48, 48)])),
    ],
    ["uneven padding", seal(Buffer.concat([frame(3, "abcww1").subarray(0, 30), Buffer.from([1, 6])]))],
    ["a frame that is too short", seal(Buffer.alloc(32, 32))],
    ["half a block", Buffer.alloc(48).toString("base64")],
    ["nothing", ""],
    ["base64 with junk", `${encryptWechatwork("a", one)}\n`],
  ])("refuses %s", (_, encrypted) => {
    expect(decrypt(encrypted, encodingAesKey)).toBeUndefined();
  });
});

interface Vector {
  id: string;
  kind: string;
  token: string;
  encodingAesKey?: string;
  receiveId?: string;
  timestamp: string;
  nonce: string;
  msgSignature: string;
  encrypt: string;
  rawQuery?: string;
  rawBody?: string;
  expectedMessage?: string;
  negative?: "signature" | "receiveId";
}
const published = readVectors<{ vectors: Vector[] }>("wechatwork.json");

describe.skipIf(!published)("published vectors", () => {
  for (const vector of published?.vectors ?? []) {
    test(vector.id, () => {
      const isSigned = sign(vector.token, vector.timestamp, vector.nonce, vector.encrypt) === vector.msgSignature;
      expect(isSigned).toBe(vector.negative !== "signature" && vector.kind !== "encrypt" ? true : isSigned);
      if (vector.negative === "signature") expect(isSigned).toBe(false);
      if (!vector.encodingAesKey) return;
      const opened = decrypt(vector.encrypt, vector.encodingAesKey);
      expect(opened?.message.toString()).toBe(vector.expectedMessage);
      expect(opened?.receiveId === vector.receiveId).toBe(vector.negative !== "receiveId");

      const given = {
        token: [vector.token],
        encodingAesKey: [vector.encodingAesKey],
        receiveIds: [vector.receiveId ?? ""],
      };
      const query = `msg_signature=${vector.msgSignature}&timestamp=${vector.timestamp}&nonce=${vector.nonce}`;
      const get = {
        method: "GET" as const,
        path: `/wechatwork?${query}&echostr=${encodeURIComponent(vector.encrypt)}`,
        headers: {},
        body: "",
      };
      const post = {
        method: "POST" as const,
        path: `/wechatwork?${query}`,
        headers: {},
        body: vector.rawBody ?? `<xml><Encrypt>${vector.encrypt}</Encrypt></xml>`,
      };
      if (vector.negative) {
        expect(problemOf(() => receive(get, given))).toMatch(/^unauthorized/);
        expect(problemOf(() => receive(post, given))).toMatch(/^unauthorized/);
      } else if (vector.kind === "get") {
        expect(receive(get, given)).toMatchObject({ answer: { statusCode: 200, body: vector.expectedMessage } });
        if (vector.rawQuery)
          expect(receive({ ...get, path: `/wechatwork?${vector.rawQuery}` }, given)).toMatchObject({
            answer: { body: vector.expectedMessage },
          });
      } else if (vector.kind === "post-xml") {
        expect(receive(post, given)).toMatchObject({ answer: { statusCode: 200, body: "success" } });
      }
    });
  }
});
