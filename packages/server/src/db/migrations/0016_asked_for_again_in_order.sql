-- What keeps an order is made once, and once more each time that a person asks for it. The old constraint is the stricter one:
-- no row needs to be looked at, so that the lock is held for a moment only.
alter table deliveries
  drop constraint ordered_has_no_retries,
  add constraint ordered_has_no_retries
    check (order_key is null or attempt_count <= 1 + manual_count) not valid;
