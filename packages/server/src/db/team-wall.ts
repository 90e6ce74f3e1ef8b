import type { TeamDatabase } from "./sql.ts";

/** Says whether the database hides other teams' rows from these connections, in every table that knows teams. */
export async function holdsWall(database: TeamDatabase): Promise<boolean> {
  const [row] = await database.forTeams([]).sql<{ holds: boolean }>`
    select coalesce(bool_and(row_security_active(c.oid)), false) as holds
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'team_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`;
  return row?.holds ?? false;
}
