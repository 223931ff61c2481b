import { createHash, createHmac } from "node:crypto";
import { signSlack, slackClick, slackCommand } from "../../../../cli/sign.ts";
import type { Request } from "../../../../lambda/http.ts";
import { now, toRequest } from "../../../parts.ts";
import {
  almost,
  bitFlips,
  cuts,
  type Hostile,
  hexFlips,
  notJson,
  notObjects,
  oddSignatures,
  oddTimestamps,
  seconds,
  truncations,
  withBody,
  withHeaders,
} from "./parts.ts";

const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5";
export const keys = { signingSecret: [signingSecret] };

const alice = { team: "T0", user: "U0ALICE" };
const replyUrl = "https://hooks.slack.com/commands/T0/1/secret";
const command = slackCommand("/resign lark:ou_1 left", alice, replyUrl);
const click = slackClick("resign", "ask_1", alice, replyUrl);
const good = toRequest(signSlack("/slack/commands", command, signingSecret, now));
const clicked = toRequest(signSlack("/slack/interactions", click, signingSecret, now));
export const accepted = [good, clicked];

const signature = (good.headers["x-slack-signature"] ?? "").slice(3);
const text = good.body.toString();

/** Signed as Slack does, whatever it is. */
function sign(request: Request, body: string | Uint8Array, timestamp = seconds, secret = signingSecret): Request {
  const digest = createHmac("sha256", secret).update(`v0:${timestamp}:`).update(body).digest("hex");
  const headers = { "x-slack-request-timestamp": timestamp, "x-slack-signature": `v0=${digest}` };
  return withBody(withHeaders(request, headers), body);
}
const typed = (fields: Record<string, string>) => sign(good, new URLSearchParams({ ...command, ...fields }).toString());
const without = (form: Record<string, string>, name: string) =>
  new URLSearchParams(Object.entries(form).filter(([field]) => field !== name)).toString();
const payload = (content: string) => sign(clicked, new URLSearchParams({ payload: content }).toString());
const action = (changes: object) => payload(JSON.stringify({ ...JSON.parse(click.payload ?? ""), ...changes }));

const proof = (name: string, request: Request, reason: string): Hostile => ({
  name,
  request,
  expected: `unauthorized: ${reason}`,
});
const malformed = (name: string, request: Request): Hostile => ({ name, request, expected: "malformed" });
const signedWith = (value: string) => withHeaders(good, { "x-slack-signature": value });
const base = `v0:${seconds}:${text}`;

const otherReplies = [
  "",
  "nonsense",
  "//hooks.slack.com/x",
  "/commands/x",
  "http://hooks.slack.com/x",
  "ftp://hooks.slack.com/x",
  "file:///etc/passwd",
  "javascript:alert(1)",
  "data:text/plain,x",
  "https://hooks.slack.com.evil.example/x",
  "https://evil.example/hooks.slack.com",
  "https://evil.example?hooks.slack.com",
  "https://evil.example#hooks.slack.com",
  "https://hooks.slack.com@evil.example/x",
  "https://user@hooks.slack.com/x",
  "https://user:password@hooks.slack.com/x",
  "https://hooks.slack.com:8443/x",
  "https://hooks.slack.com:80/x",
  "https://xhooks.slack.com/x",
  "https://hooks-slack.com/x",
  "https://slack.com/x",
  "https://hooks.slack.com./x",
  "https://hooks.slack.co/x",
  "https://h\u043e\u043eks.slack.com/x",
  "https://127.0.0.1/x",
  "http://localhost/x",
  "http://[::1]/x",
  "http://169.254.169.254/latest/meta-data",
  "https://2130706433/x",
  "https://metadata.google.internal/x",
];

