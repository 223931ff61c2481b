/** What the GenAuth stand-in does when it is called: the operations of the management API. */
import type { Access } from "./genauth-access.ts";
import { bornAt, type People, type Person, type PersonStatus } from "./genauth-people.ts";

/** What is answered. `statusCode` is GenAuth's own. */
export type Reply = { statusCode: number; apiCode?: number; message: string; data?: unknown };

/** A resign call that was carried out. */
export interface Effect {
  userId: string;
  /** The person's relations then. */
  relations: string[];
  /** The status that they had before: `Resigned` where it changed nothing. */
  from: PersonStatus;
  at: string;
  userIdGiven: unknown;
  userIdTypeGiven: unknown;
}

/** Sessions that were ended. */
export interface Kicked {
  userId: string;
  appIds: string[];
}

/** Carries a call out: what was given in its body or query, at a moment. */
export type Operation = (given: Readonly<Record<string, unknown>>, at: Date) => Reply;

const success = (data: unknown): Reply => ({ statusCode: 200, message: "Success", data });
const isResigned: Reply = { statusCode: 409, message: "The user is resigned" };
const userNotFound: Reply = { statusCode: 404, apiCode: 2004, message: "User not found" };
export const notSignedIn: Reply = { statusCode: 401, apiCode: 2020, message: "Not signed in" };

export const exchangePath = "/api/v3/get-management-token";

/** The operations by method and path. */
export function createOperations(parts: {
  people: People;
  access: Access;
  /** Whether people are shown with `statusChangedAt`. */
  hasStatusChangedAt: boolean;
  onEffect: (effect: Effect) => void;
  onKick: (kicked: Kicked) => void;
}): Readonly<Record<string, Operation>> {
  const { people, access, hasStatusChangedAt } = parts;
  const toUser = (person: Person) => showUser(person, hasStatusChangedAt);

  return {
    [`POST ${exchangePath}`]: ({ accessKeyId, accessKeySecret }) => {
      const token = access.exchange(accessKeyId, accessKeySecret);
      return token === undefined
        ? { statusCode: 401, apiCode: 2020, message: "The access key is wrong" }
        : success({ access_token: token, expires_in: 7200 });
    },
    "POST /api/v3/resign-user": (given, at) => {
      const { userId: userIdGiven, userIdType: userIdTypeGiven } = given;
      const person = people.find(userIdGiven, userIdTypeGiven);
      if (!person) return userNotFound;
      const { userId, relations, status: from } = person;
      parts.onEffect({ userId, relations: [...relations], from, at: at.toISOString(), userIdGiven, userIdTypeGiven });
      if (from === "Resigned") return isResigned;
      Object.assign(person, { departments: [], roles: [], groups: [], posts: [], grants: [] });
      people.change(person, "Resigned", { by: "us", at, path: "/api/v3/resign-user", userIdGiven, userIdTypeGiven });
      return success({ success: true });
    },
    "GET /api/v3/get-user": (given) => {
      const person = people.find(given.userId, given.userIdType);
      if (!person) return userNotFound;
      const departmentIds = given.withDepartmentIds === "true" ? person.departments.map(toDepartmentId) : undefined;
      return success({ ...toUser(person), ...(departmentIds && { departmentIds }) });
    },
    "POST /api/v3/update-user": (given, at) => {
      const { userId: userIdGiven, status } = given;
      const userIdTypeGiven = typeOf(given);
      const person = people.find(userIdGiven, userIdTypeGiven);
      if (!person) return userNotFound;
      if (person.status === "Resigned") return isResigned;
      if (status !== undefined && status !== person.status) {
        const path = "/api/v3/update-user";
        people.change(person, status as PersonStatus, { by: "us", at, path, userIdGiven, userIdTypeGiven });
      }
      return success(toUser(person));
    },
    "POST /api/v3/kick-users": (given) => {
      const person = people.find(given.userId, typeOf(given));
      if (!person) return userNotFound;
      parts.onKick({ userId: person.syncRelation, appIds: given.appIds as string[] });
      return success({ success: true });
    },
    "GET /api/v3/get-user-sync-relations": (given) => {
      const person = people.find(given.userId, given.userIdType);
      return person ? success(person.relations.map(toRelation)) : userNotFound;
    },
    "GET /api/v3/list-users": ({ status, page = 1, limit = 10 }) => {
      const matching = people.all().filter((person) => status === undefined || person.status === status);
      const start = (Number(page) - 1) * Number(limit);
      return success({ totalCount: matching.length, list: matching.slice(start, start + Number(limit)).map(toUser) });
    },
  };
}

/** `UserDto` with the fields that the document requires, and those that are known. */
function showUser(person: Person, hasStatusChangedAt: boolean) {
  const { userId, name, email, phone, username, externalId, status, statusChangedAt, updatedAt } = person;
  return {
    ...{ userId, name, email, phone, username, externalId, status },
    ...(hasStatusChangedAt && { statusChangedAt }),
    workStatus: status === "Resigned" ? "Closed" : "Active",
    gender: "U",
    emailVerified: false,
    phoneVerified: false,
    userSourceType: "sync",
    createdAt: bornAt,
    updatedAt,
  };
}

function toRelation(relation: string) {
  const [provider, ...userIdInIdp] = relation.split(":");
  return { provider, userIdInIdp: userIdInIdp.join(":"), userInfoInIdp: {} };
}

const typeOf = (given: Readonly<Record<string, unknown>>) =>
  (given.options as { userIdType?: unknown } | undefined)?.userIdType;

const toDepartmentId = (department: unknown) =>
  typeof department === "string" ? department : (department as { departmentId?: unknown }).departmentId;
