import { textArray } from "./arrays.ts";
import type { Sql, Tx } from "./sql.ts";

/** A fact's own identity within its team. */
export type FactIdentity = { teamId: string; identity: string };

/** Tells which of these identities were recorded before. */
export async function listKnownIdentities(
  tx: Tx,
  identities: readonly FactIdentity[],
): Promise<FactIdentity[]> {
  return await tx<FactIdentity>`
    select f.team_id as "teamId", f.identity
    from unnest(${teamsOf(identities)}::text[], ${namesOf(identities)}::text[])
      as k (team_id, identity)
    join fact_identities f on f.team_id = k.team_id and f.identity = k.identity`;
}

/** Writes identities. One that somebody else wrote meanwhile is a duplicate: the caller starts over and finds it. */
export async function insertIdentities(tx: Tx, identities: readonly FactIdentity[]): Promise<void> {
  await tx`
    insert into fact_identities (team_id, identity)
    select * from unnest(${teamsOf(identities)}::text[], ${namesOf(identities)}::text[])`;
}

/** Forgets identities that are older than any repeat is expected to be; returns how many. */
export async function deleteOldIdentitiesOfAllTeams(sql: Sql, limit: number): Promise<number> {
  const rows = await sql`
    delete from fact_identities
    where (team_id, identity) in (
      select team_id, identity from fact_identities
      where created_at < now() - interval '30 days'
      order by created_at
      limit ${limit})
    returning identity`;
  return rows.length;
}

const teamsOf = (identities: readonly FactIdentity[]): Buffer =>
  textArray(identities.map(({ teamId }) => teamId));
const namesOf = (identities: readonly FactIdentity[]): Buffer =>
  textArray(identities.map(({ identity }) => identity));
