import { describe, expect, test } from "vitest";
import { now } from "../../parts.ts";
import { event, expectTaken, left, told } from "./dingtalk-parts.ts";

describe("a departure", () => {
  test("is user_leave_org, of everybody in its list", () => {
    expect(told(event("user_leave_org", ["manager331", "015000000227", "manager331"]))).toEqual({
      kind: "departures",
      departures: ["manager331", "015000000227"].map((id) => ({
        ...{ source: "dingtalk", requestedBy: "dingtalk", userId: `dingtalk:${id}`, eventId: `dingcorp|e1|${id}` },
        ...{ occurredAt: now, moment: { from: now, to: now } },
      })),
      returns: [],
      answer: expect.any(Function),
    });
  });

  test.each(["00123", "03301410433273270", "1e5", "__proto__", "a:b", "A", "张三", "x".repeat(64)])(
    "keeps the id %s as it is",
    (id) => {
      expect(told(event("user_leave_org", [id]))).toMatchObject({ departures: [{ userId: `dingtalk:${id}` }] });
    },
  );

  test("is told in the form of 2020, without an event id", () => {
    const old = { CorpId: "dingcorp", EventType: "user_leave_org", UserId: ["a"], OptStaffId: "b" };
    const at = String(now.getTime() - 4_000);
    expect(told({ ...old, TimeStamp: at })).toMatchObject({
      departures: [{ userId: "dingtalk:a", eventId: `dingcorp|user_leave_org|a|${at}` }],
    });
  });

  test("never names who did it", () => {
    const received = left({ optStaffId: "manager164", OptStaffId: "manager164" });
    expect(received).toMatchObject({ departures: [{ userId: "dingtalk:a" }] });
    expect(JSON.stringify(received)).not.toContain("manager164");
  });

  test.each(["", "a b", "a\nb", "\u0000", "x".repeat(65), "张".repeat(43), 7, null, {}, ["a"], "\u200b"])(
    "the id %j cannot be used, and stops none of the others",
    (bad) => {
      const facts = { source: "dingtalk", eventId: "e1" };
      const notices = [
        { metric: "UnusableDeparture", message: expect.stringContaining("names 3 people, 1 of"), facts },
      ];
      const kept = { notices, keepAs: "no usable userId" };
      const departures = [{ userId: "dingtalk:a" }, { userId: "dingtalk:c" }];
      expect(told(event("user_leave_org", ["a", bad, "c"]))).toMatchObject({ departures, ...kept });
      const returns = [{ userId: "dingtalk:a" }, { userId: "dingtalk:c" }];
      expect(told(event("user_add_org", ["a", bad, "c"]))).toMatchObject({ departures: [], returns, ...kept });
    },
  );
});

describe("when it happened", () => {
  const [at, other] = [now.getTime() - 60_000, now.getTime() - 120_000];
  test.each<[string, object, number]>([
    ["EventTime", { EventTime: at, timeStamp: String(other) }, at],
    ["EventTime as a text", { EventTime: String(at) }, at],
    ["timeStamp", { EventTime: undefined, timeStamp: String(at), TimeStamp: other }, at],
    ["timeStamp where EventTime has another form", { EventTime: "soon", timeStamp: String(at) }, at],
    ["TimeStamp", { EventTime: undefined, timeStamp: undefined, TimeStamp: at }, at],
  ])("says %s", (_, changes, expected) => {
    const moment = { from: new Date(expected), to: new Date(expected) };
    expect(left(changes)).toMatchObject({ departures: [{ occurredAt: moment.from, moment }] });
  });

  test.each([undefined, 43_535_463_645, "", {}, -1, 1.5e12 + 0.5])("or, with the time %j, its request", (EventTime) => {
    const untimed = { EventTime, timeStamp: undefined };
    const moment = { from: new Date(now.getTime() - 8 * 3_600_000), to: now };
    expect(left(untimed)).toMatchObject({ departures: [{ occurredAt: now, moment }] });
  });

  test("a departure that claims to be more than an hour ahead is kept and told; a return is taken", () => {
    const EventTime = now.getTime() + 3_600_001;
    expect(left({ EventTime: EventTime - 1 })).toMatchObject({ departures: [{ userId: "dingtalk:a" }] });
    expect(left({ EventTime })).toMatchObject({ kind: "answer", keepAs: "in the future" });
    expect(told(event("user_add_org", ["a"], { EventTime }))).toMatchObject({ returns: [{ userId: "dingtalk:a" }] });
  });

  test("an old event in a fresh request is as old as it says", () => {
    const occurredAt = new Date(now.getTime() - 3 * 86_400_000);
    expect(left({ EventTime: occurredAt.getTime() })).toMatchObject({ departures: [{ occurredAt }] });
  });
});

