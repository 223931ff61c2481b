import * as z from "zod";

/** What an administrator decides. Everything but `genauth` has a default. */
export interface ResignWebhookProps {
  readonly genauth: {
    /** Where GenAuth's management API is: `https://api.genauth.ai`, `https://api.authing.cn`, or your own. */
    readonly host: string;
    /** The user pool whose people are resigned. */
    readonly userPoolId: string;
  };
  readonly lark?: {
    /** The provider under which GenAuth's sync stores Lark's people. @default "lark" */
    readonly provider?: "lark" | "lark-international";
    /** Which of Lark's ids GenAuth's sync stored. Open ids differ from app to app. @default "open_id" */
    readonly userIdField?: "open_id" | "union_id" | "user_id";
    /** Refuse events of any other app. @default - events of any app that has the keys */
    readonly appId?: string;
    /** Refuse signed requests whose timestamp is not 10 or 13 digits. @default true */
    readonly strictTimestamp?: boolean;
  };
  /** The providers that signed orders may name. @default ["lark", "lark-international", "wechatwork"] */
  readonly allowedProviders?: readonly string[];
  readonly operators?: {
    /** Callers of the signed API, by their names in the keys, who may list, approve, cancel and retry. @default [] */
    readonly api?: readonly string[];
    /** People in Slack who may order, list, approve and cancel, as `<team id>/<user id>`. @default [] */
    readonly slack?: readonly string[];
  };
  readonly slack?: {
    /** The slash command. @default "/resign" */
    readonly command?: string;
    /** Refuse requests of any other Slack app. @default - any app that has the signing secret */
    readonly appId?: string;
    /** Hosts that a `response_url` may have. @default ["hooks.slack.com", "hooks.slack-gov.com"] */
    readonly replyHosts?: readonly string[];
    /** Whoever orders in Slack needs another operator's approval. @default false */
    readonly secondOperator?: boolean;
  };
  readonly notices?: {
    /** What people are told of. @default ["resigned", "suspended", "held", "failed", "brake_tripped"] */
    readonly about?: readonly ("resigned" | "suspended" | "held" | "failed" | "brake_tripped")[];
    /** @default "en" */
    readonly language?: "en" | "zh";
  };
  /** Sync relations that are always held, exactly or by a prefix that ends in `*`. @default [] */
  readonly protected?: readonly string[];
  readonly brake?: {
    /** How many resignations an hour go through by themselves. @default 20 */
    readonly perHour?: number;
    /** How many in 24 hours. @default 50 */
    readonly perDay?: number;
    /** How many in 24 hours, in percent of the headcount, but at least 3 people. @default 10 */
    readonly percentPerDay?: number;
    /** How many people there are; `"ask"`: what GenAuth reports, once a day. @default "ask" */
    readonly headcount?: number | "ask";
  };
  /** Older departures are held, in seconds. @default 86400 */
  readonly maxEventAgeSeconds?: number;
  /** Go the whole way but for the call itself: everything is held. @default false */
  readonly dryRun?: boolean;
  /** Look the person up before and after resigning. @default true */
  readonly lookUp?: boolean;
  /** Suspend at once, and resign only after so many days. @default 0 */
  readonly graceDays?: number;
  /** GenAuth applications in which a leaver's sessions are ended, at most 50. @default [] */
  readonly endSessionsIn?: readonly string[];
  readonly retry?: {
    /** Wait before the second try, in seconds; doubles from there. @default 5 */
    readonly firstDelaySeconds?: number;
    /** The longest wait between tries, in seconds. @default 900 */
    readonly maxDelaySeconds?: number;
    /** How long to go on trying before it has failed, in seconds. @default 172800 */
    readonly giveUpAfterSeconds?: number;
  };
  /** An address on a domain of your own: WeCom takes no other. @default - the address that AWS gives */
  readonly domain?: {
    readonly name: string;
    /** A certificate for it in AWS Certificate Manager, in the stack's region. */
    readonly certificateArn: string;
  };
  /** Who hears the alarms. @default - nobody: subscribe to the topic yourself */
  readonly alarmEmail?: string;
  /** How long logs are kept, in days, as CloudWatch offers them. @default 365 */
  readonly logRetentionDays?: number;
  readonly throttle?: {
    /** Requests a second, over all sources. @default 50 */
    readonly ratePerSecond?: number;
    /** Requests at once. @default 100 */
    readonly burst?: number;
  };
}

type Complete<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]-?: Complete<T[K]> }
    : T;

