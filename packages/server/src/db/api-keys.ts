import { hashSecret, type Scope, scopes } from "../api-keys.ts";
import { idFromSeed } from "../ids.ts";
import type { Database, Sql } from "./sql.ts";
import { defaultTeamId, ensureDefaultTeam } from "./teams.ts";

/** What authentication knows of a key. */
export type ApiKey = {
  id: string;
  secretSha256: Buffer;
  defaultTeamId: string;
  teamIds: string[];
  scopes: Scope[];
};

/** A key to store: its first team is the default one. */
export type NewApiKey = {
  id: string;
  name: string;
  secretSha256: Buffer;
  teamIds: readonly [string, ...string[]];
  scopes: readonly Scope[];
  /** Seconds from now until it stops working; null for a key without an end. */
  expiresInSeconds: number | null;
};

/** Stores a key together with the teams it reaches. */
export async function insertApiKey(sql: Sql, key: NewApiKey): Promise<void> {
  await sql`
    with key as (
      insert into api_keys (id, name, secret_sha256, default_team_id, scopes, expires_at)
      values (
        ${key.id}, ${key.name}, ${key.secretSha256}, ${key.teamIds[0]}, ${[...key.scopes]}::text[],
        now() + make_interval(secs => ${key.expiresInSeconds}::float8))
      returning id
    )
    insert into api_key_teams (api_key_id, team_id)
    select key.id, team_id from key, unnest(${[...new Set(key.teamIds)]}::text[]) as team_id`;
}

/** Finds a key that works now, neither expired nor revoked, whatever its teams. */
export async function findApiKeyOfAnyTeam(sql: Sql, id: string): Promise<ApiKey | undefined> {
  const [key] = await sql("find_api_key")<ApiKey>`
    select
      id,
      secret_sha256 as "secretSha256",
      default_team_id as "defaultTeamId",
      array(select team_id from api_key_teams where api_key_id = api_keys.id) as "teamIds",
      scopes
    from api_keys
    where id = ${id}
      and revoked_at is null
      and (expires_at is null or expires_at > now())`;
  return key;
}

/** Revokes a key of a team; false when the team has no such key that still works. */
export async function revokeApiKey(sql: Sql, teamId: string, id: string): Promise<boolean> {
  const rows = await sql`
    update api_keys set revoked_at = now()
    where id = ${id}
      and revoked_at is null
      and exists (select from api_key_teams where api_key_id = ${id} and team_id = ${teamId})
    returning id`;
  return rows.length === 1;
}

/** The id under which the operator's own key (POSTRIDER_API_KEY) acts. */
export const bootstrapKeyId = idFromSeed(0, "postrider bootstrap api key");

/** Makes the default team and the row by which the operator's key acts; a changed key replaces the former one. */
export async function ensureBootstrapKey(
  database: Database,
  { key }: { key: string },
): Promise<void> {
  await database.begin(async (tx) => {
    await ensureDefaultTeam(tx);
    await tx`
      insert into api_keys (id, name, secret_sha256, default_team_id, scopes)
      values (${bootstrapKeyId}, 'POSTRIDER_API_KEY', ${hashSecret(key)}, ${defaultTeamId}, ${[...scopes]}::text[])
      on conflict (id) do update set
        secret_sha256 = excluded.secret_sha256, scopes = excluded.scopes, revoked_at = null`;
    await tx`
      insert into api_key_teams (api_key_id, team_id) values (${bootstrapKeyId}, ${defaultTeamId})
      on conflict do nothing`;
  });
}

/** Closes the operator's own key, because the setting is not given any more. */
export async function retireBootstrapKey(sql: Sql): Promise<void> {
  await sql`
    update api_keys set revoked_at = now() where id = ${bootstrapKeyId} and revoked_at is null`;
}
