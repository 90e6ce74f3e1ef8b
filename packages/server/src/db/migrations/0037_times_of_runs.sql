-- Runs of a time long ago are found without a walk over all that came later. Kept for ranges of pages: it costs a start of a run nothing that
-- can be measured, and 90 kB a million runs.
create index runs_by_time on runs using brin (created_at) with (pages_per_range = 32, autosummarize = on);
