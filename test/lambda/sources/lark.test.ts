import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { encryptLark, larkDeleted, type SignedRequest, signLark } from "../../../cli/sign.ts";
import { receiveWith } from "../../../lambda/intake/receive.ts";
import { decrypt, lark } from "../../../lambda/sources/lark.ts";
import { gist, now, problemOf, settings, toRequest } from "../../parts.ts";
import { readVectors } from "../../vectors.ts";

const both = { encryptKey: ["an encrypt key"], verificationToken: ["a token"] };
const signing = { encryptKey: "an encrypt key" };
const deleted = larkDeleted(
  { open_id: "ou_1", union_id: "on_1", user_id: "u1" },
  { token: "a token", eventId: "e1", now },
);

function receive(request: SignedRequest, keys: object = both, changes: object = {}) {
  return gist(receiveWith({ lark: { keys } }, lark, toRequest(request), settings(changes), now));
}

const signed = (content: object) => receive(signLark(content, signing, now));
const urlCheck = { type: "url_verification", challenge: "abc", token: "a token" };

describe("an event", () => {
  test("encrypted and signed, is a departure", () => {
    expect(signed(deleted)).toMatchObject({
      kind: "departures",
      departures: [{ source: "lark", eventId: "e1", userId: "lark:ou_1", occurredAt: now, requestedBy: "lark" }],
    });
  });

  test("without an encrypt key is proved by the token alone", () => {
    const keys = { verificationToken: ["a token"] };
    expect(receive(signLark(deleted, {}), keys)).toMatchObject({ departures: [{ userId: "lark:ou_1" }] });
    const other = { ...deleted, header: { ...deleted.header, token: "another" } };
    expect(problemOf(() => receive(signLark(other, {}), keys))).toBe("unauthorized: verification token");
  });

  test.each([
    ["union_id", "lark-international", "lark-international:on_1"],
    ["user_id", "lark", "lark:u1"],
  ])("is mapped by %s of %s", (userIdField, provider, userId) => {
    const request = signLark(deleted, signing, now);
    expect(receive(request, both, { lark: { userIdField, provider } })).toMatchObject({ departures: [{ userId }] });
  });

  test("is verified with the old and the new key, while both stand in the secret", () => {
    const keys = { encryptKey: ["new", "an encrypt key"], verificationToken: ["new", "a token"] };
    expect(receive(signLark(deleted, signing, now), keys)).toMatchObject({ departures: [{ userId: "lark:ou_1" }] });
  });

  test("without the configured id is answered 200 and told of", () => {
    const event = larkDeleted({ open_id: "ou_1" }, { token: "a token", now });
    const received = receive(signLark(event, signing, now), both, { lark: { userIdField: "user_id" } });
    expect(received).toMatchObject({
      kind: "answer",
      answer: { statusCode: 200 },
      notices: [{ metric: "UnusableDeparture" }],
    });
  });

  test("of another app is refused where the app is configured", () => {
    const request = signLark(deleted, signing, now);
    expect(problemOf(() => receive(request, both, { lark: { appId: "cli_other" } }))).toBe("unauthorized: app id");
    expect(receive(request, both, { lark: { appId: "cli_local" } })).toMatchObject({ kind: "departures" });
  });
});

