import type { ApiKey } from "./api-keys.ts";
import { type Audit, insertAuditEntry } from "./audit.ts";
import type { PageOfRows } from "./lists.ts";
import type { Database } from "./pool.ts";
import { part, type Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";
import { byId, markedBy, readWalk, stillToTell, type Walked, type WalkPage } from "./walks.ts";

/** The most sessions of a key; a further one ends those that were seen longest ago. */
const sessionsMax = 100;

/** The condition that a session has not ended: it was seen within the last 12 hours. */
export const isOpen = part`last_seen_at > now() - interval '12 hours'`;

/** A session as its owner sees it; `expiresAt`: when it ends unless it is used before. */
export type Session = {
  id: string;
  teamId: string;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
};

/** The columns of a session. It ends with its key at the latest; a person's key ends twelve hours after the sign-in. */
export const sessionColumns = part`
  id, team_id as "teamId", created_at as "createdAt", last_seen_at as "lastSeenAt",
  least(
    last_seen_at + interval '12 hours',
    (select k.expires_at from api_keys k where k.id = sessions.api_key_id)) as "expiresAt"`;

/** A session to store; its cookie's token is stored as SHA-256. */
export type NewSession = { id: string; teamId: string; apiKeyId: string; tokenSha256: Buffer };

/** Opens a session of a key, and writes an audit entry. Beyond 100 sessions of the key, those seen longest ago end. */
export async function insertSession(tx: Tx, session: NewSession, audit: Audit): Promise<Session> {
  const { id, teamId, apiKeyId, tokenSha256 } = session;
  await tx`
    delete from sessions where api_key_id = ${apiKeyId} and id in (
      select id from sessions where api_key_id = ${apiKeyId}
      order by last_seen_at desc, id desc offset ${sessionsMax - 1})`;
  const [made] = await tx<Session>`
    insert into sessions (team_id, id, api_key_id, token_sha256)
    values (${teamId}, ${id}, ${apiKeyId}, ${tokenSha256})
    returning ${sessionColumns}`;
  if (!made) throw new Error("the session was not stored");
  await insertAuditEntry(tx, audit, id);
  return made;
}

/** A session as authentication reads it: its key is valid and reaches its team. */
export type OpenSession = {
  id: string;
  teamId: string;
  key: ApiKey;
  /** `last_seen_at` is more than a minute old. */
  unmarked: boolean;
};

/** Finds the session with this token hash, and its key. */
export async function findSessionOfAnyTeam(
  sql: Sql,
  tokenSha256: Buffer,
): Promise<OpenSession | undefined> {
  const [row] = await sql("find_session")<
    Omit<OpenSession, "key"> & Omit<ApiKey, "id"> & { apiKeyId: string }
  >`
    select
      s.id,
      s.team_id as "teamId",
      s.last_seen_at < now() - interval '1 minute' as unmarked,
      k.id as "apiKeyId",
      k.secret_sha256 as "secretSha256",
      k.default_team_id as "defaultTeamId",
      array(select team_id from api_key_teams where api_key_id = k.id) as "teamIds",
      k.scopes,
      (k.last_used_at is null or k.last_used_at < now() - interval '1 minute') as "useUnmarked"
    from sessions s join api_keys k on k.id = s.api_key_id
    where s.token_sha256 = ${tokenSha256} and ${isOpen}
      and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
      and exists (select from api_key_teams where api_key_id = k.id and team_id = s.team_id)`;
  if (!row) return undefined;
  const { id, teamId, unmarked, apiKeyId, ...key } = row;
  return { id, teamId, unmarked, key: { ...key, id: apiKeyId } };
}

/** Marks that a session was seen, at most once a minute. */
export async function markSessionSeen(sql: Sql, id: string): Promise<void> {
  await sql`
    update sessions set last_seen_at = now()
    where id = ${id} and last_seen_at < now() - interval '1 minute' and ${isOpen}`;
}

/** Lists the open sessions of a key, newest first. */
export async function listSessionsOfKey(
  database: Database,
  apiKeyId: string,
  walk: WalkPage,
): Promise<Walked<PageOfRows<Session>>> {
  return await readWalk(
    database,
    walk,
    (sql) => sql<Session>`
      select ${sessionColumns}, ${markedBy(byId)}
      from sessions
      where api_key_id = ${apiKeyId} and ${isOpen} and ${stillToTell(byId, walk.after)}
      order by id desc
      limit ${walk.limit + 1}`,
  );
}

/** Finds an open session of a key. */
export async function findSessionOfKey(
  sql: Sql,
  apiKeyId: string,
  id: string,
): Promise<Session | undefined> {
  const [found] = await sql<Session>`
    select ${sessionColumns} from sessions where api_key_id = ${apiKeyId} and id = ${id} and ${isOpen}`;
  return found;
}

/** Changes the team of an open session of a key; undefined when there is no such session. */
export async function moveSessionOfKey(
  sql: Sql,
  apiKeyId: string,
  id: string,
  teamId: string,
): Promise<Session | undefined> {
  const [moved] = await sql<Session>`
    update sessions set team_id = ${teamId}
    where api_key_id = ${apiKeyId} and id = ${id} and ${isOpen}
    returning ${sessionColumns}`;
  return moved;
}

/** Ends one session of a key, or all; each gets an entry in its team's audit log. Returns how many. */
export async function endSessionsOfKey(
  database: Database,
  apiKeyId: string,
  id: string | null,
  audit: Audit,
): Promise<number> {
  return await database.begin(async (tx) => {
    const ended = await tx<{ id: string; teamId: string }>`
      delete from sessions
      where api_key_id = ${apiKeyId} and (${id}::text is null or id = ${id}) and ${isOpen}
      returning id, team_id as "teamId"`;
    await Promise.all(ended.map((one) => insertAuditEntry(tx, audit, one.id, [one.teamId])));
    return ended.length;
  });
}

/** Deletes at most `limit` expired sessions and `limit` expired links of any team; returns how many. */
export async function deleteOldSessionsOfAllTeams(sql: Sql, limit: number): Promise<number> {
  const sessions = await sql`
    delete from sessions where (team_id, id) in (
      select team_id, id from sessions
      where last_seen_at <= now() - interval '12 hours'
      order by last_seen_at limit ${limit})
    returning id`;
  const links = await sql`
    delete from login_links where (team_id, token_sha256) in (
      select team_id, token_sha256 from login_links where expires_at <= now() limit ${limit})
    returning team_id`;
  const portalLinks = await sql`
    delete from portal_links where (team_id, id) in (
      select team_id, id from portal_links where expires_at <= now() order by expires_at limit ${limit})
    returning id`;
  return sessions.length + links.length + portalLinks.length;
}

/** Seconds in which a login link must be used. */
const loginLinkSeconds = 600;

/** Stores a link for one sign-in within ten minutes, as a key in its default team; false when there is no such key. */
export async function insertLoginLink(
  sql: Sql,
  link: { apiKeyId: string; tokenSha256: Buffer },
): Promise<boolean> {
  const rows = await sql`
    insert into login_links (team_id, token_sha256, api_key_id, expires_at)
    select default_team_id, ${link.tokenSha256}, id,
           now() + make_interval(secs => ${loginLinkSeconds}::float8)
    from api_keys where id = ${link.apiKeyId}
    returning team_id`;
  return rows.length === 1;
}

/** The key and team of a login link. */
export type LoginLink = { teamId: string; apiKeyId: string };

/** Finds a login link that is unused and not expired. */
export async function findLoginLinkOfAnyTeam(
  sql: Sql,
  tokenSha256: Buffer,
): Promise<LoginLink | undefined> {
  const [link] = await sql<LoginLink>`
    select team_id as "teamId", api_key_id as "apiKeyId" from login_links
    where token_sha256 = ${tokenSha256} and expires_at > now()`;
  return link;
}

/** Uses a login link; false when another request used it first. */
export async function useLoginLink(tx: Tx, teamId: string, tokenSha256: Buffer): Promise<boolean> {
  const used = await tx`
    delete from login_links
    where team_id = ${teamId} and token_sha256 = ${tokenSha256} and expires_at > now()
    returning team_id`;
  return used.length === 1;
}
