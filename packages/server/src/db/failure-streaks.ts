import { type FailureStreak, failingWindowMinutes } from "../domain/endpoint-health.ts";
import type { StreakChange } from "../domain/failure-streaks.ts";
import { boolArray, int4Array, textArray } from "./arrays.ts";
import { notifyOfNoted, notingRecovered } from "./operational-happenings.ts";
import { part, type Sql, type SqlPart } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** The key of a streak: a subscription of a team. */
export type StreakKey = { teamId: string; subscriptionId: string };

const keysOf = (changes: readonly StreakKey[]): SqlPart => part`
  unnest(${textArray(changes.map((c) => c.teamId))}::text[]) as team_id,
  unnest(${textArray(changes.map((c) => c.subscriptionId))}::text[]) as subscription_id`;

/** The columns to keep of a streak `s` that a success ends, if its endpoint counted as failing. */
const lastSpell = (ends: SqlPart, at: SqlPart): SqlPart => part`
  last_failing_from = case when ${ends} then s.failed_from else s.last_failing_from end,
  last_failing_to = case when ${ends} then ${at} else s.last_failing_to end,
  (counted_attempts, counted_failures) = (
    select case when ${ends} then coalesce(sum(r.attempts), 0) else s.counted_attempts end,
           case when ${ends} then coalesce(sum(r.attempts - r.delivered), 0) else s.counted_failures end
    from rollups r
    where ${ends} and r.team_id = s.team_id and r.subscription_id = s.subscription_id
      and r.minutes = 1 and r.at = date_trunc('minute', ${at}, 'UTC'))`;

const closedBreaker = part`probe_at = null, probe_token = null, probes_failed = 0, disabled_during = '{}'`;

/** Says whether one of these changes has failures after the last success. */
export const haveFailed = (changes: readonly StreakChange[]): boolean =>
  changes.some(({ failedFrom }) => failedFrom !== null);

/**
 * How many of these have a streak, as a value of the statement that records their successes. It is computed for every
 * success and is almost always 0: to end streaks in the same statement would cost five times as much.
 */
export const countOfOpenStreaks = (changes: readonly StreakChange[]): SqlPart => part`
  (select count(*)::int4
   from (select ${keysOf(changes)}) k
   join failure_streaks s on s.team_id = k.team_id and s.subscription_id = k.subscription_id
   where s.failed_from is not null)`;

/** Ends the streaks of endpoints of any team that succeeded at this time of the database. */
export async function endStreaksOfAllTeams(
  sql: Sql,
  changes: readonly StreakChange[],
  succeededAt: string,
): Promise<void> {
  const at = part`${succeededAt}::timestamptz`;
  await sql`
    with ended as (
    update failure_streaks s
    set failed_from = null, exhausted = 0, failing_at = null, ended_at = ${at}, ${closedBreaker},
        ${lastSpell(part`s.failing_at is not null`, at)}
    from (select ${keysOf(changes)}) succeeded
    where s.team_id = succeeded.team_id and s.subscription_id = succeeded.subscription_id
      and s.failed_from is not null
    returning s.team_id, s.subscription_id, s.last_failing_from, s.last_failing_to
    ), noted as (
      ${notingRecovered(part`(select * from ended where last_failing_to = ${at})`)}
      returning team_id
    )
    ${notifyOfNoted}`;
}

/**
 * Updates failure streaks, as part of the statement that records the attempts.
 *
 * A further failure of a failing endpoint is not written, unless its delivery is older: otherwise all connections would
 * wait for the row of a receiver that fails a thousand times a second.
 */
