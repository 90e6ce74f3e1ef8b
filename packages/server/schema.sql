-- What the migrations come to. Written by scripts/write-schema.ts; a test compares it.

create table api_key_teams (
  api_key_id text collate "C" not null,
  team_id text collate "C" not null,
  constraint api_key_teams_pkey PRIMARY KEY (api_key_id, team_id),
  constraint api_key_teams_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id) ON DELETE CASCADE,
  constraint api_key_teams_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);
CREATE INDEX api_key_teams_by_team ON public.api_key_teams USING btree (team_id, api_key_id);
alter table api_key_teams enable row level security;
grant delete, select on api_key_teams to postrider_keys;
grant insert, select on api_key_teams to postrider_team;
create policy any_key on api_key_teams for all to postrider_keys using (true);
create policy own_teams on api_key_teams for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table api_keys (
  id text collate "C" not null,
  name text not null,
  secret_sha256 bytea,
  default_team_id text collate "C" not null,
  scopes text[] not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  prefix text,
  last4 text,
  last_used_at timestamp with time zone,
  created_in xid8 default pg_current_xact_id(),
  person_sha256 bytea,
  constraint api_keys_pkey PRIMARY KEY (id),
  constraint api_keys_default_team_id_fkey FOREIGN KEY (default_team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint of_a_secret_or_a_person CHECK ((num_nonnulls(secret_sha256, person_sha256) = 1))
);
CREATE UNIQUE INDEX api_keys_by_person ON public.api_keys USING btree (person_sha256);
alter table api_keys enable row level security;
grant select on api_keys to postrider_keys;
grant insert, select on api_keys to postrider_team;
grant update (default_team_id, revoked_at, last_used_at) on api_keys to postrider_keys;
grant update (secret_sha256, prefix, last4) on api_keys to postrider_team;
create policy any_key on api_keys for all to postrider_keys using (true);
create policy own_teams on api_keys for all to postrider_team using (((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? default_team_id), false) IS NOT NULL) OR (EXISTS ( SELECT FROM api_key_teams t WHERE (t.api_key_id = api_keys.id)))));

create table assistants (
  team_id text collate "C" not null,
  id text collate "C" not null,
  name text not null,
  hang_timeout_seconds integer not null,
  document bytea not null,
  created_by text not null,
  updated_by text not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  deleted_at timestamp with time zone,
  created_in xid8 default pg_current_xact_id(),
  end_report_wait_seconds integer not null default 0,
  constraint assistants_pkey PRIMARY KEY (team_id, id),
  constraint assistants_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint assistants_end_report_wait_seconds_check CHECK (((end_report_wait_seconds >= 0) AND (end_report_wait_seconds <= 600))),
  constraint assistants_hang_timeout_seconds_check CHECK (((hang_timeout_seconds >= 1) AND (hang_timeout_seconds <= 3600)))
);
alter table assistants enable row level security;
grant delete, insert, select, update on assistants to postrider_all_teams;
grant delete, insert, select, update on assistants to postrider_team;
create policy all_teams on assistants for all to postrider_all_teams using (true);
create policy own_teams on assistants for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

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
  sealed_response_body bytea,
  address text,
  dns_ms smallint,
  connect_ms smallint,
  tls_ms smallint,
  wait_ms smallint,
  read_ms smallint,
  request_head_id uuid,
  request_proof bytea,
  response_headers text,
  sealed_response_headers bytea,
  constraint attempts_pkey PRIMARY KEY (delivery_id, number, delivery_created_at),
  constraint failure_has_a_code CHECK ((success = (error_code IS NULL))),
  constraint one_form_of_response_headers CHECK (((response_headers IS NULL) OR (sealed_response_headers IS NULL))),
  constraint one_response_body CHECK (((response_body IS NULL) OR (sealed_response_body IS NULL))),
  constraint proof_of_a_head CHECK (((request_proof IS NULL) = (request_head_id IS NULL))),
  constraint success_has_a_status CHECK (((NOT success) OR ((status_code >= 200) AND (status_code <= 299))))
) partition by range (delivery_created_at);
alter table attempts enable row level security;
grant delete, insert, select, update on attempts to postrider_all_teams;
grant delete, insert, select, update on attempts to postrider_team;
create policy all_teams on attempts for all to postrider_all_teams using (true);
create policy own_teams on attempts for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table attempts_default partition of attempts default;

create table audit_log (
  team_id text collate "C" not null,
  id text collate "C" not null,
  created_at timestamp with time zone not null default now(),
  actor_id text collate "C" not null,
  actor_name text not null,
  action text collate "C" not null,
  subject_id text collate "C" not null,
  request_id text collate "C" not null,
  created_in xid8 default pg_current_xact_id(),
  constraint audit_log_pkey PRIMARY KEY (team_id, id),
  constraint audit_log_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);
