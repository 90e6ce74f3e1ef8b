import { expect, test } from "vitest";
import { deleteOldAuditEntriesOfAllTeams } from "../../src/db/audit.ts";
import { failOrphanedDeliveriesOfAllTeams } from "../../src/db/deliveries.ts";
import { listErasuresOfAllTeams } from "../../src/db/erasures.ts";
import { deleteOldIdentitiesOfAllTeams } from "../../src/db/fact-identities.ts";
import { deleteOldIdempotencyKeysOfAllTeams } from "../../src/db/idempotency-keys.ts";
import type { Sql } from "../../src/db/sql.ts";
import { type House, openHouse } from "../support/house.ts";

type Kept = {
  what: string;
  table: "audit_log" | "fact_identities" | "idempotency_keys";
  age: string;
  letGo: (sql: Sql, limit: number) => Promise<number>;
  /** Makes one that came into being so long ago. */
  make: (house: House, n: number, age: string) => Promise<unknown>;
};

const kept: readonly Kept[] = [
  {
    what: "an entry of the audit log",
    table: "audit_log",
    age: "400 days",
    letGo: deleteOldAuditEntriesOfAllTeams,
    make: ({ database, teamId }, n, age) => database.sql`
      insert into audit_log (team_id, id, actor_id, actor_name, action, subject_id, request_id, created_at)
      values (${teamId}, ${String(n).padStart(24, "0")}, '', '', '', '', '', now() - ${age}::interval)`,
  },
  {
    what: "the identity of a fact",
    table: "fact_identities",
    age: "30 days",
    letGo: deleteOldIdentitiesOfAllTeams,
    make: ({ database, teamId }, n, age) => database.sql`
      insert into fact_identities (team_id, identity_sha256, created_at)
      values (${teamId}, sha256(${String(n)}::bytea), now() - ${age}::interval)`,
  },
  {
    what: "an answer under an Idempotency-Key",
    table: "idempotency_keys",
    age: "1 day",
    letGo: deleteOldIdempotencyKeysOfAllTeams,
    make: ({ database, teamId }, n, age) => database.sql`
      insert into idempotency_keys (team_id, key, fingerprint, in_flight_until, created_at)
      values (${teamId}, ${String(n)}, '', now(), now() - ${age}::interval)`,
  },
];

test.each(kept)(
  "$what is kept for $age and goes then, as few at a time as asked, the oldest first",
  async ({ table, age, letGo, make }) => {
    const house = await openHouse({ started: false });
    const { sql } = house.database;
    const younger = `${age} -1 minute`;
    const ages = [`${age} 3 hours`, `${age} 2 hours`, `${age} 1 hour`, `${age} 1 second`];
    for (const [n, one] of [...ages, younger, "0 seconds"].entries()) await make(house, n, one);
    const left = async () => {
      const rows =
        table === "audit_log"
          ? await sql`select from audit_log`
          : table === "fact_identities"
            ? await sql`select from fact_identities`
            : await sql`select from idempotency_keys`;
      return rows.length;
    };
    expect([await letGo(sql, 3), await left()]).toEqual([3, 3]);
    expect([await letGo(sql, 3), await left()]).toEqual([1, 2]);
    expect([await letGo(sql, 3), await left()]).toEqual([0, 2]);
  },
);

test("what is erased is settled five minutes later, and listed few at a time, the oldest first", async () => {
  const house = await openHouse({ started: false });
  const { sql } = house.database;
  for (const [id, age] of [
    ["c", "4 minutes"],
    ["a", "1 hour"],
    ["b", "301 seconds"],
  ]) {
    await sql`
      insert into erasures (team_id, subject_id, requested_at)
      values (${house.teamId}, ${id}, now() - ${age}::interval)`;
  }
  const seen = async (limit: number) =>
    (await listErasuresOfAllTeams(sql, limit)).map(({ subjectId, settled }) => [
      subjectId,
      settled,
    ]);
  expect(await seen(10)).toEqual([
    ["a", true],
    ["b", true],
    ["c", false],
  ]);
  expect(await seen(2)).toHaveLength(2);
});

test("deliveries of deleted subscriptions end few at a time, and those of others go on", async () => {
  const house = await openHouse({ hot: false, started: false });
  const gone = await house.subscribe({ events: ["workflow_created"] });
  const other = await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < 5; n++) await house.workflow();
  const { sql } = house.database;
  await sql`update subscriptions set deleted_at = now() where id = ${gone.id}`;
  // One has ended already, and one is held by somebody.
  await sql`
    update deliveries set status = 'delivered', finished_at = now(), due_at = null
    where id = (select min(id) from deliveries where subscription_id = ${gone.id})`;
  const held = await house.database.begin(async (tx) => {
    const [row] = await tx<{ id: string }>`
      select id from deliveries where subscription_id = ${gone.id} and due_at is not null
      limit 1 for update`;
    expect(await failOrphanedDeliveriesOfAllTeams(sql, 2)).toBe(2);
    expect(await failOrphanedDeliveriesOfAllTeams(sql, 2)).toBe(1);
    expect(await failOrphanedDeliveriesOfAllTeams(sql, 2)).toBe(0);
    return row?.id;
  });
  const rows = await house.deliveries();
  const statusesOf = (id: string) =>
    rows
      .filter((row) => row.subscription_id === id)
      .map(({ status }) => status)
      .sort();
  expect(statusesOf(gone.id)).toEqual(["delivered", "failed", "failed", "failed", "pending"]);
  expect(rows.find(({ id }) => id === held)?.status).toBe("pending");
  expect(statusesOf(other.id)).toEqual(Array(5).fill("pending"));
  expect(await failOrphanedDeliveriesOfAllTeams(sql, 2)).toBe(1);
});
