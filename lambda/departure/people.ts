import * as z from "zod/mini";
import { expiry, type Item, type Table } from "../aws/table.ts";
import { later, type Moment } from "../resignation/moment.ts";
import { sweepAfterSeconds } from "../resignation/resignation.ts";
import { type SourceName, sourceNames } from "../resignation/source-names.ts";
import type { SyncRelation } from "../resignation/sync-relation.ts";
import { type Effect, effectSchema } from "./effect.ts";
import type { Returned } from "./returns.ts";

const instant = z.iso.datetime();

/** Days after the last write at which DynamoDB deletes an item of a person or a relation. */
const keptDays = 800;

/** Ending sessions in applications is owed: a fact of its own, which changes no status. */
const sessionsSchema = z.object({ since: instant, tries: z.number() });
export type SessionsOwed = z.infer<typeof sessionsSchema>;

/** What is known of a GenAuth user: the effect, their relations, and the lease of the worker that has them now. */
const personSchema = z.object({
  /** Absent: nothing was ever done to them, by this version. */
  effect: z.optional(effectSchema),
  sessionsOwed: z.optional(sessionsSchema),
  /** Every relation that the user was ever seen with: one that GenAuth lists no more is read all the same. */
  relations: z.optional(z.array(z.string())),
  dueAt: z.optional(instant),
});
export type Person = z.infer<typeof personSchema>;

/** Reads a person's item; without one nothing is known. Throws zod's error if it is none. */
export const parsePerson = (item: Item | undefined): Person => personSchema.parse(item ?? {});

/** What is known of a sync relation: what was said of it, and the user it last led to. */
const relationSchema = z.object({
  /** The GenAuth user that it last led to. */
  user: z.optional(z.string()),
  /** The id that the person had before, where their source renamed them. */
  former: z.optional(z.string()),
  dueAt: z.optional(instant),
});
export type Relation = z.infer<typeof relationSchema> & { readonly returns: readonly Returned[] };

export const personId = (genauthUserId: string) => `person|${genauthUserId}`;

/** The item for the lease of a person whom GenAuth does not know: it never has an effect. */
export const absentId = (relation: string) => `person|absent|${relation}`;

export const relationId = (relation: string) => `relation|${relation}`;

/** Reads a relation's item; without one there are no returns. */
export function parseRelation(relation: string, item: Item | undefined): Relation {
  const returns = Object.keys(item ?? {}).flatMap((name) => {
    const [kind, source = ""] = name.split("|");
    const to = item?.[`to|${source}`];
    return kind === "from" && to !== undefined
      ? [returnSchema.parse({ relation, source, from: item?.[name], to, count: item?.[`count|${source}`] })]
      : [];
  });
  return { ...relationSchema.parse(item ?? {}), returns };
}

const returnSchema = z.object({
  relation: z.string(),
  source: z.string(),
  from: instant,
  to: instant,
  count: z.number(),
});

/** After so long a lease expires, and another worker may take the person. The function ends after 90 seconds. */
const leaseSeconds = 120;

/** A lease on a person, with an owner that is new for each turn. */
export const newLease = ({ newOwner, now }: { newOwner: () => string; now: () => Date }) => ({
  owner: newOwner(),
  until: later(now(), leaseSeconds),
});

/** The senders of returns: every source, and an operator. */
const returnSources = [...sourceNames, "operator"] as const;

