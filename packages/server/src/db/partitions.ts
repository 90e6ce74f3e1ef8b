import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/**
 * Vacuum comes to new rows within about a minute, before the next checkpoint, and freezes them at once. After a checkpoint
 * it would write each page to the log a second time. `like` copies no settings; migration 0038 sets the same.
 */
const partitionSettings =
  "autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000, autovacuum_freeze_min_age = 0";

/**
 * Creates the daily partitions from today to `daysAhead` days later, by the database's calendar (UTC); returns how many.
 *
 * Rows of a day that landed in the default partition move into their own. The statements are printed by PostgreSQL
 * from fixed table names and its own dates, and nothing else. Throws a lock timeout when the tables are busy.
 */
export async function ensurePartitions(tx: Tx, daysAhead: number): Promise<number> {
  // Processes that start together must not create the same partition twice.
  await tx`select pg_advisory_xact_lock(hashtext('postrider.partitions'))`;
  const missing = await tx<{ statement: string }>`
    select format(
      'create table %1$I (like %2$I including all) with (' || ${partitionSettings} || ');'
      'with moved as (delete from %3$I where %4$I >= %5$L and %4$I < %6$L returning *)'
      '  insert into %1$I select * from moved;'
      'alter table %2$I attach partition %1$I for values from (%5$L) to (%6$L)',
      parent || '_' || to_char(day, 'YYYYMMDD'), parent, parent || '_default', bound_by,
      day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00') as statement
    from (values ('events', 'created_at'), ('attempts', 'delivery_created_at'))
      as partitioned (parent, bound_by)
    cross join lateral (
      select ((now() at time zone 'UTC')::date + n) as day
      from generate_series(0, ${daysAhead}::int) as n
    ) days
    where to_regclass(parent || '_' || to_char(day, 'YYYYMMDD')) is null`;
  // Rows must not land in the default partitions between their move and the attachment. It happens once a day.
  if (missing.length > 0) {
    await waitLittle(tx);
    await tx`lock table events, attempts in access exclusive mode`;
  }
  for (const { statement } of missing) await runStatement(tx, statement);
  return missing.length;
}

/** The longest wait for a lock on a table that all deliveries need: other statements wait behind it. */
const patienceMs = 150;

async function waitLittle(tx: Tx): Promise<void> {
  await tx`select set_config('lock_timeout', ${`${patienceMs}ms`}, true)`;
}

async function runStatement(tx: Tx, statement: string): Promise<void> {
  const strings = Object.assign([statement], { raw: [statement] });
  await tx(strings);
}

/** A partition whose day is past the retention of every team. */
export type OldPartition = { name: string; day: string };

/** Lists the daily partitions with only rows older than this, the oldest first. */
export async function listOldPartitionsOfAllTeams(
  sql: Sql,
  retentionDays: number,
): Promise<OldPartition[]> {
  return await sql<OldPartition>`
    select name, day::text
    from (
      select c.relname as name, to_date(right(c.relname, 8), 'YYYYMMDD') as day
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
      where i.inhparent in ('events'::regclass, 'attempts'::regclass)
        and c.relname ~ '^(events|attempts)_[0-9]{8}$'
    ) daily
    where day < (now() at time zone 'UTC')::date - ${retentionDays}::int
    order by day, name`;
}

/** Says whether deliveries of that day are still pending. */
export async function hasPendingDeliveriesOfAllTeams(sql: Sql, day: string): Promise<boolean> {
  const rows = await sql`
    select from deliveries
    where finished_at is null
      and created_at >= ${`${day} 00:00:00+00`}::timestamptz
      and created_at < ${`${day} 00:00:00+00`}::timestamptz + interval '1 day'
    limit 1`;
  return rows.length > 0;
}

/** Drops a daily partition; throws a lock timeout when it cannot do so at once, so that no statement waits behind it. */
export async function dropPartition(tx: Tx, { name }: OldPartition): Promise<void> {
  await waitLittle(tx);
  const [row] = await tx<{ statement: string }>`
    select format('drop table %I', c.relname) as statement
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('events'::regclass, 'attempts'::regclass) and c.relname = ${name}`;
  if (row) await runStatement(tx, row.statement);
}
