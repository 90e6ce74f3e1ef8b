import { listenerContract, listenerGraceSeconds } from "../domain/listeners.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** The key of a listener: its team and its id. */
export type ListenerKey = { teamId: string; id: string };

/** A new listener, secrets sealed. */
export type NewListener = ListenerKey & {
  /** The contract whose events it gets. */
  tells: string;
  /** The one subject whose events it gets; null: all of its team. */
  subjectId: string | null;
  /** The endpoint of whose deliveries it gets copies. */
  copyOf: string | null;
  name: string;
  url: string;
  eventTypes: readonly string[];
  timeoutSeconds: number;
  maxRetries: number;
  backoffSeconds: number;
  sealedCredential: Buffer | null;
  sealedSigningSecret: Buffer;
  actor: string;
};

/** Seconds between two notes that a stream is open; a dead process writes none. */
export const streamSeenSeconds = 5;

/** Inserts a listener with its endpoint; false when the id exists already, as on the repeat of a request. */
export async function insertListener(tx: Tx, listener: NewListener): Promise<boolean> {
  const { teamId, id, actor } = listener;
  const rows = await tx`
    insert into subscriptions (team_id, id, contract, tells, subject_id, copy_of, name, url, event_types,
      timeout_seconds, max_retries, backoff_seconds, sealed_credential, sealed_signing_secret,
      created_by, updated_by)
    values (${teamId}, ${id}, ${listenerContract}, ${listener.tells}, ${listener.subjectId},
      ${listener.copyOf}, ${listener.name}, ${listener.url}, ${listener.eventTypes},
      ${listener.timeoutSeconds}, ${listener.maxRetries}, ${listener.backoffSeconds},
      ${listener.sealedCredential}, ${listener.sealedSigningSecret}, ${actor}, ${actor})
    on conflict (team_id, id) do nothing
    returning id`;
  if (rows.length === 0) return false;
  await tx`
    insert into listeners (team_id, id, ends_at)
    values (${teamId}, ${id}, now() + ${listenerGraceSeconds} * interval '1 second')`;
  return true;
}

/** Counts a team's listeners that have not ended. The caller holds the team's lock. */
export async function countListeners(tx: Tx, teamId: string): Promise<number> {
  const [row] = await tx<{ count: number }>`
    select count(*)::int as count from listeners
    where team_id = ${teamId} and ends_at > now()`;
  return row?.count ?? 0;
}

/** An endpoint that a listener may copy: the contract and the subject of its events. */
export type CopiedEndpoint = { contract: string; subjectId: string | null };

/** Finds an endpoint to copy; a listener cannot be copied. */
export async function findEndpointToCopy(
  sql: Sql,
  { teamId, id }: ListenerKey,
): Promise<CopiedEndpoint | undefined> {
  const [row] = await sql<CopiedEndpoint>`
    select contract, subject_id as "subjectId" from subscriptions
    where team_id = ${teamId} and id = ${id} and contract <> ${listenerContract}
      and url <> '' and deleted_at is null`;
  return row;
}

/** Lists the listeners that get copies of an endpoint's events. */
export async function listCopiesOf(tx: Tx, { teamId, id }: ListenerKey): Promise<string[]> {
  const rows = await tx<{ id: string }>`
    select id from subscriptions
    where team_id = ${teamId} and copy_of = ${id} and contract = 'listener'
      and enabled and deleted_at is null
    order by id`;
  return rows.map(({ id: own }) => own);
}

/** Finds a listener that has not ended: the contract whose events it gets. */
export async function findListener(
  sql: Sql,
  { teamId, id }: ListenerKey,
): Promise<{ tells: string } | undefined> {
  const [row] = await sql<{ tells: string }>`
    select s.tells from listeners l join subscriptions s on s.team_id = l.team_id and s.id = l.id
    where l.team_id = ${teamId} and l.id = ${id} and l.ends_at > now()`;
  return row;
}

/**
 * Notes that a listener's stream is open, or (`ended`) that it ended just now; false when the listener is gone.
 *
 * While it is open, the listener's end is one interval later, because a dead process may have been silent for that long.
 */
export async function markListenerSeen(
  sql: Sql,
  { teamId, id }: ListenerKey,
  { ended }: { ended: boolean },
): Promise<boolean> {
  const seconds = ended ? listenerGraceSeconds : listenerGraceSeconds + streamSeenSeconds;
  const rows = await sql`
    update listeners set ends_at = now() + ${seconds} * interval '1 second'
    where team_id = ${teamId} and id = ${id} and ends_at > now()
    returning id`;
  return rows.length === 1;
}

/** Deletes a listener's session with its requests, but not its endpoint; false when there is none. */
export async function deleteListener(tx: Tx, { teamId, id }: ListenerKey): Promise<boolean> {
  const rows = await tx`
    delete from listeners where team_id = ${teamId} and id = ${id} returning id`;
  return rows.length === 1;
}

/** Lists the listeners of all teams whose stream has been closed for too long. */
export async function listEndedListenersOfAllTeams(
  sql: Sql,
  limit: number,
): Promise<ListenerKey[]> {
  return await sql<ListenerKey>`
    select team_id as "teamId", id from listeners where ends_at <= now()
    order by ends_at limit ${limit}`;
}

/** Locks a listener whose stream is still closed; false when it was opened again, or another process works on it. */
export async function lockEndedListener(tx: Tx, { teamId, id }: ListenerKey): Promise<boolean> {
  const rows = await tx`
    select from listeners where team_id = ${teamId} and id = ${id} and ends_at <= now()
    for update skip locked`;
  return rows.length === 1;
}