describe("what an event says", () => {
  const updated = (status: object, oldStatus?: object, eventType = "contact.user.updated_v3") => ({
    schema: "2.0",
    header: { event_id: "e2", event_type: eventType, create_time: String(now.getTime()), token: "a token" },
    event: { object: { open_id: "ou_1", status }, old_object: oldStatus && { status: oldStatus } },
  });
  const told = (content: object) => {
    const received = signed(content);
    if (received?.kind !== "departures") return "nothing";
    return received.departures.length ? "left" : "returned";
  };

  test.each([
    ["turned resigned", { is_resigned: true }, { is_resigned: false }, "left"],
    ["resigned, of before it says nothing", { is_resigned: true }, undefined, "left"],
    ["was resigned already", { is_resigned: true }, { is_resigned: true }, "nothing"],
    ["frozen", { is_frozen: true, is_resigned: false }, { is_frozen: false }, "nothing"],
    ["exited by himself", { is_exited: true, is_resigned: false }, { is_exited: false }, "nothing"],
    ["a text for a truth", { is_resigned: "true" }, undefined, "nothing"],
    ["taken back", { is_resigned: false }, { is_resigned: true }, "returned"],
  ])("updated: %s", (_, status, oldStatus, expected) => {
    expect(told(updated(status, oldStatus))).toBe(expected);
  });

  test("others are nobody's departure", () => {
    expect(told(updated({}, {}, "contact.scope.updated_v3"))).toBe("nothing");
    expect(told(updated({}, {}, "im.message.receive_v1"))).toBe("nothing");
    expect(told(updated({}, {}, "contact.user.created_v3"))).toBe("returned");
  });

  test("schema 1.0: user_leave, and user_status_change", () => {
    const event = (fields: object) => ({
      uuid: "u1",
      ts: "1795485600.7171419",
      type: "event_callback",
      token: "a token",
      event: fields,
    });
    const left = signed(event({ type: "user_leave", open_id: "ou_1", employee_id: "e" }));
    expect(left).toMatchObject({ departures: [{ eventId: "u1", userId: "lark:ou_1" }] });
    expect(left?.kind === "departures" && left.departures[0]?.occurredAt.toISOString()).toBe(
      "2026-11-24T02:00:00.717Z",
    );
    expect(told(event({ type: "user_status_change", open_id: "ou_1", current_status: { is_resigned: true } }))).toBe(
      "left",
    );
    expect(told(event({ type: "user_update", open_id: "ou_1" }))).toBe("nothing");
  });

  test.each([
    ["1795485600", 0],
    ["1795485600000", 0],
    ["1795485600000000", 0],
  ])("create_time %s has its own unit", (createTime) => {
    const received = signed({ ...deleted, header: { ...deleted.header, create_time: createTime } });
    expect(received?.kind === "departures" && received.departures[0]?.occurredAt).toEqual(now);
  });
});

