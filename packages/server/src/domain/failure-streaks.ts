/** An attempt that ended, as far as streaks of failures follow from it. */
export type StreakAttempt = {
  teamId: string;
  subscriptionId: string;
  outcome: "delivered" | "failed" | "retry";
  /** When its delivery was made, as the database says it. */
  createdAt: string;
};

/** What some attempts mean for the streak of a subscription. */
export type StreakChange = {
  teamId: string;
  subscriptionId: string;
  /** One of them succeeded: what failed before it is over. */
  succeeded: boolean;
  /** Of what failed after the last success: when the oldest delivery was made; null when nothing did. */
  failedFrom: string | null;
  /** And how many deliveries used up their retries. */
  exhausted: number;
};

/** Tells streaks apart by subscription, from attempts in the order in which they ended; in the order of the subscriptions. */
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