CREATE INDEX audit_log_by_actor ON public.audit_log USING btree (team_id, actor_id, id);
CREATE INDEX audit_log_by_age ON public.audit_log USING btree (created_at);
CREATE INDEX audit_log_by_subject ON public.audit_log USING btree (team_id, subject_id, id);
alter table audit_log enable row level security;
grant insert on audit_log to postrider_all_teams;
grant insert on audit_log to postrider_keys;
grant insert, select on audit_log to postrider_team;
create policy all_teams on audit_log for insert to postrider_all_teams with check (true);
create policy own_teams on audit_log for all to postrider_keys, postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table call_messages (
  team_id text collate "C" not null,
  call_id text collate "C" not null,
  "position" integer not null,
  message_id text collate "C" not null,
  role text not null,
  text bytea not null,
  timestamp_ms bigint not null,
  metrics bytea,
  constraint call_messages_pkey PRIMARY KEY (team_id, call_id, "position"),
  constraint call_messages_team_id_call_id_message_id_key UNIQUE (team_id, call_id, message_id),
  constraint call_messages_team_id_call_id_fkey FOREIGN KEY (team_id, call_id) REFERENCES calls(team_id, id) ON DELETE CASCADE,
  constraint call_messages_role_check CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text])))
);
alter table call_messages enable row level security;
grant delete, insert, select, update on call_messages to postrider_all_teams;
grant delete, insert, select, update on call_messages to postrider_team;
create policy all_teams on call_messages for all to postrider_all_teams using (true);
create policy own_teams on call_messages for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table calls (
  team_id text collate "C" not null,
  id text collate "C" not null,
  assistant_id text collate "C" not null,
  call_type text not null,
  direction text not null,
  status text not null,
  user_number bytea,
  assistant_number bytea,
  phone_provider text,
  phone_call_status text,
  phone_call_status_reason text,
  call_end_trigger_by text,
  start_at timestamp with time zone,
  end_at timestamp with time zone,
  duration_ms integer,
  metadata bytea,
  recording bytea,
  analysis bytea,
  cost bytea,
  metrics bytea,
  message_count integer not null default 0,
  "position" integer not null default 0,
  hang_due_at timestamp with time zone,
  hung boolean not null default false,
  created_by text not null,
  updated_by text not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  created_in xid8 default pg_current_xact_id(),
  report_due_at timestamp with time zone,
  reported bytea,
  report_bytes integer,
  constraint calls_pkey PRIMARY KEY (team_id, id),
  constraint calls_team_id_assistant_id_fkey FOREIGN KEY (team_id, assistant_id) REFERENCES assistants(team_id, id) ON DELETE CASCADE,
  constraint calls_call_type_check CHECK ((call_type = ANY (ARRAY['web'::text, 'phone'::text]))),
  constraint calls_direction_check CHECK ((direction = ANY (ARRAY['inbound'::text, 'outbound'::text]))),
  constraint calls_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'ongoing'::text, 'forwarded'::text, 'finished'::text]))),
  constraint ended_when_finished CHECK (((status = 'finished'::text) = (end_at IS NOT NULL))),
  constraint hangs_only_while_ongoing CHECK (((hang_due_at IS NULL) OR (status = 'ongoing'::text))),
  constraint reports_wait_only_when_finished CHECK (((report_due_at IS NULL) OR (status = 'finished'::text)))
);
CREATE INDEX calls_by_age ON public.calls USING btree (team_id, created_at, id);
CREATE INDEX calls_by_assistant ON public.calls USING btree (assistant_id, created_at, id) INCLUDE (team_id);
CREATE INDEX calls_hanging ON public.calls USING btree (hang_due_at) WHERE (hang_due_at IS NOT NULL);
CREATE INDEX calls_reports_due ON public.calls USING btree (report_due_at) WHERE (report_due_at IS NOT NULL);
alter table calls enable row level security;
grant delete, insert, select, update on calls to postrider_all_teams;
grant delete, insert, select, update on calls to postrider_team;
create policy all_teams on calls for all to postrider_all_teams using (true);
create policy own_teams on calls for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table deliveries (
  team_id text collate "C" not null,
  id text collate "C" not null,
  event_id uuid not null,
  created_at timestamp with time zone not null default now(),
  subscription_id text collate "C" not null,
  event_type text collate "C" not null,
  status text not null default 'pending'::text,
  due_at timestamp with time zone default now(),
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
  order_key text collate "C",
  order_position integer,
  failed_at timestamp with time zone generated always as (CASE WHEN (status = 'failed'::text) THEN finished_at ELSE NULL::timestamp with time zone END) stored,
  workflow_id text collate "C",
  past_breaker boolean not null default false,
  constraint deliveries_pkey PRIMARY KEY (team_id, id),
  constraint crashes_are_attempts CHECK ((crash_count <= attempt_count)),
  constraint deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text]))),
  constraint finished_is_never_due CHECK (((finished_at IS NULL) OR (due_at IS NULL))),
  constraint finished_when_not_pending CHECK (((status = 'pending'::text) = (finished_at IS NULL))),
  constraint lease_only_when_pending CHECK (((lease_token IS NULL) OR (status = 'pending'::text))),
  constraint ordered_by_key_and_position CHECK (((order_key IS NULL) = (order_position IS NULL))),
  constraint ordered_has_no_retries CHECK (((order_key IS NULL) OR (attempt_count <= (1 + manual_count)))) NOT VALID,
  constraint pending_is_due_or_leased CHECK (((finished_at IS NOT NULL) OR (due_at IS NOT NULL) OR (lease_token IS NOT NULL))),
  constraint retry_only_when_pending CHECK (((retry_at IS NULL) OR (status = 'pending'::text)))
) with (fillfactor=45);
CREATE INDEX deliveries_by_kind ON public.deliveries USING btree (subscription_id, event_type, id) INCLUDE (team_id);
CREATE INDEX deliveries_by_workflow ON public.deliveries USING btree (workflow_id, id) INCLUDE (team_id) WHERE (workflow_id IS NOT NULL);
CREATE INDEX deliveries_due ON public.deliveries USING btree (subscription_id, due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX deliveries_failed_by_kind ON public.deliveries USING btree (subscription_id, event_type, id) INCLUDE (team_id) WHERE (failed_at IS NOT NULL);
CREATE INDEX deliveries_failed_by_workflow ON public.deliveries USING btree (workflow_id, id) INCLUDE (team_id) WHERE ((workflow_id IS NOT NULL) AND (failed_at IS NOT NULL));
CREATE INDEX deliveries_failed_of_team ON public.deliveries USING btree (team_id, id) WHERE (failed_at IS NOT NULL);
CREATE INDEX deliveries_in_order ON public.deliveries USING btree (subscription_id, order_key, order_position) WHERE ((due_at IS NOT NULL) AND (order_key IS NOT NULL));
CREATE INDEX deliveries_past_breaker ON public.deliveries USING btree (subscription_id, due_at) WHERE (past_breaker AND (due_at IS NOT NULL));
CREATE UNIQUE INDEX one_delivery_per_event_and_subscription ON public.deliveries USING btree (event_id, subscription_id);
CREATE STATISTICS public.deliveries_of_one_team_by_subscription (dependencies) ON team_id, subscription_id FROM deliveries;
CREATE STATISTICS public.deliveries_of_one_team_by_workflow (dependencies) ON team_id, workflow_id FROM deliveries;
alter table deliveries enable row level security;
grant delete, insert, select, update on deliveries to postrider_all_teams;
grant delete, insert, select, update on deliveries to postrider_team;
create policy all_teams on deliveries for all to postrider_all_teams using (true);
create policy own_teams on deliveries for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table delivery_changes (
  team_id text collate "C" not null,
  changed_in xid8 not null default pg_current_xact_id(),
  changed_at timestamp with time zone not null default now(),
  delivery_ids bytea not null
) with (toast_tuple_target=8160, autovacuum_vacuum_scale_factor=0.5);
CREATE INDEX delivery_changes_by_age ON public.delivery_changes USING brin (changed_at);
CREATE INDEX delivery_changes_in_order ON public.delivery_changes USING btree (team_id, changed_in);
alter table delivery_changes enable row level security;
grant insert, select on delivery_changes to postrider_all_teams;
grant insert, select on delivery_changes to postrider_team;
create policy all_teams on delivery_changes for all to postrider_all_teams using (true);
create policy own_teams on delivery_changes for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table encryption_checks (
  key_id text collate "C" not null,
  sealed_word bytea not null,
  constraint encryption_checks_pkey PRIMARY KEY (key_id)
);

create table erasures (
  team_id text collate "C" not null,
  subject_id text collate "C" not null,
  requested_at timestamp with time zone not null default now(),
  constraint erasures_pkey PRIMARY KEY (team_id, subject_id)
);
alter table erasures enable row level security;
grant insert, select, update on erasures to postrider_team;
create policy own_teams on erasures for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

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
  payload bytea,
  call_id text collate "C",
  assistant_id text collate "C",
  message_id text collate "C",
  trace_context text collate "C",
  constraint events_pkey PRIMARY KEY (team_id, id, created_at)
) partition by range (created_at);
alter table events enable row level security;
grant delete, insert, select, update on events to postrider_all_teams;
grant delete, insert, select, update on events to postrider_team;
create policy all_teams on events for all to postrider_all_teams using (true);
create policy own_teams on events for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table events_default partition of events default;

