import type { Disabled, FailingPolicy } from "../domain/breaker.ts";
import type { OnEnded } from "../domain/tally.ts";
import { int4Array, textArray } from "./arrays.ts";
import { tellingChanges } from "./delivery-changes.ts";
import { countingEnded, type EndedCount, tellEnded } from "./ended-counts.ts";
import type { StreakKey } from "./failure-streaks.ts";
import { addingEnded } from "./rollups.ts";
import { part, type Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** A failed probe, with the values that decide what follows. */
export type FailedProbe = StreakKey &
  FailingPolicy & {
    /** The number of failed probes in a row before it. */
    probesFailed: number;
    /** Seconds since the endpoint began to fail, or was enabled after that. */
    failingSeconds: number;
  };

/** Locks and reads the breakers of these probes. A breaker that a success has closed meanwhile is left out. */
export async function lockFailedProbes(tx: Tx, keys: readonly StreakKey[]): Promise<FailedProbe[]> {
  return await tx("lock_failed_probes")<FailedProbe>`
    select f.team_id as "teamId", f.subscription_id as "subscriptionId",
           f.probes_failed as "probesFailed",
           extract(epoch from now() - greatest(f.failing_at, s.switched_at))::float8 as "failingSeconds",
           t.disable_failing_after_days as "disableAfterDays"
    from unnest(${textArray(keys.map(({ teamId }) => teamId))}::text[],
                ${textArray(keys.map(({ subscriptionId }) => subscriptionId))}::text[])
      as k (team_id, subscription_id)
    join failure_streaks f on f.team_id = k.team_id and f.subscription_id = k.subscription_id
    join subscriptions s on s.team_id = f.team_id and s.id = f.subscription_id
    join teams t on t.id = f.team_id
    where f.failing_at is not null
    order by f.team_id, f.subscription_id
    for no key update of f`;
}

/** Sets the next probe of each of these after its pause. */
export async function pauseProbes(
  tx: Tx,
  paused: readonly (StreakKey & { pauseMs: number })[],
): Promise<void> {
  await tx("pause_probes")`
    update failure_streaks f
    set probe_token = null, probes_failed = f.probes_failed + 1,
        probe_at = now() + k.pause_ms * interval '1 millisecond'
    from unnest(${textArray(paused.map(({ teamId }) => teamId))}::text[],
                ${textArray(paused.map(({ subscriptionId }) => subscriptionId))}::text[],
                ${int4Array(paused.map(({ pauseMs }) => pauseMs))}::int4[])
      as k (team_id, subscription_id, pause_ms)
    where f.team_id = k.team_id and f.subscription_id = k.subscription_id and f.failing_at is not null`;
}

/** Disables an endpoint because it only fails; false when a person disabled it first. Its waiting deliveries are kept. */
export async function disableFailing(
  tx: Tx,
  { teamId, subscriptionId }: StreakKey,
): Promise<boolean> {
  const rows = await tx`
    with disabled as (
      update subscriptions
      set enabled = false, disabled_reason = 'failing', switched_at = now(), updated_at = now(),
          updated_by = 'system'
      where team_id = ${teamId} and id = ${subscriptionId} and enabled and deleted_at is null
      returning team_id, id
    ), breaker as (
      update failure_streaks f set probe_token = null, probes_failed = f.probes_failed + 1, probe_at = now()
      from disabled
      where f.team_id = disabled.team_id and f.subscription_id = disabled.id and f.failing_at is not null
    )
    select from disabled`;
  return rows.length === 1;
}

/**
 * Resets the probes of an endpoint that is about to be enabled, and notes how long it was disabled. Call it before the
 * endpoint is enabled; an enabled or healthy endpoint is not changed.
 */
export async function resumeProbes(tx: Tx, teamId: string, subscriptionId: string): Promise<void> {
  await tx`
    update failure_streaks f
    set probe_at = now(), probe_token = null, probes_failed = 0,
        disabled_during = f.disabled_during
          + tstzmultirange(tstzrange(least(coalesce(s.switched_at, now()), now()), now()))
    from subscriptions s
    where s.team_id = ${teamId} and s.id = ${subscriptionId} and not s.enabled
      and f.team_id = s.team_id and f.subscription_id = s.id and f.failing_at is not null`;
}

/** Makes the next probe due now, because a person tests the endpoint. */
export async function probeNow(tx: Tx, teamId: string, subscriptionId: string): Promise<void> {
  await tx`
    update failure_streaks set probe_at = now()
    where team_id = ${teamId} and subscription_id = ${subscriptionId}
      and failing_at is not null and probe_token is null`;
}

/** Lets this delivery pass the open breaker, because a person asked for it. */
export async function letPastBreaker(tx: Tx, teamId: string, deliveryId: string): Promise<void> {
  await tx`
    update deliveries set past_breaker = true where team_id = ${teamId} and id = ${deliveryId}`;
}

/** An endpoint with an open breaker, and the values that decide which deliveries have waited too long. */
export type OpenBreaker = StreakKey & {
  /** Null: the service's default. */
  expireAfterDays: number | null;
  disabled: Disabled[];
};

/** Lists enabled endpoints of all teams that have failed for a day or more, in the order of their ids, after one id. */
export async function listOpenBreakersOfAllTeams(
  sql: Sql,
  after: StreakKey,
  limit: number,
): Promise<OpenBreaker[]> {
  return await sql<OpenBreaker>`
    select f.team_id as "teamId", f.subscription_id as "subscriptionId",
           t.expire_waiting_after_days as "expireAfterDays", coalesce(pauses.list, '[]') as disabled
    from failure_streaks f
    join subscriptions s on s.team_id = f.team_id and s.id = f.subscription_id
    join teams t on t.id = f.team_id
    left join lateral (
      select jsonb_agg(jsonb_build_object(
               'fromSecondsAgo', extract(epoch from now() - lower(pause)),
               'toSecondsAgo', extract(epoch from now() - upper(pause)))) as list
      from unnest(f.disabled_during) pause
    ) pauses on true
    where f.failing_at <= now() - interval '1 day' and s.enabled and s.deleted_at is null
      and (f.team_id, f.subscription_id) > (${after.teamId}, ${after.subscriptionId})
    order by f.team_id, f.subscription_id
    limit ${limit}`;
}

/**
 * Ends deliveries that have waited for these breakers since before the given times, at most `limit`, and returns how
 * many. Ordered deliveries and manual retries do not wait for a breaker, so they are left out.
 */
export async function expireWaitingForBreakersOfAllTeams(
  sql: Sql,
  breakers: readonly (StreakKey & { sinceSecondsAgo: number })[],
  limit: number,
  onEnded?: OnEnded,
): Promise<number> {
  const counts = await sql<EndedCount>`
    with ended as (
      update deliveries d
      set status = 'failed', finished_at = now(), due_at = null, retry_at = null, manual = false,
          last_error = 'expired', updated_at = now()
      from (
        select waiting.row_at
        from unnest(${textArray(breakers.map(({ teamId }) => teamId))}::text[],
                    ${textArray(breakers.map(({ subscriptionId }) => subscriptionId))}::text[],
                    ${int4Array(breakers.map(({ sinceSecondsAgo }) => Math.ceil(sinceSecondsAgo)))}::int4[])
          as k (team_id, subscription_id, since_seconds_ago)
        join failure_streaks f on f.team_id = k.team_id and f.subscription_id = k.subscription_id
          and f.failing_at <= now() - k.since_seconds_ago * interval '1 second'
        cross join lateral (
          select ctid as row_at from deliveries
          where subscription_id = k.subscription_id
            and due_at <= now() - k.since_seconds_ago * interval '1 second'
            and lease_token is null and order_key is null and not past_breaker
          order by due_at
          limit ${limit}
          for update skip locked
        ) waiting
        limit ${limit}
      ) waiting
      where d.ctid = waiting.row_at
      returning d.team_id, d.id, d.subscription_id, d.event_type
    ), counted as (
      ${addingEnded(part`ended`, { lost: part`false`, failed: part`true` })}
    ), told as (
      ${tellingChanges(part`ended`)}
    )
    ${countingEnded(part`ended`)}`;
  return tellEnded(counts, "expired", onEnded);
}
