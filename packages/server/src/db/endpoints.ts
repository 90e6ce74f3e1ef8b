import { factsOf, type HealthHistory, type HealthState } from "../domain/endpoint-health.ts";
import { bucketsMax } from "../domain/latencies.ts";
import { textArray } from "./arrays.ts";
import type { PageOfRows } from "./lists.ts";
import type { Database } from "./pool.ts";
import { allOf, joined, part, type Sql, SqlPart } from "./sql.ts";
import { type DisabledReason, disabledReasonOf } from "./subscriptions.ts";
import { byId, markedBy, readWalk, stillToTell, type Walked, type WalkPage } from "./walks.ts";

/** An endpoint of any contract, and the values that decide its health. */
export type Endpoint = {
  id: string;
  contract: string;
  name: string;
  url: string;
  eventTypes: string[];
  disabledReason: DisabledReason | null;
  updatedAt: Date;
  history: HealthHistory;
  lastErrorCode: string | null;
  /** Attempts of the last hour. */
  attempts: number;
  delivered: number;
  latencies: number[];
  /** Deliveries that have not ended, counted up to a limit. */
  pending: number;
  /** There are more than `pending`. */
  morePending: boolean;
  oldestDueAt: Date | null;
  /** When the next probe may be made; null: the endpoint does not fail. */
  probeAt: Date | null;
  probing: boolean;
};

/** The most waiting deliveries that are counted for each endpoint, because each must be read. */
export const pendingMax = { inList: 200, ofOne: 10_000 };

/** Filter of endpoints; null: all. */
export type EndpointFilter = {
  ids: readonly string[] | null;
  contracts: readonly string[] | null;
  states: readonly HealthState[] | null;
  /** Part of the name or the URL, case-insensitive. */
  search: string | null;
};

type EndpointRow = Omit<Endpoint, "history" | "disabledReason"> &
  Omit<HealthHistory, "lastSpell"> & {
    disabled_reason: DisabledReason | null;
    lastFailingFrom: Date | null;
    lastFailingTo: Date | null;
  };

/** Lists the endpoints of all contracts, newest first. */
export async function listEndpoints(
  database: Database,
  teamId: string,
  { ids, contracts, states, search }: EndpointFilter,
  page: WalkPage,
): Promise<Walked<PageOfRows<Endpoint>>> {
  const chosen = allOf([
    stillToTell(byId, page.after),
    ids !== null && part`s.id = any(${textArray(ids)}::text[])`,
    contracts === null && part`s.contract <> 'listener'`,
    contracts !== null && part`s.contract = any(${textArray(contracts)}::text[])`,
    search !== null && part`strpos(lower(s.name || E'\n' || s.url), lower(${search})) > 0`,
    states !== null && part`(${joined(states.map(isIn), " or ")})`,
  ]);
  const measuredPage = measured(
    teamId,
    part`${chosen} order by s.id desc limit ${page.limit + 1}`,
    pendingMax.inList,
  );
  const { rows, ...read } = await readWalk<EndpointRow>(
    database,
    page,
    (sql) => sql<EndpointRow>`${measuredPage}`,
  );
  return { rows: rows.map(toEndpoint), ...read };
}

/** The condition that an endpoint has this state. */
function isIn(state: HealthState): SqlPart {
  const { enabled, attemptedLately, failing } = factsOf[state];
  return part`(${allOf([
    enabled !== null && part`s.enabled = ${enabled}`,
    attemptedLately !== null && part`lately.attempted = ${attemptedLately}`,
    failing !== null && part`(f.failing_at is not null and recovered.at is null) = ${failing}`,
  ])})`;
}

/** Finds an endpoint of any contract. */
export async function findEndpoint(
  sql: Sql,
  teamId: string,
  id: string,
): Promise<Endpoint | undefined> {
  const one = measured(teamId, part`s.id = ${id}`, pendingMax.ofOne);
  const [row] = await sql<EndpointRow>`${one}`;
  return row && toEndpoint(row);
}

function toEndpoint(row: EndpointRow): Endpoint {
  const { disabled_reason, lastFailingFrom, lastFailingTo, ...endpoint } = row;
  const { enabled, createdAt, switchedAt, attemptedLately } = row;
  const { lastSuccessAt, lastFailureAt, failingFrom } = row;
  const lastSpell =
    lastFailingFrom && lastFailingTo ? { from: lastFailingFrom, to: lastFailingTo } : null;
  return {
    ...endpoint,
    disabledReason: disabledReasonOf({ enabled, disabled_reason }),
    history: {
      enabled,
      createdAt,
      switchedAt,
      attemptedLately,
      lastSuccessAt,
      lastFailureAt,
      failingFrom,
      lastSpell,
    },
  };
}

/** Adds up histograms. Bucket by bucket, this takes a tenth of the time of `unnest`. */
const summedLatencies = new SqlPart(
  [
    `array[${Array.from({ length: bucketsMax }, (_, bucket) => `coalesce(sum(latencies[${bucket + 1}]), 0)`)}]::int4[]`,
  ],
  [],
);