describe("what is made of an event", () => {
  const moment = { from: now, to: now };
  const fields = { source: "lark", eventId: "e1", userId: "lark:ou_1", occurredAt: now, moment, requestedBy: "lark" };
  const of = (received: ReturnType<typeof signed>) => {
    if (received?.kind !== "departures") throw new Error(`It is ${received?.kind}`);
    const { departures, returns, answer } = received;
    return { departures, returns, answer: answer([]) };
  };
  const ok = expect.objectContaining({ statusCode: 200, body: "{}" });
  const event2 = (type: string, event?: unknown, header: object = {}) => ({
    schema: "2.0",
    header: { ...deleted.header, event_type: type, ...header },
    event,
  });

  test("a departure and nobody's return, or a return and nobody's departure", () => {
    expect(of(signed(deleted))).toEqual({ departures: [fields], returns: [], answer: ok });
    expect(of(signed(event2("contact.user.created_v3", { object: { open_id: "ou_1" } })))).toEqual({
      departures: [],
      returns: [{ userId: "lark:ou_1", source: "lark", moment }],
      answer: ok,
    });
  });

  test("of no interest is answered, and nothing more", () => {
    const nothing = { kind: "answer", answer: ok };
    for (const event of [undefined, {}, { object: {} }, { object: { status: null } }, { old_object: null }]) {
      expect(signed(event2("contact.user.updated_v3", event))).toEqual(nothing);
      expect(signed(event2("contact.department.deleted_v3", event))).toEqual(nothing);
    }
    const noOne = { object: { open_id: "ou_1", status: { is_resigned: true } }, old_object: { status: null } };
    expect(of(signed(event2("contact.user.updated_v3", noOne))).departures).toHaveLength(1);
  });

  test.each([
    [undefined, false],
    [null, false],
    [{}, false],
    [{ users: [] }, false],
    [{ users: null, departments: [] }, false],
    [{ users: [{ open_id: "ou_1" }] }, true],
    [{ users: [], departments: ["d"] }, true],
    [{ users: "all" }, true],
  ])("a scope that lost %j puts the brake on: %s", (removed, isOn) => {
    const received = signed(event2("contact.scope.updated_v3", { removed }));
    expect(received).toMatchObject({ kind: "answer", answer: ok });
    const narrowed = {
      ...{ brakeOn: expect.stringContaining("contact.scope.updated_v3"), answer: ok, kind: "answer" },
      notices: [
        {
          metric: "ScopeNarrowed",
          message: expect.stringContaining("brake"),
          facts: { source: "lark", eventId: "e1" },
        },
      ],
    };
    expect(received).toEqual(isOn ? narrowed : { kind: "answer", answer: ok });
  });

  test("without an id says what to do, and is kept", () => {
    expect(signed(event2("contact.user.deleted_v3"))).toEqual({
      kind: "answer",
      answer: ok,
      notices: [
        {
          metric: "UnusableDeparture",
          message: expect.stringContaining("contact.user.deleted_v3 came without a usable open_id: grant the app"),
          facts: { source: "lark", eventId: "e1" },
        },
      ],
      keepAs: "no open_id",
    });
  });

  test.each(["", "x", "179548560", "x1795485600", "1795485600x", "1795485600.", "17954856001795485", undefined])(
    "that happened at %s happened now, or up to eight hours before",
    (create_time) => {
      const told = { ...fields, moment: { from: new Date(now.getTime() - 8 * 3_600_000), to: now } };
      expect(of(signed({ ...deleted, header: { ...deleted.header, create_time } })).departures).toEqual([told]);
      const created = event2("contact.user.created_v3", { object: { open_id: "ou_1" } }, { create_time });
      expect(of(signed(created)).returns).toEqual([{ userId: "lark:ou_1", source: "lark", moment: told.moment }]);
    },
  );

  test.each([
    ["1795485600", 999],
    ["1795485600.0", 0],
    ["1795485600000", 0],
    ["1795485600000000", 0],
  ])("that is told as %s happened within %i ms", (create_time, lengthMs) => {
    const within = { from: now, to: new Date(now.getTime() + lengthMs) };
    expect(of(signed({ ...deleted, header: { ...deleted.header, create_time } })).departures).toMatchObject([
      { occurredAt: now, moment: within },
    ]);
  });

  test("that claims to be more than an hour ahead is kept and told where it is a departure, and taken where it is a return", () => {
    const ahead = (ms: number) => ({ create_time: String(now.getTime() + ms) });
    const left = (ms: number) => signed({ ...deleted, header: { ...deleted.header, ...ahead(ms) } });
    expect(of(left(3_600_000)).departures).toHaveLength(1);
    expect(left(3_600_001)).toEqual({
      ...{ kind: "answer", answer: ok, keepAs: "in the future" },
      notices: [
        {
          metric: "UnusableDeparture",
          message: expect.stringContaining("contact.user.deleted_v3 claims to be more than an hour ahead"),
          facts: { source: "lark", eventId: "e1" },
        },
      ],
    });
    // Whether it is believed is decided when it is written down.
    const created = event2("contact.user.created_v3", { object: { open_id: "ou_1" } }, ahead(9_000_000));
    expect(of(signed(created)).returns).toHaveLength(1);
  });

  test("of 1.0 counts by its own time, or as of now", () => {
    const one = (more: object) => ({
      uuid: "u",
      token: "a token",
      event: { type: "user_leave", open_id: "ou_1" },
      ...more,
    });
    const told = (more: object) => of(signed(one(more))).departures;
    const at = (ms: number) => new Date(1_795_485_500_000 + ms);
    expect(told({ ts: 1_795_485_500 })).toMatchObject([{ occurredAt: at(0), moment: { from: at(0), to: at(999) } }]);
    expect(told({ ts: "1795485500.25" })).toMatchObject([
      { occurredAt: at(250), moment: { from: at(250), to: at(250) } },
    ]);
    expect(told({})).toMatchObject([{ occurredAt: now, moment: { to: now } }]);
  });

  test("of 1.0 is a departure where it says so", () => {
    const status = (type: string, current_status?: unknown) =>
      signed({ uuid: "u", token: "a token", event: { type, open_id: "ou_1", current_status } })?.kind;
    expect(status("user_status_change", { is_resigned: true })).toBe("departures");
    for (const other of [{ is_resigned: false }, { is_resigned: "true" }, {}, null, undefined]) {
      expect(status("user_status_change", other)).toBe("answer");
    }
    expect(status("user_update", { is_resigned: true })).toBe("answer");
  });

  test("of any token passes where no token is set", () => {
    const other = { ...deleted, header: { ...deleted.header, token: "whatever" } };
    expect(receive(signLark(other, signing, now), { encryptKey: ["an encrypt key"] })?.kind).toBe("departures");
  });

  test("of a request that was signed up to a day ago or ahead", () => {
    for (const days of [-1, 1]) {
      const request = signLark(deleted, signing, new Date(now.getTime() + days * 86_400_000));
      expect(receive(request)?.kind).toBe("departures");
    }
  });
});

