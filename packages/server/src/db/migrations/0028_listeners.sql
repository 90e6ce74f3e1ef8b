-- Listeners: endpoints whose requests a program fetches from the API and answers there, for as long as its session lasts.
alter table subscriptions
  -- Of a listener: the contract whose events it gets, and the endpoint of whose deliveries it gets copies.
  add column tells text collate "C",
  add column copy_of text collate "C",
  add constraint listener_tells check ((contract = 'listener') = (tells is not null)),
  add constraint listener_copies check (copy_of is null or contract = 'listener');
create index subscriptions_listeners on subscriptions (team_id, copy_of)
  where contract = 'listener' and deleted_at is null;

create table listeners (
  team_id text collate "C" not null,
  -- The endpoint's as well.
  id text collate "C" not null,
  created_at timestamptz not null default now(),
  -- 60 seconds after its stream was there last.
  ends_at timestamptz not null,
  -- The place of the request that was handed to a stream last.
  position bigint not null default 0,
  primary key (team_id, id),
  foreign key (team_id, id) references subscriptions (team_id, id) on delete cascade
);
create index listeners_by_end on listeners (ends_at);

-- A request that waits for a listener's answer; kept for an hour after its deadline, without what was asked and answered.
create table listener_requests (
  team_id text collate "C" not null,
  id text collate "C" not null,
  listener_id text collate "C" not null,
  delivery_id text collate "C" not null,
  event_id uuid not null,
  event_type text collate "C" not null,
  -- Of the event: names its partition.
  event_created_at timestamptz not null,
  attempt_number integer not null,
  created_at timestamptz not null default now(),
  deadline_at timestamptz not null,
  -- The signed headers, as JSON.
  sealed_headers bytea,
  -- Its place among those that were handed to a stream; null: it was not yet.
  position bigint,
  -- The listener's answer, as JSON, until the process that waits for it takes it.
  sealed_answer bytea,
  answered_at timestamptz,
  -- Nobody waits for an answer any more.
  ended_at timestamptz,
  primary key (team_id, id),
  foreign key (team_id, listener_id) references listeners (team_id, id) on delete cascade
);
create index listener_requests_open on listener_requests (team_id, listener_id, position)
  where ended_at is null and answered_at is null;
create index listener_requests_by_id on listener_requests (id);
create index listener_requests_by_listener on listener_requests (team_id, listener_id);
create index listener_requests_by_event on listener_requests (team_id, event_id);
create index listener_requests_by_deadline on listener_requests (deadline_at);

alter table listeners enable row level security;
grant select, insert, update, delete on listeners to postrider_team, postrider_all_teams;
create policy own_teams on listeners to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy all_teams on listeners to postrider_all_teams using (true);

alter table listener_requests enable row level security;
grant select, update, delete on listener_requests to postrider_team;
grant select, insert, update, delete on listener_requests to postrider_all_teams;
create policy own_teams on listener_requests to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy all_teams on listener_requests to postrider_all_teams using (true);