const strangers = [
  { team_id: "T1" },
  { team_id: "" },
  { team_id: "t0" },
  { team_id: " T0" },
  { team_id: "T0/U0ALICE" },
  { user_id: "U0EVE" },
  { user_id: "" },
  { user_id: "u0alice" },
  { user_id: "U0ALICE " },
  { user_id: "U0ALICE/x" },
  { user_id: "/U0ALICE", team_id: "T0" },
  { user_id: "ALICE", team_id: "T0/U0" },
  { user_id: "__proto__" },
  { user_id: "U0ALIC\u0415" },
];

export const cases: Hostile[] = [
  ...hexFlips(signature).map((hex, index) =>
    proof(`signature, digit ${index} changed`, signedWith(`v0=${hex}`), "signature"),
  ),
  ...cuts(`v0=${signature}`).map((value) =>
    proof(`signature cut to ${value.length}`, signedWith(value), "signature form"),
  ),
  ...oddSignatures(signature).map(([name, value]) =>
    proof(`signature v0= ${name}`, signedWith(`v0=${value}`), "signature form"),
  ),
  ...["", "v1=", "V0=", "v0", "v0:", "v00=", " v0=", "v0==", "v0=v0="].map((version) =>
    proof(`version ${JSON.stringify(version)}`, signedWith(version + signature), "signature form"),
  ),
  proof("signature missing", withHeaders(good, { "x-slack-signature": undefined }), "signature form"),
  ...bitFlips(good.body, 50).map((body, index) => proof(`body, bit flip ${index}`, withBody(good, body), "signature")),
  ...truncations(good.body, 30).map((body) => proof(`body cut to ${body.length}`, withBody(good, body), "signature")),
  ...almost(text).map(([name, body]) => proof(`body ${name}`, withBody(good, body), "signature")),
  proof("body in another order", withBody(good, text.split("&").reverse().join("&")), "signature"),
  proof("body with spaces as %20", withBody(good, text.replaceAll("+", "%20")), "signature"),
  ...oddTimestamps.map((value) =>
    proof(`timestamp ${JSON.stringify(value)}, signed`, sign(good, text, value), "timestamp form"),
  ),
  ...[11, 12, 13, 16].map((length) =>
    proof(`timestamp of ${length} digits, signed`, sign(good, text, seconds.padEnd(length, "0")), "timestamp form"),
  ),
  proof("timestamp missing", withHeaders(good, { "x-slack-request-timestamp": undefined }), "timestamp form"),
  ...["1795485601", "1795485599", "0000000000"].map((value) =>
    proof(
      `timestamp ${value} with another's signature`,
      withHeaders(good, { "x-slack-request-timestamp": value }),
      "signature",
    ),
  ),
  ...[300_001, 301_000, 600_000, 86_400_000, -300_001, -301_000, -86_400_000].map((ms) => ({
    ...proof(`replayed ${ms} ms later`, good, "timestamp"),
    at: new Date(now.getTime() + ms),
  })),
  ...[
    "",
    "x",
    `${signingSecret} `,
    signingSecret.toUpperCase(),
    signingSecret.slice(1),
    Buffer.from(signingSecret).toString("base64"),
  ].map((secret) =>
    proof(`signed with ${JSON.stringify(secret.slice(0, 6))}…`, sign(good, text, seconds, secret), "signature"),
  ),
  ...(
    [
      [
        "SHA-256 with the secret in front",
        createHash("sha256")
          .update(signingSecret + base)
          .digest("hex"),
      ],
      [
        "SHA-256 with the secret behind",
        createHash("sha256")
          .update(base + signingSecret)
          .digest("hex"),
      ],
      ["SHA-256 without a secret", createHash("sha256").update(base).digest("hex")],
      ["HMAC without the version", createHmac("sha256", signingSecret).update(`${seconds}:${text}`).digest("hex")],
      ["HMAC without the timestamp", createHmac("sha256", signingSecret).update(`v0:${text}`).digest("hex")],
      ["HMAC of the body alone", createHmac("sha256", signingSecret).update(text).digest("hex")],
      ["HMAC with dots", createHmac("sha256", signingSecret).update(`v0.${seconds}.${text}`).digest("hex")],
      [
        "HMAC of the decoded body",
        createHmac("sha256", signingSecret)
          .update(`v0:${seconds}:${decodeURIComponent(text)}`)
          .digest("hex"),
      ],
      ["HMAC-SHA512, cut", createHmac("sha512", signingSecret).update(base).digest("hex").slice(0, 64)],
      ["HMAC-SHA3", createHmac("sha3-256", signingSecret).update(base).digest("hex")],
    ] as const
  ).map(([name, value]) => proof(`signature by ${name}`, signedWith(`v0=${value}`), "signature")),

  ...Object.keys(command).map((name) => malformed(`form with two of ${name}`, sign(good, `${text}&${name}=x`))),
  malformed("form with __proto__ twice", sign(good, `${text}&__proto__=1&__proto__=2`)),
  ...["team_id", "user_id", "command", "response_url"].map((name) =>
    malformed(`form without ${name}`, sign(good, without(command, name))),
  ),
  ...["ff", "c328", "eda080"].map((hex) =>
    malformed(
      `form that is not UTF-8: ${hex}`,
      sign(good, Buffer.concat([Buffer.from(text), Buffer.from(hex, "hex")])),
    ),
  ),
  ...["{}", "null", "<xml/>", ""].map((body) => malformed(`form ${body}`, sign(good, body))),
  ...otherReplies.flatMap((url) => [
    malformed(`a command whose response_url is ${JSON.stringify(url)}`, typed({ response_url: url })),
    ...(url === ""
      ? []
      : [malformed(`a click whose response_url is ${JSON.stringify(url)}`, action({ response_url: url }))]),
  ]),
  ...strangers.map((fields) => ({
    name: `a command of ${JSON.stringify(fields)}`,
    request: typed(fields as Record<string, string>),
    expected: "answer: StrangerRefused",
  })),
  ...strangers.map(({ team_id = "T0", user_id = "U0ALICE" }) => ({
    name: `a click of ${JSON.stringify([team_id, user_id])}`,
    request: action({ user: { id: user_id, team_id } }),
    expected: "answer: StrangerRefused",
  })),
  ...["", "A0OTHER", "a0local", "A0LOCAL "].flatMap((api_app_id) => [
    {
      ...proof(`a command of the app ${JSON.stringify(api_app_id)}`, typed({ api_app_id }), "app id"),
      changes: { slack: { appId: "A0LOCAL" } },
    },
    {
      ...proof(`a click of the app ${JSON.stringify(api_app_id)}`, action({ api_app_id }), "app id"),
      changes: { slack: { appId: "A0LOCAL" } },
    },
  ]),
  ...notJson.map((content) => malformed(`payload ${JSON.stringify(content.slice(0, 20))}`, payload(content))),
  ...notObjects.map((content) => malformed(`payload ${content.slice(0, 20)}`, payload(content))),
  malformed("no payload", sign(clicked, "a=b")),
  ...[
    { type: 1 },
    { user: null },
    { user: { id: 1 } },
    { user: undefined },
    { actions: "x" },
    { actions: [1] },
    { actions: [{}] },
    { actions: [{ action_id: 1 }] },
    { actions: [{ action_id: "resign", value: 1 }] },
    { response_url: 1 },
  ].map((changes) => malformed(`a click with ${JSON.stringify(changes)}`, action(changes))),
  ...[
    { type: "view_submission" },
    { type: "message_action" },
    { type: "" },
    { actions: [] },
    { actions: undefined },
    { actions: [{ action_id: "Resign", value: "ask_1" }] },
    { actions: [{ action_id: "resign" }] },
    { actions: [{ action_id: "resign", value: "" }] },
    { response_url: undefined },
  ].map((changes) => ({
    name: `a click of no use: ${JSON.stringify(changes)}`,
    request: action(changes),
    expected: "answer: undefined",
  })),
];
