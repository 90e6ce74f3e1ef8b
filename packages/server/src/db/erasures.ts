import type { ToldStep } from "../domain/contracts/organisation-webhooks.ts";
import { textArray, uuidArray } from "./arrays.ts";
import { part, type Sql, type SqlPart } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** A run or a call that is locked to be erased. */
export type ErasedRun = { createdAt: Date; steps: ToldStep[] };
export type ErasedCall = { createdAt: Date; position: number };

/**
 * Locks a run against all facts about it, and reads what the ids of its events are computed from; undefined when there is
 * none.
 */
export async function lockRunToErase(
  tx: Tx,
  teamId: string,
  id: string,
): Promise<ErasedRun | undefined> {
  const [run] = await tx<{ createdAt: Date }>`
    select created_at as "createdAt" from runs where team_id = ${teamId} and id = ${id}
    for update`;
  if (!run) return undefined;
  // Read after the lock: a step may have been added during the wait.
  const steps = await tx<ToldStep>`
    select id, attempt from steps where team_id = ${teamId} and run_id = ${id}`;
  return { ...run, steps };
}

/** Locks a call against all facts about it; undefined when there is none. */
export async function lockCallToErase(
  tx: Tx,
  teamId: string,
  id: string,
): Promise<ErasedCall | undefined> {
  const [call] = await tx<ErasedCall>`
    select created_at as "createdAt", position from calls
    where team_id = ${teamId} and id = ${id}
    for update`;
  return call;
}

/** Deletes a run with its steps. */
export async function deleteRun(tx: Tx, teamId: string, id: string): Promise<void> {
  await tx`delete from runs where team_id = ${teamId} and id = ${id}`;
}

/** Deletes a call with its messages. */
export async function deleteCall(tx: Tx, teamId: string, id: string): Promise<void> {
  await tx`delete from calls where team_id = ${teamId} and id = ${id}`;
}

/**
 * Deletes events that were made at `since` or later, with their deliveries and attempts.
 *
 * Deliveries first: a process that is writing an attempt holds a lock on its delivery, so this waits for it. A later
 * process finds no delivery.
 */
export async function deleteEvents(
  tx: Tx,
  teamId: string,
  eventIds: readonly string[],
  since: Date,
): Promise<void> {
  const ids = uuidArray(eventIds);
  const deliveries = await tx<DeliveryKey>`
    delete from deliveries where team_id = ${teamId} and event_id = any(${ids}::uuid[])
    returning id, created_at::text as "createdAt"`;
  await deleteAttempts(tx, teamId, deliveries);
  await tx`
    delete from listener_requests where team_id = ${teamId} and event_id = any(${ids}::uuid[])`;
  await tx`
    delete from events
    where team_id = ${teamId} and id = any(${ids}::uuid[])
      and created_at >= ${since}::timestamptz - interval '1 second'`;
}

/** A delivery, and its time to the microsecond, which selects the partition of its attempts. */
type DeliveryKey = { id: string; createdAt: string };

async function deleteAttempts(
  tx: Tx,
  teamId: string,
  deliveries: readonly DeliveryKey[],
): Promise<void> {
  if (deliveries.length === 0) return;
  await tx`
    delete from attempts a
    using unnest(
      ${textArray(deliveries.map(({ id }) => id))}::text[],
      ${textArray(deliveries.map(({ createdAt }) => createdAt))}::text[]) as d (id, created_at)
    where a.team_id = ${teamId} and a.delivery_id = d.id
      and a.delivery_created_at = d.created_at::timestamptz`;
}

/** Deletes the kept answers to requests about one run or call. */
export async function deleteAnswersAbout(
  sql: Sql,
  teamId: string,
  subjectId: string,
): Promise<void> {
  await sql`
    delete from idempotency_keys where team_id = ${teamId} and subject_id = ${subjectId}`;
}

/** Stores what was erased, until all requests that began before have ended. */
export async function insertErasure(tx: Tx, teamId: string, subjectId: string): Promise<void> {
  await tx`
    insert into erasures (team_id, subject_id) values (${teamId}, ${subjectId})
    on conflict (team_id, subject_id) do update set requested_at = now()`;
}

/** An erasure; `settled`: all requests that were in progress then have ended. */
export type Erasure = { teamId: string; subjectId: string; settled: boolean };

/** Lists recent erasures, the oldest first. */
export async function listErasuresOfAllTeams(sql: Sql, limit: number): Promise<Erasure[]> {
  return await sql<Erasure>`
    select team_id as "teamId", subject_id as "subjectId",
           requested_at < now() - interval '5 minutes' as settled
    from erasures order by requested_at limit ${limit}`;
}

/** Deletes an erasure's row. */
export async function deleteErasure(sql: Sql, teamId: string, subjectId: string): Promise<void> {
  await sql`delete from erasures where team_id = ${teamId} and subject_id = ${subjectId}`;
}

/**
 * Locks the keys of a team against other changes of their teams, and says whether the team is the only one that a key
 * reaches.
 *
 * Without the lock, two teams that are closed at once would each count as the other team of their keys.
 */
export async function isOnlyTeamOfKey(tx: Tx, teamId: string, apiKeyId: string): Promise<boolean> {
  await tx`
    select from api_keys
    where id in (select api_key_id from api_key_teams where team_id = ${teamId})
    order by id for update`;
  const teams = await tx<{ isThis: boolean }>`
    select team_id = ${teamId} as "isThis" from api_key_teams where api_key_id = ${apiKeyId}`;
  return teams.length > 0 && teams.every(({ isThis }) => isThis);
}

