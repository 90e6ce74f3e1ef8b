-- No version that was released writes or reads it: since 0013_call_reports.sql, `report_bytes` bounds a call.
alter table calls drop column text_length;
