/** What a source is, and what it can say. */
import type { Answer, Request } from "../http.ts";
import type { Metric } from "../log.ts";
import type { Departure, Return } from "../resignation/departure.ts";
import type { Resignation } from "../resignation/resignation.ts";
import type { SourceName } from "../resignation/source-names.ts";
import type { SyncRelation } from "../resignation/sync-relation.ts";
import type { WebhookSettings } from "../settings/by-function.ts";
import type { ReadSection } from "./keys.ts";

type Facts = Readonly<Record<string, string>>;

/** Something that an operator must hear of. Carries no personal field. */
export interface Finding {
  readonly metric: Metric;
  readonly message: string;
  readonly facts?: Facts;
  /** @default "ERROR" */
  readonly level?: "WARN" | "ERROR";
}

/** One thing that a verified request says. */
export type Event =
  | ({ readonly kind: "departure" } & Departure)
  | ({ readonly kind: "return" } & Return)
  /** The directory gave somebody another id: GenAuth may still know the former one. */
  | ({ readonly kind: "renamed"; readonly former: SyncRelation; readonly next: SyncRelation } & Finding)
  /** Whom the app sees has become fewer: departures may be told of people who are still there. */
  | ({ readonly kind: "scope_narrowed"; readonly why: string } & Finding)
  /** It may tell of a departure that cannot be carried out: kept (`reason`), counted and told. */
  | ({ readonly kind: "unusable"; readonly reason: string } & Finding)
  | ({ readonly kind: "noticed" } & Finding)
  /** It is about a tenant or corp that is not ours: counted, and no sign that ours is heard. */
  | ({ readonly kind: "other_tenant" } & Finding)
  /** The source only checks the address: a sign of life that can be replayed. */
  | { readonly kind: "url_check" };

/** What a verified request tells us, and how it is answered once all of it is written down. */
export interface Told {
  readonly events: readonly Event[];
  /** `taken`: the resignations of its departures, as they are when it is answered. */
  readonly answer: (taken: readonly Resignation[]) => Answer;
}

/** `S`: the settings that the source reads a request with. */
export interface Context<K, S = WebhookSettings> {
  readonly keys: K;
  readonly settings: S;
  readonly now: Date;
}

declare const isVerified: unique symbol;

/** What a route makes of a request. Only `verified` makes one, so that none can forget to verify. Throws `Problem`s. */
export type Route<K, R, S = WebhookSettings> = ((request: Request, context: Context<K, S>) => R) & {
  readonly [isVerified]: true;
};

/** A route in two steps: `read` is given what `verify` proved, and neither the request nor the keys. */
export function verified<K, V, R, S = WebhookSettings>(steps: {
  readonly verify: (request: Request, context: Context<K, S>) => V;
  readonly read: (proven: V, context: Omit<Context<K, S>, "keys">) => R;
}): Route<K, R, S> {
  const route = (request: Request, { keys, settings, now }: Context<K, S>) =>
    steps.read(steps.verify(request, { keys, settings, now }), { settings, now });
  return route as Route<K, R, S>;
}

/** `R`: what its routes make of a request. `S`: the settings that they read it with. */
export interface Source<R = Told, S = WebhookSettings> {
  /** Its section of the keys. Where that is absent, the source is off. */
  readonly section: SourceName;
  readonly routes: Readonly<Record<string, Route<unknown, R, S>>>;
  /** Whether a request has the fields of a proof, right or wrong: without them no key could ever verify it. */
  readonly hasProof: (request: Request) => boolean;
  /** The answer to a request that its protocol signs never, and that proves nothing. */
  readonly answerUnsigned?: (request: Request) => Answer | undefined;
  /** Where departures come in, and the headers of the proof: what is kept to be verified again with other keys. */
  readonly kept?: { readonly route: string; readonly headers: readonly string[] };
  /**
   * It tells of every change in a directory: its silence means something, it sends an event again that it was
   * refused, and it can have a second listener.
   */
  readonly tellsEverything?: true;
}

/** A source with the schema of its section. A route is given the keys that came out of that section. */
export function defineSource<K, R = Told, S = WebhookSettings>(
  source: Omit<Source<R, S>, "routes"> & {
    readonly readKeys: ReadSection<K>;
    readonly routes: Readonly<Record<string, Route<K, R, S>>>;
  },
): Source<R, S> & { readonly readKeys: ReadSection<K> } {
  // intake/receive.ts hands every route the keys of its own source's section.
  return source as Source<R, S> & { readonly readKeys: ReadSection<K> };
}