create table fact_identities (
  team_id text collate "C" not null,
  identity_sha256 bytea not null,
  created_at timestamp with time zone not null default now(),
  content bytea,
  subject_id text collate "C",
  constraint fact_identities_pkey PRIMARY KEY (team_id, identity_sha256),
  constraint fact_identities_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);
CREATE INDEX fact_identities_by_age ON public.fact_identities USING btree (created_at);
alter table fact_identities enable row level security;
grant delete, insert, select, update on fact_identities to postrider_all_teams;
grant delete, insert, select, update on fact_identities to postrider_team;
create policy all_teams on fact_identities for all to postrider_all_teams using (true);
create policy own_teams on fact_identities for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table failure_streaks (
  team_id text collate "C" not null,
  subscription_id text collate "C" not null,
  failed_from timestamp with time zone,
  exhausted integer not null default 0,
  failing_at timestamp with time zone,
  ended_at timestamp with time zone,
  last_failing_from timestamp with time zone,
  last_failing_to timestamp with time zone,
  counted_attempts integer not null default 0,
  counted_failures integer not null default 0,
  probe_at timestamp with time zone,
  probe_token uuid,
  probes_failed integer not null default 0,
  disabled_during tstzmultirange not null default '{}'::tstzmultirange,
  constraint failure_streaks_pkey PRIMARY KEY (team_id, subscription_id),
  constraint failure_streaks_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint exhausted_has_failures CHECK (((exhausted = 0) OR (failed_from IS NOT NULL))),
  constraint failing_from_and_to CHECK (((last_failing_from IS NULL) = (last_failing_to IS NULL))),
  constraint failing_has_failures CHECK (((failing_at IS NULL) OR (failed_from IS NOT NULL))),
  constraint failing_is_probed CHECK (((failing_at IS NULL) = (probe_at IS NULL)))
) with (fillfactor=60);
alter table failure_streaks enable row level security;
grant insert, select, update on failure_streaks to postrider_all_teams;
grant select on failure_streaks to postrider_team;
grant update (probe_at, probe_token, probes_failed, disabled_during) on failure_streaks to postrider_team;
create policy all_teams on failure_streaks for all to postrider_all_teams using (true);
create policy own_teams on failure_streaks for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table hot_leases (
  expires_at timestamp with time zone not null,
  lease_token uuid not null,
  team_ids text[] collate "C" not null,
  delivery_ids text[] collate "C" not null,
  constraint as_many_teams_as_deliveries CHECK ((cardinality(team_ids) = cardinality(delivery_ids)))
);
CREATE INDEX hot_leases_by_end ON public.hot_leases USING btree (expires_at);
CREATE INDEX hot_leases_by_token ON public.hot_leases USING btree (lease_token);
alter table hot_leases enable row level security;
grant delete, insert, select, update on hot_leases to postrider_all_teams;
grant insert, select on hot_leases to postrider_team;
create policy all_teams on hot_leases for all to postrider_all_teams using (true);
create policy own_teams on hot_leases for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ?| team_ids), false) IS NOT NULL)) with check ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ?& team_ids), false) IS NOT NULL));

