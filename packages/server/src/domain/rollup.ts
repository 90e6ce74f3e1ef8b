import { bucketOf } from "./latencies.ts";

/** The parts of an ended attempt that are counted. */
export type CountedAttempt = {
  teamId: string;
  subscriptionId: string;
  eventType: string;
  outcome: "delivered" | "failed" | "retry";
  latencyMs: number;
  errorCode: string | null;
};

/** Numbers to add to the counts of a subscription and event type. */
export type Rollup = {
  teamId: string;
  subscriptionId: string;
  eventType: string;
  /** Requests made. */
  attempts: number;
  /** Deliveries that ended. */
  delivered: number;
  failed: number;
  /** Attempts that a retry follows. */
  retried: number;
  /** Histogram of the attempts' durations. */
  latencies: number[];
  /** The error code of the last failed attempt; null when none failed. */
  lastErrorCode: string | null;
};

/** Counts attempts by subscription and event type, sorted by both: rows are locked in this order when the counts are added. */
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
