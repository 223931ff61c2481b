/** Every form that takes somebody out has its form that brings them back, and both are told by the real sources. */
import { describe, expect, test } from "vitest";
import { type SignedRequest, signLark, signWechatwork } from "../../../cli/sign.ts";
import { dingtalkEvent, signDingtalk } from "../../../cli/sources/dingtalk.ts";
import { receiveWith } from "../../../lambda/intake/receive.ts";
import { type DirectoryName, directoryNames } from "../../../lambda/resignation/source-names.ts";
import { dingtalk } from "../../../lambda/sources/dingtalk.ts";
import { forms as dingtalkForms } from "../../../lambda/sources/dingtalk-event.ts";
import { lark } from "../../../lambda/sources/lark.ts";
import { forms as larkForms } from "../../../lambda/sources/lark-event.ts";
import { wechatwork } from "../../../lambda/sources/wechatwork.ts";
import { forms as wechatworkForms } from "../../../lambda/sources/wechatwork-event.ts";
import { gist, now, settings, toRequest } from "../../parts.ts";

interface Saying {
  readonly type: string;
  readonly turnedTo?: boolean | string;
}
const forms = { lark: larkForms, wechatwork: wechatworkForms, dingtalk: dingtalkForms } satisfies Record<
  DirectoryName,
  object
>;
const id = { lark: "ou_1", wechatwork: "a", dingtalk: "manager331" };
const encodingAesKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

function sendLark({ type, turnedTo }: Saying): SignedRequest {
  const [status, former] = [{ is_resigned: turnedTo }, { is_resigned: !turnedTo }];
  const schema2 = {
    schema: "2.0",
    header: { event_id: "e", event_type: type, create_time: String(now.getTime()) },
    event: { object: { open_id: id.lark, status }, old_object: { status: former } },
  };
  const event = { type, open_id: id.lark, current_status: status, before_status: former };
  return signLark(type.includes(".") ? schema2 : { uuid: "u", ts: "1795485600", event }, { encryptKey: "key" }, now);
}

function sendWechatwork({ type, turnedTo }: Saying): SignedRequest {
  const status = turnedTo === undefined ? "" : `<Status>${turnedTo}</Status>`;
  const xml = `<xml><CreateTime>1795485600</CreateTime><Event>change_contact</Event><ChangeType>${type}</ChangeType><UserID>${id.wechatwork}</UserID>${status}</xml>`;
  return signWechatwork(xml, { token: "t", encodingAesKey, receiveId: "ww1" }, now);
}

const dingtalkKeys = { token: "tok", aesKey: encodingAesKey, ownerKey: "dingclient", corpId: "dingcorp" };
const sendDingtalk = ({ type }: Saying): SignedRequest =>
  signDingtalk(dingtalkEvent(type, [id.dingtalk], dingtalkKeys, { at: now }), dingtalkKeys, now);

const ring = {
  lark: { keys: { encryptKey: ["key"] } },
  wechatwork: { keys: { token: ["t"], encodingAesKey: [encodingAesKey], receiveIds: ["ww1"] } },
  dingtalk: { keys: { token: ["tok"], aesKey: [encodingAesKey], ownerKey: ["dingclient"], corpId: "dingcorp" } },
};
const tell = {
  lark: (saying: Saying) => receiveWith(ring, lark, toRequest(sendLark(saying)), settings(), now),
  wechatwork: (saying: Saying) => receiveWith(ring, wechatwork, toRequest(sendWechatwork(saying)), settings(), now),
  dingtalk: (saying: Saying) => receiveWith(ring, dingtalk, toRequest(sendDingtalk(saying)), settings(), now),
};

describe.each(directoryNames)("%s", (source) => {
  test.each(forms[source].map((form) => [JSON.stringify(form.out), JSON.stringify(form.back), form] as const))(
    "%s takes out, %s brings back",
    (_, __, { out, back }) => {
      const userId = `${source}:${id[source]}`;
      const told = [out, back].map((saying) => gist(tell[source](saying)));
      expect(told).toMatchObject([
        { kind: "departures", departures: [{ userId }] },
        { kind: "departures", departures: [], returns: [{ userId, source }] },
      ]);
      expect(told[0]).toMatchObject(source === "lark" ? { returns: [] } : {});
    },
  );
});

test("the table has the forms that are documented, in two columns", () => {
  const column = (side: "out" | "back") =>
    Object.values(forms).flatMap((table) => table.map((form) => Object.values(form[side]).join(" ")));
  expect(column("out")).toEqual([
    ...["contact.user.deleted_v3", "contact.user.updated_v3 true", "user_leave", "user_status_change true"],
    ...["delete_user", "update_user 5"],
    ...["user_leave_org", "user_leave_org"],
  ]);
  expect(column("back")).toEqual([
    ...["contact.user.created_v3", "contact.user.updated_v3 false", "user_add", "user_status_change false"],
    ...["create_user", "update_user 1"],
    ...["user_add_org", "user_active_org"],
  ]);
});
