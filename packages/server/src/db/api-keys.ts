import { hashSecret, type Scope, scopes } from "../api-keys.ts";
import { idFromSeed } from "../ids.ts";
import { type Audit, insertAuditEntry } from "./audit.ts";
import type { PageOfRows } from "./lists.ts";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";
import { defaultTeamId, ensureDefaultTeam } from "./teams.ts";
import { byId, markedBy, readWalk, stillToTell, type Walked, type WalkPage } from "./walks.ts";

/** An API key as authentication reads it. */
export type ApiKey = {
  id: string;
  /** Null for a person who signs in with the provider: such a key has no secret. */
  secretSha256: Buffer | null;
  defaultTeamId: string;
  teamIds: string[];
  scopes: Scope[];
  /** `last_used_at` is more than a minute old. */
  useUnmarked: boolean;
};

/** A key to store: its first team is the default one. */
export type NewApiKey = {
  id: string;
  name: string;
  secretSha256: Buffer;
  /** The beginning of the key, which lists show. */
  prefix?: string;
  last4?: string;
  teamIds: readonly [string, ...string[]];
  scopes: readonly Scope[];
  /** Seconds from now until it expires; null: never. */
  expiresInSeconds: number | null;
};

/**
 * Stores a key together with the teams it reaches; false when the id is taken.
 *
 * The id of a key that was never used may be inserted again with another secret: the request that made it is repeated
 * because its answer was lost.
 */
export async function insertApiKey(sql: Sql, key: NewApiKey): Promise<boolean> {
  const rows = await sql`
    with key as (
      insert into api_keys as known
        (id, name, secret_sha256, prefix, last4, default_team_id, scopes, expires_at)
      values (
        ${key.id}, ${key.name}, ${key.secretSha256}, ${key.prefix ?? null}, ${key.last4 ?? null},
        ${key.teamIds[0]}, ${[...key.scopes]}::text[],
        now() + make_interval(secs => ${key.expiresInSeconds}::float8))
      on conflict (id) do update set
        secret_sha256 = excluded.secret_sha256, prefix = excluded.prefix, last4 = excluded.last4
      where known.last_used_at is null and known.revoked_at is null
        and known.name = excluded.name and known.scopes = excluded.scopes
        and known.default_team_id = excluded.default_team_id
      returning id
    ), teams as (
      insert into api_key_teams (api_key_id, team_id)
      select key.id, team_id from key, unnest(${[...new Set(key.teamIds)]}::text[]) as team_id
      on conflict do nothing
    )
    select id from key`;
  return rows.length === 1;
}

/** Finds a valid key, neither expired nor revoked, of any team. */
export async function findApiKeyOfAnyTeam(sql: Sql, id: string): Promise<ApiKey | undefined> {
  const [key] = await sql("find_api_key")<ApiKey>`
    select
      id,
      secret_sha256 as "secretSha256",
      default_team_id as "defaultTeamId",
      array(select team_id from api_key_teams where api_key_id = api_keys.id) as "teamIds",
      scopes,
      (last_used_at is null or last_used_at < now() - interval '1 minute') as "useUnmarked"
    from api_keys
    where id = ${id}
      and revoked_at is null
      and (expires_at is null or expires_at > now())`;
  return key;
}

/** Marks that a key was used, at most once a minute. */
export async function markApiKeyUsed(sql: Sql, id: string): Promise<void> {
  await sql`
    update api_keys set last_used_at = now()
    where id = ${id} and (last_used_at is null or last_used_at < now() - interval '1 minute')`;
}

/** A key as a list shows it: without its secret, and only with teams that the reader reaches. */
export type ListedApiKey = {
  id: string;
  name: string;
  prefix: string | null;
  last4: string | null;
  scopes: Scope[];
  defaultTeamId: string | null;
  teams: { id: string; name: string }[];
  createdAt: Date;
  lastUsedAt: Date | null;
  expiresAt: Date | null;
  revokedAt: Date | null;
  /** It belongs to a person who signs in with the provider. */
  isPerson: boolean;
};

