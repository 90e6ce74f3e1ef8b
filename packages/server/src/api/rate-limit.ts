import { AppError } from "../errors.ts";

const bucketsMax = 10_000;

export type RateLimitOptions = {
  /** Requests a second that one key may make; 0: no limit. */
  perSecond: number;
  /** Requests that may come at once after a pause (the bucket's size). */
  burst: number;
  /** A clock that never goes backwards, in milliseconds. */
  nowMs?: () => number;
};

/**
 * A token bucket for each key; throws `rate_limited` when a key's bucket is empty.
 *
 * The buckets belong to this process: a key whose requests go to n processes gets n times the rate. An exact limit would
 * need the database for each request, and the limit protects the process.
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
    // The least recently used bucket is removed first; after that time it is full anyway.
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
