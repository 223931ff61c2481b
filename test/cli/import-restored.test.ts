/** The runbook's chapter *Restore the ledger*, played with the real command and the real SDK client. */
import { DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openTable } from "../../lambda/aws/table.ts";
import { personId } from "../../lambda/departure/people.ts";
import { type LocalAws, startAws } from "../../local/aws.ts";
import { type Company, day, type Ground, hour, minute, startCompany, startGround } from "../person/fixtures.ts";
import { readItems } from "../person/parts.ts";
import { runCommand } from "./run.ts";

let aws: LocalAws;
let ground: Ground;
let company: Company;
beforeAll(async () => {
  aws = await startAws();
  const { createLedgerTable, createQuarantineTable } = aws;
  const newClient = () => new DynamoDBClient();
  // A command in a process of its own asks over the network.
  const dynamodb = { client: newClient(), newClient, createLedgerTable, createQuarantineTable };
  ground = { ...(await startGround()), dynamodb };
});
afterEach(() => company?.close());
afterAll(() => Promise.all([ground.close(), aws.close()]));

const awsVariables = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("AWS_")));
const ledger = (...args: string[]) => runCommand("ledger", args, awsVariables() as Record<string, string>);
const importRestored = (...args: string[]) =>
  ledger("import-restored", "--to", company.tableName, "--operator", "alice", ...args);

const itemsOf = async (name: string) =>
  (await readItems(ground.dynamodb.client, name)).toSorted((a, b) => (a.id < b.id ? -1 : 1));

let restores = 0;

/** A table as point-in-time recovery makes it of the live one, as it is now. */
async function restore() {
  restores += 1;
  const name = `restored-${restores}`;
  await aws.createLedgerTable(name);
  const table = openTable({ client: ground.dynamodb.client, table: name });
  for (const item of await itemsOf(company.tableName)) await table.put({ ...item });
  return { name, table };
}

const who = (nr: number) => `lark:ou_demo_${nr}`;

async function start(changes: object) {
  company = await startCompany(ground, changes, new Date(Date.now() - 5 * day * 1_000));
  const { simulator, table } = company;
  const userOf = (nr: number) => simulator.person(who(nr))?.userId ?? "";
  /** What happens in a bad night. */
  const lose = async (...ids: string[]) => {
    for (const id of ids) await table.remove({ id });
  };
  return {
    ...company,
    lose,
    personOf: (nr: number) => personId(userOf(nr)),
    relationOf: (nr: number) => `relation|${who(nr)}`,
  };
}

test("what was released before is not released in the copy: the counts of returns may begin anew", async () => {
  const { deliver, table, stopOrStart, lose, get } = await start({});
  const id = await deliver({ userId: who(1) });
  const released = [{ from: "returned", by: "alice", at: new Date().toISOString() }];
  await table.put({ ...(await table.get({ id })), released, returnsHeld: { [`${who(1)} lark`]: 1 } });
  const { name } = await restore();
  await lose(id);
  await stopOrStart("stop");
  expect(await importRestored("--from", name)).toMatchObject({ code: 0 });
  expect(await get(id)).toMatchObject({ status: "held", heldFor: "stale" });
  for (const field of ["released", "returnsHeld"]) expect(await table.get({ id })).not.toHaveProperty(field);
}, 60_000);

