import * as z from "zod";
import { isPrivate } from "../lambda/intake/delivery.ts";
import { abouts } from "../lambda/resignation.ts";
import { directoryNames } from "../lambda/sources/names.ts";

/** What an administrator decides. Everything but `genauth` has a default. */
export interface ResignWebhookProps {
  readonly genauth: {
    /** Where GenAuth's management API is: `https://api.genauth.ai`, `https://api.authing.cn`, or your own. */
    readonly host: string;
    /** The user pool whose people are resigned. */
    readonly userPoolId: string;
    /**
     * How long a call that timed out may still arrive at GenAuth, in seconds: after an unknown outcome nobody is
     * called for again any sooner. @default 30
     */
    readonly settleSeconds?: number;
  };
  readonly lark?: {
    /** The provider under which GenAuth's sync stores Lark's people. @default "lark" */
    readonly provider?: "lark" | "lark-international";
    /** Which of Lark's ids GenAuth's sync stored. Open ids differ from app to app. @default "open_id" */
    readonly userIdField?: "open_id" | "union_id" | "user_id";
    /** Refuse events of any other app. @default - events of any app that has the keys */
    readonly appId?: string;
    /** The one tenant whose people these are: another tenant's events are answered, counted and do nothing. @default - any tenant's */
    readonly tenantKey?: string;
    /** Refuse signed requests whose timestamp is not 10 digits. @default true */
    readonly strictTimestamp?: boolean;
    /** Pass every verified request on to this https address, byte for byte: a Lark app has one event address. @default - nowhere */
    readonly forwardTo?: string;
  };
  readonly wechatwork?: {
    /** Pass every verified request on to this https address, byte for byte: WeCom has one callback URL. @default - nowhere */
    readonly forwardTo?: string;
  };
  /** Let `forwardTo` be in a private network, or on this machine. @default false */
  readonly forwardToPrivate?: boolean;
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
    /**
     * What people are told of; `alive` comes once a week. What is urgent (`back_after_resigned`, `not_given_back`) is
     * told whatever stands here. @default - all of it
     */
    readonly about?: readonly (typeof abouts)[number][];
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
  /** An alarm when a directory is on and has sent nothing for so many days; 0: none. @default 14 */
  readonly silenceDays?: number;
  /** An alarm when GenAuth knew nobody for so many departures of a source in a row. @default 3 */
  readonly notFoundInARow?: number;
  /** Go the whole way but for the call itself: everything is held. @default false */
  readonly dryRun?: boolean;
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
    /** A certificate for it in AWS Certificate Manager, in the stack's region. Left out: one is made, in the hosted zone. */
    readonly certificateArn?: string;
    /** A public hosted zone of this account in Route 53: the name is entered there. @default - enter it yourself */
    readonly hostedZone?: { readonly id: string; readonly name: string };
  };
  readonly concurrency?: {
    /** Webhooks kept warm, for WeCom's one second. Costs by the hour. @default 0 */
    readonly webhookProvisioned?: number;
    /** At most so many webhooks at once, and so many kept free for them. @default - what the account has */
    readonly webhookReserved?: number;
    /** At most so many resigners at once, 2 to 1000: how hard GenAuth is called. @default 5 */
    readonly resignerMax?: number;
  };
  /** A KMS key of your own for tables, queues and secrets; it must let CloudWatch and SNS use it. @default - keys that AWS keeps */
  readonly kmsKeyArn?: string;
  /** AWS X-Ray traces of every function. @default false */
  readonly xRay?: boolean;
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
export type Settings = Complete<
  Omit<ResignWebhookProps, "domain" | "alarmEmail" | "kmsKeyArn" | "lark" | "wechatwork" | "slack" | "concurrency">
> &
  Pick<ResignWebhookProps, "domain" | "alarmEmail" | "kmsKeyArn"> & {
    readonly lark: CompleteBut<"lark", "appId" | "tenantKey" | "forwardTo">;
    readonly wechatwork: CompleteBut<"wechatwork", "forwardTo">;
    readonly slack: CompleteBut<"slack", "appId">;
    readonly concurrency: CompleteBut<"concurrency", "webhookReserved">;
  };

/** A section in which some settings have no default. */
type CompleteBut<Section extends keyof ResignWebhookProps, Bare extends string> = Required<
  Omit<NonNullable<ResignWebhookProps[Section]>, Bare>
> &
  Pick<NonNullable<ResignWebhookProps[Section]>, Bare & keyof NonNullable<ResignWebhookProps[Section]>>;

/** A name or an id: with white space in it, it would be equal to none that ever comes. */
const text = z.string().min(1).regex(/^\S*$/, "must hold no white space: it could never match");
const count = z.number().int().min(0);
const provider = text.regex(/^[a-z][a-z0-9-]*$/, "must be a provider's name, as in lark or wechatwork");
const logDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const forwardTo = z
  .string()
  .refine((address) => isSafeAddress(address, true), "must be https://…, as in https://sync.example.com/lark");