test("what is refused for its timestamp's form is told by its shape, cut to 40", () => {
  const shapeOf = (timestamp: string) => {
    const body = JSON.stringify({ encrypt: encryptLark("{}", signing.encryptKey) });
    const signature = createHash("sha256").update(`${timestamp}n${signing.encryptKey}${body}`).digest("hex");
    const headers = {
      "x-lark-request-timestamp": timestamp,
      "x-lark-request-nonce": "n",
      "x-lark-signature": signature,
    };
    try {
      receive({ method: "POST", path: "/lark", headers, body });
    } catch (error) {
      return (error as { shape?: string }).shape;
    }
    return "none";
  };
  expect(shapeOf("2026-11-24T02:00:00Z")).toBe("9999-99-99a99:99:99a");
  expect(shapeOf("7".repeat(50))).toBe("9".repeat(40));
});

test("of what is refused, the proof's headers are kept", () => {
  expect(lark).toMatchObject({
    section: "lark",
    kept: {
      route: "POST /lark",
      headers: ["x-lark-signature", "x-lark-request-timestamp", "x-lark-request-nonce", "content-type"],
    },
  });
});

describe("the URL check", () => {
  test("comes unsigned, and is answered on decryption and token", () => {
    const request = signLark(urlCheck, signing, now, false);
    expect(receive(request)).toMatchObject({
      kind: "answer",
      isUrlCheck: true,
      answer: expect.objectContaining({ statusCode: 200, body: '{"challenge":"abc"}' }),
    });
    expect(receive(signLark(urlCheck, {}), { verificationToken: ["a token"] })).toMatchObject({
      answer: { statusCode: 200 },
    });
  });

  test.each([
    ["an event without a signature", signLark(deleted, signing, now, false), "unauthorized: signature missing"],
    ["a wrong token", signLark({ ...urlCheck, token: "x" }, signing, now, false), "unauthorized: verification token"],
    [
      "no token",
      signLark({ type: "url_verification", challenge: "abc" }, signing, now, false),
      "unauthorized: verification token",
    ],
    [
      "plain, though there is an encrypt key",
      signLark(urlCheck, {}),
      "unauthorized: not encrypted, though an encryptKey is set",
    ],
    ["encrypted with another key", signLark(urlCheck, { encryptKey: "other" }, now, false), "unauthorized: decryption"],
  ])("%s is refused", (_, request, expected) => {
    expect(problemOf(() => receive(request))).toBe(expected);
  });
});

describe("a signature", () => {
  const request = signLark(deleted, signing, now);
  const changed = (headers: Record<string, string>) =>
    receive({ ...request, headers: { ...request.headers, ...headers } });

  test.each([
    ["of another key", () => receive(signLark(deleted, { encryptKey: "other" }, now)), "unauthorized: signature"],
    [
      "in capitals",
      () => changed({ "x-lark-signature": request.headers["x-lark-signature"]?.toUpperCase() ?? "" }),
      "unauthorized: signature form",
    ],
    ["empty", () => changed({ "x-lark-signature": "" }), "unauthorized: signature form"],
    ["over another nonce", () => changed({ "x-lark-request-nonce": "other" }), "unauthorized: signature"],
    [
      "over the body in other white space",
      () => receive({ ...request, body: request.body.replace(":", ": ") }),
      "unauthorized: signature",
    ],
    [
      "two days old",
      () => receive(signLark(deleted, signing, new Date(now.getTime() - 2 * 86_400_000))),
      "unauthorized: timestamp",
    ],
    [
      "of tomorrow's tomorrow",
      () => receive(signLark(deleted, signing, new Date(now.getTime() + 2 * 86_400_000))),
      "unauthorized: timestamp",
    ],
  ])("%s is refused", (_, act, expected) => {
    expect(problemOf(act)).toBe(expected);
  });

  test("whose digits moved between timestamp and nonce is refused for its form, unless the setting allows it", () => {
    const { "x-lark-request-timestamp": timestamp = "", "x-lark-request-nonce": nonce = "" } = request.headers;
    const shifted = {
      ...request,
      headers: {
        ...request.headers,
        "x-lark-request-timestamp": timestamp.slice(0, 9),
        "x-lark-request-nonce": timestamp.slice(9) + nonce,
      },
    };
    expect(problemOf(() => receive(shifted))).toBe("unauthorized: timestamp form");
    expect(receive(shifted, both, { lark: { strictTimestamp: false } })).toMatchObject({ kind: "departures" });
  });

  test("that is right over what is no event is malformed", () => {
    const sign = (body: string) => {
      const signature = createHash("sha256").update(`1795485600nonce${signing.encryptKey}${body}`).digest("hex");
      const headers = {
        "x-lark-request-timestamp": "1795485600",
        "x-lark-request-nonce": "nonce",
        "x-lark-signature": signature,
      };
      return receive({ method: "POST", path: "/lark", headers, body });
    };
    const detail = (text: string) => expect.objectContaining({ detail: text });
    expect(() => sign("[]")).toThrow(detail("Not a JSON object"));
    expect(() => receive(signLark({ ...urlCheck, challenge: 1 }, signing, now, false))).toThrow(
      detail("The URL check has no challenge"),
    );
    expect(problemOf(() => sign("{"))).toBe("malformed");
    expect(problemOf(() => sign("[]"))).toBe("malformed");
    expect(problemOf(() => sign('{"encrypt":"!!"}'))).toBe("unauthorized: decryption");
  });
});

