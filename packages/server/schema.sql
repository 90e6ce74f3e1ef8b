-- What the migrations come to. Written by scripts/write-schema.ts; a test compares it.

create table api_key_teams (
  api_key_id text collate "C" not null,
  team_id text collate "C" not null,
  constraint api_key_teams_pkey PRIMARY KEY (api_key_id, team_id),
  constraint api_key_teams_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id) ON DELETE CASCADE,
  constraint api_key_teams_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);

create table api_keys (
  id text collate "C" not null,
  name text not null,
  secret_sha256 bytea not null,
  default_team_id text collate "C" not null,
  scopes text[] not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  constraint api_keys_pkey PRIMARY KEY (id),
  constraint api_keys_default_team_id_fkey FOREIGN KEY (default_team_id) REFERENCES teams(id) ON DELETE CASCADE
);

create table attempts (
  delivery_id text collate "C" not null,
  number smallint not null,
  delivery_created_at timestamp with time zone not null,
  id text collate "C" not null,
  team_id text collate "C" not null,
  created_at timestamp with time zone not null default now(),
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
  created_by text not null default 'system'::text,
  constraint attempts_pkey PRIMARY KEY (delivery_id, number, delivery_created_at),
  constraint failure_has_a_code CHECK ((success = (error_code IS NULL))),
  constraint success_has_a_status CHECK (((NOT success) OR ((status_code >= 200) AND (status_code <= 299))))
) partition by range (delivery_created_at);

create table attempts_default partition of attempts default;

create table deliveries (
  team_id text collate "C" not null,
  id text collate "C" not null,
  event_id uuid not null,
  created_at timestamp with time zone not null default now(),
  subscription_id text collate "C" not null,
  event_type text collate "C" not null,
  status text not null default 'pending'::text,
  due_at timestamp with time zone not null default now(),
  lease_token uuid,
  attempt_count smallint not null default 0,
  crash_count smallint not null default 0,
  manual_count smallint not null default 0,
  manual boolean not null default false,
  retry_at timestamp with time zone,
  last_attempt_at timestamp with time zone,
  last_status_code integer,
  last_error text,
  finished_at timestamp with time zone,
  updated_by text not null default 'system'::text,
  updated_at timestamp with time zone not null default now(),
  constraint deliveries_pkey PRIMARY KEY (team_id, id),
  constraint crashes_are_attempts CHECK ((crash_count <= attempt_count)),
  constraint deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text]))),
  constraint finished_when_not_pending CHECK (((status = 'pending'::text) = (finished_at IS NULL))),
  constraint lease_only_when_pending CHECK (((lease_token IS NULL) OR (status = 'pending'::text))),
  constraint retry_only_when_pending CHECK (((retry_at IS NULL) OR (status = 'pending'::text)))
);
CREATE INDEX deliveries_by_subscription ON public.deliveries USING btree (subscription_id, id);
CREATE INDEX deliveries_due ON public.deliveries USING btree (subscription_id, due_at) WHERE (finished_at IS NULL);
CREATE UNIQUE INDEX one_delivery_per_event_and_subscription ON public.deliveries USING btree (event_id, subscription_id);

create table encryption_checks (
  key_id text collate "C" not null,
  sealed_word bytea not null,
  constraint encryption_checks_pkey PRIMARY KEY (key_id)
);

create table events (
  id uuid not null,
  created_at timestamp with time zone not null default now(),
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
  constraint events_pkey PRIMARY KEY (id, created_at)
) partition by range (created_at);
CREATE INDEX events_by_workflow ON ONLY public.events USING btree (team_id, workflow_id, created_at);

create table events_default partition of events default;

create table idempotency_keys (
  team_id text collate "C" not null,
  key text collate "C" not null,
  fingerprint bytea not null,
  created_at timestamp with time zone not null default now(),
  in_flight_until timestamp with time zone,
  status_code integer,
  sealed_response bytea,
  constraint idempotency_keys_pkey PRIMARY KEY (team_id, key),
  constraint idempotency_keys_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint answered_or_in_flight CHECK (((in_flight_until IS NULL) = ((status_code IS NOT NULL) AND (sealed_response IS NOT NULL))))
);
CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);

