-- A process ends a hot lease as soon as nothing is under it any more. Left to run out, they would be as many as the batches
-- of half a minute, and what a dead process held would stand in line behind all of them.
create index hot_leases_by_token on hot_leases (lease_token);