describe("what need not be sure", () => {
  const change = (event: object, header: object = {}) => ({
    ...deleted,
    header: { ...deleted.header, ...header },
    event,
  });
  const person = { open_id: "ou_1" };
  const junk = [1, true, null, "x", [], ["x"], {}, { x: 1 }, [[]]];
  const whole = { ...person, name: "a", department_ids: ["d"], status: { is_resigned: false }, leader_user_id: "ou_2" };

  test.each(junk.map((value) => [JSON.stringify(value), value]))(
    "%s, in every field that is not needed, refuses nobody",
    (_, value) => {
      const changed = [
        ...Object.keys(whole)
          .filter((field) => field !== "open_id")
          .map((field) => change({ object: { ...whole, [field]: value } })),
        ...["union_id", "user_id"].map((field) => change({ object: { ...whole, [field]: value } })),
        ...["is_resigned", "is_frozen"].map((field) => change({ object: { ...person, status: { [field]: value } } })),
        change({ object: person, old_object: value }),
        change({ object: person, old_object: { open_id: value === "x" ? 1 : value, status: value } }),
        change({ object: person, removed: value }),
        ...["create_time", "app_id", "tenant_key", "more"].map((field) =>
          change({ object: person }, { [field]: value }),
        ),
        { ...deleted, more: value },
        { ...deleted, uuid: value, ts: value },
        ...["ts", "type", "more"].map((field) => ({
          ...{ uuid: "u", token: "a token", event: { type: "user_leave", open_id: "ou_1" } },
          [field]: value,
        })),
        ...["app_id", "tenant_key", "employee_id", "union_id", "current_status", "before_status"].map((field) => ({
          ...{ uuid: "u", token: "a token" },
          event: { type: "user_leave", open_id: "ou_1", [field]: value },
        })),
      ];
      for (const content of changed) {
        expect([JSON.stringify(content), signed(content)]).toMatchObject([
          expect.any(String),
          { departures: [{ userId: "lark:ou_1" }] },
        ]);
      }
    },
  );

  test("is told of where it is odd", () => {
    const received = signed(
      change({ object: { ...person, status: 1 }, old_object: { status: "x" } }, { create_time: {}, app_id: 1 }),
    );
    const told = ["time", "app id", "status", "former status"].map((what) => ({
      ...{ metric: "OddEvent", level: "WARN", facts: { source: "lark", eventId: "e1" } },
      message: `A contact.user.deleted_v3 was taken, though its ${what} has an unexpected form`,
    }));
    expect(received).toMatchObject({ kind: "departures", notices: told });
    expect(signed(deleted)).not.toHaveProperty("notices");
  });

  test.each(junk)("an event of another kind has no shape to keep: %j", (value) => {
    for (const type of [
      "helpdesk.ticket.updated_v1",
      "im.message.receive_v1",
      "contact.department.deleted_v3",
      "corehr.offboarding.updated_v1",
    ]) {
      const other = { schema: "2.0", header: { token: "a token", event_type: type, event_id: value, app_id: value } };
      const settled = { kind: "answer", answer: expect.objectContaining({ statusCode: 200, body: "{}" }) };
      expect(signed({ ...other, event: value })).toEqual(settled);
      expect(signed({ ...other, event: { object: { status: value, open_id: value }, old_object: value } })).toEqual(
        settled,
      );
    }
    for (const type of ["user_update", "dept_add", "leave_approvalV2", "message", "p2p_chat_create"]) {
      const settled = { kind: "answer", answer: expect.objectContaining({ statusCode: 200, body: "{}" }) };
      expect(signed({ token: "a token", uuid: value, event: { type, open_id: value, current_status: value } })).toEqual(
        settled,
      );
    }
  });
});

