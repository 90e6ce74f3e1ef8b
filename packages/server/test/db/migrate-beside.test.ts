import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { until } from "../support/house.ts";
import { createDatabase } from "../support/postgres.ts";

test("a migration that a deadlock ended is tried again", async () => {
  const home = await createDatabase();
  const serving = new pg.Client({ connectionString: home.url });
  onTestFinished(async () => {
    await serving.end();
    await home.drop();
  });
  await serving.connect();
  // It locks two tables and can be applied twice.
  const { rows } = await serving.query<{ name: string }>(
    "delete from schema_migrations where name like '%_indexes_of_calls.sql' returning name",
  );
  // The other side of the deadlock waits longer, so that the migration ends.
  await serving.query("begin; set local deadlock_timeout = '1min'");
  await serving.query("lock table call_messages in share mode");
  const migrated = migrate(home.url);
  migrated.catch(() => {});
  await until("the migration waits for the second table", async () => {
    const { rows: waiting } = await serving.query(
      "select from pg_locks where relation = 'call_messages'::regclass and not granted",
    );
    return waiting.length > 0;
  });
  await serving.query("lock table calls in share mode");
  await serving.query("commit");
  expect((await migrated).applied).toEqual([rows[0]?.name]);
});
