import type { SealContext } from "../secrets.ts";
import { textArray } from "./arrays.ts";
import type { ListenerKey } from "./listeners.ts";
import { part, type Sql } from "./sql.ts";

/** The seal context of the headers of a listener's request. */
export const listenerHeadersContext = (teamId: string, rowId: string): SealContext => ({
  table: "listener_requests",
  column: "sealed_headers",
  teamId,
  rowId,
});

/** The seal context of a listener's answer. */
export const listenerAnswerContext = (teamId: string, rowId: string): SealContext => ({
  ...listenerHeadersContext(teamId, rowId),
  column: "sealed_answer",
});

/** A request that a listener is to answer, its headers sealed. */
export type NewListenerRequest = {
  teamId: string;
  id: string;
  listenerId: string;
  deliveryId: string;
  eventId: string;
  eventType: string;
  /** The created_at of the delivery and its event, as the database's text. */
  createdAt: string;
  attemptNumber: number;
  sealedHeaders: Buffer;
  timeoutMs: number;
};

/** The key of a request for a listener. */
export type ListenerRequestKey = ListenerKey & { requestId: string };

/** Notifies all processes about a listener when the statement commits. */
const notifying = (name: "listener" | "answered") => part`
  select pg_notify('postrider', json_build_object(${name}::text, id)::text)`;

/**
 * Inserts a request for a listener; false when the listener has ended.
 *
 * The request of an earlier attempt of the delivery ends: nobody waits for it any more.
 */
export async function insertListenerRequest(
  sql: Sql,
  request: NewListenerRequest,
): Promise<boolean> {
  const { teamId, listenerId, eventId } = request;
  const rows = await sql("insert_listener_request")`
    with earlier as (
      update listener_requests set ended_at = now(), sealed_headers = null, sealed_answer = null
      where team_id = ${teamId} and listener_id = ${listenerId} and event_id = ${eventId}
        and ended_at is null and id <> ${request.id}
    ), inserted as (
      insert into listener_requests (team_id, id, listener_id, delivery_id, event_id, event_type,
        event_created_at, attempt_number, deadline_at, sealed_headers)
      select l.team_id, ${request.id}, l.id, ${request.deliveryId}, ${eventId}::uuid, ${request.eventType},
             ${request.createdAt}::timestamptz, ${request.attemptNumber}::int,
             now() + ${request.timeoutMs}::float8 * interval '1 millisecond', ${request.sealedHeaders}::bytea
      from listeners l
      where l.team_id = ${teamId} and l.id = ${listenerId} and l.ends_at > now()
      -- Written, and the connection was lost before that was heard.
      on conflict (team_id, id) do update set id = excluded.id
      returning listener_id as id
    )
    ${notifying("listener")} from inserted`;
  return rows.length === 1;
}

/** Lists which of these written requests are settled: they were answered or given up, or their listener has ended. */
export async function listSettledRequestsOfAllTeams(
  sql: Sql,
  ids: readonly string[],
): Promise<string[]> {
  const rows = await sql<{ id: string }>`
    select asked.id from unnest(${textArray(ids)}::text[]) as asked (id)
    where not exists (
      select from listener_requests r
      where r.id = asked.id and r.answered_at is null and r.ended_at is null)`;
  return rows.map(({ id }) => id);
}

/** Ends a request and takes its answer: null when none came, undefined when its listener has ended. */
export async function takeListenerAnswer(
  sql: Sql,
  { teamId, id }: { teamId: string; id: string },
): Promise<Buffer | null | undefined> {
  const [row] = await sql("take_listener_answer")<{ answer: Buffer | null }>`
    with found as (
      select team_id, id, sealed_answer as answer from listener_requests
      where team_id = ${teamId} and id = ${id}
      for update
    ), over as (
      update listener_requests r set ended_at = now(), sealed_headers = null, sealed_answer = null
      from found where r.team_id = found.team_id and r.id = found.id
    )
    select answer from found`;
  return row?.answer;
}

/** The result of a listener's answer: taken, repeated, too late, or for an unknown request. */
export type AnswerMet = "taken" | "repeated" | "late" | "unknown";

