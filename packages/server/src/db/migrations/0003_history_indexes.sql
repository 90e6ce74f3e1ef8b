-- The newest deliveries of a subscription, of one event type or, merged, of the few that its contract has: in a list a
-- type that is rare or never occurs is found at once. It takes the place of the index without the type.
create index deliveries_by_subscription_and_type on deliveries (subscription_id, event_type, id);
drop index deliveries_by_subscription;