create table idempotency_keys (
  team_id text collate "C" not null,
  key text collate "C" not null,
  fingerprint bytea not null,
  created_at timestamp with time zone not null default now(),
  in_flight_until timestamp with time zone,
  status_code integer,
  sealed_response bytea,
  subject_id text collate "C",
  constraint idempotency_keys_pkey PRIMARY KEY (team_id, key),
  constraint idempotency_keys_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint answered_or_in_flight CHECK (((in_flight_until IS NULL) = ((status_code IS NOT NULL) AND (sealed_response IS NOT NULL))))
);
CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);
CREATE INDEX idempotency_keys_by_subject ON public.idempotency_keys USING btree (team_id, subject_id) WHERE (subject_id IS NOT NULL);
alter table idempotency_keys enable row level security;
grant delete, insert, select, update on idempotency_keys to postrider_all_teams;
grant delete, insert, select, update on idempotency_keys to postrider_team;
create policy all_teams on idempotency_keys for all to postrider_all_teams using (true);
create policy own_teams on idempotency_keys for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table lease_owners (
  owner text collate "C" not null,
  seen_at timestamp with time zone not null default now(),
  constraint lease_owners_pkey PRIMARY KEY (owner)
);
alter table lease_owners enable row level security;
grant delete, insert, select, update on lease_owners to postrider_all_teams;
create policy all_teams on lease_owners for all to postrider_all_teams using (true);

