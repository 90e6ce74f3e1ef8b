/**
 * A histogram of durations: the count of each bucket, from the shortest on; missing buckets at the end are 0.
 *
 * Bucket 0 holds up to 1 ms, bucket n the durations up to 2^(n/4) ms: a quantile read from it is at most a fifth too
 * long or too short, whether it took 3 ms or a minute.
 */
export type Histogram = readonly number[];

const bucketsPerDoubling = 4;
/** Longer ones are in the last bucket: it ends at 131 s, and no attempt takes longer. */
const lastBucket = 17 * bucketsPerDoubling;

/** The most buckets that a histogram has. */
export const bucketsMax = lastBucket + 1;

/** The bucket of a duration in milliseconds. */
export function bucketOf(ms: number): number {
  if (ms <= 1) return 0;
  return Math.min(lastBucket, Math.ceil(Math.log2(ms) * bucketsPerDoubling));
}

/** The quantile of this share (0 to 1) of the durations, in whole milliseconds; null when there are none. */
export function quantile(histogram: Histogram, share: number): number | null {
  const wanted = histogram.reduce((sum, count) => sum + count, 0) * share;
  if (wanted === 0) return null;
  let before = 0;
  for (const [bucket, count] of histogram.entries()) {
    if (count > 0 && before + count >= wanted) {
      const lower = bucket === 0 ? 0 : 2 ** ((bucket - 1) / bucketsPerDoubling);
      const upper = 2 ** (bucket / bucketsPerDoubling);
      return Math.round(lower + ((upper - lower) * (wanted - before)) / count);
    }
    before += count;
  }
  return null;
}
