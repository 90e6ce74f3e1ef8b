import type { RecordFacts } from "../actions/record-facts.ts";
import type { Database } from "../db/pool.ts";
import { listTimersOfAllTeams, type Timer } from "../db/timers.ts";
import type { Fact } from "../domain/facts.ts";
import { AppError } from "../errors.ts";
import { reach } from "../fault-points.ts";

export type TimersDeps = {
  database: Database;
  recordFacts: RecordFacts;
  onError: (message: string, error: unknown) => void;
};

/**
 * The shortest timeout is a second. A timeout that begins right after a poll is seen by the next poll at most 100 ms
 * after it is due; a hang may be reported 250 ms late.
 */
const pollMs = 1_100;
const horizonMs = 1_200;
const batchMax = 5_000;

/**
 * Reports hangs, makes reports whose wait is over, and ends overdue runs. Their times are in the database: any process
 * may act, also after a restart, and the lock on the subject makes sure that it happens once.
 */
export function openTimers(deps: TimersDeps): { close(): Promise<void> } {
  let closing = false;
  const pending = new Set<NodeJS.Timeout>();
  let looking: Promise<void> | undefined;

  function after(delayMs: number, work: () => void): void {
    if (closing) return;
    const timer = setTimeout(() => {
      pending.delete(timer);
      work();
    }, delayMs);
    pending.add(timer);
  }

  function act(timer: Timer): void {
    reach("before_timer");
    deps
      .recordFacts(factOf(timer))
      .then(() => reach("after_timer"))
      .catch((error) => {
        // It was erased after the poll.
        if (error instanceof AppError && error.code === "not_found") return;
        deps.onError("what time brought about could not be recorded", error);
      });
  }

  async function look(): Promise<void> {
    for (const timer of await listTimersOfAllTeams(deps.database.sql, horizonMs, batchMax)) {
      // One millisecond later: an early report would be ignored.
      after(Math.max(0, Math.ceil(timer.dueInMs) + 1), () => act(timer));
    }
  }

  function round(): void {
    looking = look()
      .catch((error) => deps.onError("timers could not be looked for", error))
      .finally(() => after(pollMs, round));
  }
  round();

  return {
    async close() {
      closing = true;
      for (const timer of pending) clearTimeout(timer);
      await looking;
    },
  };
}

/** Acts on every timer that has ended, and returns how many. */
export async function actOnDueTimers(
  deps: Pick<TimersDeps, "database" | "recordFacts">,
): Promise<number> {
  const due = await listTimersOfAllTeams(deps.database.sql, 0, batchMax);
  await Promise.all(due.map((timer) => deps.recordFacts(factOf(timer))));
  return due.length;
}

/** Makes the fact of a timer. Another process may report the same: the second report changes nothing. */
function factOf({ kind, teamId, id }: Timer): Fact {
  switch (kind) {
    case "hang":
      return { type: "call.hung", teamId, actor: "system", callId: id };
    case "call_report":
      return { type: "call.report_due", teamId, actor: "system", callId: id };
    case "run_deadline":
      return { type: "run.timed_out", teamId, actor: "system", runId: id };
    default:
      throw new Error(`unknown timer ${kind satisfies never}`);
  }
}
