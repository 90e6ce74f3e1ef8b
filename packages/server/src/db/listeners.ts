import { listenerContract, listenerGraceSeconds } from "../domain/listeners.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** Whose listener, and which. */
export type ListenerKey = { teamId: string; id: string };

/** What a new listener is, secrets sealed. */
export type NewListener = ListenerKey & {
  /** The contract whose events it gets. */
  tells: string;
  /** The one subject it hears of; null: all of its team's. */
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

/** A stream says so often that it is there; a process that dies says no more. */
export const streamSeenSeconds = 5;

/** Writes a listener with its endpoint; false when the id is there already, as on the repeat of a request. */
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

/** An endpoint that a listener may copy: the contract whose events it gets, and of which subject. */
export type CopiedEndpoint = { contract: string; subjectId: string | null };

/** Finds an endpoint to copy; a listener is none. */
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

/** Lists the listeners that get copies of what an endpoint gets. */
export async function listCopiesOf(tx: Tx, { teamId, id }: ListenerKey): Promise<string[]> {
  const rows = await tx<{ id: string }>`
    select id from subscriptions
    where team_id = ${teamId} and copy_of = ${id} and contract = 'listener'
      and enabled and deleted_at is null
    order by id`;
  return rows.map(({ id: own }) => own);
}

/** Says whether a listener is there. */
export async function isListening(sql: Sql, { teamId, id }: ListenerKey): Promise<boolean> {
  const rows = await sql`
    select from listeners where team_id = ${teamId} and id = ${id} and ends_at > now()`;
  return rows.length === 1;
}

/**
 * Notes that a listener's stream is there, or (`ended`) that it ended just now; false when the listener is gone.
 *
 * While it is there the listener's end lies one interval further ahead, as far as a process that died may have been silent.
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

/** Deletes a listener's session with its requests, its endpoint aside; false when there is none. */
export async function deleteListener(tx: Tx, { teamId, id }: ListenerKey): Promise<boolean> {
  const rows = await tx`
    delete from listeners where team_id = ${teamId} and id = ${id} returning id`;
  return rows.length === 1;
}

/** Lists the listeners whose stream has been away for too long, of all teams. */
export async function listEndedListenersOfAllTeams(
  sql: Sql,
  limit: number,
): Promise<ListenerKey[]> {
  return await sql<ListenerKey>`
    select team_id as "teamId", id from listeners where ends_at <= now()
    order by ends_at limit ${limit}`;
}

/** Locks a listener whose stream is still away; false when it came back, or another process has it in hand. */
export async function lockEndedListener(tx: Tx, { teamId, id }: ListenerKey): Promise<boolean> {
  const rows = await tx`
    select from listeners where team_id = ${teamId} and id = ${id} and ends_at <= now()
    for update skip locked`;
  return rows.length === 1;
}
