-- What became of attempts and deliveries, counted by subscription and event type, for each minute, each hour and each day
-- (UTC): statistics are read from here, and never from a scan of what was counted. A year by days is as few rows as an
-- hour by minutes.
--
-- Results are written by several connections at once. Each adds to its own of eight parts, so that those of one
-- subscription seldom wait for each other's commit. No index holds a count, and pages have room: a change stays on its page.
create table rollups (
  team_id text collate "C" not null references teams (id) on delete cascade,
  subscription_id text collate "C" not null,
  -- How long the time is that is counted, and when it begins.
  minutes smallint not null check (minutes in (1, 60, 1440)),
  at timestamptz not null,
  event_type text collate "C" not null,
  part smallint not null,
  -- Requests made; deliveries that ended; attempts after which another was due.
  attempts integer not null,
  delivered integer not null,
  failed integer not null,
  retried integer not null,
  -- How long the attempts took: see domain/latencies.ts.
  latencies integer[] not null,
  primary key (team_id, subscription_id, minutes, at, event_type, part)
) with (fillfactor = 60);
create index rollups_by_age on rollups using brin (at);

alter table rollups enable row level security;
grant select, insert, update on rollups to postrider_team;
grant select, insert, update on rollups to postrider_all_teams;
create policy own_teams on rollups to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy all_teams on rollups to postrider_all_teams using (true);
