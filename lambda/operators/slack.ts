/**
 * Slack's slash command and its buttons (docs.slack.dev: "Slash commands", "Interactivity"). Every answer is a 200
 * within 3 seconds; what takes longer comes by `response_url`.
 */
import * as z from "zod/mini";
import { type Request, text } from "../http.ts";
import { malformed, refused } from "../problem.ts";
import type { DeskSettings } from "../settings/by-function.ts";
import { readJson } from "../sources/json.ts";
import { hasAll, sha256 } from "../sources/proof.ts";
import { readSlackKeys, type SlackKeys, verifySlack } from "../sources/slack-signature.ts";
import { type Context, defineSource, verified } from "../sources/source.ts";
import { countStranger, nothing, strangerText, workOf } from "./slack-click.ts";
import { carryOut, ephemeral, say } from "./slack-command.ts";
import { help, unescapeText } from "./slack-messages.ts";
import type { Work } from "./work.ts";

type SlackContext = Omit<Context<SlackKeys, DeskSettings>, "keys">;

export const slack = defineSource<SlackKeys, Work, DeskSettings>({
  section: "slack",
  readKeys: readSlackKeys,
  routes: {
    "POST /slack/commands": verified({ verify, read: readCommand }),
    "POST /slack/interactions": verified({ verify, read: readClick }),
  },
  hasProof: ({ headers }) => hasAll(headers, "x-slack-signature", "x-slack-request-timestamp"),
  answerUnsigned: (request) => (isCertificateCheck(request) ? text(200, "") : undefined),
});

/** A form that Slack signed. */
interface Signed {
  readonly form: Readonly<Record<string, string | undefined>>;
  /** Slack repeats no request, and each has a trigger id of its own in its body. */
  readonly requestId: string;
}

function verify(request: Request, { keys, now }: Context<SlackKeys, DeskSettings>): Signed {
  const requestId = `slack/${sha256(request.body).toString("hex").slice(0, 32)}`;
  return { form: verifySlack(request, keys, now), requestId };
}

const commandSchema = z.object({
  team_id: z.string(),
  user_id: z.string(),
  api_app_id: z.optional(z.string()),
  command: z.string(),
  text: z._default(z.string(), ""),
  response_url: z.string(),
});

function readCommand({ form, requestId }: Signed, context: SlackContext): Work {
  if (form.ssl_check === "1") return nothing;
  const { settings, now } = context;
  const command = orMalformed(commandSchema, form);
  verifyApp(command.api_app_id, settings);
  if (command.command !== settings.slack.command) return say(help(settings.slack.command));
  const operator = `${command.team_id}/${command.user_id}`;
  if (!settings.operators.slack.includes(operator)) return refuseStranger;
  const given = { text: unescapeText(command.text), operator, requestId, replyUrl: command.response_url };
  return carryOut(given, settings, now);
}

const typeSchema = z.object({ type: z.string() });

const clickSchema = z.object({
  user: z.object({ id: z.string(), team_id: z.nullish(z.string()) }),
  team: z.nullish(z.object({ id: z.string() })),
  api_app_id: z.nullish(z.string()),
  response_url: z.nullish(z.string()),
  actions: z.nullish(z.array(z.object({ action_id: z.string(), value: z.nullish(z.string()) }))),
});

/** Slack does not show this answer: the outcome is told by the click's own `response_url`. */
function readClick({ form, requestId }: Signed, { settings, now }: SlackContext): Work {
  if (form.ssl_check === "1" && form.payload === undefined) return nothing;
  const payload = readJson(form.payload ?? "");
  // An app has one address for all its interactions, and those of other kinds have another shape.
  if (orMalformed(typeSchema, payload).type !== "block_actions") return nothing;
  const { user, team, ...clicked } = orMalformed(clickSchema, payload);
  verifyApp(clicked.api_app_id, settings);
  const operator = `${user.team_id ?? team?.id}/${user.id}`;
  const [action] = clicked.actions ?? [];
  const replyUrl = clicked.response_url ?? undefined;
  const click = { name: action?.action_id, value: action?.value, operator, requestId, replyUrl };
  return workOf(click, settings, now);
}

/**
 * Slack's check of the address's certificate: a form with `ssl_check=1`, and the only request that it does not sign.
 * Nothing else of it is read.
 */
function isCertificateCheck({ headers, body }: Request): boolean {
  if (headers["x-slack-signature"] !== undefined || body.length > 4096) return false;
  const checks = new URLSearchParams(body.toString("latin1")).getAll("ssl_check");
  return checks.length === 1 && checks[0] === "1";
}

/** Commands are not namespaced in Slack, and a signing secret can be copied: the app must be the one we know. */
function verifyApp(appId: string | null | undefined, settings: DeskSettings): void {
  if (settings.slack.appId && appId !== settings.slack.appId) throw refused("app id");
}

const refuseStranger: Work = async ({ log }) => {
  countStranger(log);
  return ephemeral(strangerText);
};

function orMalformed<T>(schema: z.ZodMiniType<T>, given: unknown): T {
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw malformed(`Slack sent an unexpected form at ${parsed.error.issues[0]?.path.join(".")}`);
  return parsed.data;
}
