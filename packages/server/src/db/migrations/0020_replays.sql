-- Replays: jobs that make many deliveries due again, and what each of them has in hand.
--
-- A step of a job is one transaction that holds the job's row: it makes deliveries due, notes them here, and moves the
-- job's position on. A process that dies in between has done nothing of the step, and any other process does the next one.
create table replays (
  team_id text collate "C" not null references teams (id) on delete cascade,
  id text collate "C" not null,
  created_at timestamptz not null default now(),
  created_in xid8 default pg_current_xact_id(),
  created_by text not null,
  -- In whose words the filter was given: a contract's own list of events, or null for those of all contracts.
  contract text collate "C",
  filter jsonb not null,
  which text not null check (which in ('failed', 'all')),
  rate_per_second integer not null check (rate_per_second > 0),
  state text not null default 'queued' check (state in ('queued', 'running', 'done', 'cancelled')),
  started_at timestamptz,
  finished_at timestamptz,
  -- What was committed when the job was asked for, as a walk through a list keeps it.
  snapshot text not null default pg_current_snapshot()::text,
  ten_minutes_before text not null default extract(epoch from now() - interval '10 minutes')::bigint::text,
  -- The last delivery that was looked at, first to count and then to replay; nothing is left when it is null.
  position text collate "C" default '',
  counted integer not null default 0,
  matching integer,
  replayed integer not null default 0,
  skipped integer not null default 0,
  delivered integer not null default 0,
  failed integer not null default 0,
  -- Up to where the deliveries that wait were looked at.
  waiting_position text collate "C" not null default '',
  -- Up to when the rate is used.
  paced_at timestamptz not null default now(),
  -- When the next step is; null: there is none.
  due_at timestamptz default now(),
  primary key (team_id, id),
  constraint finished_when_ended check ((state in ('done', 'cancelled')) = (finished_at is not null)),
  constraint ends_with_last_step check (due_at is not null or finished_at is not null)
);
create index replays_due on replays (due_at) where due_at is not null;
create index replays_by_age on replays (created_at);

-- held: its endpoint has no place for it yet. due: made due, and not attempted yet. waiting: attempted, and waits for a
-- retry; or its endpoint was disabled. What has ended has no row.
create table replayed_deliveries (
  team_id text collate "C" not null references teams (id) on delete cascade,
  replay_id text collate "C" not null,
  state text collate "C" not null check (state in ('held', 'due', 'waiting')),
  delivery_id text collate "C" not null,
  subscription_id text collate "C" not null,
  primary key (team_id, replay_id, state, delivery_id)
);

alter table replays enable row level security;
grant select, insert, update on replays to postrider_team;
-- Who serves all teams only looks for jobs whose step is due.
grant select on replays to postrider_all_teams;
create policy own_teams on replays to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy all_teams on replays to postrider_all_teams using (true);

alter table replayed_deliveries enable row level security;
grant select, insert, update, delete on replayed_deliveries to postrider_team;
create policy own_teams on replayed_deliveries to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
