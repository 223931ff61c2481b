import * as z from "zod/mini";

// Every setting that a function reads, declared once: what it does, its default and its type. `lib/settings.ts` adds
// what only a deployment needs and refuses what is wrong; `by-function.ts` says which function reads which of them.
// docs/settings.md is made from these comments. They are functions so that a bundle has only those that it calls.
//
// A deployed function has them in its bundle (`lib/bundling.ts`), others in their environment: of a version before, maybe,
// so what is unknown in it is ignored.

const number = (value: number) => z._default(z.number(), value);
const flag = (value: boolean) => z._default(z.boolean(), value);
const list = (value: string[]) => z._default(z.array(z.string()), value);

export const genauth = () => ({
  /**
   * GenAuth's management API: `https://api.genauth.ai` (international), `https://api.authing.cn` (China), or your own.
   */
  host: z.string(),
  /** The user pool whose people are resigned. */
  userPoolId: z.string(),
  /**
   * How long a call that timed out may still arrive at GenAuth: after an unknown outcome nobody is called for again any
   * sooner. Raise it where slow proxies stand before your GenAuth. @unit seconds @default 30
   */
  settleSeconds: number(30),
});

export const lark = () => ({
  /** The provider under which GenAuth's sync stores Lark's people. @default "lark" */
  provider: z._default(z.enum(["lark", "lark-international"]), "lark"),
  /**
   * Which of Lark's ids GenAuth's sync stored. Open ids differ from app to app: see docs/lark.md. @default "open_id"
   */
  userIdField: z._default(z.enum(["open_id", "union_id", "user_id"]), "open_id"),
  /** Refuse events of any other Lark app. @default - events of any app that has the keys */
  appId: z.optional(z.string()),
  /**
   * The one Lark tenant whose people these are (`tenant_key` in its events): another tenant's event is answered,
   * counted (`OtherTenant`) and does nothing. Set it where `lark.userIdField` is `user_id` and the app is installed in
   * several tenants. @default - any tenant's
   */
  tenantKey: z.optional(z.string()),
  /**
   * Refuse signed requests whose timestamp is not 10 digits. The log shows the form (`99:aaa`) of what was refused.
   * @default true
   */
  strictTimestamp: flag(true),
  /**
   * Pass every verified request on to this https address, byte for byte, since a Lark app has one event address: see
   * docs/reliability.md#one-address-two-listeners. @default - nowhere
   */
  forwardTo: z.optional(z.string()),
});

export const wechatwork = () => ({
  /**
   * Pass every verified request on to this https address, byte for byte, since WeCom has one callback URL: see
   * docs/reliability.md#one-address-two-listeners. @default - nowhere
   */
  forwardTo: z.optional(z.string()),
});

/** What people are told of. A brake's alert carries the brake event's id, `alive` a week, the others a resignation's. */
export const abouts = [
  "resigned",
  "suspended",
  "held",
  "failed",
  "not_found",
  "called_off",
  "given_back",
  "returned_scheduled",
  "brake_tripped",
  "alive",
  "back_after_resigned",
  "not_given_back",
] as const;
type About = (typeof abouts)[number];

export const notices = () => ({
  /**
   * What people are told of; `alive` comes once a week. `back_after_resigned` and `not_given_back` are urgent, and told
   * whatever stands here: see docs/notices.md. @default - all of it
   */
  // Not checked here: the environment of the version before may name a notice that is gone.
  about: z._default(z.array(z.string() as z.ZodMiniType<About, About>), [...abouts]),
  /** The language of the notices. @default "en" */
  language: z._default(z.enum(["en", "zh"]), "en"),
});

export const operators = () => ({
  /**
   * Callers of the signed API (names in the keys' section `api`) who may list, approve, cancel, retry, acknowledge, and
   * stop and start everything. @default []
   */
  api: list([]),
  /**
   * People in Slack who may order, list, approve, cancel and retry, and stop and start everything: team id and user
   * id, as in `"T0123/U0456"`. @default []
   */
  slack: list([]),
});

