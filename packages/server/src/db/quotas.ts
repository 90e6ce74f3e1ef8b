import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** Locks the counts of these teams until the transaction ends: other transactions that count must wait. Facts do not wait. */
export async function lockTeamsForCounting(tx: Tx, teamIds: readonly string[]): Promise<void> {
  // In one order, so that two transactions that lock several teams cannot deadlock.
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

/** Counts the valid keys that reach a team, without people's keys. The caller holds the team's lock. */
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
 * Locks the count of a key's teams until the transaction ends: other transactions that count must wait.
 *
 * It does not lock the key's row: updates of the key's last use would wait too, on the connections that the count needs.
 */
export async function lockKeyForCounting(tx: Tx, apiKeyId: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended(${`teams of ${apiKeyId}`}, 0))`;
}

/** Counts all teams that a key reaches. The caller holds the key's lock in a transaction. */
export async function countTeamsOfKeyOfAnyTeam(sql: Sql, apiKeyId: string): Promise<number> {
  return countOf(
    await sql`
      select count(*)::int as count from api_key_teams where api_key_id = ${apiKeyId}`,
  );
}

const countOf = ([row]: Record<string, unknown>[]): number => Number(row?.count);
