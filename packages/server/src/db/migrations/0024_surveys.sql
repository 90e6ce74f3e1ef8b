-- What was last found out about all teams together: what waits, in which state endpoints are, how far upkeep has come.
--
-- One row. Each process reads it every few seconds; whichever finds it too old looks anew, and takes the turn by writing
-- `next_at`. So the tables are looked at every few seconds at the most, by however many processes.
create table surveys (
  only_one boolean primary key default true check (only_one),
  next_at timestamptz not null,
  taken_at timestamptz,
  found jsonb
);
-- The owner alone reads and writes it: it says something of all teams.
