import { expect, test } from "vitest";
import { readMigrations } from "../../src/db/migrate.ts";
import { ensurePartitions } from "../../src/db/partitions.ts";
import type { Database } from "../../src/db/pool.ts";
import { openOwnDatabase } from "../support/postgres.ts";

const early = [
  "autovacuum_freeze_min_age=0",
  "autovacuum_vacuum_insert_scale_factor=0",
  "autovacuum_vacuum_insert_threshold=1000",
];

const run = ({ sql }: Database, text: string) => sql(Object.assign([text], { raw: [text] }));

async function settingsOf({ sql }: Database) {
  return await sql<{ name: string; settings: string[] | null }>`
    select c.relname as name, array(select unnest(c.reloptions) order by 1) as settings
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('events'::regclass, 'attempts'::regclass) and c.relname ~ '_[0-9]{8}$'
    order by c.relname`;
}

test("vacuum comes to each new partition before the next checkpoint", async () => {
  const database = await openOwnDatabase();
  await database.begin((tx) => ensurePartitions(tx, 2));
  const found = await settingsOf(database);
  expect(found).toHaveLength(6);
  for (const { settings } of found) expect(settings).toEqual(early);
});

test("so it does to partitions that were there before, from today on", async () => {
  const database = await openOwnDatabase();
  await database.begin((tx) => ensurePartitions(tx, 1));
  await run(
    database,
    "create table events_20200101 partition of events for values from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00')",
  );
  for (const { name } of await settingsOf(database)) {
    await run(database, `alter table ${name} reset (${early.map((one) => one.split("=")[0])})`);
  }
  const migration = readMigrations().find(({ number }) => number === 38);
  await run(database, migration?.text ?? "");
  const found = await settingsOf(database);
  expect(found.map(({ name }) => name)).toContain("events_20200101");
  for (const { name, settings } of found) {
    expect(settings).toEqual(name === "events_20200101" ? [] : early);
  }
});
