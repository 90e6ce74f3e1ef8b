import type { RecordFacts } from "../actions/record-facts.ts";
import { listOverdueRuns } from "../db/runs.ts";
import type { Database } from "../db/sql.ts";

export type RunDeadlinesDeps = {
  database: Database;
  recordFacts: RecordFacts;
  onError: (message: string, error: unknown) => void;
};

const pollMs = 2_000;
const batchMax = 500;

/** Ends runs that outlive their deadline. The deadline lives in the database: any process may be the one that ends it. */
export function openRunDeadlines(deps: RunDeadlinesDeps): { close(): Promise<void> } {
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<unknown> | undefined;

  function look(): void {
    looking = endOverdueRuns(deps)
      .catch((error) => deps.onError("overdue runs could not be ended", error))
      .finally(() => {
        if (!closing) timer = setTimeout(look, pollMs);
      });
  }
  look();

  return {
    async close() {
      closing = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

/** Ends the runs whose deadline has passed; returns how many there were. */
export async function endOverdueRuns(
  deps: Pick<RunDeadlinesDeps, "database" | "recordFacts">,
): Promise<number> {
  const overdue = await listOverdueRuns(deps.database.sql, batchMax);
  // Another process may be doing the same: the second report finds the run ended and changes nothing.
  await Promise.all(
    overdue.map(({ teamId, id }) =>
      deps.recordFacts({ type: "run.timed_out", teamId, actor: "system", runId: id }),
    ),
  );
  return overdue.length;
}