/** Stores a listener's answer for the process that waits for it. The first answer counts. */
export async function recordListenerAnswer(
  sql: Sql,
  { teamId, id, requestId }: ListenerRequestKey,
  sealedAnswer: Buffer,
): Promise<AnswerMet> {
  const [row] = await sql<{ taken: boolean; answered: boolean; told: unknown }>`
    with found as (
      select r.team_id, r.id, r.answered_at is not null as answered, r.ended_at is not null as ended
      from listener_requests r
      where r.team_id = ${teamId} and r.listener_id = ${id} and r.id = ${requestId}
      for update
    ), taken as (
      update listener_requests r set answered_at = now(), sealed_answer = ${sealedAnswer}
      from found
      where r.team_id = found.team_id and r.id = found.id and not found.answered and not found.ended
      returning r.id
    ), told as (
      ${notifying("answered")} as told from taken
    )
    select found.answered, taken.id is not null as taken, told.told
    from found left join taken on true left join told on true`;
  if (!row) return "unknown";
  if (row.taken) return "taken";
  return row.answered ? "repeated" : "late";
}

/** A request as a listener's stream sends it. */
export type OpenRequest = {
  id: string;
  /** Its position among the requests that were sent to a stream. */
  position: string;
  deliveryId: string;
  eventId: string;
  eventType: string;
  attemptNumber: number;
  deadlineAt: Date;
  sealedHeaders: Buffer;
  /** Null: not kept any more. */
  payload: Buffer | null;
  /** An earlier request of the delivery was sent to a stream. */
  repeated: boolean;
};

/** The most requests that are read at once, because each has its event's payload. */
const readMax = 20;

/**
 * Gives positions to a listener's requests that have none, in the order in which they were made. Returns how many;
 * undefined when the listener has ended.
 *
 * It locks the listener's row: a position is committed before the next one is given.
 */
export async function placeListenerRequests(
  sql: Sql,
  { teamId, id }: ListenerKey,
): Promise<number | undefined> {
  const [row] = await sql("place_listener_requests")<{ there: boolean; placed: number }>`
    with listener as (
      select position from listeners where team_id = ${teamId} and id = ${id} for no key update
    ), fresh as (
      select r.id, row_number() over (order by r.created_at, r.id) as nth
      from listener_requests r
      where r.team_id = ${teamId} and r.listener_id = ${id} and r.position is null
        and r.ended_at is null and r.answered_at is null and exists (select from listener)
    ), counted as (
      update listeners set position = position + (select count(*) from fresh)
      where team_id = ${teamId} and id = ${id} and exists (select from fresh)
    ), placed as (
      update listener_requests r set position = listener.position + fresh.nth
      from fresh, listener
      where r.team_id = ${teamId} and r.id = fresh.id
      returning r.id
    )
    select exists (select from listener) as there, (select count(*)::int4 from placed) as placed`;
  return row?.there ? row.placed : undefined;
}

/** Reads the open requests of a listener after a position, in the order of positions. */
export async function listOpenRequests(
  sql: Sql,
  { teamId, id }: ListenerKey,
  after: string,
): Promise<OpenRequest[]> {
  return await sql("list_open_requests")<OpenRequest>`
    select r.id, r.position::text, r.delivery_id as "deliveryId", r.event_id as "eventId",
           r.event_type as "eventType", r.attempt_number as "attemptNumber",
           r.deadline_at as "deadlineAt", r.sealed_headers as "sealedHeaders", e.payload,
           exists (
             select from listener_requests earlier
             where earlier.team_id = r.team_id and earlier.event_id = r.event_id
               and earlier.listener_id = r.listener_id and earlier.position < r.position) as repeated
    from listener_requests r
    left join events e on e.team_id = r.team_id and e.id = r.event_id
      and e.created_at = r.event_created_at
    where r.team_id = ${teamId} and r.listener_id = ${id} and r.position > ${after}::bigint
      and r.ended_at is null and r.answered_at is null and r.deadline_at > now()
      and r.sealed_headers is not null
    order by r.position
    limit ${readMax}`;
}

/** Deletes at most `limit` requests of any team whose deadline was an hour ago; returns how many. */
export async function deleteOldListenerRequestsOfAllTeams(
  sql: Sql,
  limit: number,
): Promise<number> {
  const rows = await sql`
    delete from listener_requests
    where ctid = any(array(
      select ctid from listener_requests where deadline_at < now() - interval '1 hour' limit ${limit}))
    returning 1`;
  return rows.length;
}
