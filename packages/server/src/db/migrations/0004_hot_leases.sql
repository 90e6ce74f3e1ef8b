-- A delivery that its process sends at once never enters an index of what is due, so that the update which ends it
-- changes no index at all (a heap-only tuple): half the cost of recording a result.
--
--   insert under a hot lease:  due_at null, lease_token set; the lease stands in hot_leases
--   delivered or failed:       due_at null still
--   a retry, a release, an expired hot lease, a redelivery:  due_at set, and the indexes know it from then on
alter table deliveries alter column due_at drop not null;
update deliveries set due_at = null where finished_at is not null;

-- Failures are listed by an index; a column that stays null on success keeps that index out of the way.
alter table deliveries add column failed_at timestamptz
  generated always as (case when status = 'failed' then finished_at end) stored;

alter table deliveries
  add constraint finished_is_never_due check (finished_at is null or due_at is null),
  add constraint pending_is_due_or_leased
    check (finished_at is not null or due_at is not null or lease_token is not null);

drop index deliveries_due;
create index deliveries_due on deliveries (subscription_id, due_at) where due_at is not null;
drop index deliveries_in_order;
create index deliveries_in_order on deliveries (subscription_id, order_key, order_position)
  where due_at is not null and order_key is not null;

-- Room on each page for the version that ends a delivery: measured, all of them fit at 45 and two thirds at 60, in as many
-- pages, because those that do not fit take new ones.
alter table deliveries set (fillfactor = 45);

-- The deliveries that one transaction left with its process, and until when they are that process's alone. A row says
-- how to find them again; whoever finds it expired makes those due that are still under its lease.
create table hot_leases (
  expires_at timestamptz not null,
  lease_token uuid not null,
  team_ids text[] collate "C" not null,
  delivery_ids text[] collate "C" not null,
  constraint as_many_teams_as_deliveries check (cardinality(team_ids) = cardinality(delivery_ids))
);
create index hot_leases_by_end on hot_leases (expires_at);
