-- Who did what, and when: one row for each change of a team's configuration, written in the change's own transaction.
--
-- No values: neither what was set nor what was there before. Who reads the log learns no secret, URL or payload from it.
-- No network addresses either: behind a proxy they say nothing, and they are personal data.
create table audit_log (
  team_id text collate "C" not null references teams (id) on delete cascade,
  id text collate "C" not null,
  created_at timestamptz not null default now(),
  -- The API key, and what it was called then: keys go, the log stays.
  actor_id text collate "C" not null,
  actor_name text not null,
  -- Such as workflow_webhook.created: what kind of thing it happened to, and what happened.
  action text collate "C" not null,
  subject_id text collate "C" not null,
  request_id text collate "C" not null,
  primary key (team_id, id)
);
create index audit_log_by_age on audit_log (created_at);
create index audit_log_by_subject on audit_log (team_id, subject_id, id);
create index audit_log_by_actor on audit_log (team_id, actor_id, id);

-- The API adds to the log and reads it; it can neither change nor delete what stands there.
alter table audit_log enable row level security;
grant select, insert on audit_log to postrider_team;
grant insert on audit_log to postrider_keys;
create policy own_teams on audit_log to postrider_team, postrider_keys using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
