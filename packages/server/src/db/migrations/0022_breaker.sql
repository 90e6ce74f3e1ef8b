-- The circuit breaker of an endpoint that fails: one for all processes, in the row of its streak of failures. It is open
-- while `failing_at` is set.
alter table failure_streaks
  -- When the next probe may be claimed; while one is on its way, when its lease ends.
  add column probe_at timestamptz,
  -- Names the claim whose probe is on its way.
  add column probe_token uuid,
  -- Probes that failed, one after the other.
  add column probes_failed integer not null default 0,
  -- When the endpoint was disabled since it began to fail: that time does not count as waiting.
  add column disabled_during tstzmultirange not null default '{}',
  add constraint failing_is_probed check ((failing_at is null) = (probe_at is null)) not valid;
update failure_streaks set probe_at = now() where failing_at is not null;
alter table failure_streaks validate constraint failing_is_probed;
grant update (probe_at, probe_token, probes_failed, disabled_during) on failure_streaks to postrider_team;

-- A person asked for this attempt: it does not wait for the breaker.
alter table deliveries add column past_breaker boolean not null default false;
create index deliveries_past_breaker on deliveries (subscription_id, due_at)
  where past_breaker and due_at is not null;

-- Null: as the service does it. 0 days: an endpoint is never disabled.
alter table teams
  add column disable_failing_after_days integer check (disable_failing_after_days >= 0),
  add column expire_waiting_after_days integer check (expire_waiting_after_days > 0);

-- The service disables endpoints, and says so in the audit log.
grant insert on audit_log to postrider_all_teams;
create policy all_teams on audit_log for insert to postrider_all_teams with check (true);
