import type { Scope } from "../api-keys.ts";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";

/** Seconds for which a sign-in is valid; then the person must sign in with the provider again. */
const signInSeconds = 12 * 3_600;

/** A person as the provider describes it at a sign-in. */
export type Person = {
  /** The new key's id, used if the person signs in for the first time. */
  id: string;
  /** Identifies the person: SHA-256 of the issuer and its id for the person. */
  sha256: Buffer;
  name: string;
  /** Existing teams. */
  teamIds: readonly [string, ...string[]];
  scopes: readonly Scope[];
};

/**
 * Stores the provider's claims about a person instead of earlier ones; returns the id and the default team of the key of
 * the person's sessions.
 *
 * The person's existing sessions get the same access; sessions in a team that the person lost end.
 */
export async function keepPersonOfAnyTeam(
  database: Database,
  { id, sha256, name, teamIds, scopes }: Person,
): Promise<{ id: string; teamId: string }> {
  return await database.begin(async (tx) => {
    const [kept] = await tx<{ id: string; teamId: string }>`
      insert into api_keys as known (id, name, person_sha256, default_team_id, scopes, expires_at)
      values (
        ${id}, ${name}, ${sha256}, ${teamIds[0]}, ${[...scopes]}::text[],
        now() + make_interval(secs => ${signInSeconds}::float8))
      on conflict (person_sha256) do update set
        name = excluded.name, scopes = excluded.scopes, expires_at = excluded.expires_at, revoked_at = null,
        default_team_id = case when known.default_team_id = any(${[...teamIds]}::text[])
          then known.default_team_id else excluded.default_team_id end
      returning id, default_team_id as "teamId"`;
    if (!kept) throw new Error("the person was not stored");
    await tx`
      delete from api_key_teams
      where api_key_id = ${kept.id} and not team_id = any(${[...teamIds]}::text[])`;
    await tx`
      insert into api_key_teams (api_key_id, team_id)
      select ${kept.id}, team_id from unnest(${[...new Set(teamIds)]}::text[]) as team_id
      on conflict do nothing`;
    return kept;
  });
}

/** Ends a person's access and sessions, because the provider refused the person. */
export async function endPersonOfAnyTeam(sql: Sql, sha256: Buffer): Promise<void> {
  await sql`
    update api_keys set revoked_at = now()
    where person_sha256 = ${sha256} and revoked_at is null`;
}

/** The ids of existing teams that are not being erased, in the given order. */
export async function listOpenTeams(sql: Sql, teamIds: readonly string[]): Promise<string[]> {
  const rows = await sql<{ id: string }>`
    select asked.id
    from unnest(${[...teamIds]}::text[]) with ordinality as asked (id, position)
    join teams t on t.id = asked.id
    where not exists (select from erasures e where e.team_id = t.id and e.subject_id = t.id)
    order by asked.position`;
  return rows.map(({ id }) => id);
}
