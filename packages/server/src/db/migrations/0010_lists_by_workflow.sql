-- In the order in which facts take them: whoever is about to write waits here, and not half-way.
lock table events, deliveries in access exclusive mode;

-- A workflow's deliveries were found by its events, each of them looked up one by one. The workflow is kept with the
-- delivery now, where a list can be asked for it: in contract A. In the others it is null, and in no index.
alter table deliveries add column workflow_id text collate "C";
update deliveries d set workflow_id = e.workflow_id
from events e
where e.id = d.event_id and e.created_at = d.created_at and e.contract = 'workflow';
create index deliveries_by_workflow on deliveries (team_id, workflow_id, id)
  where workflow_id is not null;
create index deliveries_failed_by_workflow on deliveries (team_id, workflow_id, id)
  where workflow_id is not null and failed_at is not null;
-- What is left of it: erasing a team and ending its payloads find its events.
create index events_by_team on events (team_id);
drop index events_by_workflow;

-- Row security asks every row for its team: with the team in an index a list is read, and counted, from there alone.
create index deliveries_by_kind on deliveries (team_id, subscription_id, event_type, id);
drop index deliveries_by_subscription_and_type;
create index deliveries_failed_by_kind on deliveries (team_id, subscription_id, event_type, id)
  where failed_at is not null;
drop index deliveries_failed;

-- A subscription and a workflow are of one team. Taken for independent, a small team's totals would be estimated as less.
create statistics deliveries_of_one_team_by_subscription (dependencies)
  on team_id, subscription_id from deliveries;
create statistics deliveries_of_one_team_by_workflow (dependencies)
  on team_id, workflow_id from deliveries;
