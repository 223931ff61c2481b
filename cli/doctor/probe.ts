import * as z from "zod";
import type { Outcome } from "../../lambda/genauth/genauth.ts";
import { connectGenAuth, named, readToken } from "../genauth-client.ts";

/**
 * Asks a GenAuth what its documents leave open, and prints the forms of its answers without names: the ids of one
 * synced person, nobody, a damaged token; and only when told to, the resignation of a test person, twice.
 */
export async function probe({
  genauth: host,
  pool,
  token: file,
  person,
  resign,
}: {
  genauth: string;
  pool: string;
  token?: string;
  person?: string;
  resign?: string;
}): Promise<void> {
  const given = readToken(file);
  if ("wrong" in given) throw new Error(`The GenAuth token: ${given.wrong}`);
  const genauth = connectGenAuth({ host, pool, given });
  const damaged = connectGenAuth({ host, pool, given: { token: "damaged" } });
  const user = (id: string, idType: string) =>
    genauth.ask(`get-user?${new URLSearchParams({ userId: id, userIdType: idType })}`, userSchema);

  if (person) {
    const query = new URLSearchParams({ ...named(person) });
    show("sync relations of the person", await genauth.ask(`get-user-sync-relations?${query}`, relationsSchema));
  }
  show("get-user of nobody", await user("lark:probe-looks-for-nobody", "sync_relation"));
  show(
    "get-user with a damaged token",
    await damaged.ask("get-user?userId=lark:probe&userIdType=sync_relation", userSchema),
  );
  if (!resign) return;

  const before = await user(resign, "sync_relation");
  show("the test person before", before);
  const body = { userId: resign, userIdType: "sync_relation" };
  show("resign-user, the first time", await genauth.ask("resign-user", z.unknown(), body));
  show("resign-user, the second time", await genauth.ask("resign-user", z.unknown(), body));
  show("get-user by the sync relation afterwards", await user(resign, "sync_relation"));
  if (before.kind === "done") show("get-user by GenAuth's id afterwards", await user(before.data.userId, "user_id"));
}

const relationsSchema = z.array(z.object({ provider: z.string(), userIdInIdp: z.string() }));
const userSchema = z.object({ userId: z.string(), status: z.string(), workStatus: z.string().nullish() });

function show(what: string, { kind, answer, ...rest }: Outcome<unknown>): void {
  console.log(`${what}: ${kind} ${JSON.stringify({ ...answer, ...("data" in rest && { data: rest.data }) })}`);
}
