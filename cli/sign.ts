/** How each sender signs, in one place for the tests and benches. */
export { type SignedRequest, send } from "./event.ts";
export { encryptLark, type LarkKeys, larkDeleted, signLark } from "./sources/lark.ts";
export { signApi } from "./sources/orders.ts";
export { type SlackUser, signSlack, slackClick, slackCommand } from "./sources/slack.ts";
export {
  encryptWechatwork,
  signWechatwork,
  signWechatworkCheck,
  type WechatworkKeys,
  wechatworkDeleted,
} from "./sources/wechatwork.ts";
