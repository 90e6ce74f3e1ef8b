import { textArray } from "./arrays.ts";
import { type Audit, insertAuditEntry } from "./audit.ts";
import type { PageOfRows } from "./lists.ts";
import type { Database } from "./pool.ts";
import { isOpen, type Session, sessionColumns } from "./sessions.ts";
import { part, type Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";
import { byId, markedBy, readWalk, stillToTell, type Walked, type WalkPage } from "./walks.ts";

/** The access that a link gives its sessions. */
export type PortalGrant = {
  teamId: string;
  access: "read" | "manage";
  /** Whether payloads are shown. */
  payload: boolean;
  /** Null: all of the team's. */
  endpointIds: string[] | null;
  /** As it was given. */
  theme: object | null;
};

/** A link as a list shows it. */
export type PortalLink = Omit<PortalGrant, "payload"> & {
  id: string;
  createdAt: Date;
  createdBy: string;
  expiresAt: Date;
};

/** A link to store; its token is stored as SHA-256. */
export type NewPortalLink = PortalGrant & {
  id: string;
  actor: string;
  tokenSha256: Buffer;
  expiresInSeconds: number;
};

const columns = part`
  id, team_id as "teamId", access, endpoint_ids as "endpointIds", theme,
  created_at as "createdAt", created_by as "createdBy", expires_at as "expiresAt"`;

/** Stores a link. A repeat of the request, whose first answer was lost, gives the same link a new token. */
export async function insertPortalLink(tx: Tx, link: NewPortalLink): Promise<PortalLink> {
  const [made] = await tx<PortalLink>`
    insert into portal_links
      (team_id, id, created_by, token_sha256, access, payload, endpoint_ids, theme, expires_at)
    values (
      ${link.teamId}, ${link.id}, ${link.actor}, ${link.tokenSha256}, ${link.access}, ${link.payload},
      ${link.endpointIds}::text[], ${link.theme && JSON.stringify(link.theme)}::jsonb,
      now() + make_interval(secs => ${link.expiresInSeconds}::float8))
    on conflict (team_id, id) do update set token_sha256 = excluded.token_sha256
    returning ${columns}`;
  if (!made) throw new Error("the portal link was not stored");
  return made;
}

/** Counts a team's links that work. The caller holds the team's lock. */
export async function countPortalLinks(tx: Tx, teamId: string): Promise<number> {
  const [row] = await tx<{ count: number }>`
    select count(*)::int as count from portal_links
    where team_id = ${teamId} and expires_at > now()`;
  return row?.count ?? 0;
}

/** Lists the ids that are not endpoints of the team. */
export async function listMissingEndpoints(
  sql: Sql,
  teamId: string,
  ids: readonly string[],
): Promise<string[]> {
  const rows = await sql<{ id: string }>`
    select asked.id from unnest(${textArray(ids)}::text[]) as asked (id)
    where not exists (
      select from subscriptions s
      where s.team_id = ${teamId} and s.id = asked.id and s.deleted_at is null and s.url <> '')`;
  return rows.map(({ id }) => id);
}

/** Lists a team's links that work, newest first. */
export async function listPortalLinks(
  database: Database,
  teamId: string,
  walk: WalkPage,
): Promise<Walked<PageOfRows<PortalLink>>> {
  return await readWalk(
    database,
    walk,
    (sql) => sql<PortalLink>`
      select ${columns}, ${markedBy(byId)}
      from portal_links
      where team_id = ${teamId} and expires_at > now() and ${stillToTell(byId, walk.after)}
      order by id desc
      limit ${walk.limit + 1}`,
  );
}

/** Revokes a link and ends its sessions; false when there is no valid link with this id. */
export async function deletePortalLink(
  database: Database,
  teamId: string,
  id: string,
  audit: Audit,
): Promise<boolean> {
  return await database.begin(async (tx) => {
    const gone = await tx`
      delete from portal_links where team_id = ${teamId} and id = ${id} and expires_at > now()
      returning id`;
    if (gone.length > 0) await insertAuditEntry(tx, audit, id);
    return gone.length > 0;
  });
}

/** Finds the valid link with this token hash. */
export async function findPortalLinkOfAnyTeam(
  sql: Sql,
  tokenSha256: Buffer,
): Promise<(PortalGrant & { id: string }) | undefined> {
  const [link] = await sql<PortalGrant & { id: string }>`
    select id, team_id as "teamId", access, payload, endpoint_ids as "endpointIds", theme
    from portal_links
    where token_sha256 = ${tokenSha256} and expires_at > now()`;
  return link;
}

/** A portal session as authentication reads it. */
export type PortalSession = {
  id: string;
  portalLinkId: string;
  grant: PortalGrant;
  /** `last_seen_at` is more than a minute old. */
  unmarked: boolean;
};

/** Finds the portal session with this token hash, while its link is valid. */
export async function findPortalSessionOfAnyTeam(
  sql: Sql,
  tokenSha256: Buffer,
): Promise<PortalSession | undefined> {
  const [row] = await sql("find_portal_session")<Omit<PortalSession, "grant"> & PortalGrant>`
    select
      s.id, s.portal_link_id as "portalLinkId",
      s.last_seen_at < now() - interval '1 minute' as unmarked,
      l.team_id as "teamId", l.access, l.payload, l.endpoint_ids as "endpointIds", l.theme
    from sessions s join portal_links l on l.team_id = s.team_id and l.id = s.portal_link_id
    where s.token_sha256 = ${tokenSha256} and ${isOpen} and l.expires_at > now()`;
  if (!row) return undefined;
  const { id, portalLinkId, unmarked, ...grant } = row;
  return { id, portalLinkId, unmarked, grant };
}

/** The most sessions of a link; a further one ends those that were seen longest ago. */
const sessionsMax = 1_000;

/** Opens a session of a link, and writes an audit entry. */
export async function insertPortalSession(
  tx: Tx,
  session: { id: string; teamId: string; portalLinkId: string; tokenSha256: Buffer },
  audit: Audit,
): Promise<Session> {
  const { id, teamId, portalLinkId, tokenSha256 } = session;
  await tx`
    delete from sessions where team_id = ${teamId} and portal_link_id = ${portalLinkId} and id in (
      select id from sessions where team_id = ${teamId} and portal_link_id = ${portalLinkId}
      order by last_seen_at desc, id desc offset ${sessionsMax - 1})`;
  const [made] = await tx<Session>`
    insert into sessions (team_id, id, portal_link_id, token_sha256)
    values (${teamId}, ${id}, ${portalLinkId}, ${tokenSha256})
    returning ${sessionColumns}`;
  if (!made) throw new Error("the session was not stored");
  await insertAuditEntry(tx, audit, id);
  return made;
}

/** Finds an open session of the portal. */
export async function findPortalSession(
  sql: Sql,
  teamId: string,
  id: string,
): Promise<Session | undefined> {
  const [found] = await sql<Session>`
    select ${sessionColumns} from sessions
    where team_id = ${teamId} and id = ${id} and portal_link_id is not null and ${isOpen}`;
  return found;
}

/** Ends a session of the portal; false when there is none. */
export async function endPortalSession(
  database: Database,
  teamId: string,
  id: string,
  audit: Audit,
): Promise<boolean> {
  return await database.begin(async (tx) => {
    const ended = await tx`
      delete from sessions
      where team_id = ${teamId} and id = ${id} and portal_link_id is not null and ${isOpen}
      returning id`;
    if (ended.length > 0) await insertAuditEntry(tx, audit, id);
    return ended.length > 0;
  });
}
