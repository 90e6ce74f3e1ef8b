-- The key of an event begins with its team, as the keys of nearly all tables do (docs/adr/0043). The key finds a team's rows
-- as well, so their own index goes.
--
-- The index is built anew, so events are locked for as long as that takes.
alter table events
  drop constraint events_pkey,
  add constraint events_pkey primary key (team_id, id, created_at);
drop index events_by_team;
