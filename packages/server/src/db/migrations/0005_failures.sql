-- Failures are few and often looked for: the newest of a subscription and type, or, merged, of all.
create index deliveries_failed on deliveries (subscription_id, event_type, id) where failed_at is not null;
