import { createHash } from "node:crypto";
import { byteaArray, textArray } from "./arrays.ts";
import type { Sql, Tx } from "./sql.ts";

/** A fact's own identity within its team. */
export type FactIdentity = { teamId: string; identity: string };

/** Tells which of these identities were recorded before. */
export async function listKnownIdentities(
  tx: Tx,
  identities: readonly FactIdentity[],
): Promise<FactIdentity[]> {
  return await tx<FactIdentity>`
    select k.team_id as "teamId", k.identity
    from unnest(${teamsOf(identities)}::text[], ${namesOf(identities)}::text[], ${hashesOf(identities)}::bytea[])
      as k (team_id, identity, identity_sha256)
    join fact_identities f
      on f.team_id = k.team_id and f.identity_sha256 = k.identity_sha256`;
}

/** Writes identities. One that somebody else wrote meanwhile is a duplicate: the caller starts over and finds it. */
export async function insertIdentities(tx: Tx, identities: readonly FactIdentity[]): Promise<void> {
  await tx`
    insert into fact_identities (team_id, identity_sha256)
    select * from unnest(${teamsOf(identities)}::text[], ${hashesOf(identities)}::bytea[])`;
}

/** Forgets identities that are older than any repeat is expected to be; returns how many. */
export async function deleteOldIdentitiesOfAllTeams(sql: Sql, limit: number): Promise<number> {
  const rows = await sql`
    delete from fact_identities
    where (team_id, identity_sha256) in (
      select team_id, identity_sha256 from fact_identities
      where created_at < now() - interval '30 days'
      order by created_at
      limit ${limit})
    returning team_id`;
  return rows.length;
}

const teamsOf = (identities: readonly FactIdentity[]): Buffer =>
  textArray(identities.map(({ teamId }) => teamId));
const namesOf = (identities: readonly FactIdentity[]): Buffer =>
  textArray(identities.map(({ identity }) => identity));

/** Only hashes are kept: an identity may be anything that its publisher makes up. */
const hashesOf = (identities: readonly FactIdentity[]): Buffer =>
  byteaArray(
    identities.map(({ teamId, identity }) =>
      createHash("sha256").update(`${teamId}\n${identity}`).digest(),
    ),
  );
