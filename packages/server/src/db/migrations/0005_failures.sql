-- Failures are few and often looked for: the newest of a team, and of one subscription and type.
create index deliveries_failed_of_team on deliveries (team_id, id) where failed_at is not null;
create index deliveries_failed on deliveries (subscription_id, event_type, id) where failed_at is not null;
