-- The core: who owns (teams, keys), what is known (workflows, runs), who wants to hear (subscriptions),
-- and what must arrive (events, deliveries, attempts).
--
-- Ids are 24-hex ObjectIds, four bytes of seconds first, compared bytewise: new rows land at the right edge of every
-- index. Bodies are exact bytes (bytea), never jsonb. Columns named sealed_* hold AES-256-GCM envelopes.

create table teams (
  id text collate "C" primary key,
  name text not null,
  created_at timestamptz not null default now()
);

create table api_keys (
  id text collate "C" primary key,
  name text not null,
  -- SHA-256 of the secret part. The secret itself is shown once and kept nowhere.
  secret_sha256 bytea not null,
  default_team_id text collate "C" not null references teams (id) on delete cascade,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz
);

create table api_key_teams (
  api_key_id text collate "C" not null references api_keys (id) on delete cascade,
  team_id text collate "C" not null references teams (id) on delete cascade,
  primary key (api_key_id, team_id)
);

-- One sealed word per encryption key: a start with the wrong key is refused at once, not at the first delivery.
create table encryption_checks (
  key_id text collate "C" primary key,
  sealed_word bytea not null
);

create table workflows (
  team_id text collate "C" not null references teams (id) on delete cascade,
  id text collate "C" not null,
  name text not null,
  description text,
  configuration bytea,
  settings bytea,
  -- Counts the changes that made an event; part of the event's identity.
  revision integer not null default 0,
  version_number integer not null,
  version_name text,
  created_by text not null,
  updated_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  primary key (team_id, id)
);

create table workflow_versions (
  team_id text collate "C" not null,
  workflow_id text collate "C" not null,
  number integer not null,
  id text collate "C" not null,
  name text,
  created_by text not null,
  created_at timestamptz not null,
  primary key (team_id, workflow_id, number),
  unique (team_id, workflow_id, id),
  foreign key (team_id, workflow_id) references workflows (team_id, id) on delete cascade
);

--  started ──▶ running ⇄ paused
--     └───────────┴────────┴──▶ completed | failed | cancelled      (final)
create table runs (
  team_id text collate "C" not null,
  id text collate "C" not null,
  workflow_id text collate "C" not null,
  status text not null check (status in ('started', 'running', 'paused', 'completed', 'failed', 'cancelled')),
  trigger text not null check (trigger in ('manual', 'scheduled', 'triggered')),
  version_number integer not null,
  input bytea,
  output bytea,
  collected_information bytea,
  error bytea,
  termination_source text,
  timeout_seconds integer,
  deadline_at timestamptz,
  started_at timestamptz not null,
  completed_at timestamptz,
  created_by text not null,
  updated_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (team_id, id),
  constraint completed_when_final check ((status in ('completed', 'failed', 'cancelled')) = (completed_at is not null))
);
create index runs_by_workflow on runs (team_id, workflow_id, id);
create index runs_unfinished on runs (team_id, workflow_id) where completed_at is null;
create index runs_overdue on runs (deadline_at) where completed_at is null and deadline_at is not null;

create table subscriptions (
  team_id text collate "C" not null references teams (id) on delete cascade,
  id text collate "C" not null,
  contract text collate "C" not null,
  name text not null,
  url text not null,
  event_types text[] not null check (cardinality(event_types) > 0),
  enabled boolean not null default true,
  disabled_reason text,
  timeout_seconds integer not null check (timeout_seconds between 1 and 60),
  max_retries integer not null check (max_retries between 0 and 10),
  backoff_seconds integer not null check (backoff_seconds between 1 and 300),
  -- What the contract shows the receiver besides the signature: contract A's bearer token.
  sealed_credential bytea,
  sealed_signing_secret bytea not null,
  sealed_previous_secret bytea,
  previous_secret_expires_at timestamptz,
  created_by text not null,
  updated_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  primary key (team_id, id),
  constraint reason_only_when_disabled check (disabled_reason is null or not enabled),
  constraint previous_secret_expires check ((sealed_previous_secret is null) = (previous_secret_expires_at is null))
);
-- The dispatcher knows a subscription by its id alone.
create unique index subscriptions_id on subscriptions (id);