create table runs (
  team_id text collate "C" not null,
  id text collate "C" not null,
  workflow_id text collate "C" not null,
  status text not null,
  trigger text not null,
  version_number integer not null,
  input bytea,
  output bytea,
  collected_information bytea,
  error bytea,
  termination_source text,
  timeout_seconds integer,
  deadline_at timestamp with time zone,
  started_at timestamp with time zone not null,
  completed_at timestamp with time zone,
  created_by text not null,
  updated_by text not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint runs_pkey PRIMARY KEY (team_id, id),
  constraint completed_when_final CHECK (((status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])) = (completed_at IS NOT NULL))),
  constraint runs_status_check CHECK ((status = ANY (ARRAY['started'::text, 'running'::text, 'paused'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
  constraint runs_trigger_check CHECK ((trigger = ANY (ARRAY['manual'::text, 'scheduled'::text, 'triggered'::text])))
);
CREATE INDEX runs_by_workflow ON public.runs USING btree (team_id, workflow_id, id);
CREATE INDEX runs_overdue ON public.runs USING btree (deadline_at) WHERE ((completed_at IS NULL) AND (deadline_at IS NOT NULL));
CREATE INDEX runs_unfinished ON public.runs USING btree (team_id, workflow_id) WHERE (completed_at IS NULL);

create table schema_migrations (
  number integer not null,
  name text not null,
  sha256 text not null,
  applied_at timestamp with time zone not null default now(),
  constraint schema_migrations_pkey PRIMARY KEY (number)
);

create table subscriptions (
  team_id text collate "C" not null,
  id text collate "C" not null,
  contract text collate "C" not null,
  name text not null,
  url text not null,
  event_types text[] not null,
  enabled boolean not null default true,
  disabled_reason text,
  timeout_seconds integer not null,
  max_retries integer not null,
  backoff_seconds integer not null,
  sealed_credential bytea,
  sealed_signing_secret bytea not null,
  sealed_previous_secret bytea,
  previous_secret_expires_at timestamp with time zone,
  created_by text not null,
  updated_by text not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  deleted_at timestamp with time zone,
  constraint subscriptions_pkey PRIMARY KEY (team_id, id),
  constraint subscriptions_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint previous_secret_expires CHECK (((sealed_previous_secret IS NULL) = (previous_secret_expires_at IS NULL))),
  constraint reason_only_when_disabled CHECK (((disabled_reason IS NULL) OR (NOT enabled))),
  constraint subscriptions_backoff_seconds_check CHECK (((backoff_seconds >= 1) AND (backoff_seconds <= 300))),
  constraint subscriptions_event_types_check CHECK ((cardinality(event_types) > 0)),
  constraint subscriptions_max_retries_check CHECK (((max_retries >= 0) AND (max_retries <= 10))),
  constraint subscriptions_timeout_seconds_check CHECK (((timeout_seconds >= 1) AND (timeout_seconds <= 60)))
);
CREATE UNIQUE INDEX subscriptions_id ON public.subscriptions USING btree (id);

create table teams (
  id text collate "C" not null,
  name text not null,
  created_at timestamp with time zone not null default now(),
  constraint teams_pkey PRIMARY KEY (id)
);

create table workflow_versions (
  team_id text collate "C" not null,
  workflow_id text collate "C" not null,
  number integer not null,
  id text collate "C" not null,
  name text,
  created_by text not null,
  created_at timestamp with time zone not null,
  constraint workflow_versions_pkey PRIMARY KEY (team_id, workflow_id, number),
  constraint workflow_versions_team_id_workflow_id_id_key UNIQUE (team_id, workflow_id, id),
  constraint workflow_versions_team_id_workflow_id_fkey FOREIGN KEY (team_id, workflow_id) REFERENCES workflows(team_id, id) ON DELETE CASCADE
);

create table workflows (
  team_id text collate "C" not null,
  id text collate "C" not null,
  name text not null,
  description text,
  configuration bytea,
  settings bytea,
  revision integer not null default 0,
  version_number integer not null,
  version_name text,
  created_by text not null,
  updated_by text not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  deleted_at timestamp with time zone,
  constraint workflows_pkey PRIMARY KEY (team_id, id),
  constraint workflows_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);