create table listener_requests (
  team_id text collate "C" not null,
  id text collate "C" not null,
  listener_id text collate "C" not null,
  delivery_id text collate "C" not null,
  event_id uuid not null,
  event_type text collate "C" not null,
  event_created_at timestamp with time zone not null,
  attempt_number integer not null,
  created_at timestamp with time zone not null default now(),
  deadline_at timestamp with time zone not null,
  sealed_headers bytea,
  "position" bigint,
  sealed_answer bytea,
  answered_at timestamp with time zone,
  ended_at timestamp with time zone,
  constraint listener_requests_pkey PRIMARY KEY (team_id, id),
  constraint listener_requests_team_id_listener_id_fkey FOREIGN KEY (team_id, listener_id) REFERENCES listeners(team_id, id) ON DELETE CASCADE
);
CREATE INDEX listener_requests_by_deadline ON public.listener_requests USING btree (deadline_at);
CREATE INDEX listener_requests_by_event ON public.listener_requests USING btree (event_id);
CREATE INDEX listener_requests_by_id ON public.listener_requests USING btree (id);
CREATE INDEX listener_requests_by_listener ON public.listener_requests USING btree (listener_id);
CREATE INDEX listener_requests_open ON public.listener_requests USING btree (team_id, listener_id, "position") WHERE ((ended_at IS NULL) AND (answered_at IS NULL));
alter table listener_requests enable row level security;
grant delete, insert, select, update on listener_requests to postrider_all_teams;
grant delete, select, update on listener_requests to postrider_team;
create policy all_teams on listener_requests for all to postrider_all_teams using (true);
create policy own_teams on listener_requests for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table listeners (
  team_id text collate "C" not null,
  id text collate "C" not null,
  created_at timestamp with time zone not null default now(),
  ends_at timestamp with time zone not null,
  "position" bigint not null default 0,
  constraint listeners_pkey PRIMARY KEY (team_id, id),
  constraint listeners_team_id_id_fkey FOREIGN KEY (team_id, id) REFERENCES subscriptions(team_id, id) ON DELETE CASCADE
);
CREATE INDEX listeners_by_end ON public.listeners USING btree (ends_at);
alter table listeners enable row level security;
grant delete, insert, select, update on listeners to postrider_all_teams;
grant delete, insert, select, update on listeners to postrider_team;
create policy all_teams on listeners for all to postrider_all_teams using (true);
create policy own_teams on listeners for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table login_links (
  team_id text collate "C" not null,
  token_sha256 bytea not null,
  api_key_id text collate "C" not null,
  expires_at timestamp with time zone not null,
  constraint login_links_pkey PRIMARY KEY (team_id, token_sha256),
  constraint login_links_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id) ON DELETE CASCADE,
  constraint login_links_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);
CREATE INDEX login_links_by_key ON public.login_links USING btree (api_key_id);
alter table login_links enable row level security;
grant select on login_links to postrider_keys;
grant delete, select on login_links to postrider_team;
create policy any_key on login_links for all to postrider_keys using (true);
create policy own_teams on login_links for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table operational_happenings (
  team_id text collate "C" not null,
  created_at timestamp with time zone not null default now(),
  event_type text collate "C" not null,
  key text collate "C" not null,
  data jsonb not null,
  constraint operational_happenings_pkey PRIMARY KEY (team_id, event_type, key),
  constraint operational_happenings_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);
