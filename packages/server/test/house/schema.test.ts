import { expect, test } from "vitest";
import { ensurePartitions } from "../../src/db/partitions.ts";
import { dumpSchema, listOtherObjects } from "../../src/db/schema-dump.ts";
import { openOwnDatabase } from "../support/postgres.ts";
import { readText } from "./sources.ts";

const written = () => readText("packages/server/schema.sql").replace(/^--.*\n\n/, "");

test("schema.sql is what the migrations come to (write it anew: npx tsx packages/server/scripts/write-schema.ts)", async () => {
  const { sql } = await openOwnDatabase();
  expect(await dumpSchema(sql)).toBe(written());
});

test("the dump contains no daily partitions", async () => {
  const database = await openOwnDatabase();
  expect(await database.begin((tx) => ensurePartitions(tx, 2))).toBeGreaterThan(0);
  expect(await dumpSchema(database.sql)).toBe(written());
});

test.each([
  "alter table deliveries drop constraint finished_when_not_pending",
  "drop index deliveries_due",
  "drop statistics deliveries_of_one_team_by_workflow",
  "alter table runs alter column workflow_id drop not null",
  "alter table deliveries alter column attempt_count set default 1",
  "alter table teams add column colour text",
  'alter table events alter column dedupe_key type text collate "C", alter column dedupe_key type varchar(9)',
  "alter table subscriptions set (fillfactor = 80)",
  "alter table runs disable row level security",
  "drop policy own_teams on runs",
  "alter policy own_teams on runs using (true)",
  "grant delete on teams to postrider_team",
  "grant update (scopes) on api_keys to postrider_keys",
])("the dump shows: %s", async (statement) => {
  const database = await openOwnDatabase();
  await database.sql(Object.assign([statement], { raw: [statement] }));
  expect(await dumpSchema(database.sql)).not.toBe(written());
});

test("there are tables and indexes only: no trigger, function, view, sequence or type does business", async () => {
  const { sql } = await openOwnDatabase();
  expect(await listOtherObjects(sql)).toEqual([]);
  await sql`create function price() returns int language sql as 'select 1'`;
  await sql`create type colour as enum ('red')`;
  expect(await listOtherObjects(sql)).toEqual(["function price", "type colour"]);
});

/** Found by their deliveries, which are found by the team. */
const foundOtherwise = ["attempts", "hot_leases"];

test("a team's rows are found by its id in every table: erasing one team does not read all others", async () => {
  const { sql } = await openOwnDatabase();
  const tables = await sql<{ name: string; indexed: boolean }>`
    select c.relname as name, exists (
      select from pg_index i
      where i.indrelid = c.oid and i.indkey[0] = a.attnum and i.indpred is null
    ) as indexed
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname in ('team_id', 'team_ids')
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`;
  expect(tables.length).toBeGreaterThan(10);
  const without = tables.filter(({ indexed }) => !indexed).map(({ name }) => name);
  expect(without.sort()).toEqual(foundOtherwise);
});
