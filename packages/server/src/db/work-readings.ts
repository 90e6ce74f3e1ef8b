import type { EndpointsReading, LagReading } from "../domain/diagnosis/work.ts";
import { part, type Sql } from "./sql.ts";

/** The condition that an endpoint fails, as in the API: see db/endpoints.ts. `f`: its streak, `s`: the subscription. */
const isFailing = part`
  f.failing_at is not null
  and not exists (
    select from rollups r
    where r.team_id = s.team_id and r.subscription_id = s.id and r.minutes = 1440
      and r.at >= date_trunc('day', f.failing_at, 'UTC') and r.last_success_at > f.failing_at)
  and exists (
    select from rollups r
    where r.team_id = s.team_id and r.subscription_id = s.id and r.minutes = 1440
      and r.at >= date_trunc('day', now() - interval '24 hours', 'UTC')
      and r.last_failure_at > now() - interval '24 hours')`;

type FailingRow = {
  id: string;
  teamId: string;
  url: string;
  failingSeconds: number;
  failing: number;
};

/** Reads the failing endpoints, the longest failing first, and how many were disabled because they failed. */
export async function readEndpointsOfAllTeams(
  sql: Sql,
  shownMax: number,
): Promise<EndpointsReading> {
  const rows = await sql<FailingRow>`
    select s.id, s.team_id as "teamId", s.url,
           extract(epoch from now() - f.failed_from)::float8 as "failingSeconds",
           (count(*) over ())::int4 as failing
    from failure_streaks f
    join subscriptions s on s.team_id = f.team_id and s.id = f.subscription_id
    where s.enabled and s.deleted_at is null and ${isFailing}
    order by f.failed_from
    limit ${shownMax}`;
  const [counts] = await sql<{ disabled: number }>`
    select count(*)::int4 as disabled from subscriptions
    where not enabled and deleted_at is null and disabled_reason is not null and disabled_reason <> 'manual'`;
  return {
    failing: rows[0]?.failing ?? 0,
    longest: rows.map(({ id, teamId, url, failingSeconds }) => ({
      id,
      teamId,
      host: hostOf(url),
      failingSeconds,
    })),
    disabled: counts?.disabled ?? 0,
  };
}

/** The host of a URL; the rest may contain a secret. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "no URL");

/**
 * Reads the overdue deliveries of endpoints that do not fail. Each step of the recursion is an index probe, so the cost
 * depends on the number of endpoints with waiting deliveries, not on the number of deliveries.
 */
export async function readLagOfAllTeams(sql: Sql): Promise<Omit<LagReading, "processes">> {
  const [row] = await sql<Omit<LagReading, "processes">>`
    with recursive walk as (
      (select subscription_id, due_at from deliveries
       where due_at is not null
       order by subscription_id, due_at limit 1)
      union all
      select next.subscription_id, next.due_at
      from walk
      cross join lateral (
        select d.subscription_id, d.due_at from deliveries d
        where d.due_at is not null and d.subscription_id > walk.subscription_id
        order by d.subscription_id, d.due_at limit 1
      ) next
    )
    select count(*)::int4 as endpoints,
           extract(epoch from now() - min(w.due_at))::float8 as "oldestSeconds"
    from walk w
    join subscriptions s on s.id = w.subscription_id
    left join failure_streaks f on f.team_id = s.team_id and f.subscription_id = s.id
    where w.due_at < now() and s.enabled and s.deleted_at is null and (${isFailing}) is not true`;
  return row ?? { endpoints: 0, oldestSeconds: null };
}

/** Lists the hosts of the newest endpoints, the newest first. */
export async function listLatestHostsOfAllTeams(sql: Sql, limit: number): Promise<string[]> {
  const rows = await sql<{ url: string }>`
    select url from subscriptions
    where enabled and deleted_at is null and url <> ''
    order by id desc limit ${limit}`;
  return [...new Set(rows.map(({ url }) => new URL(url).hostname))];
}