test.each(["user_add_org", "user_active_org"])("a return is %s", (type) => {
  const moment = { from: now, to: now };
  expect(told(event(type, ["a", "b"]))).toEqual({
    kind: "departures",
    departures: [],
    returns: ["dingtalk:a", "dingtalk:b"].map((userId) => ({ userId, source: "dingtalk", moment })),
    answer: expect.any(Function),
  });
});

describe("what is about something else is taken, and does nothing", () => {
  test.each([
    ...["user_modify_org", "org_dept_remove", "org_dept_create", "org_change", "org_admin_add", "org_admin_remove"],
    ...["label_user_change", "hrm_mdm_user_change", "hrm_user_record_change", "check_create_suite_url", "suite_ticket"],
    ...["org_suite_relieve", "chat_add_member", "chat_quit", "check_in", "bpms_task_change", "x"],
  ])("%s", (type) => expectTaken(told(event(type))));

  test("whatever shape it has, and without its enterprise", () => {
    expectTaken(told({ EventType: "org_dept_remove", userId: 7 }));
  });
});

describe("what may be about people and is not understood is kept and told", () => {
  const facts = { source: "dingtalk", eventId: "e1" };
  test.each([
    ...["User_Leave_Org", "USER_LEAVE_ORG", " user_leave_org", "user_leave_org ", "user-leave-org", "userLeaveOrg"],
    ...["user_leave_org_v2", "user_resign_org", "user_disable_org", "employee_leave", "users_leave_org", "leave_org"],
    ...["staff_leave", "user"],
  ])("the type %s", (type) => {
    const message = expect.stringContaining("not understood");
    const notices = [{ metric: "UnusableDeparture", message, facts }];
    expectTaken(told(event(type)), { notices, keepAs: "unknown EventType" });
  });

  test.each<[string, object, string]>([
    ["no list", { userId: undefined }, "no userId"],
    ["an empty list", { userId: [] }, "no userId"],
    ["an object", { userId: { 0: "a" } }, "no userId"],
    ["a text", { userId: "a" }, "no userId"],
    ["two lists that differ", { UserId: ["b"] }, "no userId"],
    ["no enterprise", { CorpId: undefined }, "no CorpId"],
    ["a list of enterprises", { CorpId: ["dingcorp"] }, "no CorpId"],
    ["no type", { EventType: undefined }, "no EventType"],
    ["a list of types", { EventType: ["user_leave_org"] }, "no EventType"],
  ])("a departure with %s", (_, changes, keepAs) => {
    expectTaken(left(changes), { notices: [expect.objectContaining({ metric: "UnusableDeparture", facts })], keepAs });
  });

  test("both spellings of one list", () => {
    expect(left({ UserId: ["a"] })).toMatchObject({ departures: [{ userId: "dingtalk:a" }] });
  });

  test("a name given twice", () => {
    const text = JSON.stringify(event("user_leave_org"));
    const received = told(text.replace('"userId":["a"]', '"userId":["a"],"userId":["b"]'));
    expectTaken(received, {
      notices: [expect.objectContaining({ facts: { source: "dingtalk" } })],
      keepAs: "a name given twice",
    });
  });

  test.each(["success", "", "null", "[]", "7", '"user_leave_org"', "{", "<xml/>", "\ufeff{}"])(
    "the message %j",
    (text) => {
      const message = "An authentic DingTalk message is no JSON object";
      const notices = [{ metric: "Malformed", message, facts: { source: "dingtalk" } }];
      expectTaken(told(text), { notices, keepAs: "no JSON object" });
    },
  );

  test("the stream mode's envelope", () => {
    const data = { userId: ["a"], timeStamp: String(now.getTime()) };
    const stream = { eventType: "user_leave_org", eventCorpId: "dingcorp", eventId: "s", data };
    expect(told(stream)).toMatchObject({ kind: "answer", keepAs: "no EventType" });
  });

  test("a dissolved enterprise is alarmed, and nobody leaves by it", () => {
    const notices = [{ metric: "UnusableDeparture", message: expect.stringContaining("dissolved"), facts }];
    expectTaken(told(event("org_remove")), { notices });
  });
});

test.each(["user_leave_org", "user_add_org", "User_Leave_Org", "org_dept_remove", "org_remove"])(
  "an event of another enterprise is counted, and does nothing: %s",
  (type) => {
    for (const CorpId of ["dingother", "DINGCORP", "dingclient", "dingcorp "]) {
      const received = told(event(type, ["a"], { CorpId }));
      const notices = [expect.objectContaining({ metric: "OtherTenant", level: "WARN" })];
      expectTaken(received, { notices, isNoLife: true });
    }
  },
);
