import type { AutovacuumReading, PartitionsReading } from "../domain/diagnosis/schema.ts";
import { keyIdInRecord } from "../secrets.ts";
import { textArray } from "./arrays.ts";
import type { Sql } from "./sql.ts";

/** Reads which daily partitions exist, and whether rows are outside of them. */
export async function readPartitions(sql: Sql): Promise<PartitionsReading[]> {
  return await sql<PartitionsReading>`
    with today as (select (now() at time zone 'UTC')::date as day),
    partitioned (parent) as (values ('events'), ('attempts')),
    days as (
      select p.parent, to_date(right(c.relname, 8), 'YYYYMMDD') as day
      from partitioned p
      join pg_inherits i on i.inhparent = p.parent::regclass
      join pg_class c on c.oid = i.inhrelid
      where c.relname ~ ('^' || p.parent || '_[0-9]{8}$')
    )
    select p.parent as table,
           coalesce((
             select min(n) from generate_series(0, 30) as n
             where not exists (select from days d where d.parent = p.parent and d.day = today.day + n)
           ), 31)::int4 as "daysAhead",
           (select today.day - min(d.day) from days d where d.parent = p.parent) as "oldestAgeDays",
           case p.parent when 'events' then exists (select from only events_default)
                         else exists (select from only attempts_default) end as "strayRows"
    from partitioned p cross join today
    order by p.parent desc`;
}

/** Reads what may stop autovacuum from removing old row versions, as far as this user can see it. */
export async function readAutovacuum(sql: Sql): Promise<AutovacuumReading> {
  const [row] = await sql<AutovacuumReading>`
    select array(
             select relname::text from pg_class
             where relnamespace = 'public'::regnamespace
               and reloptions && array['autovacuum_enabled=false', 'autovacuum_enabled=off', 'autovacuum_enabled=0']
             order by relname) as excepted,
           (select extract(epoch from now() - min(xact_start))::float8 from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()) as "oldestTransactionSeconds",
           (select age(datfrozenxid)::float8 / 2147483647 from pg_database
            where datname = current_database()) as wraparound`;
  if (!row) throw new Error("PostgreSQL told nothing of autovacuum");
  return row;
}

/** Counts the subscriptions of all teams with a value that none of these keys sealed. */
export async function countSealedByOthersOfAllTeams(
  sql: Sql,
  keyIds: readonly string[],
): Promise<number> {
  const [row] = await sql<{ count: number }>`
    select count(*)::int4 as count
    from subscriptions
    where deleted_at is null and exists (
      select from (values (sealed_credential), (sealed_headers), (sealed_signing_secret), (sealed_previous_secret))
        as sealed (record)
      where encode(substr(record, ${keyIdInRecord.from}, ${keyIdInRecord.bytes}), 'hex') <> all(${textArray(keyIds)}::text[]))`;
  return row?.count ?? 0;
}
