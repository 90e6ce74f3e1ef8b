import { contractsWithoutBreaker } from "../domain/breaker.ts";
import type { EndpointStates, FailingEndpoint, Survey, Waiting } from "../domain/survey.ts";
import { textArray } from "./arrays.ts";
import type { Sql } from "./sql.ts";

/** The last survey as it is stored, and the database's clock. */
export type StoredSurvey = {
  /** Members may be missing: another version of the service may have written it. */
  found: Partial<Survey> | null;
  /** Milliseconds since it was taken; null before the first one. */
  ageMs: number | null;
  /** The next survey is due. */
  isDue: boolean;
  /** Milliseconds since 1970, by the database's clock. */
  nowMs: number;
};

/** Reads the last survey. */
export async function readSurveyOfAllTeams(sql: Sql): Promise<StoredSurvey> {
  const [row] = await sql<StoredSurvey>`
    select s.found, (extract(epoch from clock_timestamp() - s.taken_at) * 1000)::float8 as "ageMs",
           coalesce(s.next_at <= clock_timestamp(), true) as "isDue",
           (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"
    from (values (true)) as one (only_one) left join surveys s using (only_one)`;
  if (!row) throw new Error("one row of values is none");
  return row;
}

/**
 * Takes the turn to make a survey; false when another process has it. If this process crashes, the next turn is after
 * this time.
 */
export async function takeSurveyTurnOfAllTeams(sql: Sql, turnMs: number): Promise<boolean> {
  const taken = await sql`
    insert into surveys as s (next_at) values (now() + ${turnMs}::int4 * interval '1 millisecond')
    on conflict (only_one) do update set next_at = excluded.next_at where s.next_at <= now()
    returning only_one`;
  return taken.length > 0;
}

/** Stores a survey, and when the next one is due. */
export async function writeSurveyOfAllTeams(
  sql: Sql,
  found: Survey,
  nextMs: number,
): Promise<void> {
  await sql`
    update surveys
    set found = ${JSON.stringify(found)}::jsonb, taken_at = now(),
        next_at = now() + ${nextMs}::int4 * interval '1 millisecond'`;
}

/** Limits of a survey: subscriptions that it visits, and waiting deliveries that it counts, of each subscription and in all. */
export const surveyMax = { subscriptions: 20_000, ofOne: 10_000, inAll: 100_000 };

/**
 * Lists the enabled subscriptions of all teams with due deliveries that no process holds, with their number and how long
 * the oldest has been due.
 *
 * One index probe for each subscription, and one index entry for each counted delivery; `surveyMax` limits both.
 */
export async function listWaitingOfAllTeams(sql: Sql): Promise<Waiting[]> {
  const due = await sql<{ id: string }>`
    with recursive walk as (
      (select subscription_id, due_at, 1 as step from deliveries
       where due_at is not null
       order by subscription_id, due_at limit 1)
      union all
      select next.subscription_id, next.due_at, walk.step + 1
      from walk
      cross join lateral (
        select d.subscription_id, d.due_at from deliveries d
        where d.due_at is not null and d.subscription_id > walk.subscription_id
        order by d.subscription_id, d.due_at limit 1
      ) next
      where walk.step < ${surveyMax.subscriptions}
    )
    select subscription_id as id from walk where due_at <= now()`;
  if (due.length === 0) return [];
  const ofEach = Math.ceil(Math.min(surveyMax.ofOne, surveyMax.inAll / due.length));
  return await sql<Waiting>`
    select s.id as "subscriptionId", f.failing_at is not null as failing, waiting.deliveries,
           waiting."dueMs"
    from unnest(${textArray(due.map(({ id }) => id))}::text[]) as given (id)
    cross join lateral (
      select team_id, id from subscriptions
      where id = given.id and enabled and deleted_at is null
      offset 0
    ) s
    left join failure_streaks f on f.team_id = s.team_id and f.subscription_id = s.id
    cross join lateral (
      select count(*)::int4 as deliveries,
             (extract(epoch from now() - min(due_at)) * 1000)::float8 as "dueMs"
      from (
        select due_at from deliveries
        where subscription_id = s.id and due_at <= now()
        order by due_at
        limit ${ofEach}
      ) oldest
    ) waiting
    where waiting.deliveries > 0`;
}

