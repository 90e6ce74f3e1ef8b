import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../src/db/sql.ts";
import { createDatabase } from "../support/postgres.ts";

/** Found by their deliveries, which are found by the team. */
const foundOtherwise = ["attempts", "hot_leases"];

test("a team's rows are found by its id in every table: erasing one team does not read all others", async () => {
  const home = await createDatabase();
  const database = openDatabase({
    url: home.url,
    name: "test",
    role: "owner",
    connectionsMax: 1,
    statementTimeoutMs: 10_000,
    onError: () => {},
  });
  onTestFinished(async () => {
    await database.close();
    await home.drop();
  });
  const tables = await database.sql<{ name: string; indexed: boolean }>`
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
