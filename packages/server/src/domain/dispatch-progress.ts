/** The progress of a process's dispatcher with the deliveries it holds, in milliseconds. */
export type DispatchProgress = {
  /** Since a poll for due deliveries claimed all that it found; undefined before the first. */
  lookedMs: number | undefined;
  /** By how much the most overdue attempt has exceeded its time limit; 0: none has. */
  overrunMs: number;
  /** How long the oldest result has waited to be written; 0: none waits. */
  unwrittenMs: number;
  /** Deliveries that the process holds. */
  held: number;
  /** Since an attempt began, ended or had its result written. */
  steppedMs: number;
};

/** Longest that each part of the work may stand still before it counts as stalled. */
export const stalledAfterMs = {
  look: 10_000,
  overrun: 10_000,
  result: 20_000,
  // No attempt lasts longer than its 60 s and the second for the answer's body.
  steps: 75_000,
  due: 30_000,
};

/**
 * Decides whether the dispatcher has stalled, and says so in one sentence; undefined while it works.
 *
 * Each part is checked on its own, because polls can continue while results are not written, and the other way round. The
 * last check is the result that matters: a delivery is due, its receiver does not delay it, and no attempt begins.
 */
export function stallOf(
  { lookedMs, overrunMs, unwrittenMs, held, steppedMs }: DispatchProgress,
  oldestDueMs: number,
): string | undefined {
  if (lookedMs === undefined) return "The dispatcher has not looked for deliveries yet.";
  if (lookedMs > stalledAfterMs.look) {
    return `The dispatcher has not looked for deliveries for ${seconds(lookedMs)}.`;
  }
  if (overrunMs > stalledAfterMs.overrun) {
    return `An attempt goes on ${seconds(overrunMs)} after its time limit.`;
  }
  if (unwrittenMs > stalledAfterMs.result) {
    return `Results of attempts have not been written for ${seconds(unwrittenMs)}.`;
  }
  if (held > 0 && steppedMs > stalledAfterMs.steps) {
    return `The dispatcher holds deliveries and has begun or ended no attempt for ${seconds(steppedMs)}.`;
  }
  if (oldestDueMs > stalledAfterMs.due && steppedMs > stalledAfterMs.due) {
    return `A delivery has been due for ${seconds(oldestDueMs)}, and no attempt has begun for ${seconds(steppedMs)}.`;
  }
  return undefined;
}

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} seconds`;