/** Thirty days: who left before may long have been hired again. */
const maxEventAgeSeconds = 2_592_000;

const schema = z
  .strictObject({
    genauth: z.strictObject({
      host: text.refine((address) => isSafeAddress(address), "must be https://…, as in https://api.genauth.ai"),
      userPoolId: text,
      settleSeconds: z.number().min(0).max(600).default(30),
    }),
    lark: z
      .strictObject({
        provider: z.enum(["lark", "lark-international"]).default("lark"),
        userIdField: z.enum(["open_id", "union_id", "user_id"]).default("open_id"),
        appId: text.optional(),
        tenantKey: text.optional(),
        strictTimestamp: z.boolean().default(true),
        forwardTo: forwardTo.optional(),
      })
      .prefault({}),
    wechatwork: z.strictObject({ forwardTo: forwardTo.optional() }).prefault({}),
    forwardToPrivate: z.boolean().default(false),
    notices: z
      .strictObject({
        about: z.array(z.enum(abouts)).default([...abouts]),
        language: z.enum(["en", "zh"]).default("en"),
      })
      .prefault({}),
    allowedProviders: z.array(provider).min(1).default(["lark", "lark-international", "wechatwork"]),
    operators: z
      .strictObject({
        api: z
          .array(text.regex(/^[A-Za-z0-9_-]{1,32}$/, "must be the name of a caller in the webhook keys, as in ops"))
          .default([]),
        slack: z.array(text.regex(/^[TE]\w+\/[UW]\w+$/, "must be team id and user id, as in T0123/U0456")).default([]),
      })
      .prefault({}),
    slack: z
      .strictObject({
        command: text
          .regex(/^\/[^/\p{Lu}]+$/u, "must be / and one word in small letters, as in /resign")
          .default("/resign"),
        appId: text.optional(),
        replyHosts: z
          .array(
            text.regex(
              /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
              "must be a host's bare name in small letters, as in hooks.slack.com: nothing else can match",
            ),
          )
          .default(["hooks.slack.com", "hooks.slack-gov.com"]),
        secondOperator: z.boolean().default(false),
      })
      .prefault({}),
    protected: z
      .array(
        z
          .string()
          .min(1)
          .regex(/^[a-z][a-z0-9-]*:/, 'must begin with a provider, as in "lark:ou_1" or "wechatwork:svc-*"')
          .regex(/^[^\s\p{C}]*$/u, "can never match: no id holds white space")
          .regex(/^[^*]*\*?$/, "can never match: * stands for the rest of an id, and so at the end only")
          .refine((pattern) => !pattern.endsWith(":"), "can never match: it names no id"),
      )
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
    maxEventAgeSeconds: count
      .min(1)
      .max(maxEventAgeSeconds, "must be 30 days (2592000) or less: it is in seconds")
      .default(86_400),
    silenceDays: count.default(14),
    notFoundInARow: count.min(1).default(3),
    dryRun: z.boolean().default(false),
    lookUp: z
      .undefined("is gone: there is always a look, without which one person could be resigned twice; leave it out")
      .optional(),
    graceDays: z.number().min(0).max(90).default(0),
    endSessionsIn: z.array(text).max(50).default([]),
    retry: z
      .strictObject({
        firstDelaySeconds: z.number().min(1).default(5),
        maxDelaySeconds: z.number().max(43_000).default(900),
        giveUpAfterSeconds: z.number().min(0).max(1_000_000).default(172_800),
      })
      .refine(({ firstDelaySeconds, maxDelaySeconds }) => maxDelaySeconds >= firstDelaySeconds, {
        path: ["maxDelaySeconds"],
        message: "must not be less than retry.firstDelaySeconds",
      })
      .prefault({}),
    domain: z
      .strictObject({
        name: text,
        certificateArn: text.startsWith("arn:").optional(),
        hostedZone: z.strictObject({ id: text, name: text }).optional(),
      })
      .refine(
        ({ certificateArn, hostedZone }) => certificateArn ?? hostedZone,
        'needs certificateArn, or hostedZone, as in { "id": "Z0123", "name": "example.com" }',
      )
      .optional(),
    concurrency: z
      .strictObject({
        webhookProvisioned: count.default(0),
        webhookReserved: count.min(1).optional(),
        resignerMax: count.min(2).max(1000).default(5),
      })
      .refine(
        ({ webhookProvisioned, webhookReserved = webhookProvisioned }) => webhookProvisioned <= webhookReserved,
        "webhookProvisioned must not be more than webhookReserved",
      )
      .prefault({}),
    kmsKeyArn: text.regex(/^arn:[^:]+:kms:/, "must be a KMS key's ARN, as in arn:aws:kms:…:key/…").optional(),
    xRay: z.boolean().default(false),
    alarmEmail: z.email().optional(),
    logRetentionDays: z
      .number()
      .refine((days) => logDays.includes(days), `must be one of ${logDays.join(", ")}`)
      .default(365),
    throttle: z
      .strictObject({ ratePerSecond: z.number().min(1).default(50), burst: count.min(1).default(100) })
      .prefault({}),
  })
  .superRefine(({ lark, wechatwork, forwardToPrivate }, context) => {
    for (const [section, { forwardTo: address }] of Object.entries({ lark, wechatwork })) {
      if (forwardToPrivate || !address || !isPrivate(new URL(address).hostname.replace(/^\[|\]$/g, ""))) continue;
      context.addIssue({
        code: "custom",
        path: [section, "forwardTo"],
        message: "is a private address: where that is meant, set forwardToPrivate",
      });
    }
  })
  .superRefine(({ protected: patterns, allowedProviders, lark }, context) => {
    // Every directory but Lark has its own name as its provider.
    const others = directoryNames.filter((name) => name !== "lark");
    const providers = [...new Set([...allowedProviders, lark.provider, ...others])];
    for (const [index, pattern] of patterns.entries()) {
      const message = whyUnmatched(pattern, providers, lark);
      if (message) context.addIssue({ code: "custom", path: ["protected", index], message });
    }
  });