describe("an authentic event that may be about a person and is not understood is kept, counted and told", () => {
  const status = (status: unknown, old?: unknown) => ({
    object: { open_id: "ou_1", status },
    old_object: { status: old },
  });
  const event2 = (event_type: string, event: unknown = { object: { open_id: "ou_1" } }) => ({
    ...deleted,
    header: { ...deleted.header, event_type },
    event,
  });
  const event1 = (event: object) => ({
    uuid: "u",
    token: "a token",
    ts: "1795485600",
    event: { open_id: "ou_1", ...event },
  });

  test.each([
    [event2("contact.user.deleted_v4")],
    [event2("contact.user.resigned_v3")],
    [event2(" contact.user.deleted_v3")],
    [event2("Contact.User.Deleted_V3")],
    [event2("contact.user.updated_v4", status({ is_resigned: true }))],
    [event2("contact.scope.updated_v4", { removed: { users: ["x"] } })],
    [event2("directory.employee.resigned_v1")],
    [event2("contact.users.deleted_v3")],
    [event2("contact.member.deleted_v1")],
    [event2("contact.employee.resigned_v1")],
    [event2("contact:user:deleted_v3")],
    [event2("contact.user.updated_v3", status(undefined, { is_resigned: true }))],
    [event2("contact.user.updated_v3", status({ is_resigned: null }, { is_resigned: true }))],
    [event2("contact.user.updated_v3", status({}, { is_resigned: false }))],
    [event1({ type: "user_status_change", before_status: { is_resigned: true } })],
    [event2("contact.user.updated_v3", status({ is_resigned: "true" }))],
    [event2("contact.user.updated_v3", status({ is_resigned: 1 }))],
    [event2("contact.user.updated_v3", status({ is_resigned: true }, { is_resigned: "false" }))],
    [event2("contact.user.updated_v3", status(5))],
    [event2("contact.user.updated_v3", { object: "x" })],
    [event2("contact.user.updated_v3", [])],
    [event1({ type: "user_resign" })],
    [event1({ type: "User_Leave" })],
    [event1({ type: "user_leave " })],
    [event1({ type: "employee_leave" })],
    [event1({ type: "user_status_change", current_status: { is_resigned: "true" } })],
    [event1({ type: "user_status_change", current_status: 5 })],
    [event1({ type: "user_status_change", before_status: "x", current_status: { is_resigned: true } })],
  ])("%j", (content) => {
    expect(signed(content)).toMatchObject({
      ...{ kind: "answer", answer: { statusCode: 200, body: "{}" }, keepAs: "not understood" },
      notices: [{ metric: "UnusableDeparture", facts: { source: "lark" } }],
    });
  });

  test.each([
    [{ schema: "2.0", header: { token: "a token" } }],
    [{ token: "a token", event: {} }],
    [{ token: "a token" }],
    [{ token: "a token", event: { type: 1 } }],
    [{ token: "a token", event: { type: "" } }],
    [{ schema: "2.0", header: { token: "a token", event_type: "" } }],
  ])("without a type: %j", (content) => {
    expect(signed(content)).toMatchObject({
      ...{ kind: "answer", answer: { statusCode: 200 }, keepAs: "no type" },
      notices: [{ metric: "Malformed" }],
    });
  });

  describe("that gives a name twice", () => {
    const text = JSON.stringify(deleted);
    test.each([
      [text.replace('"open_id":"ou_1"', '"open_id":"ou_1","open_id":"ou_2"')],
      [text.replace('"open_id":"ou_1"', '"open_id":"ou_1","\\u006fpen_id":"ou_2"')],
      [text.replace('"event_type":"', '"event_type":"contact.user.created_v3","event_type":"')],
      // A reader that takes the last one would pass the departure over.
      [text.replace('"event_type":"contact.user.deleted_v3"', '$&,"event_type":"im.message.receive_v1"')],
      [text.replace(/}$/, ',"event":{}}').replace(/^{/, '{"event":{"object":{"open_id":"ou_2"}},')],
    ])("%s", (twice) => {
      const outcome = {
        ...{ kind: "answer", answer: { statusCode: 200, body: "{}" }, keepAs: "a name given twice" },
        notices: [{ metric: "UnusableDeparture", facts: { source: "lark" } }],
      };
      expect(receive(signLark(twice, signing, now))).toMatchObject(outcome);
      expect(receive(signLark(twice, {}, now), { verificationToken: ["a token"] })).toMatchObject(outcome);
    });
  });

  test("without an event id, where it is a departure; a return and a smaller scope need none", () => {
    for (const event_id of ["", 1, null, undefined]) {
      const header = { ...deleted.header, event_id };
      expect(signed({ ...deleted, header })).toMatchObject({ keepAs: "no event id", answer: { statusCode: 200 } });
      expect(signed({ ...deleted, header: { ...header, event_type: "contact.user.created_v3" } })).toMatchObject({
        returns: [{ userId: "lark:ou_1" }],
      });
      const scope = { ...header, event_type: "contact.scope.updated_v3" };
      expect(signed({ ...deleted, header: scope, event: { removed: { users: ["x"] } } })).toHaveProperty("brakeOn");
    }
  });

  test.each([
    ["open_id", { open_id: "on_1" }],
    ["open_id", { open_id: "u1" }],
    ["union_id", { union_id: "ou_1" }],
    ["union_id", { union_id: "u1" }],
    ["user_id", { user_id: `ou_${"0".repeat(32)}` }],
    ["user_id", { user_id: `on_${"a".repeat(32)}` }],
  ])("an id of another kind in %s: %j", (userIdField, object) => {
    for (const event_type of ["contact.user.deleted_v3", "contact.user.created_v3"]) {
      const content = { ...deleted, header: { ...deleted.header, event_type }, event: { object } };
      expect(receive(signLark(content, signing, now), both, { lark: { userIdField } })).toMatchObject({
        ...{ kind: "answer", answer: { statusCode: 200 }, keepAs: `another id than ${userIdField}` },
        notices: [{ metric: "UnusableDeparture" }],
      });
    }
  });

  test.each([
    [{ open_id: "ou_1" }, { open_id: "ou_2" }],
    [{ open_id: "ou_1", union_id: "on_1" }, { union_id: "on_2" }],
    [
      { open_id: "ou_1", user_id: "u1" },
      { open_id: "ou_1", user_id: "u2" },
    ],
  ])("an object and an old_object of two people: %j, %j", (object, old_object) => {
    expect(signed({ ...deleted, event: { object, old_object } })).toMatchObject({
      ...{ kind: "answer", answer: { statusCode: 200 }, keepAs: "two people" },
      notices: [{ metric: "UnusableDeparture" }],
    });
    expect(signed({ ...deleted, event: { object, old_object: object } })?.kind).toBe("departures");
  });
});

