-- Links into the portal, for customers of a team: what one of them opens sees and may no more than the link says.
create table portal_links (
  team_id text collate "C" not null references teams (id) on delete cascade,
  id text collate "C" not null,
  created_at timestamptz not null default now(),
  created_in xid8 default pg_current_xact_id(),
  created_by text collate "C" not null,
  -- SHA-256 of what the link carries.
  token_sha256 bytea not null,
  access text not null check (access in ('read', 'manage')),
  -- Whether payloads are shown: not when its maker did not see them.
  payload boolean not null,
  -- Subscriptions; null: all of the team.
  endpoint_ids text[] check (cardinality(endpoint_ids) > 0),
  theme jsonb,
  expires_at timestamptz not null,
  primary key (team_id, id)
);
create unique index portal_links_by_token on portal_links (token_sha256);
create index portal_links_by_age on portal_links (expires_at);

-- A session is of a key or of a portal link, and goes with it.
alter table sessions
  alter column api_key_id drop not null,
  add column portal_link_id text collate "C",
  add foreign key (team_id, portal_link_id) references portal_links (team_id, id) on delete cascade,
  add constraint of_a_key_or_a_link check (num_nonnulls(api_key_id, portal_link_id) = 1);
create index sessions_by_portal_link on sessions (team_id, portal_link_id);

alter table portal_links enable row level security;
grant select, insert, delete, update (token_sha256) on portal_links to postrider_team;
grant select on portal_links to postrider_keys;
create policy own_teams on portal_links to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy any_link on portal_links to postrider_keys using (true);