export const followingStreaks = (changes: readonly StreakChange[], when: SqlPart): SqlPart => part`
  insert into failure_streaks as s (team_id, subscription_id, failed_from, exhausted, ended_at)
  select c.team_id, c.subscription_id, c.failed_from, c.exhausted, case when c.succeeded then now() end
  from (
    select
      ${keysOf(changes)},
      unnest(${boolArray(changes.map((c) => c.succeeded))}::bool[]) as succeeded,
      unnest(${textArray(changes.map((c) => c.failedFrom))}::text[])::timestamptz as failed_from,
      unnest(${int4Array(changes.map((c) => c.exhausted))}::int4[]) as exhausted
  ) c
  left join failure_streaks f on f.team_id = c.team_id and f.subscription_id = c.subscription_id
  where ${when} and case
    when c.failed_from is null then f.failed_from is not null
    when c.succeeded or f.failing_at is null then true
    else c.failed_from < f.failed_from end
  order by c.team_id, c.subscription_id
  on conflict (team_id, subscription_id) do update set
    failed_from = case when excluded.ended_at is null then least(s.failed_from, excluded.failed_from)
                       else excluded.failed_from end,
    exhausted = excluded.exhausted + case when excluded.ended_at is null then s.exhausted else 0 end,
    failing_at = case when excluded.ended_at is null then s.failing_at end,
    probe_at = case when excluded.ended_at is null then s.probe_at end,
    probe_token = case when excluded.ended_at is null then s.probe_token end,
    probes_failed = case when excluded.ended_at is null then s.probes_failed else 0 end,
    disabled_during = case when excluded.ended_at is null then s.disabled_during else '{}' end,
    ended_at = coalesce(excluded.ended_at, s.ended_at),
    ${lastSpell(part`s.failing_at is not null and excluded.ended_at is not null`, part`now()`)}
  returning s.team_id, s.subscription_id, s.last_failing_from, s.last_failing_to`;

/** Notes which endpoints have recovered, in the statement with the rows `followed`. */
export const notingRecoveredOfFollowed = notingRecovered(
  part`(select * from followed where last_failing_to = now())`,
);

/** Updates the failure streaks of attempts of any team, in a statement of its own. */
export async function followStreaksOfAllTeams(
  sql: Sql,
  changes: readonly StreakChange[],
): Promise<void> {
  await sql`
    with followed as (${followingStreaks(changes, part`true`)}), noted as (
      ${notingRecoveredOfFollowed}
      returning team_id
    )
    ${notifyOfNoted}`;
}

/** A streak of failures that does not make its endpoint count as failing yet. */
export type OpenStreak = StreakKey & FailureStreak & { contract: string };

/** Reads the streaks of these endpoints that do not count as failing yet, with the values that decide it. */
export async function readOpenStreaks(tx: Tx, keys: readonly StreakKey[]): Promise<OpenStreak[]> {
  const windowStart = part`now() - ${failingWindowMinutes} * interval '1 minute'`;
  return await tx("read_open_streaks")<OpenStreak>`
    select f.team_id as "teamId", f.subscription_id as "subscriptionId", s.contract, f.exhausted,
           counted.attempts - case when recovered.at > ${windowStart} then f.counted_attempts else 0 end as attempts,
           counted.failed - case when recovered.at > ${windowStart} then f.counted_failures else 0 end as failed
    from ${givenKeys(keys)}
    join failure_streaks f on f.team_id = k.team_id and f.subscription_id = k.subscription_id
    join subscriptions s on s.team_id = f.team_id and s.id = f.subscription_id
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

/** Marks these endpoints as failing until they succeed; the first probe is due after a pause. */
export async function beginFailing(
  tx: Tx,
  keys: readonly StreakKey[],
  pauseMs: number,
): Promise<void> {
  await tx`
    update failure_streaks f
    set failing_at = now(), probe_at = now() + ${pauseMs} * interval '1 millisecond'
    from ${givenKeys(keys)}
    where f.team_id = k.team_id and f.subscription_id = k.subscription_id
      and f.failed_from is not null and f.failing_at is null`;
}

const givenKeys = (keys: readonly StreakKey[]): SqlPart => part`
  unnest(${textArray(keys.map(({ teamId }) => teamId))}::text[],
         ${textArray(keys.map(({ subscriptionId }) => subscriptionId))}::text[])
    as k (team_id, subscription_id)`;