CREATE INDEX operational_happenings_by_age ON public.operational_happenings USING btree (created_at);
alter table operational_happenings enable row level security;
grant delete, insert, select, update on operational_happenings to postrider_all_teams;
grant insert, select on operational_happenings to postrider_team;
create policy all_teams on operational_happenings for all to postrider_all_teams using (true);
create policy own_teams on operational_happenings for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table portal_links (
  team_id text collate "C" not null,
  id text collate "C" not null,
  created_at timestamp with time zone not null default now(),
  created_in xid8 default pg_current_xact_id(),
  created_by text collate "C" not null,
  token_sha256 bytea not null,
  access text not null,
  payload boolean not null,
  endpoint_ids text[],
  theme jsonb,
  expires_at timestamp with time zone not null,
  constraint portal_links_pkey PRIMARY KEY (team_id, id),
  constraint portal_links_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint portal_links_access_check CHECK ((access = ANY (ARRAY['read'::text, 'manage'::text]))),
  constraint portal_links_endpoint_ids_check CHECK ((cardinality(endpoint_ids) > 0))
);
CREATE INDEX portal_links_by_age ON public.portal_links USING btree (expires_at);
CREATE UNIQUE INDEX portal_links_by_token ON public.portal_links USING btree (token_sha256);
alter table portal_links enable row level security;
grant select on portal_links to postrider_keys;
grant delete, insert, select on portal_links to postrider_team;
grant update (token_sha256) on portal_links to postrider_team;
create policy any_link on portal_links for all to postrider_keys using (true);
create policy own_teams on portal_links for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table replayed_deliveries (
  team_id text collate "C" not null,
  replay_id text collate "C" not null,
  state text collate "C" not null,
  delivery_id text collate "C" not null,
  subscription_id text collate "C" not null,
  constraint replayed_deliveries_pkey PRIMARY KEY (team_id, replay_id, state, delivery_id),
  constraint replayed_deliveries_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint replayed_deliveries_state_check CHECK ((state = ANY (ARRAY['held'::text, 'due'::text, 'waiting'::text])))
);
alter table replayed_deliveries enable row level security;
grant delete, insert, select, update on replayed_deliveries to postrider_team;
create policy own_teams on replayed_deliveries for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table replays (
  team_id text collate "C" not null,
  id text collate "C" not null,
  created_at timestamp with time zone not null default now(),
  created_in xid8 default pg_current_xact_id(),
  created_by text not null,
  contract text collate "C",
  filter jsonb not null,
  which text not null,
  rate_per_second integer not null,
  state text not null default 'queued'::text,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  snapshot text not null default (pg_current_snapshot())::text,
  ten_minutes_before text not null default ((EXTRACT(epoch FROM (now() - '00:10:00'::interval)))::bigint)::text,
  "position" text collate "C" default ''::text,
  counted integer not null default 0,
  matching integer,
  replayed integer not null default 0,
  skipped integer not null default 0,
  delivered integer not null default 0,
  failed integer not null default 0,
  waiting_position text collate "C" not null default ''::text,
  paced_at timestamp with time zone not null default now(),
  due_at timestamp with time zone default now(),
  constraint replays_pkey PRIMARY KEY (team_id, id),
  constraint replays_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint ends_with_last_step CHECK (((due_at IS NOT NULL) OR (finished_at IS NOT NULL))),
  constraint finished_when_ended CHECK (((state = ANY (ARRAY['done'::text, 'cancelled'::text])) = (finished_at IS NOT NULL))),
  constraint replays_rate_per_second_check CHECK ((rate_per_second > 0)),
  constraint replays_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'cancelled'::text]))),
  constraint replays_which_check CHECK ((which = ANY (ARRAY['failed'::text, 'all'::text])))
);
CREATE INDEX replays_by_age ON public.replays USING btree (created_at);
CREATE INDEX replays_due ON public.replays USING btree (due_at) WHERE (due_at IS NOT NULL);
alter table replays enable row level security;
grant select on replays to postrider_all_teams;
grant insert, select, update on replays to postrider_team;
create policy all_teams on replays for all to postrider_all_teams using (true);
create policy own_teams on replays for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table request_heads (
  team_id text collate "C" not null,
  id uuid not null,
  headers text not null,
  used_on date not null,
  constraint request_heads_pkey PRIMARY KEY (team_id, id),
  constraint request_heads_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);