test("nobody who came back is resigned, and nobody who left is lost", async () => {
  const { deliver, back, rest, act, status, seen, resigned, get, table, stopOrStart, lose, ...more } = await start({
    graceDays: 1,
  });
  const { personOf, relationOf, now, notices } = more;
  // Somebody was resigned, two are suspended, and somebody's return was told before their departure.
  const done = await deliver({ userId: who(8) });
  await rest(2 * day);
  const [cancels, leaves] = [await deliver({ userId: who(4) }), await deliver({ userId: who(5) })];
  await rest(hour);
  await back(who(7));
  await rest(minute);
  // Three more have left, and nothing came of it yet.
  const ids = {
    returned: await deliver({ userId: who(1) }),
    left: await deliver({ userId: who(2) }),
    mistaken: await deliver({ userId: who(3) }),
  };
  const restored = await restore();
  await restored.table.put({ id: "res_bad", status: "nonsense", userId: who(9) });
  await restored.table.put({ id: "stop", since: "2026-01-01T00:00:00Z", startedAt: "2026-01-01T01:00:00Z" });
  const lease = { owner: "somebody of then", until: "2099-01-01T00:00:00.000Z" };
  const [person4] = (await itemsOf(restored.name)).filter(({ id }) => id === personOf(4));
  await restored.table.put({ ...person4, lease, sessionsOwed: { since: now().toISOString(), tries: 0 }, open: "open" });

  // Life goes on: two come back, two leave.
  await rest(hour);
  await back(who(1));
  await back(who(3));
  const late = await deliver({ userId: who(6) });
  await rest(hour);
  expect(await Promise.all([ids.returned, ids.left, ids.mistaken, late].map(status))).toEqual([
    ...["cancelled", "suspended", "cancelled", "suspended"],
  ]);
  // Then much of the ledger is lost; a turn that comes too late leaves a relation and a lease without anything.
  await lose(done, cancels, leaves, ids.left, ids.mistaken);
  await lose(personOf(2), personOf(4), personOf(5), ...[2, 4, 5, 7].map(relationOf));
  await table.put({ id: relationOf(7), user: "somebody" });
  await table.put({ id: personOf(5), relations: ["lark:ou_other"] });
  const brake = await table.get({ id: "brake" });

  // Stop first.
  expect(await importRestored("--from", restored.name)).toMatchObject({
    code: 1,
    err: "Stop everything first: npm run ledger -- stop (docs/runbook.md#restore-the-ledger)\n",
  });
  await stopOrStart("stop", { reason: "the ledger is lost" });
  const stop = await table.get({ id: "stop" });
  const damaged = await itemsOf(company.tableName);
  const dry = await importRestored("--from", restored.name, "--dry-run");
  expect([dry.code, dry.err]).toEqual([2, ""]);
  expect(dry.out).toContain("Nothing is written.");
  expect(await itemsOf(company.tableName)).toEqual(damaged);

  const imported = await importRestored("--from", restored.name);
  expect([imported.code, imported.err]).toEqual([2, ""]);
  expect(imported.out).toContain("4 departures are only in the restored table and not at their end: held for stale");
  expect(imported.out).toContain("1 departures are only there and at their end");
  expect(imported.out).toContain("1 cannot be read: left\n  res_bad");
  // It says who is only there, and who of them is said to be back.
  for (const id of [ids.left, ids.mistaken, cancels, leaves]) expect(imported.out).toContain(id);
  for (const id of [ids.returned, done, late]) expect(imported.out).not.toContain(id);
  expect(imported.out).toMatch(new RegExp(`${ids.mistaken} .*${who(3)} .*accepted.* lark \\(`));

  // Repeated it does nothing.
  const after = await itemsOf(company.tableName);
  const again = await importRestored("--from", restored.name, "--json");
  expect(JSON.parse(again.out)).toMatchObject({ held: [], unreadable: ["res_bad"], broken: [], busy: [] });
  expect(await itemsOf(company.tableName)).toEqual(after);
  // Neither brake nor stop went back, and no lease came along.
  expect([await table.get({ id: "brake" }), await table.get({ id: "stop" })]).toEqual([brake, stop]);
  const person = await table.get({ id: personOf(4) });
  expect([person?.effect, person?.lease, person?.sessionsOwed]).toEqual([expect.anything(), undefined, undefined]);
  expect(await table.get({ id: "res_bad" })).toBeUndefined();

  // Nothing of it acts on its own.
  const told = notices.length;
  await rest(hour);
  expect(await Promise.all([ids.left, ids.mistaken, cancels, leaves].map(status))).toEqual([
    ...["held", "held", "held", "held"],
  ]);
  expect((await get(leaves)).history.at(-1)).toMatchObject({
    by: "alice (import-restored)",
    why: "From a restored copy of the ledger, where it was suspended: what happened since is not known",
  });
  expect(notices.length).toBe(told);

  // Look at each: one approval is a mistake.
  await act("approve", ids.left);
  await act("approve", ids.mistaken);
  await act("cancel", cancels);
  await act("approve", leaves);
  await stopOrStart("start");
  await rest();
  // A departure of before its return comes late: the return is still known.
  const before = await deliver({ userId: who(7), occurredAt: new Date(now().getTime() - 20 * day * 1_000) });
  await rest();
  const outcome = async (id: string, nr: number) => [await status(id), seen(who(nr)), resigned(who(nr))];
  expect(await outcome(ids.returned, 1)).toEqual(["cancelled", "Activated", 0]);
  expect(await outcome(ids.left, 2)).toEqual(["resigned", "Resigned", 1]);
  expect(await outcome(ids.mistaken, 3)).toEqual(["cancelled", "Activated", 0]);
  expect(await outcome(cancels, 4)).toEqual(["cancelled", "Activated", 0]);
  expect(await outcome(leaves, 5)).toEqual(["resigned", "Resigned", 1]);
  expect(await outcome(late, 6)).toEqual(["resigned", "Resigned", 1]);
  expect(await outcome(before, 7)).toEqual(["cancelled", "Activated", 0]);
  expect(await outcome(done, 8)).toEqual(["resigned", "Resigned", 1]);
}, 300_000);

