/** `/_sim/…`: how the GenAuth stand-in is looked into and told what to do, by those who are not in its process. */
import * as z from "zod";
import { type Fault, faultsSchema } from "./genauth-faults.ts";
import { type Person, type StatusChange, type UserInput, userSchema } from "./genauth-people.ts";

/** What may be asked and told. */
export interface Controlled {
  calls: () => object[];
  people: () => Person[];
  changes: () => StatusChange[];
  addUsers: (users: UserInput[]) => void;
  removeUser: (syncRelation: string) => boolean;
  cutRelation: (syncRelation: string) => boolean;
  fail: (fault: Fault) => void;
  reset: () => void;
}

const usersSchema = z.object({ users: z.array(userSchema) });

/** Carries out a request to `/_sim/…`. */
export function control(
  simulator: Controlled,
  { method, url, body }: { method: string | undefined; url: URL; body: unknown },
): { status: number; body: unknown } {
  const route = `${method} ${url.pathname}`;
  const command = commands[route];
  if (!command) return { status: 404, body: { error: `There is no ${route}` } };
  try {
    const relation = url.searchParams.get("syncRelation") ?? "";
    const told = command(simulator, { relation, body });
    return told === false
      ? { status: 404, body: { error: `Nobody is known as ${relation}` } }
      : { status: 200, body: typeof told === "object" ? told : {} };
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    return { status: 400, body: { error: z.prettifyError(error) } };
  }
}

/** Gives back what is told, if anything; `false`: nobody is known by the relation. */
type Command = (simulator: Controlled, given: { relation: string; body: unknown }) => unknown;

const commands: Readonly<Record<string, Command>> = {
  "GET /_sim/calls": ({ calls }) => calls(),
  "GET /_sim/users": ({ people }) => people(),
  "GET /_sim/changes": ({ changes }) => changes(),
  "POST /_sim/users": ({ addUsers }, { body }) => addUsers(usersSchema.parse(body).users),
  "DELETE /_sim/users": ({ removeUser }, { relation }) => removeUser(relation),
  "DELETE /_sim/relations": ({ cutRelation }, { relation }) => cutRelation(relation),
  "POST /_sim/faults": ({ fail }, { body }) => fail(faultsSchema.parse(body)),
  "POST /_sim/reset": ({ reset }) => reset(),
};
