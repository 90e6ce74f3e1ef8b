/** The parts of an ended attempt that decide a streak of failures. */
export type StreakAttempt = {
  teamId: string;
  subscriptionId: string;
  outcome: "delivered" | "failed" | "retry";
  /** When its delivery was made, as the database says it. */
  createdAt: string;
};

/** How some attempts change the streak of a subscription. */
export type StreakChange = {
  teamId: string;
  subscriptionId: string;
  /** One of them succeeded: the failures before it do not count any more. */
  succeeded: boolean;
  /** When the oldest delivery that failed after the last success was made; null when none failed. */
  failedFrom: string | null;
  /** How many deliveries used up their retries after the last success. */
  exhausted: number;
};

/**
 * Computes the change of each subscription's streak, in the order of subscriptions. `attempts`: in the order in which
 * they ended.
 */
export function streakChanges(attempts: readonly StreakAttempt[]): StreakChange[] {
  const changes = new Map<string, StreakChange>();
  for (const { teamId, subscriptionId, outcome, createdAt } of attempts) {
    const key = `${teamId} ${subscriptionId}`;
    const before = changes.get(key);
    if (outcome === "delivered") {
      if (before?.succeeded && before.failedFrom === null) continue;
      const over = { succeeded: true, failedFrom: null, exhausted: 0 };
      changes.set(key, { teamId, subscriptionId, ...over });
      continue;
    }
    const { succeeded, failedFrom, exhausted } = before ?? {
      succeeded: false,
      failedFrom: null,
      exhausted: 0,
    };
    changes.set(key, {
      teamId,
      subscriptionId,
      succeeded,
      // The database's texts of times sort as the times do.
      failedFrom: failedFrom === null || createdAt < failedFrom ? createdAt : failedFrom,
      exhausted: exhausted + (outcome === "failed" ? 1 : 0),
    });
  }
  return [...changes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change);
}
