import type { OperationalEventType } from "../domain/lifecycle/operational.ts";
import { textArray } from "./arrays.ts";
import { part, type Sql, type SqlPart } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** The key of an endpoint. */
type EndpointKey = { teamId: string; subscriptionId: string };

/** Notifies all processes that a happening was noted, when the transaction commits. */
export const notifyOfNoted = part`select pg_notify('postrider', '{"operational":""}') from noted limit 1`;

/**
 * The condition that somebody wants events of this type about an endpoint `s`: an operational webhook, of its team or of all
 * teams, or a listener of its team. Nobody is told about those who are told.
 *
 * Two lookups, because each has an index of its own.
 */
const isTold = (eventType: SqlPart): SqlPart => part`
  s.contract not in ('operational', 'listener')
  and (exists (
    select from subscriptions w
    where w.contract = 'operational' and w.enabled and w.deleted_at is null
      and (w.team_id = s.team_id or w.all_teams) and ${eventType} = any(w.event_types))
  or exists (
    select from subscriptions w
    where w.contract = 'listener' and w.tells = 'operational' and w.enabled and w.deleted_at is null
      and w.team_id = s.team_id and ${eventType} = any(w.event_types)))`;

/** The JSON of an endpoint `s` and its streak `f` in events. */
const toldEndpoint = (until: SqlPart, since: SqlPart): SqlPart => part`
  jsonb_build_object('endpoint', jsonb_build_object(
    'id', s.id, 'contract', s.contract, 'name', s.name, 'url', s.url,
    'failing_since', ${asTime(since)}, 'until', ${asTime(until)}))`;