/** Why a protected relation's pattern can never match, though its form is right. */
function whyUnmatched(
  pattern: string,
  providers: readonly string[],
  { provider: larkProvider, userIdField }: Pick<Settings["lark"], "provider" | "userIdField">,
): string | undefined {
  const [name = "", id = ""] = pattern.split(/:(.*)/s);
  if (!providers.includes(name)) return `can never match: ${name} is none of ${providers.join(", ")}`;
  if (providers.some((one) => id.includes(`${one}:`))) {
    return "can never match: it names a provider twice; everybody has an entry of their own";
  }
  if (name !== larkProvider) return undefined;
  const kind = id.startsWith("ou_") ? "open_id" : id.startsWith("on_") ? "union_id" : undefined;
  if (kind === undefined || kind === userIdField) return undefined;
  return `can never match: that is Lark's ${kind}, and lark.userIdField is ${userIdField}`;
}

/** What is allowed, and leaves a safeguard practically off or holds everybody: to be told at synth. */
export function warningsOf({ brake, dryRun, maxEventAgeSeconds, protected: patterns, retry }: Settings): string[] {
  const day = 86_400;
  const warnings: [boolean, string][] = [
    [brake.perHour === 0 || brake.perDay === 0, "brake.perHour or brake.perDay is 0: everybody is held"],
    [brake.percentPerDay === 0, "brake.percentPerDay is 0: no more than 3 people a day go through by themselves"],
    [
      brake.percentPerDay === 100 && brake.perDay >= 1_000,
      "brake.percentPerDay is 100 and brake.perDay 1000 or more: the brake of a day is practically off",
    ],
    [
      brake.perHour >= 1_000 && brake.perHour >= brake.perDay,
      "brake.perHour is 1000 or more, and no less than brake.perDay: the brake of an hour is off",
    ],
    [
      typeof brake.headcount === "number" && (brake.headcount * brake.percentPerDay) / 100 < 1,
      "brake.percentPerDay of brake.headcount is less than one person: no more than 3 a day go through by themselves",
    ],
    [maxEventAgeSeconds > 7 * day, "maxEventAgeSeconds is more than a week: who left then may have been hired again"],
    [maxEventAgeSeconds < 60, "maxEventAgeSeconds is less than a minute: nearly everybody is held"],
    [
      patterns.some((pattern) => pattern.endsWith(":*")),
      "protected names a whole provider: all of its people are held",
    ],
    [dryRun, "dryRun is on: everybody is held"],
    [retry.giveUpAfterSeconds < 3_600, "retry.giveUpAfterSeconds is less than an hour: a short outage makes failures"],
  ];
  return warnings.flatMap(([isSo, message]) => (isSo ? [message] : []));
}

/**
 * Fills the defaults in. Throws an error that names each wrong setting and what is wrong with it. `where`: the place
 * that the settings stand in.
 */
export function parseSettings(props: unknown, where = 'cdk.json, context "resignWebhook"'): Settings {
  const parsed = schema.safeParse(props);
  if (parsed.success) return parsed.data as Settings;
  const lines = parsed.error.issues.map(({ path, message }) => `  resignWebhook.${path.join(".")}: ${message}`);
  throw new Error(`The settings (${where}) are wrong:\n${lines.join("\n")}`);
}

/** Whether a token or people's data may be sent there: over TLS, or to this machine. */
function isSafeAddress(address: string, mayHavePath = false): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, pathname } = new URL(address);
  const isLocal = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
  return (mayHavePath || pathname === "/") && (protocol === "https:" || (protocol === "http:" && isLocal));
}
