-- What operators are to be told, until it is: whoever makes it happen writes a row in the same transaction, and the watch
-- makes events and deliveries of it. Nothing is written that nobody wants to hear.
create table operational_happenings (
  team_id text collate "C" not null references teams (id) on delete cascade,
  created_at timestamptz not null default now(),
  event_type text collate "C" not null,
  -- Names it among all of its team and event type.
  key text collate "C" not null,
  data jsonb not null,
  primary key (team_id, event_type, key)
);
create index operational_happenings_by_age on operational_happenings (created_at);

alter table operational_happenings enable row level security;
grant insert, select on operational_happenings to postrider_team;
grant insert, select, update, delete on operational_happenings to postrider_all_teams;
create policy own_teams on operational_happenings to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy all_teams on operational_happenings to postrider_all_teams using (true);

-- An operational webhook of the operator hears of every team.
alter table subscriptions add column all_teams boolean not null default false;
create index subscriptions_operational on subscriptions (team_id)
  where contract = 'operational' and enabled and deleted_at is null;
