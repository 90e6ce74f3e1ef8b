import { bucketOf } from "./latencies.ts";

/** An attempt that ended, as far as it is counted. */
export type CountedAttempt = {
  teamId: string;
  subscriptionId: string;
  eventType: string;
  outcome: "delivered" | "failed" | "retry";
  latencyMs: number;
  errorCode: string | null;
};

/** What is added to the counts of a subscription and event type. */
export type Rollup = {
  teamId: string;
  subscriptionId: string;
  eventType: string;
  /** Requests made. */
  attempts: number;
  /** Deliveries that ended. */
  delivered: number;
  failed: number;
  /** Attempts after which another was due. */
  retried: number;
  /** Histogram of the attempts' durations. */
  latencies: number[];
  /** Why the last of those that failed did; null when none failed. */
  lastErrorCode: string | null;
};

/** Counts attempts by subscription and event type, in the order of these: whoever adds them takes their locks in it. */
export function rollUp(attempts: readonly CountedAttempt[]): Rollup[] {
  const rollups = new Map<string, Rollup>();
  for (const { teamId, subscriptionId, eventType, outcome, latencyMs, errorCode } of attempts) {
    const key = `${teamId} ${subscriptionId} ${eventType}`;
    let rollup = rollups.get(key);
    if (!rollup) {
      const nothing = { attempts: 0, delivered: 0, failed: 0, retried: 0, latencies: [] };
      rollup = { teamId, subscriptionId, eventType, ...nothing, lastErrorCode: null };
      rollups.set(key, rollup);
    }
    rollup.attempts++;
    if (outcome === "retry") rollup.retried++;
    else rollup[outcome]++;
    rollup.lastErrorCode = errorCode ?? rollup.lastErrorCode;
    const bucket = bucketOf(latencyMs);
    while (rollup.latencies.length <= bucket) rollup.latencies.push(0);
    rollup.latencies[bucket] = (rollup.latencies[bucket] ?? 0) + 1;
  }
  return [...rollups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rollup]) => rollup);
}
