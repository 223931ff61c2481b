import * as z from "zod/mini";
import { forwardToOf } from "../lambda/intake/forward.ts";
import { directoryNames } from "../lambda/resignation/source-names.ts";
import * as runtime from "../lambda/settings/settings.ts";
import { type Fixed, ruled, section } from "./rules.ts";
import {
  atLeast,
  caller,
  count,
  ec2Id,
  forwardTo,
  host,
  hostName,
  isSafeAddress,
  logDays,
  maxCertificateName,
  maxEventAgeSeconds,
  maxPerDay,
  pattern,
  provider,
  slackCommand,
  slackPerson,
  text,
  whyNoListener,
  whyUnmatched,
} from "./values.ts";

z.config(z.locales.en());

/** Those of a stack on this machine, whose second listener may be here too. */
const localSchema = z
  .strictObject({
    /** GenAuth, where people are resigned. */
    genauth: z.strictObject(
      ruled(runtime.genauth(), {
        host: text.check(
          z.refine((address) => isSafeAddress(address), "must be https://…, as in https://api.genauth.ai"),
        ),
        userPoolId: text,
        settleSeconds: atLeast(0).check(z.lte(600)),
      }),
    ),
    /** What Lark or Feishu sends. */
    lark: section(runtime.lark(), { appId: text, tenantKey: text, forwardTo }),
    /** What WeCom sends. */
    wechatwork: section(runtime.wechatwork(), { forwardTo }),
    /** What people are told, in chats and by webhook. */
    notices: section(runtime.notices(), { about: z.array(z.enum(runtime.abouts)) }),
    ...ruled(runtime.orders(), { allowedProviders: z.array(provider).check(z.minLength(1)) }),
    /** Who may decide about what is held. */
    operators: section(runtime.operators(), { api: z.array(caller), slack: z.array(slackPerson) }),
    /** The slash command in Slack. */
    slack: section(runtime.slack(), { command: slackCommand, appId: text, replyHosts: z.array(host) }),
    /** How many go through without an operator. */
    brake: section(runtime.brake(), {
      perHour: count,
      perDay: count.check(
        z.lte(
          maxPerDay,
          "must be 500 or less: each departure writes the day's whole log anew, and DynamoDB slows down with a longer one",
        ),
      ),
      percentPerDay: atLeast(0).check(z.lte(100)),
      headcount: z.union([z.literal("ask"), count.check(z.gte(1))], 'must be a number of people, or "ask"'),
    }),
    ...ruled(runtime.departures(), {
      protected: z.array(pattern),
      maxEventAgeSeconds: count.check(
        z.gte(1),
        z.lte(maxEventAgeSeconds, "must be 30 days (2592000) or less: it is in seconds"),
      ),
      notFoundInARow: count.check(z.gte(1)),
      graceDays: atLeast(0).check(z.lte(90)),
      endSessionsIn: z.array(text).check(z.maxLength(50)),
    }),
    ...ruled(runtime.silence(), { silenceDays: count }),
    /** @deprecated There is always a look, since without one a person with two relations could be resigned twice. */
    lookUp: z.optional(
      z.undefined("is gone: there is always a look, without which one person could be resigned twice; leave it out"),
    ),
    /** @deprecated No function is in a private network, so that none could reach one. */
    forwardToPrivate: z.optional(z.undefined("is gone: a function reaches no private network; leave it out")),
    /** What was not done is tried again. */
    retry: section(
      runtime.retry(),
      {
        firstDelaySeconds: atLeast(1),
        maxDelaySeconds: z.number().check(z.lte(43_000)),
        giveUpAfterSeconds: atLeast(0).check(z.lte(1_000_000)),
      },
      z.refine(({ firstDelaySeconds, maxDelaySeconds }) => maxDelaySeconds >= firstDelaySeconds, {
        path: ["maxDelaySeconds"],
        message: "must not be less than retry.firstDelaySeconds",
      }),
    ),
    /**
     * An address on a domain of your own. **WeCom needs this**: it takes addresses of the corp's own domain only. The
     * address that AWS gives works beside it until `only` is set. Beside `name` it takes `certificateArn`,
     * `hostedZone`, or both.
     * @default - the address that AWS gives
     */
    domain: z.optional(
      z
        .strictObject({
          /** The address's name, as in `hook.example.com`. Let it point at the output `DomainTarget` (CNAME). */
          name: text.check(z.regex(hostName, "must be a host's name in small letters, as in hook.example.com")),
          /**
           * A certificate for it in AWS Certificate Manager, in the stack's region.
           * @default - one is made, in the hosted zone
           */
          certificateArn: z.optional(
            text.check(
              z.regex(
                /^arn:[^:]+:acm:[^:]+:\d+:certificate\//,
                "must be a certificate's ARN, as in arn:aws:acm:…:certificate/…",
              ),
            ),
          ),
          /**
           * A public hosted zone of this account in Route 53: `{ "id": "Z0123", "name": "example.com" }`. The name is
           * entered there. @default - enter it yourself
           */
          hostedZone: z.optional(z.strictObject({ id: text, name: text })),
          /**
           * Switch the address off that AWS gave. Set it in a deployment of its own, once every console has the new
           * address and `npm run doctor` has seen it work: what still calls the former one is lost. @default false
           */
          only: z._default(z.boolean(), false),
        })
        .check(
          z.refine(({ name, certificateArn }) => certificateArn !== undefined || name.length <= maxCertificateName, {
            path: ["name"],
            message: `has more than the ${maxCertificateName} letters for which AWS Certificate Manager makes a certificate: give certificateArn`,
          }),
          z.refine(
            ({ name, hostedZone }) => !hostedZone || name === hostedZone.name || name.endsWith(`.${hostedZone.name}`),
            { path: ["hostedZone", "name"], message: "must be the end of domain.name, as in example.com" },
          ),
          z.refine(
            ({ certificateArn, hostedZone }) => Boolean(certificateArn ?? hostedZone),
            'needs certificateArn, or hostedZone, as in { "id": "Z0123", "name": "example.com" }',
          ),
        ),
    ),
    /** How much runs at once. */
    concurrency: section(
      {
        /** Webhooks kept warm, for WeCom's one second. Costs by the hour: see docs/cost.md. @default 0 */
        webhookProvisioned: z._default(count, 0),
        /**
         * So many executions of the account are kept for webhooks, and no more of them run at once: as many as may
         * come in a second to one address (`throttle.ratePerSecond`), all of them cold. The directories share them. 0:
         * none are kept, for an account that has too few: see docs/setup.md#concurrency. @default 50
         */
        webhookReserved: z._default(count, 50),
        /** At most so many resigners at once, each with up to 10 departures: how hard GenAuth is called. @default 5 */
        resignerMax: z._default(count.check(z.gte(2), z.lte(1000)), 5),
      },
      {},
      z.refine(
        ({ webhookProvisioned, webhookReserved }) => webhookReserved === 0 || webhookProvisioned <= webhookReserved,
        "webhookProvisioned must not be more than webhookReserved",
      ),
    ),
    /**
     * A KMS key of your own for the tables, the queues and the secrets; the logs, the alarms' topic and the functions'
     * settings are not encrypted with it. Its policy must let this account's IAM policies decide, as the one does that
     * AWS gives a new key. @default - keys that AWS keeps
     */
    kmsKeyArn: z.optional(
      text.check(
        z.regex(
          /^arn:[^:]+:kms:[^:]+:\d+:key\//,
          "must be a KMS key's ARN, as in arn:aws:kms:…:key/…; an alias gives no function a right",
        ),
      ),
    ),
    /**
     * A network of your own that the functions call out through: GenAuth, Slack, chats and the second listener then see
     * your address, and private ones can be reached. It costs: see docs/cost.md. `webhook` and `sweep`, which call
     * nobody, stay outside.
     * @default - AWS's own, with addresses that change
     */
    network: z.optional(
      z.strictObject({
        /** The VPC. */
        vpcId: ec2Id("vpc"),
        /**
         * Its private subnets, two in different zones at best. A function gets no public address: each needs a route to
         * a NAT gateway, or to endpoints of DynamoDB, SQS and Secrets Manager and to all that is called.
         */
        subnetIds: z
          .array(ec2Id("subnet"))
          .check(z.minLength(1), z.maxLength(16, "AWS takes 16 or fewer for a function")),
        /**
         * Its security groups. @default - one is made, which lets https out (port 443) and nothing in
         */
        securityGroupIds: z.optional(
          z.array(ec2Id("sg")).check(z.minLength(1), z.maxLength(5, "AWS takes 5 or fewer for a function")),
        ),
      }),
    ),
    /** AWS X-Ray traces of every function. @default false */
    xRay: z._default(z.boolean(), false),
    /** Who hears the alarms: confirm the e-mail that AWS sends. @default - nobody: subscribe to the topic yourself */
    alarmEmail: z.optional(z.email()),
    /** How long logs are kept: one of the times that CloudWatch offers. @unit days @default 365 */
    logRetentionDays: z._default(
      z.number().check(z.refine((days) => logDays.includes(days), `must be one of ${logDays.join(", ")}`)),
      365,
    ),
    /** How much the API takes: each directory's address for itself, so that nothing else can use it up. */
    throttle: section(
      {
        /** Requests a second. @unit requests @default 50 */
        ratePerSecond: z._default(atLeast(1), 50),
        /** Requests at once. @unit requests @default 100 */
        burst: z._default(count.check(z.gte(1)), 100),
      },
      {},
    ),
  })
  .check(
    z.superRefine(({ protected: patterns, allowedProviders, lark }, context) => {
      // Every directory but Lark has its own name as its provider.
      const others = directoryNames.filter((name) => name !== "lark");
      const providers = [...new Set([...allowedProviders, lark.provider, ...others])];
      for (const [index, one] of patterns.entries()) {
        const message = whyUnmatched(one, providers, lark);
        if (message) context.addIssue({ code: "custom", path: ["protected", index], message });
      }
    }),
  );

