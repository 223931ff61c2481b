import type { Answer, Request } from "../http.ts";
import type { Metric } from "../log.ts";
import { api, quarantine } from "../operators/api.ts";
import type { Inquiry } from "../operators/inquiry.ts";
import { slack } from "../operators/slack.ts";
import type { Problem } from "../problem.ts";
import type { Departure, HeldFor, Moment, Resignation, SourceName, Status, SyncRelation } from "../resignation.ts";
import type { SourceSettings } from "../settings-of.ts";
import type { Keys } from "./keys.ts";
import { lark } from "./lark.ts";
import { wechatwork } from "./wechatwork.ts";

/** Every source. A new one is one new file and one line here. */
const sources = [lark, wechatwork, slack, api] as const;

/** What a verified request asks of us. */
export type Received =
  /** No departure: a URL check, an event of another kind. */
  | {
      kind: "answer";
      answer: Answer;
      notices?: Notice[];
      /** The source only checks the address. */
      isUrlCheck?: boolean;
      /** It may tell of a departure that we cannot read: why, and it goes to the quarantine. */
      keepAs?: string;
      /** Why the brake goes on for an hour. */
      brakeOn?: string;
      renamed?: { former: SyncRelation; next: SyncRelation };
      /** What is told by another address. */
      reply?: { url: string; message: object };
      /** No sign of life: nobody proved to be anybody, or it is of a tenant or corp that is not ours. */
      isNoLife?: boolean;
    }
  /** To be written down before it is answered. */
  | {
      kind: "departures";
      departures: Departure[];
      /** People who came back. */
      returns?: Return[];
      notices?: Notice[];
      renamed?: { former: SyncRelation; next: SyncRelation };
      /** How long the answer may wait for the outcome. */
      waitSeconds?: number;
      answer: (taken: Resignation[]) => Answer;
    }
  | { kind: "find"; id: string; answer: (found: Resignation) => Answer; onProblem?: OnProblem }
  | {
      kind: "list";
      query: {
        status?: Status | undefined;
        userId?: string | undefined;
        since?: Date | undefined;
        limit: number;
      };
      cursor: string | undefined;
      answer: (items: Resignation[], nextCursor: string | undefined, unreadable: readonly string[]) => Answer;
      onProblem?: OnProblem;
    }
  | {
      kind: "act";
      act: Act;
      answer: (changed: Resignation) => Answer;
      onProblem?: OnProblem;
      /** Where the outcome is told besides. */
      reply?: { url: string; message: (changed: Resignation) => object; problem: (problem: Problem) => object };
    }
  /** To be looked up behind the queue, where GenAuth's token is. */
  | { kind: "ask"; inquiry: Inquiry; answer: Answer }
  /** What an operator clicked, once: the inquiry becomes a departure, or nothing. */
  | {
      kind: "settle";
      inquiryId: string;
      state: Exclude<Inquiry["state"], "open">;
      replyUrl: string;
      toDeparture: (inquiry: Inquiry) => Departure | undefined;
      /** Told where there was nothing left to settle. */
      settledBefore: object;
      answer: Answer;
    };

/** What an operator wants of the quarantine. */
export type Review = { kind: "count" } | { kind: "reverify"; after: string | undefined };

/** Where a source has its own form for what cannot be done. */
type OnProblem = (problem: Problem) => Answer;

/** Somebody is back at the source that told of their departure. */
export interface Return {
  readonly userId: SyncRelation;
  readonly source: SourceName;
  readonly moment: Moment;
}

export type ActName = "approve" | "cancel" | "retry" | "acknowledge";

/** What an operator wants done with a resignation. */
export interface Act {
  readonly name: ActName;
  readonly id: string;
  /** The signing caller; `operator` is the person behind it. */
  readonly caller: string;
  readonly operator: string;
  readonly reason?: string;
  /** Which of the candidates is meant, where it is held for `ambiguous`. */
  readonly genauthUserId?: string;
  readonly userId?: string;
  /** The hold that an approval answers: where it is held for something else now, nothing is done. */
  readonly heldFor?: HeldFor;
  /** Unique for the request: the same one is good for one act only. */
  readonly requestId: string;
}

/** Something in a verified request that an operator must hear of. Carries no personal field. */
export interface Notice {
  readonly metric: Metric;
  readonly message: string;
  readonly facts?: Readonly<Record<string, string>>;
  /** @default "ERROR" */
  readonly level?: "WARN" | "ERROR";
}

export interface Context<S extends keyof Keys> {
  readonly keys: Keys[S];
  readonly settings: SourceSettings;
  readonly now: Date;
}

/** One source: its routes, each of which verifies a request and maps it. Throws `Problem`s. */
export interface Source<S extends keyof Keys = keyof Keys, R = Received> {
  /** The section of the keys that it needs. Where that is absent, the source is off. */
  readonly section: S;
  readonly routes: Readonly<Record<string, (request: Request, context: Context<S>) => R>>;
  /** Whether a request has the fields of a proof, right or wrong: without them no key could ever verify it. */
  readonly hasProof: (request: Request) => boolean;
  /** Where departures come in, and the headers of the proof: what is kept to be verified again with other keys. */
  readonly kept?: { readonly route: string; readonly headers: readonly string[] };
}

/** Which source answers a route, as in `POST /lark`. */
export const routes: ReadonlyMap<string, Source> = byRoute<Received>(sources);

/** The operators' routes to the quarantine, which the reverifier answers. */
export const quarantineRoutes: ReadonlyMap<string, Source<keyof Keys, Review>> = byRoute<Review>([quarantine]);

function byRoute<R>(given: readonly unknown[]): ReadonlyMap<string, Source<keyof Keys, R>> {
  return new Map(
    (given as readonly Source<keyof Keys, R>[]).flatMap((source) =>
      Object.keys(source.routes).map((route) => [route, source] as const),
    ),
  );
}
