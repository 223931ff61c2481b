import * as z from "zod/mini";

/** The environment variables through which the stack tells the functions where things are. Declared only here. */
export const variables = {
  settings: "RESIGN_SETTINGS",
  keysSecretId: "KEYS_SECRET_ID",
  tokenSecretId: "TOKEN_SECRET_ID",
  ledgerTable: "LEDGER_TABLE",
  quarantineTable: "QUARANTINE_TABLE",
  queueUrl: "QUEUE_URL",
  deadLettersUrl: "DEAD_LETTERS_URL",
  noticesUrl: "NOTICES_URL",
  forwardsUrl: "FORWARDS_URL",
  targetsSecretId: "TARGETS_SECRET_ID",
} as const;

const settingsSchema = z.object({
  genauth: z.object({
    host: z.string(),
    userPoolId: z.string(),
    // Absent in the environment of a function that was deployed before 0.1.0.
    settleSeconds: z._default(z.number(), 30),
  }),
  lark: z.object({
    provider: z.string(),
    userIdField: z.enum(["open_id", "union_id", "user_id"]),
    appId: z.optional(z.string()),
    tenantKey: z.optional(z.string()),
    strictTimestamp: z.boolean(),
    forwardTo: z.optional(z.string()),
  }),
  wechatwork: z.object({ forwardTo: z.optional(z.string()) }),
  forwardToPrivate: z.boolean(),
  allowedProviders: z.array(z.string()),
  operators: z.object({ api: z.array(z.string()), slack: z.array(z.string()) }),
  slack: z.object({
    command: z.string(),
    appId: z.optional(z.string()),
    replyHosts: z.array(z.string()),
    secondOperator: z.boolean(),
  }),
  notices: z.object({ about: z.array(z.string()), language: z.enum(["en", "zh"]) }),
  protected: z.array(z.string()),
  brake: z.object({
    perHour: z.number(),
    perDay: z.number(),
    percentPerDay: z.number(),
    headcount: z.union([z.number(), z.literal("ask")]),
  }),
  maxEventAgeSeconds: z.number(),
  silenceDays: z.number(),
  notFoundInARow: z.number(),
  dryRun: z.boolean(),
  graceDays: z.number(),
  endSessionsIn: z.array(z.string()),
  retry: z.object({
    firstDelaySeconds: z.number(),
    maxDelaySeconds: z.number(),
    giveUpAfterSeconds: z.number(),
  }),
});

/** The settings as the functions read them; `lib/settings.ts` documents and validates each. */
export type RuntimeSettings = z.infer<typeof settingsSchema>;

/** Throws an error that names the variable when it is missing: the function was not deployed by this stack. */
export function readVariable(environment: NodeJS.ProcessEnv, name: keyof typeof variables): string {
  const value = environment[variables[name]];
  if (!value) throw new Error(`The environment variable ${variables[name]} is not set`);
  return value;
}

export const readSettings = (environment: NodeJS.ProcessEnv): RuntimeSettings =>
  settingsSchema.parse(JSON.parse(readVariable(environment, "settings")));