type CountedEndpoints = EndpointStates & {
  all: number;
  open: number;
  probing: number;
  named: FailingEndpoint[] | null;
};

/**
 * Counts the endpoints of all teams by their state and their breaker's state, as `domain/endpoint-health.ts` and
 * `domain/breaker.ts` decide them, and lists those that have failed for the longest.
 *
 * One or two probes of an index for each endpoint.
 */
export async function countEndpointsOfAllTeams(
  sql: Sql,
  namedMax: number,
): Promise<Pick<Survey, "endpoints" | "breakers" | "failing">> {
  const [row] = await sql<CountedEndpoints>`
    with endpoint as materialized (
      select s.id, s.contract, s.enabled, lately.attempted,
             f.failing_at is not null and recovered.at is null as failing, f.failed_from,
             f.failing_at is not null and recovered.at is null
               and s.contract <> all(${textArray(contractsWithoutBreaker)}::text[]) as shut,
             coalesce(f.probe_token is not null and f.probe_at > now(), false) as probing
      from subscriptions s
      left join failure_streaks f on f.team_id = s.team_id and f.subscription_id = s.id
      cross join lateral (
        select exists (
          select from rollups
          where team_id = s.team_id and subscription_id = s.id and minutes = 1440 and s.enabled
            and at >= date_trunc('day', now() - interval '24 hours', 'UTC')
            and greatest(last_success_at, last_failure_at) > now() - interval '24 hours'
          offset 0) as attempted
      ) lately
      cross join lateral (
        select max(last_success_at) as at from rollups
        where f.failing_at is not null
          and team_id = s.team_id and subscription_id = s.id and minutes = 1440
          and at >= date_trunc('day', f.failing_at, 'UTC') and last_success_at > f.failing_at
      ) recovered
      where s.deleted_at is null and s.url <> ''
    )
    select (count(*) filter (where not enabled))::int4 as disabled,
           (count(*) filter (where enabled and not attempted))::int4 as idle,
           (count(*) filter (where enabled and attempted and failing))::int4 as failing,
           (count(*) filter (where enabled and attempted and not failing))::int4 as healthy,
           count(*)::int4 as all,
           (count(*) filter (where shut and not probing))::int4 as open,
           (count(*) filter (where shut and probing))::int4 as probing,
           (select json_agg(json_build_object('id', id, 'contract', contract,
                     'failingMs', extract(epoch from now() - failed_from) * 1000))
            from (
              select id, contract, failed_from from endpoint
              where enabled and attempted and failing
              order by failed_from limit ${namedMax}
            ) longest) as named
    from endpoint`;
  if (!row) throw new Error("a count has one row");
  const { named, all, open, probing, ...endpoints } = row;
  return {
    endpoints,
    breakers: { closed: all - open - probing, open, probing },
    failing: named ?? [],
  };
}

/** The state of daily partitions and of unfinished replays. */
export type Upkeep = Pick<Survey, "partitionsAhead" | "retentionLagDays" | "replays">;

/** Reads how many days ahead have partitions, by how many days the oldest is overdue, and the unfinished replays. */
export async function readUpkeepOfAllTeams(sql: Sql, retentionDays: number): Promise<Upkeep> {
  const [row] = await sql<{ ahead: number; overdue: number; queued: number; running: number }>`
    with daily as (
      select i.inhparent, to_date(right(c.relname, 8), 'YYYYMMDD') as day
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
      where i.inhparent in ('events'::regclass, 'attempts'::regclass)
        and c.relname ~ '^(events|attempts)_[0-9]{8}$'
    ), today as (select (now() at time zone 'UTC')::date as date)
    select coalesce((
             select min(days) from (
               select max(day) - (select date from today) as days from daily group by inhparent) by_table
           ), 0)::int4 as ahead,
           coalesce((
             select (select date from today) - ${retentionDays}::int - min(day) from daily
           ), 0)::int4 as overdue,
           (select count(*) from replays where due_at is not null and state = 'queued')::int4 as queued,
           (select count(*) from replays where due_at is not null and state = 'running')::int4 as running`;
  return {
    partitionsAhead: row?.ahead ?? 0,
    retentionLagDays: Math.max(0, row?.overdue ?? 0),
    replays: { queued: row?.queued ?? 0, running: row?.running ?? 0 },
  };
}
