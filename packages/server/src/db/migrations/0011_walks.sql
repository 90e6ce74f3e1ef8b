-- A walk through a list tells what was there when it began. Times cannot say that: a transaction that began before may
-- commit after it, clocks step back, and times that facts bring have milliseconds only. The row's transaction can.
--
-- Rows that are there already have null: they are older than any walk. No default is added to them, so nothing is
-- rewritten; nothing is indexed either, as lists go on by the order that they have.
alter table workflows add column created_in xid8;
alter table workflows alter column created_in set default pg_current_xact_id();
alter table runs add column created_in xid8;
alter table runs alter column created_in set default pg_current_xact_id();
alter table steps add column created_in xid8;
alter table steps alter column created_in set default pg_current_xact_id();
alter table calls add column created_in xid8;
alter table calls alter column created_in set default pg_current_xact_id();
alter table assistants add column created_in xid8;
alter table assistants alter column created_in set default pg_current_xact_id();
alter table subscriptions add column created_in xid8;
alter table subscriptions alter column created_in set default pg_current_xact_id();
alter table api_keys add column created_in xid8;
alter table api_keys alter column created_in set default pg_current_xact_id();
alter table teams add column created_in xid8;
alter table teams alter column created_in set default pg_current_xact_id();
alter table audit_log add column created_in xid8;
alter table audit_log alter column created_in set default pg_current_xact_id();

-- A step's index may be reported anew while the step goes on. In its list it stays where it was, or a walk would skip
-- or repeat it: at its first index, which is kept here once it differs (2147483647: it had none). Null: at its index.
alter table steps add column place integer;
