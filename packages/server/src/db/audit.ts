import { newId } from "../ids.ts";
import type { PageOfRows } from "./lists.ts";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";
import { byId, markedBy, readWalk, stillToTell, type Walked, type WalkPage } from "./walks.ts";

const secretActions = ["signing_secret_revealed", "signing_secret_rotated"] as const;
const webhookActions = ["created", "updated", "deleted", "tested", ...secretActions] as const;

/** The actions of the audit log: the kind of subject, and what happened to it. */
export const auditActions = [
  ...webhookActions.map((action) => `workflow_webhook.${action}` as const),
  ...webhookActions.map((action) => `webhook.${action}` as const),
  ...(["created", "updated", "deleted", ...secretActions] as const).map(
    (action) => `assistant.${action}` as const,
  ),
  ...webhookActions.map((action) => `operational_webhook.${action}` as const),
  "endpoint.enabled",
  "endpoint.disabled",
  "listener.opened",
  "listener.ended",
  "delivery.redelivered",
  "replay.started",
  "replay.cancelled",
  "api_key.created",
  "api_key.revoked",
  "api_key.withdrawn",
  "team.created",
  "team.updated",
  "session.opened",
  "session.ended",
  "portal_link.created",
  "portal_link.revoked",
  "run.erased",
  "call.erased",
] as const;

export type AuditAction = (typeof auditActions)[number];

/** The context of an audit entry: actor, request and team. */
export type Audit = {
  teamId: string;
  /** The id of the API key, or of its session. */
  actorId: string;
  /** The key of that session; undefined: the actor is the key. */
  apiKeyId?: string;
  /** The name to write instead of a key's name. */
  actorName?: string;
  requestId: string;
  action: AuditAction;
};

/** An argument of every action that changes a team's configuration, so that each change is audited. */
export type Audited = { audit: Audit };

/** Writes an entry about an action of the service itself to a team's audit log, in the action's transaction. */
export async function insertEntryOfService(
  tx: Tx,
  { teamId, action }: Pick<Audit, "teamId" | "action">,
  subjectId: string,
): Promise<void> {
  await tx`
    insert into audit_log (team_id, id, actor_id, actor_name, action, subject_id, request_id)
    values (${teamId}, ${newId()}, 'system', '', ${action}, ${subjectId}, '')`;
}

/**
 * Writes an entry about an action on a subject to the team's audit log, in the action's transaction.
 *
 * An action on several teams is in the log of each. Entries have no values of settings and no network addresses.
 */
export async function insertAuditEntry(
  tx: Tx,
  audit: Audit,
  subjectId: string,
  teamIds: readonly string[] = [audit.teamId],
): Promise<void> {
  await tx`
    insert into audit_log (team_id, id, actor_id, actor_name, action, subject_id, request_id)
    select team_id, ${newId()}, ${audit.actorId},
      coalesce(${audit.actorName ?? null}, (select name from api_keys where id = ${audit.apiKeyId ?? audit.actorId}), ''),
      ${audit.action}, ${subjectId}, ${audit.requestId}
    from unnest(${[...new Set(teamIds)]}::text[]) as team_id`;
}

/** One line of the log. */
export type AuditEntry = {
  id: string;
  createdAt: Date;
  actorId: string;
  actorName: string;
  action: AuditAction;
  subjectId: string;
  requestId: string;
};

/** Filter of entries; null: all. */
export type AuditFilter = {
  actorId: string | null;
  action: string | null;
  subjectId: string | null;
  /** Done at or after. */
  since: Date | null;
  /** Done before. */
  until: Date | null;
};

/** Lists a team's audit log, newest first. */
export async function listAuditEntries(
  database: Database,
  teamId: string,
  filter: AuditFilter,
  walk: WalkPage,
): Promise<Walked<PageOfRows<AuditEntry>>> {
  const { actorId, action, subjectId, since, until } = filter;
  return await readWalk(
    database,
    walk,
    (sql) => sql<AuditEntry>`
      select id, created_at as "createdAt", actor_id as "actorId", actor_name as "actorName",
             action, subject_id as "subjectId", request_id as "requestId",
             ${markedBy(byId)}
      from audit_log
      where team_id = ${teamId} and ${stillToTell(byId, walk.after)}
        and (${actorId}::text is null or actor_id = ${actorId})
        and (${action}::text is null or action = ${action})
        and (${subjectId}::text is null or subject_id = ${subjectId})
        and (${since}::timestamptz is null or created_at >= ${since})
        and (${until}::timestamptz is null or created_at < ${until})
      order by id desc
      limit ${walk.limit + 1}`,
  );
}

/** Deletes at most `limit` entries of any team that are older than 400 days; returns how many. */
export async function deleteOldAuditEntriesOfAllTeams(sql: Sql, limit: number): Promise<number> {
  const rows = await sql`
    delete from audit_log
    where (team_id, id) in (
      select team_id, id from audit_log
      where created_at < now() - interval '400 days'
      order by created_at
      limit ${limit})
    returning id`;
  return rows.length;
}
