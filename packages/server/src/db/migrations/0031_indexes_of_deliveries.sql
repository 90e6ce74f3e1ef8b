-- PostgreSQL took these indexes for the look-up of one row by team and id, where the primary key belongs: while a table is
-- not analyzed, its estimate for both is the same. Such a look-up goes through every subscription and event type of the
-- team. Their first column is now the one that they are for, so that they cannot be taken. The team is still in each
-- entry: row security asks every row for its team, and a list is counted from its index alone.
--
-- One table in each migration: a transaction that locked several could wait for one that waits for it.
drop index deliveries_by_kind;
drop index deliveries_failed_by_kind;
drop index deliveries_by_workflow;
drop index deliveries_failed_by_workflow;

create index deliveries_by_kind on deliveries (subscription_id, event_type, id) include (team_id);
create index deliveries_failed_by_kind on deliveries (subscription_id, event_type, id) include (team_id)
  where failed_at is not null;
create index deliveries_by_workflow on deliveries (workflow_id, id) include (team_id)
  where workflow_id is not null;
create index deliveries_failed_by_workflow on deliveries (workflow_id, id) include (team_id)
  where workflow_id is not null and failed_at is not null;
