-- Which deliveries were made or changed in the last minutes, for those who watch them: one row for each statement and
-- team, however many deliveries it changed.
--
-- A reader keeps a snapshot. What it has not seen yet are the rows whose transaction that snapshot does not show: so a
-- transaction that commits late is told late, and never passed over. The deliveries' ids stand one behind the other, 12
-- bytes each. Rows are written once and removed after 20 minutes.
create table delivery_changes (
  team_id text collate "C" not null,
  changed_in xid8 not null default pg_current_xact_id(),
  changed_at timestamptz not null default now(),
  delivery_ids bytea not null
) with (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.5);
-- Ids are chance: to compress them takes time and saves nothing.
alter table delivery_changes alter column delivery_ids set storage external;
create index delivery_changes_in_order on delivery_changes (team_id, changed_in);
create index delivery_changes_by_age on delivery_changes using brin (changed_at);

alter table delivery_changes enable row level security;
grant select, insert on delivery_changes to postrider_team;
grant select, insert on delivery_changes to postrider_all_teams;
create policy own_teams on delivery_changes to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy all_teams on delivery_changes to postrider_all_teams using (true);
