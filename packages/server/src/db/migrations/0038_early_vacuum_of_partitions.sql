-- Vacuum comes to new events and attempts before the next checkpoint, as in new partitions (db/partitions.ts). Only today's
-- and later ones: older ones get no rows any more, and freezing them at once would write all of their pages to the log.
do $$
declare
  partition regclass;
begin
  for partition in
    select c.oid::regclass
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('events'::regclass, 'attempts'::regclass)
      and c.relname ~ '^(events|attempts)_[0-9]{8}$'
      and to_date(right(c.relname, 8), 'YYYYMMDD') >= (now() at time zone 'UTC')::date
  loop
    execute format(
      'alter table %s set (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000,'
      ' autovacuum_freeze_min_age = 0)', partition);
  end loop;
end $$;
