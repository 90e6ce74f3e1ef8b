-- Contracts B and C: steps of runs, assistants, their calls, and what their receivers are shown.

-- started ──▶ completed | failed      (final)
create table steps (
  team_id text collate "C" not null,
  run_id text collate "C" not null,
  id text collate "C" not null,
  name text not null,
  index integer,
  status text not null check (status in ('started', 'completed', 'failed')),
  output bytea,
  error bytea,
  started_at timestamptz not null,
  completed_at timestamptz,
  created_by text not null,
  updated_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (team_id, run_id, id),
  foreign key (team_id, run_id) references runs (team_id, id) on delete cascade,
  constraint step_completed_when_final check ((status = 'started') = (completed_at is null))
);

create table assistants (
  team_id text collate "C" not null references teams (id) on delete cascade,
  id text collate "C" not null,
  name text not null,
  hang_timeout_seconds integer not null check (hang_timeout_seconds between 1 and 3600),
  -- Every other member as it was given; never the assistantServer, whose secrets are the subscription's.
  document bytea not null,
  created_by text not null,
  updated_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  primary key (team_id, id)
);

-- queued ──▶ ongoing ──▶ forwarded
--    └──────────┴───────────┴──▶ finished      (final)
create table calls (
  team_id text collate "C" not null,
  id text collate "C" not null,
  assistant_id text collate "C" not null,
  call_type text not null check (call_type in ('web', 'phone')),
  direction text not null check (direction in ('inbound', 'outbound')),
  status text not null check (status in ('queued', 'ongoing', 'forwarded', 'finished')),
  user_number text,
  assistant_number text,
  phone_provider text,
  phone_call_status text,
  phone_call_status_reason text,
  call_end_trigger_by text,
  start_at timestamptz,
  end_at timestamptz,
  duration_ms integer,
  metadata bytea,
  recording bytea,
  analysis bytea,
  cost bytea,
  metrics bytea,
  message_count integer not null default 0,
  text_length integer not null default 0,
  -- Counts what happened in the call: the order in which its server messages are sent.
  position integer not null default 0,
  -- When the silence after a user's message becomes a hang; null while nobody waits for an answer.
  hang_due_at timestamptz,
  -- The present silence has been told.
  hung boolean not null default false,
  created_by text not null,
  updated_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (team_id, id),
  foreign key (team_id, assistant_id) references assistants (team_id, id) on delete cascade,
  constraint ended_when_finished check ((status = 'finished') = (end_at is not null)),
  constraint hangs_only_while_ongoing check (hang_due_at is null or status = 'ongoing')
);
create index calls_by_age on calls (team_id, created_at, id);
create index calls_by_assistant on calls (team_id, assistant_id, created_at, id);
create index calls_hanging on calls (hang_due_at) where hang_due_at is not null;

create table call_messages (
  team_id text collate "C" not null,
  call_id text collate "C" not null,
  position integer not null,
  message_id text collate "C" not null,
  role text not null check (role in ('user', 'assistant')),
  text bytea not null,
  timestamp_ms bigint not null,
  metrics bytea,
  primary key (team_id, call_id, position),
  unique (team_id, call_id, message_id),
  foreign key (team_id, call_id) references calls (team_id, id) on delete cascade
);

alter table subscriptions
  -- Null: it hears of all its team's subjects. Otherwise of this one alone, as an assistant's server does.
  add column subject_id text collate "C",
  add column sealed_headers bytea,
  add column header_names text[] not null default '{}',
  drop constraint subscriptions_event_types_check,
  add constraint enabled_wants_something check (not enabled or (cardinality(event_types) > 0 and url <> ''));
-- Nulls too: those that hear of all subjects are found without those that hear of one, which may be many.
create index subscriptions_by_subject on subscriptions (team_id, subject_id);

alter table events
  add column call_id text collate "C",
  add column assistant_id text collate "C";

alter table deliveries
  -- Set where order counts and a request is made at most once: deliveries of one key go out one after the other.
  add column order_key text collate "C",
  add column order_position integer,
  add constraint ordered_by_key_and_position check ((order_key is null) = (order_position is null)),
  add constraint ordered_has_no_retries check (order_key is null or (attempt_count <= 1 and not manual));
create index deliveries_in_order on deliveries (subscription_id, order_key, order_position)
  where finished_at is null and order_key is not null;

-- Facts that were given an identity of their own (a CloudEvent's source and id): the same one again changes nothing.
create table fact_identities (
  team_id text collate "C" not null references teams (id) on delete cascade,
  identity text collate "C" not null,
  created_at timestamptz not null default now(),
  primary key (team_id, identity)
);
create index fact_identities_by_age on fact_identities (created_at);

alter table api_keys
  -- What a list shows of a key, enough to tell it from others. Null for the operator's own and for older ones.
  add column prefix text,
  add column last4 text,
  -- To the minute.
  add column last_used_at timestamptz;
create index api_key_teams_by_team on api_key_teams (team_id, api_key_id);
