-- What was reported once stays true: enough is kept to tell a repeat from another report under the same name. What is kept
-- are digests, 8 bytes for each member, salted with what they belong to: the contents themselves are not there again.

alter table fact_identities
  -- Null: recorded by a version that kept nothing; then any report under the name counts as its repeat.
  add column content bytea,
  -- What the fact was about.
  add column subject_id text collate "C";

-- Of members that later reports changed: as the creation said them (workflows), or as earlier states did. Null: nothing
-- was changed since. Sealed like the other documents of runs and steps.
alter table workflows add column created_as bytea;
alter table runs add column earlier bytea;
alter table steps
  add column earlier bytea,
  -- started ──▶ failed ──▶ started … : each start after a failure is another attempt.
  add column attempt integer not null default 1;

-- Whether the report of the version asked to make it the active one. Null: recorded by a version that did not keep that.
alter table workflow_versions add column marked_active boolean;
