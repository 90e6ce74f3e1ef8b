-- As migration 0031, for calls. In the order in which facts take them: whoever is about to write waits here.
lock table calls, call_messages in access exclusive mode;

drop index calls_by_assistant;
create index calls_by_assistant on calls (assistant_id, created_at, id) include (team_id);

-- A team's calls are listed by age, so that index has to begin with the team. Of two indexes that cost the same, PostgreSQL
-- takes the one that was made last: the primary key is made again.
alter table call_messages drop constraint call_messages_team_id_call_id_fkey;
alter table calls drop constraint calls_pkey;
alter table calls add primary key (team_id, id);
alter table call_messages add foreign key (team_id, call_id) references calls (team_id, id) on delete cascade;
