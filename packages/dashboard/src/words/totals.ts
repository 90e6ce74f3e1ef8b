import type { StatsBucket } from "@postrider/sdk";

/** The totals of some buckets. */
export type Totals = { delivered: number; failed: number; attempts: number; retried: number };

/** Adds up buckets. */
export function totalsOf(buckets: readonly StatsBucket[]): Totals {
  const totals: Totals = { delivered: 0, failed: 0, attempts: 0, retried: 0 };
  for (const bucket of buckets) {
    totals.delivered += bucket.delivered;
    totals.failed += bucket.failed;
    totals.attempts += bucket.attempts;
    totals.retried += bucket.retried;
  }
  return totals;
}

/** The latest bucket with attempts, for the present latency. */
export const latestOf = (buckets: readonly StatsBucket[]): StatsBucket | undefined =>
  buckets.findLast(({ attempts }) => attempts > 0);
