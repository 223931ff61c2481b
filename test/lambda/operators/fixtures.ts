/**
 * A desk that carries nothing out: it notes what a request's work wants of it. Its tests mock
 * lambda/operators/operate.ts, which has tests of its own (`spy: true`).
 */
import { vi } from "vitest";
import { parseStop, type Stop } from "../../../lambda/departure/stop.ts";
import type { Answer } from "../../../lambda/http.ts";
import type { Ledger } from "../../../lambda/ledger.ts";
import type { Inquiry } from "../../../lambda/operators/inquiry.ts";
import { type Act, findOrThrow, list, operate } from "../../../lambda/operators/operate.ts";
import type { Work } from "../../../lambda/operators/work.ts";
import type { Problem } from "../../../lambda/problem.ts";
import { toResignation } from "../../../lambda/resignation/departure.ts";
import type { Resignation } from "../../../lambda/resignation/resignation.ts";
import type { SyncRelation } from "../../../lambda/resignation/sync-relation.ts";
import { now, settings } from "../../parts.ts";

/** What the desk finds. */
export interface Found {
  readonly resignation?: Resignation;
  readonly items?: Resignation[];
  readonly nextCursor?: string;
  /** Thrown where a resignation should be found or acted on. */
  readonly problem?: Problem;
  /** The inquiry that a click settles; absent where that was done before. */
  readonly inquiry?: Inquiry;
  /** The emergency stop, as it stands. */
  readonly stop?: Stop;
}

/** The one thing that the work wanted, what it did besides, and its answer. */
interface Done {
  /** `answer`: it wanted nothing. */
  kind: "answer" | "act" | "stop" | "find" | "list" | "ask" | "settle" | "count" | "reverify";
  act?: Act;
  id?: string;
  query?: Parameters<typeof list>[1];
  cursor?: string | undefined;
  inquiry?: Inquiry;
  inquiryId?: string;
  state?: Inquiry["state"];
  replyUrl?: string;
  after?: string | undefined;
  /** The emergency stop, as it is written. */
  stop?: Stop;
  /** What became a resignation. */
  entered?: Resignation;
  /** What was queued. */
  sent?: string[];
  notices?: { metric: string; message: string; level: string | undefined }[];
  /** What was posted to a `response_url`. */
  reply?: { url: string; message: object };
  answer: Answer;
}

/** What the desk finds where nothing else is given. */
export const accepted = toResignation(
  {
    ...{ source: "slack", eventId: "e", userId: "lark:ou_1" as SyncRelation, occurredAt: now },
    requestedBy: "T0/U0ALICE",
  },
  now,
);
export const counts = { items: [{ source: "lark", hour: "2026-11-24T01", reasons: { signature: 2 } }] };
export const page = { source: "lark" as const, looked: 3, verified: 2, departures: 1, next: "lark y" };

const unexpected = (message: string) => {
  throw new Error(`It warns: ${message}`);
};

/** Runs the work at such a desk. Rejects where it throws, warns, wants two things or posts twice. */
export async function run(work: Work | undefined, found: Found = {}): Promise<Done> {
  if (!work) throw new Error("There is no such route");
  let wanted: Omit<Done, "answer"> = { kind: "answer" };
  const besides: Partial<Done> = {};
  const replies: { url: string; message: object }[] = [];
  const want = (one: typeof wanted) => {
    if (wanted.kind !== "answer") throw new Error(`It wants to ${wanted.kind}, then to ${one.kind}`);
    wanted = one;
  };
  const find = (one: typeof wanted) => {
    want(one);
    if (found.problem) throw found.problem;
    return found.resignation ?? accepted;
  };
  const { items = [], nextCursor } = found;

  vi.mocked(operate).mockImplementation(async (_, act) => find({ kind: "act", act }));
  vi.mocked(findOrThrow).mockImplementation(async (_, id) => find({ kind: "find", id }));
  vi.mocked(list).mockImplementation(async (_, query, cursor) => {
    want({ kind: "list", query, cursor });
    return { items, nextCursor, unreadable: [] };
  });
  vi.stubGlobal("fetch", async (url: string, { body }: { body: string }) => {
    replies.push({ url, message: JSON.parse(body) });
    return new Response();
  });
  const ledger: Partial<Ledger> = {
    async enterInquiry(inquiry) {
      want({ kind: "ask", inquiry });
    },
    async settleInquiry(inquiryId, state, replyUrl) {
      want({ kind: "settle", inquiryId, state, replyUrl });
      return found.inquiry && { ...found.inquiry, state, replyUrl };
    },
    list: async () => ({ items, unreadable: [] }),
    readStop: async () => found.stop ?? parseStop(undefined),
    isFirstUse: async () => true,
    async saveStop(stop) {
      want({ kind: "stop", stop });
      return true;
    },
    async enter(resignation) {
      besides.entered = resignation;
      return undefined;
    },
  };
  try {
    const answer = await work({
      ledger: ledger as Ledger,
      queue: {
        async send(id) {
          besides.sent = [...(besides.sent ?? []), id];
        },
      },
      reverify: {
        async count() {
          want({ kind: "count" });
          return counts;
        },
        async page(after) {
          want({ kind: "reverify", after });
          return page;
        },
      },
      settings: settings(),
      log: {
        ...{ info() {}, measure() {}, warn: unexpected, error: unexpected },
        count(metric, message, _, level) {
          besides.notices = [...(besides.notices ?? []), { metric, message, level }];
        },
      },
      now: () => now,
    });
    const [reply, ...more] = replies;
    if (more.length > 0) throw new Error("It posts twice");
    return { ...wanted, ...besides, ...(reply && { reply }), answer };
  } finally {
    vi.unstubAllGlobals();
  }
}
