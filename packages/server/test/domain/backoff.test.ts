import { expect, test } from "vitest";
import { retryDelaySeconds } from "../../src/domain/backoff.ts";
import { rowsOf } from "../hostile/rows.ts";

type Case = {
  id: string;
  input: { retry_backoff_seconds: number; failed_attempt?: number; max_retries?: number };
  expect: { delay_s?: [number, number]; total_s?: [number, number] };
};

/** The extremes of what `Math.random` gives. */
const draws = [() => 0, () => 1 - Number.EPSILON] as const;

test.each(rowsOf<Case>("backoff"))(
  "$id: retries are spread over the upper half of a doubling delay",
  (each) => {
    const base = each.input.retry_backoff_seconds;
    const [first, last] =
      each.input.failed_attempt === undefined
        ? [1, each.input.max_retries ?? 0]
        : [each.input.failed_attempt, each.input.failed_attempt];
    const [least = 0, most = 0] = draws.map((random) => {
      let total = 0;
      for (let retry = first; retry <= last; retry += 1) {
        total += retryDelaySeconds(base, retry, random);
      }
      return total;
    });
    const expected = each.expect.delay_s ?? each.expect.total_s ?? [];
    expect(least).toBe(expected[0]);
    expect(most).toBeCloseTo(expected[1] ?? Number.NaN, 6);
  },
);

test("a delay never passes 24 hours, however many retries there were", () => {
  for (const retryNumber of [10, 11, 100, 5000]) {
    expect(retryDelaySeconds(300, retryNumber, () => 0)).toBe(43_200);
    expect(retryDelaySeconds(300, retryNumber, () => 0.5)).toBe(64_800);
    expect(retryDelaySeconds(300, retryNumber, () => 1)).toBe(86_400);
  }
});