describe("schema 1.0 reads the former status as 2.0 does: only what turned is told", () => {
  const change = (before_status: unknown, current_status: unknown) =>
    signed({
      uuid: "u",
      token: "a token",
      event: { type: "user_status_change", open_id: "ou_1", before_status, current_status },
    });
  const [yes, no] = [{ is_resigned: true }, { is_resigned: false }];

  test.each([
    [no, yes, "left"],
    [undefined, yes, "left"],
    [{}, yes, "left"],
    [yes, yes, "nothing"],
    [yes, no, "returned"],
    [no, no, "nothing"],
    [undefined, no, "nothing"],
  ])("%j, then %j: %s", (before, current, expected) => {
    const received = change(before, current);
    if (expected === "nothing") {
      expect(received).toEqual({ kind: "answer", answer: expect.objectContaining({ statusCode: 200 }) });
    } else {
      expect(received).toMatchObject({ [expected === "left" ? "departures" : "returns"]: [{ userId: "lark:ou_1" }] });
    }
  });
});

test("the scope event of 1.0 does not say which way: the brake goes on", () => {
  expect(signed({ uuid: "u", token: "a token", event: { type: "contact_scope_change" } })).toMatchObject({
    ...{ kind: "answer", answer: { statusCode: 200, body: "{}" } },
    brakeOn: expect.stringContaining("contact_scope_change"),
    notices: [{ metric: "ScopeNarrowed", facts: { source: "lark", eventId: "u" } }],
  });
});