/** Every setting: those of the functions, with what each must be, and those of the deployment alone. */
export const settingsSchema = localSchema.check(
  z.superRefine((settings, context) => {
    for (const name of directoryNames) {
      const address = forwardToOf(settings, name);
      const message = address === undefined ? undefined : whyNoListener(address, settings.domain?.name);
      if (message) context.addIssue({ code: "custom", path: [name, "forwardTo"], message });
    }
  }),
);

/** What an administrator decides. Everything but `genauth` has a default. */
export type ResignWebhookProps = Fixed<z.input<typeof settingsSchema>>;

/** The settings with every default filled in. */
export type Settings = z.output<typeof settingsSchema>;

/**
 * Fills the defaults in. Throws an error that names each wrong setting and what is wrong with it. `where`: the place
 * that the settings stand in.
 */
export const parseSettings = (props: unknown, where = 'cdk.json, context "resignWebhook"'): Settings =>
  parse(settingsSchema, props, where);

/** The same for a stack on this machine. */
export const parseLocalSettings = (props: unknown, where = "of a local stack"): Settings =>
  parse(localSchema, props, where);

function parse(schema: typeof settingsSchema, props: unknown, where: string): Settings {
  const parsed = schema.safeParse(props);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) => `  resignWebhook.${path.join(".")}: ${message}`);
  throw new Error(`The settings (${where}) are wrong:\n${lines.join("\n")}`);
}
