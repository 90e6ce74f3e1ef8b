import type { Tx } from "./sql.ts";

/**
 * Makes the daily partitions from today to `daysAhead` days on, by the database's calendar (UTC); returns how many.
 *
 * Rows of a day that landed in the default partition move into their own. The statements are printed by PostgreSQL
 * from fixed table names and its own dates: nothing else gets in.
 */
export async function ensurePartitions(tx: Tx, daysAhead: number): Promise<number> {
  // Processes that start together must not make the same partition twice.
  await tx`select pg_advisory_xact_lock(hashtext('postrider.partitions'))`;
  const missing = await tx<{ statement: string }>`
    select format(
      'create table %1$I (like %2$I including all);'
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
  if (missing.length > 0) await tx`lock table events, attempts in access exclusive mode`;
  for (const { statement } of missing) await runStatement(tx, statement);
  return missing.length;
}

async function runStatement(tx: Tx, statement: string): Promise<void> {
  const strings = Object.assign([statement], { raw: [statement] });
  await tx(strings);
}
