-- What the health of an endpoint is derived from. All of it is written by the statement that writes results.
--
-- With the counts: when the last attempt succeeded, when the last one failed, and why.
alter table rollups
  add column last_success_at timestamptz,
  add column last_failure_at timestamptz,
  add column last_error_code text collate "C";

-- Counts stand in parts, which cannot tell whether a failure came before or after a success. A streak can: it is what an
-- endpoint has failed since its last success. There is one row for each endpoint that ever failed. While an endpoint
-- succeeds, and once it counts as failing, nothing is written.
create table failure_streaks (
  team_id text collate "C" not null references teams (id) on delete cascade,
  subscription_id text collate "C" not null,
  -- When the oldest delivery was made that failed in this streak. Null: the last attempt succeeded.
  failed_from timestamptz,
  -- Deliveries that used up their retries in this streak.
  exhausted integer not null default 0,
  -- When the endpoint came to count as failing, by the rule of domain/endpoint-health.ts.
  failing_at timestamptz,
  -- When the last success ended a streak.
  ended_at timestamptz,
  -- The last streak that made the endpoint count as failing: `failed_from`, and the success that ended it.
  last_failing_from timestamptz,
  last_failing_to timestamptz,
  -- Attempts, and failed ones, that had been counted in the minute of that success before it.
  counted_attempts integer not null default 0,
  counted_failures integer not null default 0,
  primary key (team_id, subscription_id),
  constraint failing_has_failures check (failing_at is null or failed_from is not null),
  constraint exhausted_has_failures check (exhausted = 0 or failed_from is not null),
  constraint failing_from_and_to check ((last_failing_from is null) = (last_failing_to is null))
) with (fillfactor = 60);

alter table failure_streaks enable row level security;
grant select on failure_streaks to postrider_team;
grant select, insert, update on failure_streaks to postrider_all_teams;
create policy own_teams on failure_streaks to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy all_teams on failure_streaks to postrider_all_teams using (true);

-- When a subscription was last enabled or disabled. Null: not since this column was added.
alter table subscriptions add column switched_at timestamptz;
