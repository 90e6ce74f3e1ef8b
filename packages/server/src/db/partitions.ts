import type { Sql, Tx } from "./sql.ts";

/** The tables that are partitioned by day. */
const partitioned = ["events", "attempts"] as const;

/**
 * Makes the daily partitions from today to `daysAhead` days on, by the database's calendar (UTC); returns how many.
 *
 * The statements are built from a fixed table name and a date that PostgreSQL printed: nothing else gets in.
 */
export async function ensurePartitions(tx: Tx, daysAhead: number): Promise<number> {
  // Processes that start together must not make the same partition twice.
  await tx`select pg_advisory_xact_lock(hashtext('postrider.partitions'))`;
  const missing = await tx<{ statement: string }>`
    select format('create table %I partition of %I for values from (%L) to (%L)',
                  name, parent, day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00') as statement
    from (
      select parent, day, parent || '_' || to_char(day, 'YYYYMMDD') as name
      from unnest(${[...partitioned]}::text[]) as parent
      cross join lateral (
        select ((now() at time zone 'UTC')::date + n) as day from generate_series(0, ${daysAhead}::int) as n
      ) days
    ) wanted
    where to_regclass(name) is null`;
  for (const { statement } of missing) await runStatement(tx, statement);
  return missing.length;
}

async function runStatement(tx: Tx, statement: string): Promise<void> {
  const strings = Object.assign([statement], { raw: [statement] });
  await tx(strings);
}

/** Deletes idempotency keys whose 24 hours are over; returns how many. */
export async function deleteOldIdempotencyKeysOfAllTeams(sql: Sql, limit: number): Promise<number> {
  const rows = await sql`
    delete from idempotency_keys
    where (team_id, key) in (
      select team_id, key from idempotency_keys
      where created_at < now() - interval '24 hours'
      order by created_at
      limit ${limit})
    returning key`;
  return rows.length;
}