/** The settings with every default filled in. */
export type Settings = Complete<Omit<ResignWebhookProps, "domain" | "alarmEmail" | "lark" | "slack">> &
  Pick<ResignWebhookProps, "domain" | "alarmEmail"> & {
    readonly lark: Required<Omit<NonNullable<ResignWebhookProps["lark"]>, "appId">> & { readonly appId?: string };
    readonly slack: Required<Omit<NonNullable<ResignWebhookProps["slack"]>, "appId">> & { readonly appId?: string };
  };

const text = z.string().min(1);
const count = z.number().int().min(0);
const provider = text.regex(/^[a-z][a-z0-9-]*$/, "must be a provider's name, as in lark or wechatwork");
const abouts = ["resigned", "suspended", "held", "failed", "brake_tripped"] as const;
const logDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const schema = z.strictObject({
  genauth: z.strictObject({
    host: z.string().refine(isSafeAddress, "must be https://…, as in https://api.genauth.ai"),
    userPoolId: text,
  }),
  lark: z
    .strictObject({
      provider: z.enum(["lark", "lark-international"]).default("lark"),
      userIdField: z.enum(["open_id", "union_id", "user_id"]).default("open_id"),
      appId: text.optional(),
      strictTimestamp: z.boolean().default(true),
    })
    .prefault({}),
  notices: z
    .strictObject({
      about: z.array(z.enum(abouts)).default([...abouts]),
      language: z.enum(["en", "zh"]).default("en"),
    })
    .prefault({}),
  allowedProviders: z.array(provider).min(1).default(["lark", "lark-international", "wechatwork"]),
  operators: z
    .strictObject({
      api: z.array(text).default([]),
      slack: z.array(text.regex(/^[TE]\w+\/[UW]\w+$/, "must be team id and user id, as in T0123/U0456")).default([]),
    })
    .prefault({}),
  slack: z
    .strictObject({
      command: text.startsWith("/").default("/resign"),
      appId: text.optional(),
      replyHosts: z.array(text).default(["hooks.slack.com", "hooks.slack-gov.com"]),
      secondOperator: z.boolean().default(false),
    })
    .prefault({}),
  protected: z
    .array(text.regex(/^[a-z][a-z0-9-]*:/, 'must begin with a provider, as in "lark:ou_1" or "wechatwork:svc-*"'))
    .default([]),
  brake: z
    .strictObject({
      perHour: count.default(20),
      // The brake's log is one item of the ledger, which holds 400 kB.
      perDay: count.max(5000).default(50),
      percentPerDay: z.number().min(0).max(100).default(10),
      headcount: z.union([z.literal("ask"), count.min(1)], 'must be a number of people, or "ask"').default("ask"),
    })
    .prefault({}),
  maxEventAgeSeconds: count.min(1).default(86_400),
  dryRun: z.boolean().default(false),
  lookUp: z.boolean().default(true),
  graceDays: z.number().min(0).max(90).default(0),
  endSessionsIn: z.array(text).max(50).default([]),
  retry: z
    .strictObject({
      firstDelaySeconds: z.number().min(0).default(5),
      maxDelaySeconds: z.number().min(0).max(43_000).default(900),
      giveUpAfterSeconds: z.number().min(0).max(1_000_000).default(172_800),
    })
    .prefault({}),
  domain: z.strictObject({ name: text, certificateArn: text.startsWith("arn:") }).optional(),
  alarmEmail: z.email().optional(),
  logRetentionDays: z
    .number()
    .refine((days) => logDays.includes(days), `must be one of ${logDays.join(", ")}`)
    .default(365),
  throttle: z
    .strictObject({ ratePerSecond: z.number().min(1).default(50), burst: count.min(1).default(100) })
    .prefault({}),
});

/** Fills the defaults in. Throws an error that names each wrong setting and what is wrong with it. */
export function parseSettings(props: unknown): Settings {
  const parsed = schema.safeParse(props);
  if (parsed.success) return parsed.data as Settings;
  const lines = parsed.error.issues.map(({ path, message }) => `  resignWebhook.${path.join(".")}: ${message}`);
  throw new Error(`The settings (cdk.json, context "resignWebhook") are wrong:\n${lines.join("\n")}`);
}

/** Whether GenAuth's token may be sent there: over TLS, or to this machine. */
function isSafeAddress(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, pathname } = new URL(address);
  const isLocal = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
  return pathname === "/" && (protocol === "https:" || (protocol === "http:" && isLocal));
}
