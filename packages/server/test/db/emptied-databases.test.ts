import { expect, inject, test } from "vitest";
import { emptyDatabase, run } from "../support/emptied-databases.ts";
import { createDatabase } from "../support/postgres.ts";

const aTeam = "insert into teams (id, name) values (repeat('a', 24), 'a team')";

test.for([
  "create table more (a int)",
  "alter table runs alter column input set default 'x'",
  "alter table runs disable row level security",
  "drop policy all_teams on runs",
  "drop index runs_overdue",
  "grant delete on runs to public",
  "create function more() returns int language sql return 1",
  `do $$ begin execute format('alter database %I set jit = off', current_database()); end $$`,
  `do $$ begin execute format('alter database %I connection limit 100', current_database()); end $$`,
  "analyze teams",
  "delete from schema_migrations where number = 1",
])("a database is given to no other test after: %s", async (change) => {
  const home = await createDatabase();
  await run(home.url, aTeam, change);
  expect(await emptyDatabase(home.url, inject("untouched"))).toBe(false);
  await home.drop();
});

test("a database whose rows alone were changed, or what was changed back, is given to another test without rows", async () => {
  const home = await createDatabase();
  for (const change of [
    "select 1",
    "alter table runs disable row level security; alter table runs enable row level security",
    "insert into teams select i, repeat('x', 100) from generate_series(1, 3000) i",
  ]) {
    await run(home.url, aTeam, change);
    expect(await emptyDatabase(home.url, inject("untouched"))).toBe(true);
    expect(await run(home.url, "select from teams")).toEqual([]);
  }
  await home.drop();
});
