import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** Keeps others who would count what a team has from doing so until the transaction ends. Facts do not wait for it. */
export async function lockTeamsForCounting(tx: Tx, teamIds: readonly string[]): Promise<void> {
  // In one order, so that two who lock several never wait for each other in a circle.
  await tx`
    select id from teams where id = any(${[...teamIds]}::text[]) order by id for no key update`;
}

/** Counts a team's webhooks that are not deleted, of contracts A and B together. The caller holds the team's lock. */
export async function countWebhooks(tx: Tx, teamId: string): Promise<number> {
  return countOf(
    await tx`
      select count(*)::int as count from subscriptions
      where team_id = ${teamId} and subject_id is null and contract <> 'listener' and deleted_at is null`,
  );
}

/** Counts a team's assistants that are not deleted. The caller holds the team's lock. */
export async function countAssistants(tx: Tx, teamId: string): Promise<number> {
  return countOf(
    await tx`
      select count(*)::int as count from assistants
      where team_id = ${teamId} and deleted_at is null`,
  );
}

/** Counts the keys, people not among them, that reach a team and still work. The caller holds the team's lock. */
export async function countApiKeys(tx: Tx, teamId: string): Promise<number> {
  return countOf(
    await tx`
      select count(*)::int as count
      from api_key_teams t join api_keys k on k.id = t.api_key_id
      where t.team_id = ${teamId}
        and k.person_sha256 is null
        and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())`,
  );
}

/**
 * Keeps others who would count a key's teams from doing so until the transaction ends.
 *
 * Not by the key's row: whoever notes the key's use would wait as well, on the very connections that the count needs.
 */
export async function lockKeyForCounting(tx: Tx, apiKeyId: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended(${`teams of ${apiKeyId}`}, 0))`;
}

/** Counts the teams that a key reaches, whichever they are. The caller holds the key's lock in a transaction. */
export async function countTeamsOfKeyOfAnyTeam(sql: Sql, apiKeyId: string): Promise<number> {
  return countOf(
    await sql`
      select count(*)::int as count from api_key_teams where api_key_id = ${apiKeyId}`,
  );
}

const countOf = ([row]: Record<string, unknown>[]): number => Number(row?.count);
