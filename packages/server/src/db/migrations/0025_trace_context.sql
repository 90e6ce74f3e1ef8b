-- Where the request that reported the event stands in a distributed trace: see domain/trace-context.ts. Null: in none.
alter table events add column trace_context text collate "C";
