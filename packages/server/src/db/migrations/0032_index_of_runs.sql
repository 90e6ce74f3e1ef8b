-- As migration 0031, for runs.
drop index runs_by_workflow;
create index runs_by_workflow on runs (workflow_id, id) include (team_id);