describe("an event of another tenant", () => {
  const of = (content: object) =>
    receive(signLark(content, signing, now), both, { lark: { tenantKey: "ours", userIdField: "user_id" } });
  const event1 = (event: object) => ({ uuid: "u", token: "a token", event: { employee_id: "u1", ...event } });
  const event2 = (tenant_key: unknown, event_type = "contact.user.deleted_v3") => ({
    ...deleted,
    header: { ...deleted.header, tenant_key, event_type },
    event: { object: { user_id: "u1" }, removed: { users: ["x"] } },
  });

  test.each([
    [event2("theirs")],
    [event2("OURS")],
    [event2("ours ")],
    [event2("theirs", "contact.user.created_v3")],
    [event2("theirs", "contact.scope.updated_v3")],
    [event2("theirs", "contact.user.unknown_v3")],
    [event1({ type: "user_leave", tenant_key: "theirs" })],
  ])("is answered and counted, and does nothing: %j", (content) => {
    expect(of(content)).toEqual({
      kind: "answer",
      answer: expect.objectContaining({ statusCode: 200, body: "{}" }),
      notices: [expect.objectContaining({ metric: "OtherTenant", level: "WARN" })],
      isNoLife: true,
    });
  });

  test("ours is taken, and one that does not say whose it is is kept", () => {
    expect(of(event2("ours"))).toMatchObject({ departures: [{ userId: "lark:u1" }] });
    expect(of(event1({ type: "user_leave", tenant_key: "ours" }))).toMatchObject({
      departures: [{ userId: "lark:u1" }],
    });
    for (const tenant of [undefined, null, 1, ["ours"]])
      expect(of(event2(tenant))).toMatchObject({ keepAs: "no tenant" });
    expect(signed({ ...deleted, header: { ...deleted.header, tenant_key: "any" } })?.kind).toBe("departures");
  });
});

test("the log says which of console and secret encrypts, and the answer is the same for all", () => {
  const [withKey, withToken] = [{ encryptKey: ["an encrypt key"] }, { verificationToken: ["a token"] }];
  const wrongToken = { ...deleted, header: { ...deleted.header, token: "x" } };
  const cases: [SignedRequest, object, string][] = [
    [signLark(deleted, signing, now), withToken, "encrypted, but no encryptKey is set"],
    [signLark(urlCheck, signing, now, false), withToken, "encrypted, but no encryptKey is set"],
    [signLark(deleted, {}), both, "not encrypted, though an encryptKey is set"],
    [signLark(urlCheck, {}), withKey, "not encrypted, though an encryptKey is set"],
    [signLark(urlCheck, { encryptKey: "other" }, now, false), both, "decryption"],
    [signLark(wrongToken, {}), withToken, "verification token"],
  ];
  for (const [request, keys, reason] of cases) {
    expect(problemOf(() => receive(request, keys))).toBe(`unauthorized: ${reason}`);
    expect(() => receive(request, keys)).toThrow(expect.objectContaining({ detail: undefined, members: {} }));
  }
});

test("600 people who left the scope, in one event of more than 600 kB, put the brake on", () => {
  const users = Array.from({ length: 600 }, (_, n) => ({ open_id: `ou_${n}`, name: "x".repeat(760) }));
  const header = { ...deleted.header, event_type: "contact.scope.updated_v3" };
  const request = signLark({ ...deleted, header, event: { removed: { users } } }, signing, now);
  expect(request.body.length).toBeGreaterThan(600_000);
  expect(receive(request)).toHaveProperty("brakeOn");
});

describe("decryption", () => {
  const published = readVectors<{ larkDecrypt: { encryptKey: string; encrypt: string; plaintext: string }[] }>(
    "others.json",
  );
  test.skipIf(!published)("gives the published answers", () => {
    for (const { encrypt, encryptKey, plaintext } of published?.larkDecrypt ?? []) {
      expect(decrypt(encrypt, encryptKey).toString()).toBe(plaintext);
    }
  });

  test.each([
    ["no text", 1],
    ["empty", ""],
    ["no block after the IV", Buffer.alloc(16).toString("base64")],
    ["half a block", Buffer.alloc(40).toString("base64")],
    ["junk that a lenient decoder skips", `${encryptLark("{}", "key")}\n`],
    ["url-safe letters", "-_-_".repeat(16)],
  ])("of %s is refused", (_, encrypted) => {
    expect(problemOf(() => decrypt(encrypted, "key"))).toBe("unauthorized: decryption");
  });
});