export const slack = () => ({
  /** The slash command's name. @default "/resign" */
  command: z._default(z.string(), "/resign"),
  /** Refuse requests of any other Slack app. @default - any app that has the signing secret */
  appId: z.optional(z.string()),
  /**
   * Hosts to which Slack's answers are sent, over https: those that a `response_url` may have.
   * @default ["hooks.slack.com","hooks.slack-gov.com"]
   */
  replyHosts: list(["hooks.slack.com", "hooks.slack-gov.com"]),
  /** An order in Slack needs another operator's approval. @default false */
  secondOperator: flag(false),
});

export const brake = () => ({
  /**
   * How many resignations go through without an operator in any 60 minutes, and how many departures returns call off
   * without one. @unit people @default 20
   */
  perHour: number(20),
  /** How many resignations go through without an operator in any 24 hours. @unit people @default 50 */
  perDay: number(50),
  /**
   * How many in any 24 hours, as a share of the headcount, but at least 3 people. 100 switches it off.
   * @unit percent @default 10
   */
  percentPerDay: number(10),
  /**
   * How many people there are; `"ask"`: the active ones that GenAuth reports, once a day. While it refuses to, a fifth
   * of `brake.perDay`, but at least 3, go through in 24 hours, and an alarm says so: see
   * docs/runbook.md#headcountunknown. @unit people @default "ask"
   */
  headcount: z._default(z.union([z.literal("ask"), z.number()]), "ask"),
});

export const retry = () => ({
  /** Wait before the second try; doubles from there, half of it by chance. @unit seconds @default 5 */
  firstDelaySeconds: number(5),
  /**
   * The longest wait between tries, unless GenAuth asks for more (an hour at the most, and never beyond
   * `retry.giveUpAfterSeconds`). @unit seconds @default 900
   */
  maxDelaySeconds: number(900),
  /** How long to go on trying before it has `failed`. @unit seconds @default 172800 */
  giveUpAfterSeconds: number(172_800),
});

/** What a departure is judged by. These and the ones below stand in no section. */
export const departures = () => ({
  /**
   * Sync relations that are always held, exactly or by a prefix that ends in `*`: `"wechatwork:svc-*"`. WeCom's ids
   * whatever their case. One that can never match is refused: a provider that there is not, a `*` elsewhere, white
   * space, an id of Lark's that is not of `lark.userIdField`. @default []
   */
  protected: list([]),
  /**
   * A departure that comes later than this after it happened is held; so is one whose first turn comes so late after
   * its day or an approval. An outage of GenAuth makes nobody stale. @unit seconds @default 86400
   */
  maxEventAgeSeconds: number(86_400),
  /** An alarm when GenAuth knew nobody for so many departures of one source in a row. @unit departures @default 3 */
  notFoundInARow: number(3),
  /** Go the whole way except the call: everything is held, with what would have been sent. @default false */
  dryRun: flag(false),
  /**
   * Suspend at once, resign after so long. **We recommend `1`**: access is cut just as fast, and a return or a cancel
   * that comes within the call's own seconds, which nothing else can catch, is taken back: see
   * docs/how-a-person-is-decided.md#what-no-design-closes. @unit days @default 0
   */
  graceDays: number(0),
  /** GenAuth application ids in which a leaver's sessions are ended. @default [] */
  endSessionsIn: list([]),
});

/** What signed orders and Slack may name. */
export const orders = () => ({
  /** The providers that signed orders may name. @default ["lark","lark-international","wechatwork"] */
  allowedProviders: list(["lark", "lark-international", "wechatwork"]),
});

/** When a source is silent. */
export const silence = () => ({
  /** An alarm when a directory is on and has sent nothing at all for so long; 0: none. @unit days @default 14 */
  silenceDays: number(14),
});

type Read<Section extends () => z.core.$ZodLooseShape> = z.output<z.ZodMiniObject<ReturnType<Section>>>;

/** All of them as they are read. A function has its part: see `by-function.ts`. */
export type RuntimeSettings = Read<typeof departures> &
  Read<typeof orders> &
  Read<typeof silence> & {
    genauth: Read<typeof genauth>;
    lark: Read<typeof lark>;
    wechatwork: Read<typeof wechatwork>;
    notices: Read<typeof notices>;
    operators: Read<typeof operators>;
    slack: Read<typeof slack>;
    brake: Read<typeof brake>;
    retry: Read<typeof retry>;
  };