/**
 * Closes a team: no key reaches it, its subscriptions get no events, and its name is removed.
 *
 * A key that reaches other teams still works for those; a key that reached only this team is deleted.
 */
export async function closeTeam(tx: Tx, teamId: string): Promise<void> {
  await insertErasure(tx, teamId, teamId);
  await tx`delete from api_key_teams where team_id = ${teamId}`;
  await tx`
    update api_keys k set default_team_id = other.team_id
    from (select api_key_id, min(team_id) as team_id from api_key_teams group by api_key_id) other
    where k.default_team_id = ${teamId} and other.api_key_id = k.id`;
  await tx`delete from api_keys where default_team_id = ${teamId}`;
  await tx`update subscriptions set deleted_at = now() where team_id = ${teamId}`;
  await tx`update teams set name = '' where id = ${teamId}`;
}

/** Deletes up to `limit` of a team's runs, calls, workflows, assistants … and says how many; 0: nothing is left. */
export async function deleteSomeStateOf(tx: Tx, teamId: string, limit: number): Promise<number> {
  // Workflows and assistants are deleted after the rows that refer to them. A transaction that adds such a row locks its
  // workflow or assistant.
  const calls = await tx`
    delete from calls where team_id = ${teamId} and id in
      (select id from calls where team_id = ${teamId} limit ${limit})
    returning id`;
  const runs = await tx`
    delete from runs where team_id = ${teamId} and id in
      (select id from runs where team_id = ${teamId} limit ${limit})
    returning id`;
  const workflows = await tx`
    delete from workflows where team_id = ${teamId} and id in
      (select id from workflows where team_id = ${teamId} limit ${limit})
    returning id`;
  const assistants = await tx`
    delete from assistants where team_id = ${teamId} and id in
      (select id from assistants a where team_id = ${teamId}
         and not exists (select from calls where team_id = a.team_id and assistant_id = a.id)
       limit ${limit})
    returning id`;
  return calls.length + runs.length + workflows.length + assistants.length;
}

/** The other tables with rows of a team, each with the column that identifies its rows. */
const traces: readonly (readonly [table: SqlPart, column: SqlPart])[] = [
  [part`idempotency_keys`, part`key`],
  [part`fact_identities`, part`identity_sha256`],
  [part`audit_log`, part`id`],
  [part`rollups`, part`ctid`],
  [part`delivery_changes`, part`ctid`],
  [part`request_heads`, part`id`],
  [part`failure_streaks`, part`subscription_id`],
  [part`replayed_deliveries`, part`ctid`],
  // Waits for a step in progress: the rows that it adds are found the next time.
  [part`replays`, part`id`],
  [part`operational_happenings`, part`ctid`],
  [part`listener_requests`, part`id`],
  [part`sessions`, part`id`],
  [part`login_links`, part`token_sha256`],
];

/**
 * Deletes up to `limit` rows of each other table of a team: answers, known facts, audit, counts, operational happenings,
 * replays and sessions; returns how many.
 */
export async function deleteSomeTracesOf(tx: Tx, teamId: string, limit: number): Promise<number> {
  let deleted = 0;
  for (const [table, column] of traces) {
    const rows = await tx`
      delete from ${table} where team_id = ${teamId} and ${column} = any(array(
        select ${column} from ${table} where team_id = ${teamId} limit ${limit}))
      returning team_id`;
    deleted += rows.length;
  }
  // A row with sessions or requests is deleted after them: they would be deleted with it, beyond the limit.
  const portalLinks = await tx`
    delete from portal_links where team_id = ${teamId} and id in
      (select l.id from portal_links l where l.team_id = ${teamId}
         and not exists (select from sessions where team_id = ${teamId} and portal_link_id = l.id)
       limit ${limit})
    returning id`;
  const listeners = await tx`
    delete from listeners where team_id = ${teamId} and id in
      (select l.id from listeners l where l.team_id = ${teamId}
         and not exists (select from listener_requests where team_id = ${teamId} and listener_id = l.id)
       limit ${limit})
    returning id`;
  return deleted + portalLinks.length + listeners.length;
}

/** Deletes up to `limit` of a team's deliveries with their attempts, and of its events; says how many. */
export async function deleteSomeEventsOf(tx: Tx, teamId: string, limit: number): Promise<number> {
  const deliveries = await tx<DeliveryKey>`
    delete from deliveries where team_id = ${teamId} and id in
      (select id from deliveries where team_id = ${teamId} limit ${limit})
    returning id, created_at::text as "createdAt"`;
  await deleteAttempts(tx, teamId, deliveries);
  const events = await tx`
    delete from events where team_id = ${teamId} and (id, created_at) in
      (select id, created_at from events where team_id = ${teamId} limit ${limit})
    returning id`;
  return deliveries.length + events.length;
}

/** Deletes a team's subscriptions, once nothing is delivered to them any more. */
export async function deleteSubscriptionsOf(sql: Sql, teamId: string): Promise<void> {
  await sql`delete from subscriptions where team_id = ${teamId}`;
}

/** Deletes the team itself. */
export async function deleteTeam(sql: Sql, teamId: string): Promise<void> {
  await sql`delete from teams where id = ${teamId}`;
}
