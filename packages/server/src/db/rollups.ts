import type { Rollup } from "../domain/rollup.ts";
import type { StatsStep } from "../domain/stats.ts";
import { int4Array, textArray } from "./arrays.ts";
import { part, type Sql, type SqlPart } from "./sql.ts";

/** Counts as rows, to add to the present buckets. */
const givenRollups = (rollups: readonly Rollup[]): SqlPart => part`
  select * from unnest(
    ${textArray(rollups.map((r) => r.teamId))}::text[],
    ${textArray(rollups.map((r) => r.subscriptionId))}::text[],
    ${textArray(rollups.map((r) => r.eventType))}::text[],
    ${int4Array(rollups.map((r) => r.attempts))}::int4[],
    ${int4Array(rollups.map((r) => r.delivered))}::int4[],
    ${int4Array(rollups.map((r) => r.failed))}::int4[],
    ${int4Array(rollups.map((r) => r.retried))}::int4[],
    ${textArray(rollups.map((r) => `{${r.latencies.join(",")}}`))}::text[],
    ${textArray(rollups.map((r) => r.lastErrorCode))}::text[])
    as r (team_id, subscription_id, event_type, attempts, delivered, failed, retried, latencies, error_code)`;

/** A statement, or a part of one, that adds counts to the present buckets. `counts`: rows as in `givenRollups`. */
const addition = (counts: SqlPart): SqlPart => part`
  insert into rollups as r (team_id, subscription_id, minutes, at, event_type, part,
    attempts, delivered, failed, retried, latencies, last_success_at, last_failure_at, last_error_code)
  -- Connections that write results side by side seldom have the same part.
  select team_id, subscription_id, minutes, date_trunc(step, now(), 'UTC'), event_type, pg_backend_pid() % 8,
         attempts, delivered, failed, retried, latencies::int4[],
         case when delivered > 0 then now() end, case when attempts > delivered then now() end, error_code
  from (${counts}) given, (values (1, 'minute'), (60, 'hour'), (1440, 'day')) as length (minutes, step)
  order by team_id, subscription_id, minutes, event_type
  on conflict (team_id, subscription_id, minutes, at, event_type, part) do update set
    attempts = r.attempts + excluded.attempts,
    delivered = r.delivered + excluded.delivered,
    failed = r.failed + excluded.failed,
    retried = r.retried + excluded.retried,
    last_success_at = greatest(r.last_success_at, excluded.last_success_at),
    last_failure_at = greatest(r.last_failure_at, excluded.last_failure_at),
    last_error_code = coalesce(excluded.last_error_code, r.last_error_code),
    latencies = coalesce((
      select array_agg(coalesce(old, 0) + coalesce(new, 0) order by bucket)
      from unnest(r.latencies, excluded.latencies) with ordinality as both_of (old, new, bucket)), '{}')`;

/** Adds the counts of attempts, as part of the statement that records them. */
export const addingRollups = (rollups: readonly Rollup[], when: SqlPart): SqlPart =>
  addition(part`select * from (${givenRollups(rollups)}) r where ${when}`);

/** Adds counts of any team to the present buckets. */
export async function addRollupsOfAllTeams(sql: Sql, rollups: readonly Rollup[]): Promise<void> {
  await sql("add_rollups")`${addition(givenRollups(rollups))}`;
}

/**
 * Adds the counts of deliveries that ended without a recorded result, as part of a statement. `ended`: rows with team,
 * subscription and event type. `lost`: the condition that an attempt was lost; `failed`: that the delivery ended as
 * failed.
 */
export const addingEnded = (
  ended: SqlPart,
  { lost, failed }: { lost: SqlPart; failed: SqlPart },
): SqlPart =>
  addition(part`
    select team_id, subscription_id, event_type,
           (count(*) filter (where ${lost}))::int4 as attempts, 0 as delivered,
           (count(*) filter (where ${failed}))::int4 as failed,
           (count(*) filter (where ${lost} and not ${failed}))::int4 as retried, '{}'::text as latencies,
           case when count(*) filter (where ${lost}) > 0 then 'unknown_outcome' end as error_code
    from ${ended} where ${lost} or ${failed}
    group by team_id, subscription_id, event_type`);

const minutesOf: Readonly<Record<StatsStep, number>> = { minute: 1, hour: 60, day: 1_440 };

/** Filter of counts; null: all. */
export type StatsFilter = {
  subscriptionIds: string[] | null;
  contract: string | null;
  eventType: string | null;
};

/** The counts of one bucket. */
export type StatsRow = {
  at: Date;
  attempts: number;
  delivered: number;
  failed: number;
  retried: number;
  latencies: number[];
};

/**
 * Sums a team's counts by buckets (UTC), from `from` (included) to `to` (excluded), both the beginning of a bucket. Empty
 * buckets are left out.
 */
export async function readStats(
  sql: Sql,
  teamId: string,
  { from, to, step, ...filter }: StatsFilter & { from: Date; to: Date; step: StatsStep },
): Promise<StatsRow[]> {
  return await sql<StatsRow>`
    with counted as materialized (
      select r.at, r.attempts, r.delivered, r.failed, r.retried, r.latencies
      from subscriptions s
      cross join lateral (
        select * from rollups
        where team_id = ${teamId} and subscription_id = s.id
          and minutes = ${minutesOf[step]} and at >= ${from} and at < ${to}
          and (${filter.eventType}::text is null or event_type = ${filter.eventType})
        offset 0
      ) r
      where s.team_id = ${teamId}
        and (${filter.subscriptionIds}::text[] is null or s.id = any(${filter.subscriptionIds}::text[]))
        and (s.contract = ${filter.contract}
             or ${filter.contract}::text is null
                and (s.contract <> 'listener' or ${filter.subscriptionIds}::text[] is not null))
    ), bucket as (
      select at, sum(attempts)::float8 as attempts, sum(delivered)::float8 as delivered,
             sum(failed)::float8 as failed, sum(retried)::float8 as retried
      from counted group by at
    ), latency as (
      select at, array_agg(count order by place) as latencies
      from (
        select at, place, sum(count)::int4 as count
        from counted cross join lateral unnest(latencies) with ordinality as l (count, place)
        group by at, place
      ) summed
      group by at
    )
    select at, attempts, delivered, failed, retried, coalesce(latencies, '{}') as latencies
    from bucket left join latency using (at)
    order by at`;
}

/** Deletes at most `limit` counts of any team that are older than 400 days; returns how many. */
export async function deleteOldRollupsOfAllTeams(sql: Sql, limit: number): Promise<number> {
  const rows = await sql`
    delete from rollups
    where ctid = any(array(
      select ctid from rollups where at < now() - interval '400 days' limit ${limit}))
    returning part`;
  return rows.length;
}
