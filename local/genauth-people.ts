import { createHmac } from "node:crypto";
import * as z from "zod";

/** The directory of the GenAuth stand-in: its people, their ids and relations, and every change of their status. */
export type People = ReturnType<typeof createPeople>;

const statusSchema = z.enum(["Activated", "Suspended", "Deactivated", "Archived", "Resigned"]);
export type PersonStatus = z.infer<typeof statusSchema>;

const rightsSchema = z.array(z.unknown());

/** A person as a test or an administrator enters them; what is not given stays as it is. */
export const userSchema = z
  .object({
    syncRelation: z.string().optional(),
    relations: z.array(z.string()).optional(),
    name: z.string().optional(),
    email: z.string().optional(),
    phone: z.string().optional(),
    username: z.string().optional(),
    externalId: z.string().optional(),
    departments: rightsSchema.optional(),
    roles: rightsSchema.optional(),
    groups: rightsSchema.optional(),
    posts: rightsSchema.optional(),
    grants: rightsSchema.optional(),
    status: statusSchema.optional(),
  })
  .refine(({ syncRelation, relations = [] }) => syncRelation !== undefined || relations.length > 0, {
    error: "syncRelation or relations must be given",
  });
export type UserInput = z.input<typeof userSchema>;

export interface Person {
  userId: string;
  /** The first of the relations, or nothing where all of them were cut. */
  syncRelation: string;
  relations: string[];
  name: string;
  email?: string;
  phone?: string;
  username?: string;
  externalId?: string;
  departments: unknown[];
  roles: unknown[];
  groups: unknown[];
  posts: unknown[];
  grants: unknown[];
  status: PersonStatus;
  statusChangedAt: string;
  updatedAt: string;
}

/** A change of somebody's status that was carried out. */
export interface StatusChange {
  userId: string;
  from: PersonStatus;
  to: PersonStatus;
  /** `us`: a call of the management API; `hand`: an administrator. */
  by: "us" | "hand";
  at: string;
  path?: string;
  userIdGiven?: unknown;
  userIdTypeGiven?: unknown;
}

/** Since when the first people are there. */
export const bornAt = "2026-01-01T00:00:00.000Z";

export function createPeople() {
  const byId = new Map<string, Person>();
  const byRelation = new Map<string, string>();
  const used = new Set<string>();
  let changes: StatusChange[] = [];

  return {
    all: () => [...byId.values()],
    changes: () => changes,
    withRelation,

    /** Whom a call means. */
    find(userId: unknown, userIdType: unknown = "user_id"): Person | undefined {
      const asked = String(userId);
      if (userIdType === "user_id") return byId.get(asked);
      if (userIdType === "sync_relation") return withRelation(asked);
      const known = fields[String(userIdType)];
      return known && [...byId.values()].find((person) => known(person, asked));
    },

    /** Enters somebody, or changes what is given of somebody who has one of these relations. */
    upsert({ syncRelation, relations = [], status, ...given }: UserInput, at: Date): Person {
      const wanted = [...new Set([...(syncRelation === undefined ? [] : [syncRelation]), ...relations])];
      const known = wanted.map(withRelation).find((person) => person !== undefined);
      const person = known ?? enter(wanted[0] ?? "");
      for (const relation of wanted) {
        if (withRelation(relation) === person) continue;
        cut(relation);
        byRelation.set(relation, person.userId);
        person.relations.push(relation);
      }
      person.syncRelation = person.relations[0] ?? "";
      Object.assign(person, Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
      if (known) person.updatedAt = at.toISOString();
      if (status) change(person, status, { by: "hand", at });
      return person;
    },

    change,

    /** An administrator deletes somebody. */
    remove(relation: string): boolean {
      const person = withRelation(relation);
      if (!person) return false;
      for (const one of person.relations) byRelation.delete(one);
      return byId.delete(person.userId);
    },

    cut,

    reset() {
      byId.clear();
      byRelation.clear();
      used.clear();
      changes = [];
    },
  };

  function withRelation(relation: string): Person | undefined {
    return byId.get(byRelation.get(relation) ?? "");
  }

  function enter(relation: string): Person {
    const userId = newId(relation);
    const rights = { departments: [], roles: [], groups: [], posts: [], grants: [] };
    const person: Person = {
      ...{ userId, syncRelation: relation, relations: [], name: "Somebody", ...rights },
      ...{ status: "Activated", statusChangedAt: bornAt, updatedAt: bornAt },
    };
    byId.set(userId, person);
    return person;
  }

  /** The same for the same relation, unless somebody else has had it before. */
  function newId(relation: string): string {
    for (let nth = 0; ; nth += 1) {
      const userId = idOf(nth === 0 ? relation : `${relation} ${nth}`);
      if (used.has(userId)) continue;
      used.add(userId);
      return userId;
    }
  }

  function change(
    person: Person,
    to: PersonStatus,
    how: Omit<StatusChange, "userId" | "from" | "to" | "at"> & { at: Date },
  ) {
    const at = how.at.toISOString();
    changes.push({ userId: person.userId, from: person.status, to, ...how, at });
    person.status = to;
    person.statusChangedAt = at;
    person.updatedAt = at;
  }

  /** Takes a relation away from the person who has it. */
  function cut(relation: string): boolean {
    const person = withRelation(relation);
    byRelation.delete(relation);
    if (!person) return false;
    person.relations = person.relations.filter((one) => one !== relation);
    person.syncRelation = person.relations[0] ?? "";
    return true;
  }
}

const ids = new Map<string, string>();
/** The demo people are entered anew for each test, hundreds of times. */
function idOf(text: string): string {
  const known = ids.get(text);
  if (known !== undefined) return known;
  const id = createHmac("md5", "user").update(text).digest("hex").slice(0, 24);
  ids.set(text, id);
  return id;
}

const fields: Record<string, (person: Person, asked: string) => boolean> = {
  email: ({ email }, asked) => email?.toLowerCase() === asked.toLowerCase(),
  phone: ({ phone }, asked) => phone === asked,
  username: ({ username }, asked) => username === asked,
  external_id: ({ externalId }, asked) => externalId === asked,
};
