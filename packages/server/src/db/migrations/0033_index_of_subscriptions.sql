-- As migration 0031, for subscriptions.
drop index subscriptions_by_subject;
create index subscriptions_by_subject on subscriptions (subject_id, team_id);
