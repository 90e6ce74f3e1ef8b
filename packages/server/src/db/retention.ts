import type { OnEnded } from "../domain/tally.ts";
import { tellingChanges } from "./delivery-changes.ts";
import { countingEnded, type EndedCount, tellEnded } from "./ended-counts.ts";
import { addingEnded } from "./rollups.ts";
import { part, type Sql } from "./sql.ts";

/**
 * Ends deliveries of all teams that wait for disabled subscriptions longer than payloads are kept; returns how many.
 *
 * Deliveries of enabled subscriptions end by their own schedule, and keep their payloads until then.
 */
export async function expireWaitingDeliveriesOfAllTeams(
  sql: Sql,
  retentionDays: number,
  limit: number,
  onEnded?: OnEnded,
): Promise<number> {
  const counts = await sql<EndedCount>`
    with expired as (
      update deliveries d
      set status = 'failed', finished_at = now(), due_at = null, lease_token = null, retry_at = null,
          manual = false, last_error = 'payload_expired', updated_at = now()
      from (
        select w.team_id, w.id
        from subscriptions s
        join teams t on t.id = s.team_id
        cross join lateral (
          select team_id, id from deliveries
          where subscription_id = s.id and finished_at is null and lease_token is null
            and due_at < (((now() at time zone 'UTC')::date
              - least(coalesce(t.payload_retention_days, ${retentionDays}::int), ${retentionDays}::int))::timestamp
              at time zone 'UTC')
          order by due_at
          limit ${limit}
          for update skip locked
        ) w
        where not s.enabled and s.deleted_at is null
        limit ${limit}
      ) waiting
      where d.team_id = waiting.team_id and d.id = waiting.id
      returning d.team_id, d.id, d.subscription_id, d.event_type
    ), counted as (
      ${addingEnded(part`expired`, { lost: part`false`, failed: part`true` })}
    ), told as (
      ${tellingChanges(part`expired`)}
    )
    ${countingEnded(part`expired`)}`;
  return tellEnded(counts, "payload_expired", onEnded);
}

/** A day of a team whose payloads are past the team's own retention. */
export type ExpiredDay = { teamId: string; day: string };

/** Lists the days of all teams that may still have payloads past their retention, each team's oldest first. */
export async function listExpiredDaysOfAllTeams(
  sql: Sql,
  retentionDays: number,
  limit: number,
): Promise<ExpiredDay[]> {
  return await sql<ExpiredDay>`
    with today as (select (now() at time zone 'UTC')::date as date)
    select t.id as "teamId", day::date::text as day
    from teams t, today
    cross join lateral generate_series(
      greatest(t.payloads_expired_before, today.date - ${retentionDays}::int - 2)::timestamp,
      (today.date - t.payload_retention_days - 1)::timestamp, interval '1 day') as day
    where t.payload_retention_days < ${retentionDays}
    order by day, t.id
    limit ${limit}`;
}

/** Removes up to `limit` payloads of a team's day, except those of events with pending deliveries; returns how many. */
export async function expirePayloads(
  sql: Sql,
  { teamId, day }: ExpiredDay,
  limit: number,
): Promise<number> {
  const rows = await sql`
    with old as (
      select e.id, e.created_at from events e
      where e.team_id = ${teamId} and e.payload is not null
        and e.created_at >= ${`${day} 00:00:00+00`}::timestamptz
        and e.created_at < ${`${day} 00:00:00+00`}::timestamptz + interval '1 day'
        and not exists (
          select from deliveries d
          where d.team_id = e.team_id and d.event_id = e.id and d.finished_at is null)
      limit ${limit}
    )
    update events e set payload = null
    from old
    where e.team_id = ${teamId} and e.id = old.id and e.created_at = old.created_at
    returning e.id`;
  return rows.length;
}

/** Notes that a team's day is done, unless a payload with a pending delivery is left. */
export async function markDayExpired(sql: Sql, { teamId, day }: ExpiredDay): Promise<void> {
  await sql`
    update teams
    set payloads_expired_before = greatest(payloads_expired_before, ${day}::date + 1)
    where id = ${teamId}
      and coalesce(payloads_expired_before, ${day}::date) >= ${day}::date
      and not exists (
        select from events
        where team_id = ${teamId} and payload is not null
          and created_at >= ${`${day} 00:00:00+00`}::timestamptz
          and created_at < ${`${day} 00:00:00+00`}::timestamptz + interval '1 day')`;
}

/**
 * Deletes up to `limit` finished deliveries of all teams past their retention, with their attempts; returns how many.
 *
 * Ids begin with the seconds of their creation, by a clock that may differ from the database's by at most a day.
 */
export async function deleteOldDeliveriesOfAllTeams(
  sql: Sql,
  retentionDays: number,
  limit: number,
): Promise<number> {
  const rows = await sql`
    with old as (
      select d.team_id, d.id, d.created_at
      from teams t
      cross join lateral (
        select ((now() at time zone 'UTC')::date
          - least(coalesce(t.attempt_retention_days, ${retentionDays}::int), ${retentionDays}::int))::timestamp
          at time zone 'UTC' as at
      ) cutoff
      cross join lateral (
        select team_id, id, created_at from deliveries
        where team_id = t.id
          and id < lpad(to_hex((extract(epoch from cutoff.at) + 86400)::bigint), 8, '0')
          and created_at < cutoff.at and finished_at is not null
        order by id
        limit ${limit}
        for update skip locked
      ) d
      limit ${limit}
    ), attempts_gone as (
      delete from attempts a using old
      where a.team_id = old.team_id and a.delivery_id = old.id and a.delivery_created_at = old.created_at
    )
    delete from deliveries d using old
    where d.team_id = old.team_id and d.id = old.id
    returning d.id`;
  return rows.length;
}

/** Deletes up to `limit` rows outside the daily partitions that are past their retention; returns how many. */
export async function deleteOldStragglersOfAllTeams(
  sql: Sql,
  retentionDays: number,
  limit: number,
): Promise<number> {
  const events = await sql`
    delete from events_default
    where (team_id, id, created_at) in (
      select e.team_id, e.id, e.created_at from events_default e
      where e.created_at < now() - make_interval(days => ${retentionDays}::int + 1)
        and not exists (
          select from deliveries d
          where d.team_id = e.team_id and d.event_id = e.id and d.finished_at is null)
      limit ${limit})
    returning id`;
  const attempts = await sql`
    delete from attempts_default
    where (delivery_id, number, delivery_created_at) in (
      select delivery_id, number, delivery_created_at from attempts_default a
      where delivery_created_at < now() - make_interval(days => ${retentionDays}::int + 1)
        and not exists (select from deliveries d where d.team_id = a.team_id and d.id = a.delivery_id)
      limit ${limit})
    returning id`;
  return events.length + attempts.length;
}
