-- The second wall between teams: whoever forgets a team's filter in a statement finds nothing of other teams all the same.
--
-- Connections work under a role (see db/sql.ts), none of which owns a table or can bypass these policies:
--
--   postrider_team       the API and the intake of facts. It reaches the teams that the transaction has named in
--                        postrider.teams, a JSON object with their ids as names; without a name it reaches nothing.
--   postrider_keys       authentication, which asks for a key before any team is known: API keys and nothing else.
--   postrider_all_teams  the dispatcher, its recorder, and the timers: what serves all teams.
--
-- The owner, who migrates, makes partitions, tidies up and backs up, sees everything: row security is not forced on it.
-- Partitions are reached through their parents, whose policies hold then: nobody but the owner may touch them directly.
-- A table that comes later takes its own grants and policies along; a test insists.

do $$
declare
  role_name text;
  reason text := 'its roles postrider_team, postrider_keys and postrider_all_teams must exist, without SUPERUSER and BYPASSRLS, '
    'and this user must be able to set them; a superuser can run: '
    'create role postrider_team nologin; create role postrider_keys nologin; create role postrider_all_teams nologin; '
    || format('grant postrider_team, postrider_keys, postrider_all_teams to %I;', current_user);
begin
  foreach role_name in array array['postrider_team', 'postrider_keys', 'postrider_all_teams'] loop
    -- Roles belong to the whole cluster: another database may have them already, or make them at this very moment.
    begin
      if not exists (select from pg_roles where rolname = role_name) then
        execute format('create role %I nologin', role_name);
      end if;
    exception
      when duplicate_object or unique_violation then null;
      when insufficient_privilege then raise exception '%', reason;
    end;
    if exists (select from pg_roles where rolname = role_name and (rolsuper or rolbypassrls)) then
      raise exception '%', reason;
    end if;
    -- Since PostgreSQL 16 whoever makes a role may give it away, but not yet take it on.
    begin
      if not pg_has_role(current_user, role_name,
          case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end) then
        execute format('grant %I to current_user', role_name);
      end if;
    exception
      when unique_violation then null;
      when insufficient_privilege then raise exception '%', reason;
    end;
  end loop;
end
$$;

grant usage on schema public to postrider_team, postrider_keys, postrider_all_teams;

-- Not "team_id = any (…)": what is not null is true for nearly all rows, as the planner sees it, so that plans and the
-- estimated totals of long lists stay what they are without it. The setting is read once a statement, and a name is
-- found in it by bisection: a batch of facts may be about hundreds of teams.
do $$
declare
  table_name text;
begin
  for table_name in
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and a.attname = 'team_id' and not a.attisdropped and c.relname <> 'api_key_teams'
  loop
    execute format('alter table %I enable row level security', table_name);
    execute format('grant select, insert, update, delete on %I to postrider_team, postrider_all_teams', table_name);
    execute format(
      'create policy own_teams on %I to postrider_team using ('
        'nullif((select nullif(current_setting(''postrider.teams'', true), '''')::jsonb) ? team_id, false) is not null)',
      table_name);
    execute format('create policy all_teams on %I to postrider_all_teams using (true)', table_name);
  end loop;
end
$$;

alter table teams enable row level security;
grant select, insert, update on teams to postrider_team;
grant select on teams to postrider_all_teams;
create policy own_teams on teams to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? id, false) is not null);
create policy all_teams on teams to postrider_all_teams using (true);

alter table api_key_teams enable row level security;
grant select, insert on api_key_teams to postrider_team;
grant select, delete on api_key_teams to postrider_keys;
create policy own_teams on api_key_teams to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy any_key on api_key_teams to postrider_keys using (true);

-- A team sees the keys that reach it.
alter table api_keys enable row level security;
grant select, insert, update (secret_sha256, prefix, last4) on api_keys to postrider_team;
grant select, update (default_team_id, last_used_at, revoked_at) on api_keys to postrider_keys;
create policy own_teams on api_keys to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? default_team_id, false) is not null
  or exists (select from api_key_teams t where t.api_key_id = api_keys.id));
create policy any_key on api_keys to postrider_keys using (true);

-- A hot lease stands for the deliveries of one transaction, which may be many teams': each sees the leases with its own
-- among them, and makes none with others'. Of those of others such a row tells ids, and nothing that they open.
alter table hot_leases enable row level security;
grant select, insert on hot_leases to postrider_team;
grant select, insert, update, delete on hot_leases to postrider_all_teams;
create policy own_teams on hot_leases to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ?| team_ids, false) is not null)
  with check (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ?& team_ids, false) is not null);
create policy all_teams on hot_leases to postrider_all_teams using (true);