const asTime = (at: SqlPart): SqlPart =>
  part`to_char(${at} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Notes that these endpoints began to fail, or were disabled because of it, in the transaction of the decision. */
export async function noteFailingEndpoints(
  tx: Tx,
  keys: readonly EndpointKey[],
  eventType: "endpoint.failing" | "endpoint.disabled",
): Promise<void> {
  const type = part`${eventType}::text`;
  await tx`
    with noted as (
      insert into operational_happenings (team_id, event_type, key, data)
      select s.team_id, ${type}, s.id || ':' || ${asTime(part`now()`)},
             ${toldEndpoint(part`case when ${type} = 'endpoint.disabled' then now() end`, part`f.failed_from`)}
      from unnest(${textArray(keys.map(({ teamId }) => teamId))}::text[],
                  ${textArray(keys.map(({ subscriptionId }) => subscriptionId))}::text[])
        as k (team_id, subscription_id)
      join subscriptions s on s.team_id = k.team_id and s.id = k.subscription_id
      join failure_streaks f on f.team_id = s.team_id and f.subscription_id = s.id
      where ${isTold(type)}
      on conflict do nothing
      returning team_id
    )
    ${notifyOfNoted}`;
}

/**
 * Notes, as parts of the statement that ends streaks, the endpoints that have recovered: `ended` are rows with `team_id`,
 * `subscription_id`, `last_failing_from` and `last_failing_to`.
 */
export const notingRecovered = (ended: SqlPart): SqlPart => part`
  insert into operational_happenings (team_id, event_type, key, data)
  select s.team_id, 'endpoint.recovered', s.id || ':' || ${asTime(part`f.last_failing_to`)},
         ${toldEndpoint(part`f.last_failing_to`, part`f.last_failing_from`)}
  from ${ended} f
  join subscriptions s on s.team_id = f.team_id and s.id = f.subscription_id
  where ${isTold(part`'endpoint.recovered'`)}
  on conflict do nothing`;

/** Notes that these deliveries have used up their retries. */
export async function noteExhausted(
  tx: Tx,
  exhausted: readonly { teamId: string; deliveryId: string; errorCode: string | null }[],
): Promise<void> {
  await tx`
    with noted as (
      insert into operational_happenings (team_id, event_type, key, data)
      select d.team_id, 'delivery.exhausted', d.id || ':' || d.attempt_count,
             jsonb_build_object('delivery', jsonb_build_object(
               'id', d.id, 'endpoint_id', s.id, 'contract', s.contract, 'event_type', d.event_type,
               'event_id', 'event_' || d.event_id, 'attempts_count', d.attempt_count,
               'status_code', d.last_status_code, 'error_code', k.error_code,
               'created_at', ${asTime(part`d.created_at`)}))
      from unnest(${textArray(exhausted.map(({ teamId }) => teamId))}::text[],
                  ${textArray(exhausted.map(({ deliveryId }) => deliveryId))}::text[],
                  ${textArray(exhausted.map(({ errorCode }) => errorCode))}::text[])
        as k (team_id, id, error_code)
      join deliveries d on d.team_id = k.team_id and d.id = k.id and d.status = 'failed'
      join subscriptions s on s.team_id = d.team_id and s.id = d.subscription_id
      where ${isTold(part`'delivery.exhausted'`)}
      on conflict do nothing
      returning team_id
    )
    ${notifyOfNoted}`;
}

/** Notes that a replay is done. Its transaction cannot see webhooks of all teams: these are found when the event is made. */
export async function noteReplayDone(tx: Tx, teamId: string, id: string): Promise<void> {
  await tx`
    with noted as (
      insert into operational_happenings (team_id, event_type, key, data)
      select team_id, 'replay.completed', id,
             jsonb_build_object('replay', jsonb_build_object(
               'id', id, 'matching', matching, 'replayed', replayed, 'delivered', delivered,
               'failed', failed, 'created_at', ${asTime(part`created_at`)},
               'finished_at', ${asTime(part`finished_at`)}))
      from replays
      where team_id = ${teamId} and id = ${id} and state = 'done'
      on conflict do nothing
      returning team_id
    )
    ${notifyOfNoted}`;
}

/** The age of the oldest due delivery, in seconds, at which operators get a backlog event; at most once an hour. */
const backlogSecondsMin = 120;

/**
 * Notes, for each operational webhook of all teams, that deliveries have been due for long, without those of failing and
 * disabled endpoints. Returns how many happenings were noted.
 */
export async function noteBacklogOfAllTeams(sql: Sql): Promise<number> {
  const rows = await sql`
    with recursive walk as (
      (select subscription_id, due_at from deliveries where due_at is not null
       order by subscription_id, due_at limit 1)
      union all
      select next.subscription_id, next.due_at from walk
      cross join lateral (
        select d.subscription_id, d.due_at from deliveries d
        where d.due_at is not null and d.subscription_id > walk.subscription_id
        order by d.subscription_id, d.due_at limit 1
      ) next
    ), oldest as (
      select min(walk.due_at) as due_at from walk
      join subscriptions s on s.id = walk.subscription_id and s.enabled and s.deleted_at is null
      left join failure_streaks f on f.team_id = s.team_id and f.subscription_id = s.id
      where f.failing_at is null and walk.due_at < now() - ${backlogSecondsMin} * interval '1 second'
    ), noted as (
      insert into operational_happenings (team_id, event_type, key, data)
      select w.team_id, 'backlog.growing', to_char(now() at time zone 'UTC', 'YYYY-MM-DD HH24'),
             jsonb_build_object('backlog', jsonb_build_object(
               'oldest_due_at', ${asTime(part`oldest.due_at`)},
               'age_seconds', floor(extract(epoch from now() - oldest.due_at))::int))
      from oldest
      cross join lateral (
        select distinct team_id from subscriptions
        where contract = 'operational' and all_teams and enabled and deleted_at is null
          and 'backlog.growing' = any(event_types)
      ) w
      where oldest.due_at is not null and not exists (
        select from deliveries d
        join subscriptions s on s.team_id = d.team_id and s.id = d.subscription_id and s.contract = 'operational'
        where d.team_id = w.team_id and d.event_type = 'backlog.growing' and d.created_at > now() - interval '1 hour')
        and not exists (
          select from operational_happenings o
          where o.team_id = w.team_id and o.event_type = 'backlog.growing')
      returning team_id
    ), told as (${notifyOfNoted})
    select team_id from noted`;
  return rows.length;
}

/** A noted happening and its team. */
export type NotedHappening = {
  teamId: string;
  eventType: OperationalEventType;
  key: string;
  data: Record<string, unknown>;
  createdAt: Date;
};

/** Takes the oldest noted happenings of all teams; they are deleted when the transaction commits. */
export async function takeNotedOfAllTeams(tx: Tx, limit: number): Promise<NotedHappening[]> {
  return await tx<NotedHappening>`
    with taken as (
      delete from operational_happenings
      where ctid = any(array(
        select ctid from operational_happenings order by created_at limit ${limit} for update skip locked))
      returning *
    )
    select team_id as "teamId", event_type as "eventType", key, data, created_at as "createdAt"
    from taken order by created_at`;
}

/** An enabled operational webhook, or a listener to operational events, and the event types that it wants. */
export type Listener = { id: string; teamId: string; allTeams: boolean; eventTypes: string[] };

/** Lists the operational webhooks of these teams and those of all teams, and these teams' listeners. */
export async function listListenersOfAllTeams(
  tx: Tx,
  teamIds: readonly string[],
): Promise<Listener[]> {
  return await tx<Listener>`
    select id, team_id as "teamId", all_teams as "allTeams", event_types as "eventTypes"
    from subscriptions
    where contract = 'operational' and enabled and deleted_at is null
      and (team_id = any(${textArray(teamIds)}::text[]) or all_teams)
    union all
    select id, team_id, all_teams, event_types
    from subscriptions
    where contract = 'listener' and tells = 'operational' and enabled and deleted_at is null
      and team_id = any(${textArray(teamIds)}::text[])
    order by id`;
}
