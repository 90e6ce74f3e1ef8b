-- Sessions of browsers, and links that open one.
--
-- A session may do what its key may, for as long as the key works and reaches the session's team. What has ended has no row.
create table sessions (
  team_id text collate "C" not null references teams (id) on delete cascade,
  id text collate "C" not null,
  created_at timestamptz not null default now(),
  created_in xid8 default pg_current_xact_id(),
  api_key_id text collate "C" not null references api_keys (id) on delete cascade,
  -- SHA-256 of what the cookie holds.
  token_sha256 bytea not null,
  -- True to the minute. Twelve hours later the session has ended.
  last_seen_at timestamptz not null default now(),
  primary key (team_id, id)
);
create unique index sessions_by_token on sessions (token_sha256);
create index sessions_by_key on sessions (api_key_id, id);
create index sessions_by_age on sessions (last_seen_at);

-- A link that signs in once.
create table login_links (
  team_id text collate "C" not null references teams (id) on delete cascade,
  token_sha256 bytea not null,
  api_key_id text collate "C" not null references api_keys (id) on delete cascade,
  expires_at timestamptz not null,
  primary key (team_id, token_sha256)
);
create index login_links_by_key on login_links (api_key_id);

alter table sessions enable row level security;
grant select, insert, update (team_id), delete on sessions to postrider_team;
-- Authentication asks before the team is known.
grant select, update (last_seen_at) on sessions to postrider_keys;
create policy own_teams on sessions to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy any_key on sessions to postrider_keys using (true);

alter table login_links enable row level security;
grant select, delete on login_links to postrider_team;
grant select on login_links to postrider_keys;
create policy own_teams on login_links to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy any_key on login_links to postrider_keys using (true);