/**
 * The chosen endpoints of a team, each measured by index probes, whatever the number of its deliveries.
 *
 * The last hour is the present hour and the minutes before it that complete an hour. An assistant without a server's URL
 * is not an endpoint. Deliveries under a hot lease are in no index of waiting ones: they are found by the few leases. A
 * success is counted with its result, and a later statement ends the period of failures: between the two, or after a
 * crash there, the count shows that the period is over.
 */
const measured = (teamId: string, chosen: SqlPart, waitingMax: number): SqlPart => part`
  with page as materialized (
    select s.id, s.contract, s.name, s.url, s.event_types as "eventTypes", s.enabled, s.disabled_reason,
           s.created_at as "createdAt", s.updated_at as "updatedAt", s.switched_at as "switchedAt",
           case when f.failing_at is not null and recovered.at is null then f.failed_from end as "failingFrom",
           case when recovered.at is null then f.last_failing_from else f.failed_from end as "lastFailingFrom",
           case when recovered.at is null then f.last_failing_to else recovered.at end as "lastFailingTo",
           lately.attempted as "attemptedLately",
           case when recovered.at is null then f.probe_at end as "probeAt",
           coalesce(f.probe_token is not null and recovered.at is null and f.probe_at > now(), false) as probing,
           ${markedBy(byId)}
    from subscriptions s
    left join failure_streaks f on f.team_id = s.team_id and f.subscription_id = s.id
    cross join lateral (
      select exists (
        select from rollups
        where team_id = ${teamId} and subscription_id = s.id and minutes = 1440
          and at >= date_trunc('day', now() - interval '24 hours', 'UTC')
          and greatest(last_success_at, last_failure_at) > now() - interval '24 hours'
        -- Asked for each endpoint, and not for all that there are.
        offset 0) as attempted
    ) lately
    cross join lateral (
      select max(last_success_at) as at from rollups
      where f.failing_at is not null
        and team_id = ${teamId} and subscription_id = s.id and minutes = 1440
        and at >= date_trunc('day', f.failing_at, 'UTC') and last_success_at > f.failing_at
    ) recovered
    where s.team_id = ${teamId} and s.deleted_at is null and s.url <> '' and ${chosen}
  ), hot as materialized (
    select d.subscription_id, count(*)::int4 as deliveries
    from hot_leases h
    cross join lateral unnest(h.team_ids, h.delivery_ids) as held (team_id, id)
    cross join lateral (
      select subscription_id from deliveries
      where team_id = ${teamId} and id = held.id and lease_token = h.lease_token and due_at is null
      offset 0
    ) d
    where held.team_id = ${teamId}
    group by d.subscription_id
  )
  select page.*, success.at as "lastSuccessAt", failure.at as "lastFailureAt",
         failure.error_code as "lastErrorCode", hour.attempts, hour.delivered, hour.latencies,
         least(waiting.deliveries + coalesce(hot.deliveries, 0), ${waitingMax}) as pending,
         waiting.deliveries + coalesce(hot.deliveries, 0) > ${waitingMax} as "morePending",
         oldest.due_at as "oldestDueAt"
  from page
  left join hot on hot.subscription_id = page.id
  cross join lateral (
    select max(last_success_at) as at from rollups
    where team_id = ${teamId} and subscription_id = page.id and minutes = 1440 and at = (
      select at from rollups
      where team_id = ${teamId} and subscription_id = page.id and minutes = 1440
        and last_success_at is not null
      order by at desc limit 1)
  ) success
  left join lateral (
    select last_failure_at as at, last_error_code as error_code from rollups
    where team_id = ${teamId} and subscription_id = page.id and minutes = 1440
      and last_failure_at is not null and at = (
        select at from rollups
        where team_id = ${teamId} and subscription_id = page.id and minutes = 1440
          and last_failure_at is not null
        order by at desc limit 1)
    order by last_failure_at desc limit 1
  ) failure on true
  cross join lateral (
    select coalesce(sum(attempts), 0)::int4 as attempts, coalesce(sum(delivered), 0)::int4 as delivered,
           ${summedLatencies} as latencies
    from (
      select attempts, delivered, latencies from rollups
      where team_id = ${teamId} and subscription_id = page.id and minutes = 60
        and at = date_trunc('hour', now(), 'UTC')
      union all
      select attempts, delivered, latencies from rollups
      where team_id = ${teamId} and subscription_id = page.id and minutes = 1
        and at > now() - interval '1 hour' and at < date_trunc('hour', now(), 'UTC')
    ) counted
  ) hour
  cross join lateral (
    select count(*)::int4 as deliveries from (
      select from deliveries
      where team_id = ${teamId} and subscription_id = page.id and due_at is not null
      limit ${waitingMax + 1}) found
  ) waiting
  left join lateral (
    select due_at from deliveries
    where team_id = ${teamId} and subscription_id = page.id and due_at is not null
      and lease_token is null
    order by due_at limit 1
  ) oldest on true
  order by page.id desc`;
