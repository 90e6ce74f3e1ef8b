import { createHash } from "node:crypto";
import type { KnownFact } from "../domain/repeats.ts";
import { byteaArray, textArray } from "./arrays.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** A fact's identity within its team. */
export type FactName = { teamId: string; name: string };

/** Lists which of these identities were recorded before, and what is kept of each. */
export async function listKnownFacts(
  tx: Tx,
  names: readonly FactName[],
): Promise<(FactName & KnownFact)[]> {
  return await tx<FactName & KnownFact>`
    select k.team_id as "teamId", k.name, encode(f.content, 'hex') as digests,
           f.subject_id as "subjectId"
    from unnest(${teamsOf(names)}::text[], ${textArray(names.map(({ name }) => name))}::text[],
      ${hashesOf(names)}::bytea[]) as k (team_id, name, identity_sha256)
    join fact_identities f
      on f.team_id = k.team_id and f.identity_sha256 = k.identity_sha256`;
}

/**
 * Stores what is kept of facts. An identity that another process wrote meanwhile is a duplicate: the caller starts over
 * and finds it.
 */
export async function insertKnownFacts(
  tx: Tx,
  facts: readonly (FactName & KnownFact)[],
): Promise<void> {
  const contents = facts.map(({ digests }) =>
    digests === null ? null : Buffer.from(digests, "hex"),
  );
  await tx`
    insert into fact_identities (team_id, identity_sha256, content, subject_id)
    select * from unnest(${teamsOf(facts)}::text[], ${hashesOf(facts)}::bytea[],
      ${byteaArray(contents)}::bytea[],
      ${textArray(facts.map(({ subjectId }) => subjectId))}::text[])`;
}

/** Deletes identities that are older than any expected repeat; returns how many. */
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

const teamsOf = (names: readonly FactName[]): Buffer =>
  textArray(names.map(({ teamId }) => teamId));

/** Only hashes are stored: an identity may contain any text of its publisher. */
const hashesOf = (names: readonly FactName[]): Buffer =>
  byteaArray(
    names.map(({ teamId, name }) => createHash("sha256").update(`${teamId}\n${name}`).digest()),
  );
