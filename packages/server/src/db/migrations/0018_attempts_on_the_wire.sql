-- What an attempt asked and was answered: the address, how long each part took, and the headers of both sides.

-- The headers of all requests to a receiver, as JSON: secrets as "***", and where what is signed anew stands. Their id is
-- a hash of them, so attempts between two changes of a subscription share a row.
create table request_heads (
  team_id text collate "C" not null references teams (id) on delete cascade,
  id uuid not null,
  headers text not null,
  -- The last day (UTC) on which a request was made with them.
  used_on date not null,
  primary key (team_id, id)
);
alter table request_heads enable row level security;
grant select on request_heads to postrider_team;
grant select, insert, update on request_heads to postrider_all_teams;
create policy own_teams on request_heads to postrider_team using (
  nullif((select nullif(current_setting('postrider.teams', true), '')::jsonb) ? team_id, false) is not null);
create policy all_teams on request_heads to postrider_all_teams using (true);

alter table attempts
  add column address text,
  -- Milliseconds; null for what did not happen, such as opening a connection that was kept.
  add column dns_ms smallint,
  add column connect_ms smallint,
  add column tls_ms smallint,
  add column wait_ms smallint,
  add column read_ms smallint,
  add column request_head_id uuid,
  -- What was signed: see domain/request-head.ts.
  add column request_proof bytea,
  -- Lines of name and value; in the sealed column where the payload is sealed.
  add column response_headers text,
  add column sealed_response_headers bytea,
  add constraint one_form_of_response_headers check (response_headers is null or sealed_response_headers is null),
  add constraint proof_of_a_head check ((request_proof is null) = (request_head_id is null));
