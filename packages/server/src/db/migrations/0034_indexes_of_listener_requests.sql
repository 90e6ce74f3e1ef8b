-- As migration 0031, for the requests of listeners.
drop index listener_requests_by_event;
drop index listener_requests_by_listener;
create index listener_requests_by_event on listener_requests (event_id);
create index listener_requests_by_listener on listener_requests (listener_id);
