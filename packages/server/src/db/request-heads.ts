import { textArray, uuidArray } from "./arrays.ts";
import type { Sql } from "./sql.ts";

/** The headers of a receiver's requests; their id is a hash of them. */
export type KeptRequestHead = { teamId: string; id: string; headers: string };

/** Stores the headers of requests of any team before they are sent; known ones are marked as used today. */
export async function keepRequestHeadsOfAllTeams(
  sql: Sql,
  heads: readonly KeptRequestHead[],
): Promise<void> {
  await sql("keep_request_heads")`
    insert into request_heads as known (team_id, id, headers, used_on)
    -- Of two receivers with the same headers one will do.
    select distinct team_id, id, headers, (now() at time zone 'UTC')::date
    from unnest(
      ${textArray(heads.map((head) => head.teamId))}::text[],
      ${uuidArray(heads.map((head) => head.id))}::uuid[],
      ${textArray(heads.map((head) => head.headers))}::text[]) as head (team_id, id, headers)
    -- A team that is being erased gets nothing more.
    where exists (select from teams where teams.id = head.team_id)
    order by team_id, id
    on conflict (team_id, id) do update set used_on = excluded.used_on
    where known.used_on < excluded.used_on`;
}

/** Deletes at most `limit` heads of any team that no kept attempt uses; returns how many. */
export async function deleteOldRequestHeadsOfAllTeams(
  sql: Sql,
  retentionDays: number,
  limit: number,
): Promise<number> {
  const rows = await sql`
    delete from request_heads
    where ctid = any(array(
      select ctid from request_heads
      where used_on < (now() at time zone 'UTC')::date - ${retentionDays}::int - 2 limit ${limit}))
    returning id`;
  return rows.length;
}
