import { byRelation, byUserId, type GenAuth, type NamedUser, type Outcome, type User } from "../genauth/genauth.ts";
import type { Resignation } from "../resignation/resignation.ts";
import type { SyncRelation } from "../resignation/sync-relation.ts";
import type { Candidate } from "./decide.ts";
import type { Seen } from "./effect.ts";

/** What GenAuth shows of a departure's person. */
export type Looked =
  | {
      kind: "seen";
      seen: Seen;
      user?: User | undefined;
      /** Every sync relation that GenAuth lists for them. */
      relations: readonly string[];
      /** The name by which they are to be resigned. */
      callAs: NamedUser;
      /** The user that the relation leads to today, where the departure meant another one. */
      leadsTo?: { genauthUserId: string; name?: string } | undefined;
      otherCase?: Candidate | undefined;
    }
  /** The relation leads to a user whose lease is not held: take that one, and look again. */
  | { kind: "other user"; genauthUserId: string }
  /** GenAuth is busy or refuses the token: that was no look. */
  | { kind: "unanswered"; outcome: Outcome<unknown> };

type LookParts = { readonly genauth: Pick<GenAuth, "look" | "relations">; readonly now: () => Date };

/**
 * Looks at the departure's person, by their relation and by the user whose lease is held, side by side.
 * `known`: that user; `undefined` where GenAuth knew nobody.
 */
export async function look(parts: LookParts, departure: Resignation, known: string | undefined): Promise<Looked> {
  const { genauth, now } = parts;
  const beganAt = now();
  const relation = byRelation(departure.resolvedAs ?? departure.userId);
  const [user, relations] = await Promise.all([
    genauth.look(relation),
    genauth.relations(known === undefined ? relation : byUserId(known)),
  ]);
  const unanswered = [user, relations].find(isUnanswered);
  if (unanswered) return { kind: "unanswered", outcome: unanswered };
  const listed = relations.kind === "done" ? relations.data : [];
  const isRefused = user.kind === "refused" || relations.kind === "refused";
  const seenBy = (found: Outcome<User>, callAs: NamedUser) => ({
    ...({ kind: "seen", relations: listed, callAs } as const),
    seen: isRefused ? toSeen({ kind: "refused", answer: {} }, beganAt, now()) : toSeen(found, beganAt, now()),
    ...(found.kind === "done" && { user: found.data }),
  });

  if (user.kind === "done" && user.data.userId === known) return seenBy(user, relation);
  const isMeant = known !== undefined && departure.person?.genauthUserId === known;
  if (user.kind === "done" && !isMeant) {
    return { kind: "other user", genauthUserId: user.data.userId };
  }
  if (isRefused) return seenBy(user, relation);
  if (known === undefined) {
    const other = await lookInOtherCase(genauth, departure.userId);
    if (other.kind === "busy" || other.kind === "token_refused") return { kind: "unanswered", outcome: other };
    if (other.kind === "refused") return seenBy({ kind: "refused", answer: other.answer }, relation);
    return { ...seenBy(user, relation), ...(other.kind === "done" && { otherCase: other.data }) };
  }

  // The relation is gone, or belongs to another user: only the user id that was found before names the person.
  const byId = await genauth.look(byUserId(known));
  if (isUnanswered(byId)) return { kind: "unanswered", outcome: byId };
  const leadsTo = user.kind === "done" ? user.data : hasOtherId(departure, listed) ? toUser(byId) : undefined;
  return {
    ...seenBy(byId, byUserId(known)),
    ...(leadsTo && { leadsTo: { genauthUserId: leadsTo.userId, ...nameOf(leadsTo) } }),
  };
}

/**
 * Whether the user that the relation once led to has another id at the same provider today: then the departure, which
 * was never resolved itself, may mean somebody else.
 */
const hasOtherId = ({ person, userId }: Resignation, listed: readonly string[]) =>
  person === undefined && listed.some((one) => one !== userId && providerOf(one) === providerOf(userId));

const providerOf = (relation: string) => relation.slice(0, relation.indexOf(":"));

const toUser = (found: Outcome<User>) => (found.kind === "done" ? found.data : undefined);

export const nameOf = ({ name }: User) => (name ? { name } : {});

const isUnanswered = ({ kind }: Outcome<unknown>) => kind === "busy" || kind === "token_refused";

function toSeen(found: Outcome<User>, beganAt: Date, endedAt: Date): Seen {
  const middleMs = (beganAt.getTime() + endedAt.getTime()) / 2;
  const serverMs = found.kind === "done" && found.serverDate ? Date.parse(found.serverDate) : Number.NaN;
  const serverAheadMs = Number.isNaN(serverMs) ? 0 : serverMs - middleMs;
  if (found.kind !== "done") return { state: found.kind === "not_found" ? "absent" : "blind", beganAt, serverAheadMs };
  const { status, statusChangedAt, updatedAt } = found.data;
  return {
    // A status that GenAuth's document does not know counts as a refused look.
    state: states[status] ?? "blind",
    ...(statusChangedAt && { statusChangedAt }),
    ...(updatedAt && { updatedAt }),
    beganAt,
    serverAheadMs,
  };
}

const states: Readonly<Record<string, Seen["state"]>> = {
  Activated: "Activated",
  Suspended: "Suspended",
  Deactivated: "Cut",
  Archived: "Cut",
  Resigned: "Resigned",
};

/**
 * WeCom's ids do not differ by case, and GenAuth's do, so the same person may stand there in lower case. An id that is
 * in lower case already is not looked up again.
 */
async function lookInOtherCase(genauth: LookParts["genauth"], userId: SyncRelation): Promise<Outcome<Candidate>> {
  const lower = userId.toLowerCase() as SyncRelation;
  if (!userId.startsWith("wechatwork:") || lower === userId) return { kind: "not_found", answer: {} };
  const found = await genauth.look(byRelation(lower));
  if (found.kind !== "done") return found;
  return { ...found, data: { userId: lower, genauthUserId: found.data.userId, ...nameOf(found.data) } };
}
