-- The message of a call that an event tells of: the column of lists by which a reader finds it.
alter table events add column message_id text collate "C";
