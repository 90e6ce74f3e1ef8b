import { AppError } from "../errors.ts";

const bucketsMax = 10_000;

export type RateLimitOptions = {
  /** Requests a second that one key may go on making; 0: as many as it likes. */
  perSecond: number;
  /** Requests that may come at once after a pause. */
  burst: number;
  /** A clock that never goes backwards, in milliseconds. */
  nowMs?: () => number;
};

/**
 * Counts the requests of each key in a bucket that fills steadily; throws `rate_limited` when a key's is empty.
 *
 * The buckets are this process's own: a key that is spread over n processes gets n times the rate. Exact would mean to ask
 * the database before each request, and what is protected here is the process.
 */
export function openRateLimit(options: RateLimitOptions): (keyId: string) => void {
  const { perSecond, burst, nowMs = () => performance.now() } = options;
  if (perSecond === 0) return () => {};
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return (keyId) => {
    const atMs = nowMs();
    const known = buckets.get(keyId);
    const filled = known ? known.tokens + ((atMs - known.atMs) / 1_000) * perSecond : burst;
    const tokens = Math.min(burst, filled);
    const allowed = tokens >= 1;
    // The least recently used leaves first; whoever has been away that long has a full bucket anyway.
    buckets.delete(keyId);
    buckets.set(keyId, { tokens: allowed ? tokens - 1 : tokens, atMs });
    if (buckets.size > bucketsMax) {
      const [oldest] = buckets.keys();
      if (oldest !== undefined) buckets.delete(oldest);
    }
    if (!allowed) {
      throw new AppError(
        "rate_limited",
        `An API key may make ${perSecond} requests per second, and ${burst} at once after a pause.`,
      );
    }
  };
}
