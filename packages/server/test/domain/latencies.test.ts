import fc from "fast-check";
import { expect, test } from "vitest";
import { bucketOf, quantile } from "../../src/domain/latencies.ts";

const histogramOf = (durations: readonly number[]): number[] => {
  const counts: number[] = Array.from(
    { length: Math.max(-1, ...durations.map(bucketOf)) + 1 },
    () => 0,
  );
  for (const ms of durations) counts[bucketOf(ms)] = (counts[bucketOf(ms)] ?? 0) + 1;
  return counts;
};

test.each([
  [0, 0],
  [1, 0],
  [2, 4],
  [3, 7],
  [4, 8],
  [5, 10],
  [1_000, 40],
  [1_024, 40],
  [1_025, 41],
  [131_072, 68],
  [131_073, 68],
  [1e9, 68],
])("a duration of %i ms is in bucket %i", (ms, bucket) => {
  expect(bucketOf(ms)).toBe(bucket);
});

test("no attempt has no quantile, whatever the histogram's length", () => {
  expect(quantile([], 0.5)).toBeNull();
  expect(quantile([0, 0, 0], 0.95)).toBeNull();
});

test("a quantile is at most a fifth off, or a millisecond", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 120_000 }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.5, 0.95, 1),
      (durations, share) => {
        const sorted = [...durations].sort((a, b) => a - b);
        const exact = sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
        const read = quantile(histogramOf(durations), share) ?? Number.NaN;
        expect(Math.abs(read - exact)).toBeLessThanOrEqual(Math.max(1, exact * 0.2));
      },
    ),
  );
});