alter table request_heads enable row level security;
grant insert, select, update on request_heads to postrider_all_teams;
grant select on request_heads to postrider_team;
create policy all_teams on request_heads for all to postrider_all_teams using (true);
create policy own_teams on request_heads for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table rollups (
  team_id text collate "C" not null,
  subscription_id text collate "C" not null,
  minutes smallint not null,
  at timestamp with time zone not null,
  event_type text collate "C" not null,
  part smallint not null,
  attempts integer not null,
  delivered integer not null,
  failed integer not null,
  retried integer not null,
  latencies integer[] not null,
  last_success_at timestamp with time zone,
  last_failure_at timestamp with time zone,
  last_error_code text collate "C",
  constraint rollups_pkey PRIMARY KEY (team_id, subscription_id, minutes, at, event_type, part),
  constraint rollups_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint rollups_minutes_check CHECK ((minutes = ANY (ARRAY[1, 60, 1440])))
) with (fillfactor=60);
CREATE INDEX rollups_by_age ON public.rollups USING brin (at);
alter table rollups enable row level security;
grant insert, select, update on rollups to postrider_all_teams;
grant insert, select, update on rollups to postrider_team;
create policy all_teams on rollups for all to postrider_all_teams using (true);
create policy own_teams on rollups for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

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
  created_in xid8 default pg_current_xact_id(),
  earlier bytea,
  constraint runs_pkey PRIMARY KEY (team_id, id),
  constraint completed_when_final CHECK (((status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])) = (completed_at IS NOT NULL))),
  constraint runs_status_check CHECK ((status = ANY (ARRAY['started'::text, 'running'::text, 'paused'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
  constraint runs_trigger_check CHECK ((trigger = ANY (ARRAY['manual'::text, 'scheduled'::text, 'triggered'::text])))
);
CREATE INDEX runs_by_time ON public.runs USING brin (created_at) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX runs_by_workflow ON public.runs USING btree (workflow_id, id) INCLUDE (team_id);
CREATE INDEX runs_overdue ON public.runs USING btree (deadline_at) WHERE ((completed_at IS NULL) AND (deadline_at IS NOT NULL));
CREATE INDEX runs_unfinished ON public.runs USING btree (team_id, workflow_id) WHERE (completed_at IS NULL);
alter table runs enable row level security;
grant delete, insert, select, update on runs to postrider_all_teams;
grant delete, insert, select, update on runs to postrider_team;
create policy all_teams on runs for all to postrider_all_teams using (true);
create policy own_teams on runs for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table schema_migrations (
  number integer not null,
  name text not null,
  sha256 text not null,
  applied_at timestamp with time zone not null default now(),
  constraint schema_migrations_pkey PRIMARY KEY (number)
);

create table sessions (
  team_id text collate "C" not null,
  id text collate "C" not null,
  created_at timestamp with time zone not null default now(),
  created_in xid8 default pg_current_xact_id(),
  api_key_id text collate "C",
  token_sha256 bytea not null,
  last_seen_at timestamp with time zone not null default now(),
  portal_link_id text collate "C",
  constraint sessions_pkey PRIMARY KEY (team_id, id),
  constraint sessions_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys(id) ON DELETE CASCADE,
  constraint sessions_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint sessions_team_id_portal_link_id_fkey FOREIGN KEY (team_id, portal_link_id) REFERENCES portal_links(team_id, id) ON DELETE CASCADE,
  constraint of_a_key_or_a_link CHECK ((num_nonnulls(api_key_id, portal_link_id) = 1))
);
CREATE INDEX sessions_by_age ON public.sessions USING btree (last_seen_at);
CREATE INDEX sessions_by_key ON public.sessions USING btree (api_key_id, id);
CREATE INDEX sessions_by_portal_link ON public.sessions USING btree (team_id, portal_link_id);
CREATE UNIQUE INDEX sessions_by_token ON public.sessions USING btree (token_sha256);
alter table sessions enable row level security;
grant select on sessions to postrider_keys;
grant delete, insert, select on sessions to postrider_team;
grant update (last_seen_at) on sessions to postrider_keys;
grant update (team_id) on sessions to postrider_team;
create policy any_key on sessions for all to postrider_keys using (true);
create policy own_teams on sessions for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table steps (
  team_id text collate "C" not null,
  run_id text collate "C" not null,
  id text collate "C" not null,
  name text not null,
  index integer,
  status text not null,
  output bytea,
  error bytea,
  started_at timestamp with time zone not null,
  completed_at timestamp with time zone,
  created_by text not null,
  updated_by text not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  created_in xid8 default pg_current_xact_id(),
  place integer,
  earlier bytea,
  attempt integer not null default 1,
  constraint steps_pkey PRIMARY KEY (team_id, run_id, id),
  constraint steps_team_id_run_id_fkey FOREIGN KEY (team_id, run_id) REFERENCES runs(team_id, id) ON DELETE CASCADE,
  constraint step_completed_when_final CHECK (((status = 'started'::text) = (completed_at IS NULL))),
  constraint steps_status_check CHECK ((status = ANY (ARRAY['started'::text, 'completed'::text, 'failed'::text])))
);
alter table steps enable row level security;
grant delete, insert, select, update on steps to postrider_all_teams;
grant delete, insert, select, update on steps to postrider_team;
create policy all_teams on steps for all to postrider_all_teams using (true);
create policy own_teams on steps for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

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
  subject_id text collate "C",
  sealed_headers bytea,
  header_names text[] not null default '{}'::text[],
  created_in xid8 default pg_current_xact_id(),
  switched_at timestamp with time zone,
  all_teams boolean not null default false,
  tells text collate "C",
  copy_of text collate "C",
  constraint subscriptions_pkey PRIMARY KEY (team_id, id),
  constraint subscriptions_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE,
  constraint enabled_wants_something CHECK (((NOT enabled) OR ((cardinality(event_types) > 0) AND (url <> ''::text)))),
  constraint listener_copies CHECK (((copy_of IS NULL) OR (contract = 'listener'::text))),
  constraint listener_tells CHECK (((contract = 'listener'::text) = (tells IS NOT NULL))),
  constraint previous_secret_expires CHECK (((sealed_previous_secret IS NULL) = (previous_secret_expires_at IS NULL))),
  constraint reason_only_when_disabled CHECK (((disabled_reason IS NULL) OR (NOT enabled))),
  constraint subscriptions_backoff_seconds_check CHECK (((backoff_seconds >= 1) AND (backoff_seconds <= 300))),
  constraint subscriptions_max_retries_check CHECK (((max_retries >= 0) AND (max_retries <= 10))),
  constraint subscriptions_timeout_seconds_check CHECK (((timeout_seconds >= 1) AND (timeout_seconds <= 60)))
);
CREATE INDEX subscriptions_by_subject ON public.subscriptions USING btree (subject_id, team_id);
CREATE UNIQUE INDEX subscriptions_id ON public.subscriptions USING btree (id);
CREATE INDEX subscriptions_listeners ON public.subscriptions USING btree (team_id, copy_of) WHERE ((contract = 'listener'::text) AND (deleted_at IS NULL));
CREATE INDEX subscriptions_operational ON public.subscriptions USING btree (team_id) WHERE ((contract = 'operational'::text) AND enabled AND (deleted_at IS NULL));
alter table subscriptions enable row level security;
grant delete, insert, select, update on subscriptions to postrider_all_teams;
grant delete, insert, select, update on subscriptions to postrider_team;
create policy all_teams on subscriptions for all to postrider_all_teams using (true);
create policy own_teams on subscriptions for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

create table surveys (
  only_one boolean not null default true,
  next_at timestamp with time zone not null,
  taken_at timestamp with time zone,
  found jsonb,
  constraint surveys_pkey PRIMARY KEY (only_one),
  constraint surveys_only_one_check CHECK (only_one)
);

create table teams (
  id text collate "C" not null,
  name text not null,
  created_at timestamp with time zone not null default now(),
  encrypt_payloads boolean not null default false,
  payload_retention_days integer,
  attempt_retention_days integer,
  payloads_expired_before date,
  created_in xid8 default pg_current_xact_id(),
  disable_failing_after_days integer,
  expire_waiting_after_days integer,
  constraint teams_pkey PRIMARY KEY (id),
  constraint teams_attempt_retention_days_check CHECK (((attempt_retention_days >= 1) AND (attempt_retention_days <= 3650))),
  constraint teams_disable_failing_after_days_check CHECK ((disable_failing_after_days >= 0)),
  constraint teams_expire_waiting_after_days_check CHECK ((expire_waiting_after_days > 0)),
  constraint teams_payload_retention_days_check CHECK (((payload_retention_days >= 1) AND (payload_retention_days <= 3650)))
);
alter table teams enable row level security;
grant select on teams to postrider_all_teams;
grant insert, select, update on teams to postrider_team;
create policy all_teams on teams for all to postrider_all_teams using (true);
create policy own_teams on teams for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? id), false) IS NOT NULL));