/** The items of relations and people. Every write on a person demands that the lease is the writer's own. */
export function createPeople(table: Table) {
  return {
    /**
     * Notes that a source said that somebody is back. The greatest `from` and the greatest `to` are kept, so that
     * neither order nor repeats matter, and the relation is due at once in the same write.
     */
    async noteReturn(relation: SyncRelation, source: SourceName | "operator", { from, to }: Moment, now: Date) {
      const raise = (names: readonly ("from" | "to")[]) => {
        const given = { from: from.toISOString(), to: to.toISOString() };
        const isLess = (name: string) => `attribute_not_exists(#${name}) OR #${name} < :${name}`;
        return table.updateIf({
          key: { id: relationId(relation) },
          expression: `SET ${names.map((name) => `#${name} = :${name}`)}, dueAt = :now, #open = :open, expiresAt = :expiresAt ADD #count :one`,
          condition: names.map(isLess),
          names: {
            ...Object.fromEntries(names.map((name) => [`#${name}`, `${name}|${source}`])),
            ...{ "#count": `count|${source}`, "#open": "open" },
          },
          values: {
            ...Object.fromEntries(names.map((name) => [`:${name}`, given[name]])),
            ...{ ":now": now.toISOString(), ":open": "open", ":one": 1, ":expiresAt": expiry(now, keptDays) },
          },
        });
      };
      if (await raise(["from", "to"])) return;
      await raise(["from"]);
      await raise(["to"]);
    },

    /** Notes that a person has another id at their source from now on. */
    async noteRename(former: SyncRelation, next: SyncRelation, now: Date): Promise<void> {
      await table.update({
        key: { id: relationId(next) },
        expression: "SET former = :former, expiresAt = :expiresAt",
        values: { ":former": former, ":expiresAt": expiry(now, keptDays) },
      });
    },

    /** Notes the GenAuth user that a relation leads to. */
    async noteUser(relation: string, genauthUserId: string, now: Date): Promise<void> {
      await table.update({
        key: { id: relationId(relation) },
        expression: "SET #user = :user, expiresAt = :expiresAt",
        names: { "#user": "user" },
        values: { ":user": genauthUserId, ":expiresAt": expiry(now, keptDays) },
      });
    },

    /** Takes a relation off the list of what is due, if nothing more was said of it, by no other source either. */
    async restRelation(id: string, counts: Readonly<Record<string, number>>): Promise<void> {
      const known = returnSources.map((source, index) => ({ name: `c${index}`, source, count: counts[source] }));
      const conditions = known.map(({ name, count }) =>
        count === undefined ? `attribute_not_exists(#${name})` : `#${name} = :${name}`,
      );
      await table.updateIf({
        key: { id },
        expression: "REMOVE dueAt, #open",
        condition: ["attribute_exists(id)", ...conditions],
        names: {
          "#open": "open",
          ...Object.fromEntries(known.map(({ name, source }) => [`#${name}`, `count|${source}`])),
        },
        values: Object.fromEntries(
          known.flatMap(({ name, count }) => (count === undefined ? [] : [[`:${name}`, count]])),
        ),
      });
    },

    async getRelation(relation: string): Promise<Relation> {
      return parseRelation(relation, await table.get({ id: relationId(relation) }));
    },

    async getPerson(id: string): Promise<Person> {
      return parsePerson(await table.get({ id }));
    },

    /**
     * Takes the person's lease: at most one holder at a time works on a person. Gives back what is known of
     * them, or `undefined` while another holds it.
     */
    async takePerson(id: string, owner: string, now: Date, until: string): Promise<Person | undefined> {
      const attributes = await table.updateIf({
        key: { id },
        expression: "SET lease = :lease, expiresAt = :expiresAt",
        condition: "attribute_not_exists(lease) OR lease.#until < :now OR lease.#owner = :owner",
        names: { "#until": "until", "#owner": "owner" },
        values: {
          ":lease": { owner, until },
          ":now": now.toISOString(),
          ":owner": owner,
          ":expiresAt": expiry(now, keptDays),
        },
      });
      return attributes && parsePerson(attributes);
    },

    /** Lays the person's lease down, if it is still ours. */
    async leavePerson(id: string, owner: string): Promise<boolean> {
      const written = await table.updateIf({
        key: { id },
        expression: "REMOVE lease",
        condition: "lease.#owner = :owner",
        names: { "#owner": "owner" },
        values: { ":owner": owner },
      });
      return written !== undefined;
    },

    /**
     * Writes what we did, as the holder of the lease. `sessions`: ending their sessions is owed from now on, or no
     * longer. Tells whether the lease was ours.
     */
    async saveEffect(
      id: string,
      owner: string,
      effect: Effect,
      relations: readonly string[],
      now: Date,
      sessions?: "owe" | "drop",
    ): Promise<boolean> {
      const [set, remove, values] =
        sessions === "owe"
          ? [", sessionsOwed = :sessions, dueAt = :dueAt, #open = :open", "", owedFrom(now)]
          : sessions === "drop"
            ? ["", " REMOVE sessionsOwed, dueAt, #open", {}]
            : ["", "", {}];
      const written = await table.updateIf({
        key: { id },
        expression: `SET effect = :effect, relations = :relations, expiresAt = :expiresAt${set}${remove}`,
        condition: "lease.#owner = :owner",
        names: { "#owner": "owner", ...(sessions && { "#open": "open" }) },
        values: {
          ":owner": owner,
          ":effect": effectSchema.parse(effect),
          ":relations": [...relations],
          ":expiresAt": expiry(now, keptDays),
          ...values,
        },
      });
      return written !== undefined;
    },

    /** Ending the person's sessions was tried: done or given up, or once more at `dueAt`. */
    async noteSessions(id: string, owner: string, again?: { owed: SessionsOwed; dueAt: string }): Promise<void> {
      await table.updateIf({
        key: { id },
        expression: again
          ? "SET sessionsOwed = :sessions, dueAt = :dueAt, #open = :open"
          : "REMOVE sessionsOwed, dueAt, #open",
        condition: "lease.#owner = :owner",
        names: { "#owner": "owner", "#open": "open" },
        values: {
          ":owner": owner,
          ...(again && { ":sessions": again.owed, ":dueAt": again.dueAt, ":open": "open" }),
        },
      });
    },
  };
}

const owedFrom = (now: Date) => ({
  ":sessions": { since: now.toISOString(), tries: 0 },
  ":dueAt": later(now, sweepAfterSeconds),
  ":open": "open",
});