/** Lists the keys that reach a team, newest first, as the key `readerId` may see them. */
export async function listApiKeys(
  database: Database,
  teamId: string,
  readerId: string,
  walk: WalkPage,
): Promise<Walked<PageOfRows<ListedApiKey>>> {
  return await readWalk(
    database,
    walk,
    (sql) => sql<ListedApiKey>`
      select
        k.id, k.name, k.prefix, k.last4, k.scopes,
        (select r.team_id from api_key_teams r
         where r.api_key_id = ${readerId} and r.team_id = k.default_team_id) as "defaultTeamId",
        coalesce((
          select json_agg(json_build_object('id', t.id, 'name', t.name) order by t.id)
          from api_key_teams own
          join api_key_teams r on r.team_id = own.team_id and r.api_key_id = ${readerId}
          join teams t on t.id = own.team_id
          where own.api_key_id = k.id), '[]') as teams,
        k.created_at as "createdAt", k.last_used_at as "lastUsedAt",
        k.expires_at as "expiresAt", k.revoked_at as "revokedAt",
        k.person_sha256 is not null as "isPerson",
        ${markedBy(byId)}
      from api_key_teams kt join api_keys k on k.id = kt.api_key_id
      where kt.team_id = ${teamId} and ${stillToTell(byId, walk.after)}
      order by k.id desc
      limit ${walk.limit + 1}`,
  );
}

/** A key as it sees itself. */
export type OwnApiKey = Pick<ListedApiKey, "id" | "name" | "scopes" | "teams"> & {
  defaultTeamId: string;
};

/** Finds the caller's key with all the teams that it reaches. */
export async function findOwnApiKey(sql: Sql, id: string): Promise<OwnApiKey | undefined> {
  const [key] = await sql<OwnApiKey>`
    select
      k.id, k.name, k.scopes, k.default_team_id as "defaultTeamId",
      (select json_agg(json_build_object('id', t.id, 'name', t.name) order by t.id)
       from api_key_teams own join teams t on t.id = own.team_id
       where own.api_key_id = k.id) as teams
    from api_keys k
    where k.id = ${id}`;
  return key;
}

/** The result of revoking a key. */
export type Revocation =
  /** It reached only the revoker's teams, and does not work any more. */
  | "revoked"
  /** It still works for teams that the revoker does not reach, and reaches none of the revoker's teams any more. */
  | "withdrawn"
  /** The revoker's team has no such key. */
  | "unknown"
  /** The operator's key can only be changed in the configuration. */
  | "operators_key"
  /** It is the revoker itself. */
  | "key_in_use"
  /** The revoker does not work any more. */
  | "revoker_is_gone";

/** Removes a key from all teams that its revoker reaches. */
export async function revokeApiKey(
  database: Database,
  id: string,
  audit: Audit,
): Promise<Revocation> {
  const { teamId, actorId, apiKeyId: revokerId = actorId } = audit;
  return await database.begin(async (tx) => {
    // Locks both keys. Otherwise two keys that revoke each other at once would leave their team without a key, and two
    // revokers of different teams of one key would both think that it still has others.
    const locked = await tx<{ id: string; works: boolean }>`
      select id, revoked_at is null and (expires_at is null or expires_at > now()) as works
      from api_keys where id in (${id}, ${revokerId})
      order by id for update`;
    if (!locked.some((one) => one.id === revokerId && one.works)) return "revoker_is_gone";
    const [key] = await tx<{ reaches: boolean; shared: string[]; others: string[] }>`
      select
        exists (select from api_key_teams where api_key_id = k.id and team_id = ${teamId}) as reaches,
        array(
          select team_id from api_key_teams where api_key_id = k.id
          intersect select team_id from api_key_teams where api_key_id = ${revokerId}) as shared,
        array(
          select team_id from api_key_teams where api_key_id = k.id
          except select team_id from api_key_teams where api_key_id = ${revokerId}
          order by team_id) as others
      from api_keys k where id = ${id}`;
    if (!key?.reaches) return "unknown";
    if (id === bootstrapKeyId) return "operators_key";
    if (id === revokerId) return "key_in_use";
    if (key.others.length === 0) {
      const revoked = await tx`
        update api_keys set revoked_at = now() where id = ${id} and revoked_at is null returning id`;
      if (revoked.length > 0) await insertAuditEntry(tx, audit, id, key.shared);
      return "revoked";
    }
    await tx`
      update api_keys set default_team_id = ${key.others[0]}
      where id = ${id} and not default_team_id = any(${key.others}::text[])`;
    await tx`
      delete from api_key_teams where api_key_id = ${id} and not team_id = any(${key.others}::text[])`;
    await insertAuditEntry(tx, { ...audit, action: "api_key.withdrawn" }, id, key.shared);
    return "withdrawn";
  });
}

/** The id of the operator's own key (POSTRIDER_API_KEY). */
export const bootstrapKeyId = idFromSeed(0, "postrider bootstrap api key");

/** Creates the default team and the row of the operator's key; a changed key replaces the former one. */
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

/** Disables the operator's own key, because the setting was removed. */
export async function retireBootstrapKey(sql: Sql): Promise<void> {
  await sql`
    update api_keys set revoked_at = now() where id = ${bootstrapKeyId} and revoked_at is null`;
}