test("what stands in the live table is left, even if it cannot be read or a worker has it", async () => {
  const { deliver, rest, table, stopOrStart, personOf, relationOf, get } = await start({ graceDays: 1 });
  const [one, other] = [await deliver({ userId: who(1) }), await deliver({ userId: who(2) })];
  await rest(hour);
  const restored = await restore();
  await stopOrStart("stop");
  const broken = { id: one, status: "nonsense" };
  await table.put(broken);
  await table.put({ id: relationOf(1), user: 7 });
  const lease = { owner: "a worker", until: "2099-01-01T00:00:00.000Z" };
  await table.put({ id: personOf(1), lease });
  const said = await importRestored("--from", restored.name, "--json");
  expect(said.code).toBe(2);
  expect(JSON.parse(said.out)).toMatchObject({ held: [], broken: [relationOf(1), one], busy: [personOf(1)] });
  expect(await table.get({ id: one })).toEqual(broken);
  expect(await table.get({ id: personOf(1) })).toEqual({ id: personOf(1), lease });
  expect((await get(other)).status).toBe("suspended");
  // Removed there, it comes back; what is past its time does not.
  await table.remove({ id: one });
  await table.remove({ id: personOf(1) });
  await table.remove({ id: relationOf(1) });
  await restored.table.put({ id: relationOf(9), user: "somebody", expiresAt: 1_700_000_000 });
  const again = await importRestored("--from", restored.name);
  expect([again.code, again.out]).toEqual([0, expect.stringContaining("1 are past their time: left")]);
  expect(again.out).toContain("1 departures are only in the restored table");
  expect((await get(one)).status).toBe("held");
  expect(await table.get({ id: relationOf(9) })).toBeUndefined();
}, 120_000);

test("what a person did wrong is said in a line", async () => {
  await start({});
  const wrong = async (...args: string[]) => {
    const { code, out, err } = await ledger("import-restored", ...args);
    return [code, out, err.trim()];
  };
  const live = company.tableName;
  expect(await wrong()).toEqual([1, "", expect.stringContaining("--from <table>")]);
  expect(await wrong("--from", "x")).toEqual([1, "", expect.stringContaining("Say --to <table>, or --outputs")]);
  expect(await wrong("--from", live, "--to", live)).toEqual([
    1,
    "",
    expect.stringContaining("is the live table itself"),
  ]);
  const nowhere = (name: string) => [1, "", `There is no table ${name} in this account and region`];
  expect(await wrong("--from", live, "--to", "nowhere")).toEqual(nowhere("nowhere"));
  expect(await wrong("--from", "nowhere", "--to", live, "--dry-run")).toEqual(nowhere("nowhere"));
  expect((await ledger("import-restored", "--help")).out).toContain("npm run ledger -- import-restored --from");
  expect((await ground.dynamodb.client.send(new DescribeTableCommand({ TableName: live }))).Table?.ItemCount).toBe(0);
}, 60_000);