create table workflow_versions (
  team_id text collate "C" not null,
  workflow_id text collate "C" not null,
  number integer not null,
  id text collate "C" not null,
  name text,
  created_by text not null,
  created_at timestamp with time zone not null,
  marked_active boolean,
  constraint workflow_versions_pkey PRIMARY KEY (team_id, workflow_id, number),
  constraint workflow_versions_team_id_workflow_id_id_key UNIQUE (team_id, workflow_id, id),
  constraint workflow_versions_team_id_workflow_id_fkey FOREIGN KEY (team_id, workflow_id) REFERENCES workflows(team_id, id) ON DELETE CASCADE
);
alter table workflow_versions enable row level security;
grant delete, insert, select, update on workflow_versions to postrider_all_teams;
grant delete, insert, select, update on workflow_versions to postrider_team;
create policy all_teams on workflow_versions for all to postrider_all_teams using (true);
create policy own_teams on workflow_versions for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));

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
  created_in xid8 default pg_current_xact_id(),
  created_as bytea,
  constraint workflows_pkey PRIMARY KEY (team_id, id),
  constraint workflows_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);
alter table workflows enable row level security;
grant delete, insert, select, update on workflows to postrider_all_teams;
grant delete, insert, select, update on workflows to postrider_team;
create policy all_teams on workflows for all to postrider_all_teams using (true);
create policy own_teams on workflows for all to postrider_team using ((NULLIF((( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS "nullif") ? team_id), false) IS NOT NULL));
