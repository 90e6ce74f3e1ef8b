-- The processes that hold leases: one row each, written again every two seconds, and gone when the process ends in order.
--
-- A process also holds the advisory lock of its name for as long as one of its sessions lasts. Whose row is old and whose
-- lock is free has died: what it held is due then, instead of when its leases run out. The first half of a lease's token
-- is its owner's name.
create table lease_owners (
  owner text collate "C" primary key,
  seen_at timestamptz not null default now()
);
grant select, insert, update, delete on lease_owners to postrider_all_teams;
-- It says nothing of any team; nobody else has a use for it.
alter table lease_owners enable row level security;
create policy all_teams on lease_owners to postrider_all_teams using (true);
