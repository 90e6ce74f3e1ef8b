-- Runs of a time long ago are found without a walk over all that came later. The index knows ranges of pages only: 90 kB for a
-- million runs.
create index runs_by_time on runs using brin (created_at) with (pages_per_range = 32, autosummarize = on);
