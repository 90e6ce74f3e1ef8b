import type { ConnectionsReading, ServerReading } from "../domain/diagnosis/server.ts";
import type { Sql } from "./sql.ts";

/** Reads PostgreSQL's settings, as this connection sees them. */
export async function readServer(sql: Sql): Promise<ServerReading> {
  const [row] = await sql<ServerReading>`
    select current_setting('server_version') as version,
           current_setting('server_version_num')::int4 as "versionNumber",
           current_setting('server_encoding') as encoding,
           pg_is_in_recovery() as "isStandby",
           current_setting('transaction_read_only')::bool as "isReadOnly",
           pg_size_bytes(current_setting('shared_buffers'))::float8 as "sharedBuffersBytes",
           pg_database_size(current_database())::float8 as "databaseBytes",
           current_setting('data_checksums')::bool as checksums,
           current_setting('fsync')::bool as fsync,
           current_setting('full_page_writes')::bool as "fullPageWrites",
           current_setting('jit')::bool as jit,
           current_setting('autovacuum')::bool as autovacuum,
           current_setting('track_counts')::bool as "trackCounts"`;
  if (!row) throw new Error("PostgreSQL told nothing of its settings");
  return row;
}

/** Reads how many connections PostgreSQL allows, and who uses them. */
export async function readConnections(sql: Sql): Promise<ConnectionsReading> {
  const [row] = await sql<ConnectionsReading>`
    select current_setting('max_connections')::int4 as "connectionsMax",
           case when rolsuper then 0 else
             current_setting('superuser_reserved_connections')::int4
             + coalesce(current_setting('reserved_connections', true)::int4, 0) end as reserved,
           rolconnlimit as "userMax",
           (select datconnlimit from pg_database where datname = current_database()) as "databaseMax",
           activity.others, activity.processes
    from pg_roles
    cross join (
      select (count(*) filter (where not ours))::int4 as others,
             (count(*) filter (where ours and application_name = 'postrider listen'))::int4 as processes
      from (
        select application_name,
               datname = current_database() and application_name like 'postrider %' as ours
        -- Processes of the server itself are in no database.
        from pg_stat_activity where datname is not null
      ) connection
    ) activity
    where rolname = session_user`;
  if (!row) throw new Error("PostgreSQL does not know the user of this connection");
  return row;
}

/** Reads the database's clock. */
export async function readClock(sql: Sql): Promise<Date> {
  const [row] = await sql<{ at: Date }>`select clock_timestamp() as at`;
  if (!row) throw new Error("PostgreSQL told no time");
  return row.at;
}
