-- How long the report of an assistant's calls waits for what its platform learns after the call.
alter table assistants
  add column end_report_wait_seconds integer not null default 0
    check (end_report_wait_seconds between 0 and 600);

alter table calls
  -- When the report of a finished call goes without further details; null: it does not wait (or has gone).
  add column report_due_at timestamptz,
  -- Digests of what was reported of its line and its end, by state: a repeat is among them. Sealed like its documents.
  add column reported bytea,
  -- The bytes that the call's own content has in its report, at the most; null: not counted yet, because an older
  -- version began the call. `text_length`, which only counted characters, is not written any more.
  add column report_bytes integer,
  add constraint reports_wait_only_when_finished check (report_due_at is null or status = 'finished');
create index calls_reports_due on calls (report_due_at) where report_due_at is not null;