-- What a contract made of a fact. Immutable. The id is derived from (team, contract, action, subject, sequence).
create table events (
  id uuid not null,
  created_at timestamptz not null default now(),
  team_id text collate "C" not null,
  contract text collate "C" not null,
  event_type text collate "C" not null,
  dedupe_key text collate "C" not null,
  workflow_id text collate "C",
  workflow_name text,
  run_id text collate "C",
  run_status text,
  created_by text not null,
  payload bytea not null,
  primary key (id, created_at)
) partition by range (created_at);
create index events_by_workflow on events (team_id, workflow_id, created_at);

-- One event for one subscription: the unit of work.
--
--   pending ──claim──▶ pending + lease ──record──▶ delivered
--      ▲                      │      ├──record──▶ failed
--      └──record / expiry─────┘      └── (redeliver: delivered | failed ▶ pending)
--
-- Stored: pending, delivered, failed. Shown as well, never stored: retrying = pending after an ended attempt,
-- in flight = pending with a lease. A lease is "due again at its end": who dies needs no rescuer.
-- created_at equals its event's, so the pair (event_id, created_at) finds the event in its partition.
create table deliveries (
  team_id text collate "C" not null,
  id text collate "C" not null,
  event_id uuid not null,
  created_at timestamptz not null default now(),
  subscription_id text collate "C" not null,
  event_type text collate "C" not null,
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  -- When it may be claimed; while a lease is held, when the lease ends.
  due_at timestamptz not null default now(),
  lease_token uuid,
  -- Attempts begun, crashed and manual ones included: the number of the latest one.
  attempt_count smallint not null default 0,
  crash_count smallint not null default 0,
  manual_count smallint not null default 0,
  -- The next attempt (or the one in flight) was asked for by a person.
  manual boolean not null default false,
  -- When the retry falls due, unmoved by the claim that takes it.
  retry_at timestamptz,
  last_attempt_at timestamptz,
  last_status_code integer,
  last_error text,
  finished_at timestamptz,
  updated_by text not null default 'system',
  updated_at timestamptz not null default now(),
  primary key (team_id, id),
  constraint finished_when_not_pending check ((status = 'pending') = (finished_at is null)),
  constraint lease_only_when_pending check (lease_token is null or status = 'pending'),
  constraint retry_only_when_pending check (retry_at is null or status = 'pending'),
  constraint crashes_are_attempts check (crash_count <= attempt_count)
);
create index deliveries_due on deliveries (subscription_id, due_at) where finished_at is null;
create unique index one_delivery_per_event_and_subscription on deliveries (event_id, subscription_id);
create index deliveries_by_subscription on deliveries (subscription_id, id);

-- One HTTP request made for a delivery, numbered from 1; append-only. Partitioned by the day of its delivery, so that
-- the number stays unique within the delivery: a late result completes the row of the attempt that was given up.
create table attempts (
  delivery_id text collate "C" not null,
  number smallint not null,
  delivery_created_at timestamptz not null,
  id text collate "C" not null,
  team_id text collate "C" not null,
  created_at timestamptz not null default now(),
  request_url text not null,
  success boolean not null,
  status_code integer,
  response_body text,
  response_truncated boolean not null default false,
  error_code text collate "C",
  error_message text,
  latency_ms integer,
  will_retry boolean not null,
  manual boolean not null default false,
  created_by text not null default 'system',
  primary key (delivery_id, number, delivery_created_at),
  constraint success_has_a_status check (not success or status_code between 200 and 299),
  constraint failure_has_a_code check (success = (error_code is null))
) partition by range (delivery_created_at);

-- The safety net under the daily partitions: an insert never fails because a day is missing.
create table events_default partition of events default;
create table attempts_default partition of attempts default;

create table idempotency_keys (
  team_id text collate "C" not null references teams (id) on delete cascade,
  key text collate "C" not null,
  -- SHA-256 over API key, method, path and body: another request under the same key is refused.
  fingerprint bytea not null,
  created_at timestamptz not null default now(),
  -- Until then the first request is believed to be on its way; later a repeat may take over.
  in_flight_until timestamptz,
  status_code integer,
  sealed_response bytea,
  primary key (team_id, key),
  constraint answered_or_in_flight check ((in_flight_until is null) = (status_code is not null and sealed_response is not null))
);
create index idempotency_keys_by_age on idempotency_keys (created_at);
