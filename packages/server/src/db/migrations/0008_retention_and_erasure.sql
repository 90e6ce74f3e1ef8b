-- How long things are kept, what is sealed besides secrets, and what is erased.

alter table teams
  -- New payloads and response bodies are sealed; what was stored before stays as it is.
  add column encrypt_payloads boolean not null default false,
  -- Days; null: as long as the service keeps them, which is also the most.
  add column payload_retention_days integer check (payload_retention_days between 1 and 3650),
  add column attempt_retention_days integer check (attempt_retention_days between 1 and 3650),
  -- Payloads made before this day are gone already: the janitor goes on from here.
  add column payloads_expired_before date;

-- A payload-like value (a payload, a document of a run, a step or a call, what somebody said) is sealed when its first
-- byte is zero, with which neither JSON nor a text can begin; the sealed record follows.
--
-- Null: the payload's time is over, the rest of the event is kept for the history.
alter table events alter column payload drop not null;

alter table attempts
  add column sealed_response_body bytea,
  add constraint one_response_body check (response_body is null or sealed_response_body is null);

-- Sealed like what is said in the call.
alter table calls
  alter column user_number type bytea using convert_to(user_number, 'UTF8'),
  alter column assistant_number type bytea using convert_to(assistant_number, 'UTF8');

alter table idempotency_keys
  -- The run or call that the answer tells of, so that it goes when that is erased.
  add column subject_id text collate "C";
create index idempotency_keys_by_subject on idempotency_keys (team_id, subject_id) where subject_id is not null;

-- An identity can be anything that a publisher makes up, names of people included: a hash tells repeats as well.
alter table fact_identities
  alter column identity type bytea using sha256(convert_to(team_id || E'\n' || identity, 'UTF8'));
alter table fact_identities rename column identity to identity_sha256;

-- What was erased a moment ago, by its id alone: what was being written then is erased once more, and then this goes too.
create table erasures (
  team_id text collate "C" not null,
  -- A run's or a call's; the team's own: all of the team.
  subject_id text collate "C" not null,
  requested_at timestamptz not null default now(),
  primary key (team_id, subject_id)
);

alter table erasures enable row level security;
grant select, insert, update on erasures to postrider_team;
create policy own_teams on erasures to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
