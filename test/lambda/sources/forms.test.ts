/** Every form that takes somebody out has its form that brings them back, and both are told by the real sources. */
import { describe, expect, test } from "vitest";
import { type SignedRequest, signLark, signWechatwork } from "../../../cli/sign.ts";
import { forms } from "../../../lambda/sources/forms.ts";
import { lark } from "../../../lambda/sources/lark.ts";
import { wechatwork } from "../../../lambda/sources/wechatwork.ts";
import { now, settings, toRequest } from "../../parts.ts";

interface Saying {
  readonly type: string;
  readonly turnedTo?: boolean | string;
}
const id = { lark: "ou_1", wechatwork: "a" };
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

const tell = {
  lark: (saying: Saying) =>
    lark.routes["POST /lark"]?.(toRequest(sendLark(saying)), {
      keys: { encryptKey: ["key"] } as never,
      ...{ settings: settings(), now },
    }),
  wechatwork: (saying: Saying) =>
    wechatwork.routes["POST /wechatwork"]?.(toRequest(sendWechatwork(saying)), {
      keys: { token: ["t"], encodingAesKey: [encodingAesKey], receiveIds: ["ww1"] } as never,
      ...{ settings: settings(), now },
    }),
};

describe.each(["lark", "wechatwork"] as const)("%s", (source) => {
  test.each(forms[source].map((form) => [JSON.stringify(form.out), JSON.stringify(form.back), form] as const))(
    "%s takes out, %s brings back",
    (_, __, { out, back }) => {
      const userId = `${source}:${id[source]}`;
      const told = [tell[source](out), tell[source](back)];
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
  ]);
  expect(column("back")).toEqual([
    ...["contact.user.created_v3", "contact.user.updated_v3 false", "user_add", "user_status_change false"],
    ...["create_user", "update_user 1"],
  ]);
});
