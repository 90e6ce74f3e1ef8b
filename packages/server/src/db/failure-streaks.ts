import { type FailureStreak, failingWindowMinutes } from "../domain/endpoint-health.ts";
import type { StreakChange } from "../domain/failure-streaks.ts";
import { boolArray, int4Array, textArray } from "./arrays.ts";
import { part, type Sql, type SqlPart, type Tx } from "./sql.ts";

/** Whose streak. */
export type StreakKey = { teamId: string; subscriptionId: string };

/**
 * Follows what fails, as part of the statement that records it.
 *
 * What only succeeded asks the primary key whether a streak is open, and writes nothing else. What fails although it
 * counts as failing already is not written either, unless its delivery is older: the row of a receiver that fails a
 * thousand times a second would be where all connections wait for each other.
 */
export const followingStreaks = (changes: readonly StreakChange[], when: SqlPart): SqlPart => part`
  insert into failure_streaks as s (team_id, subscription_id, failed_from, exhausted, ended_at)
  select g.team_id, g.subscription_id, g.failed_from, g.exhausted, case when g.succeeded then now() end
  from (
    select
      unnest(${textArray(changes.map((c) => c.teamId))}::text[]) as team_id,
      unnest(${textArray(changes.map((c) => c.subscriptionId))}::text[]) as subscription_id,
      unnest(${boolArray(changes.map((c) => c.succeeded))}::bool[]) as succeeded,
      unnest(${textArray(changes.map((c) => c.failedFrom))}::text[])::timestamptz as failed_from,
      unnest(${int4Array(changes.map((c) => c.exhausted))}::int4[]) as exhausted
  ) g
  left join failure_streaks f on f.team_id = g.team_id and f.subscription_id = g.subscription_id
  where ${when} and case
    when g.failed_from is null then f.failed_from is not null
    when g.succeeded or f.failing_at is null then true
    else g.failed_from < f.failed_from end
  order by g.team_id, g.subscription_id
  on conflict (team_id, subscription_id) do update set
    failed_from = case when excluded.ended_at is null then least(s.failed_from, excluded.failed_from)
                       else excluded.failed_from end,
    exhausted = excluded.exhausted + case when excluded.ended_at is null then s.exhausted else 0 end,
    failing_at = case when excluded.ended_at is null then s.failing_at end,
    ended_at = coalesce(excluded.ended_at, s.ended_at),
    last_failing_from = case when excluded.ended_at is not null and s.failing_at is not null
                             then s.failed_from else s.last_failing_from end,
    last_failing_to = case when excluded.ended_at is not null and s.failing_at is not null
                           then excluded.ended_at else s.last_failing_to end,
    (counted_attempts, counted_failures) = (
      select case when s.failing_at is null or excluded.ended_at is null then s.counted_attempts
                  else coalesce(sum(r.attempts), 0) end,
             case when s.failing_at is null or excluded.ended_at is null then s.counted_failures
                  else coalesce(sum(r.attempts - r.delivered), 0) end
      from rollups r
      where s.failing_at is not null and excluded.ended_at is not null
        and r.team_id = s.team_id and r.subscription_id = s.subscription_id
        and r.minutes = 1 and r.at = date_trunc('minute', now(), 'UTC'))`;

/** Follows what fails, of any team. */
export async function followStreaksOfAllTeams(
  sql: Sql,
  changes: readonly StreakChange[],
): Promise<void> {
  await sql("follow_streaks")`${followingStreaks(changes, part`true`)}`;
}

/** Reads which of these are in a streak and do not count as failing yet, each with what decides whether it does. */
export async function readOpenStreaks(
  tx: Tx,
  keys: readonly StreakKey[],
): Promise<(StreakKey & FailureStreak)[]> {
  const windowStart = part`now() - ${failingWindowMinutes} * interval '1 minute'`;
  return await tx("read_open_streaks")<StreakKey & FailureStreak>`
    select f.team_id as "teamId", f.subscription_id as "subscriptionId", f.exhausted,
           counted.attempts - case when recovered.at > ${windowStart} then f.counted_attempts else 0 end as attempts,
           counted.failed - case when recovered.at > ${windowStart} then f.counted_failures else 0 end as failed
    from ${givenKeys(keys)}
    join failure_streaks f on f.team_id = k.team_id and f.subscription_id = k.subscription_id
    cross join lateral (select date_trunc('minute', f.last_failing_to, 'UTC') as at) recovered
    cross join lateral (
      select coalesce(sum(r.attempts), 0)::int4 as attempts,
             coalesce(sum(r.attempts - r.delivered), 0)::int4 as failed
      from rollups r
      where r.team_id = f.team_id and r.subscription_id = f.subscription_id and r.minutes = 1
        and r.at > ${windowStart} and (recovered.at is null or r.at >= recovered.at)
    ) counted
    where f.failed_from is not null and f.failing_at is null`;
}

/** Lets these count as failing from now on, until they succeed. */
export async function beginFailing(tx: Tx, keys: readonly StreakKey[]): Promise<void> {
  await tx`
    update failure_streaks f set failing_at = now()
    from ${givenKeys(keys)}
    where f.team_id = k.team_id and f.subscription_id = k.subscription_id
      and f.failed_from is not null and f.failing_at is null`;
}

const givenKeys = (keys: readonly StreakKey[]): SqlPart => part`
  unnest(${textArray(keys.map(({ teamId }) => teamId))}::text[],
         ${textArray(keys.map(({ subscriptionId }) => subscriptionId))}::text[])
    as k (team_id, subscription_id)`;
