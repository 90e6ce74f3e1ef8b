import { expect, test } from "vitest";
import {
  type DispatchProgress,
  stalledAfterMs,
  stallOf,
} from "../../src/domain/dispatch-progress.ts";

const working: DispatchProgress = {
  lookedMs: 900,
  overrunMs: 0,
  unwrittenMs: 5,
  held: 10,
  steppedMs: 20,
};

test("a dispatcher that looks, begins, ends and writes does not stand still", () => {
  expect(stallOf(working, 0)).toBeUndefined();
});

test("a dispatcher that waits for long attempts, or has nothing to do, is not stalled", () => {
  expect(stallOf({ ...working, steppedMs: 61_000 }, 0)).toBeUndefined();
  expect(stallOf({ ...working, held: 0, steppedMs: 3_600_000 }, 0)).toBeUndefined();
});

test("a slow dispatcher that makes progress is not stalled, however late deliveries are", () => {
  expect(stallOf({ ...working, steppedMs: 29_000 }, 600_000)).toBeUndefined();
  expect(stallOf({ ...working, held: 0, steppedMs: 600_000 }, 29_000)).toBeUndefined();
});

test.each([
  [{ lookedMs: undefined }, 0, "The dispatcher has not looked for deliveries yet."],
  [{ lookedMs: 12_400 }, 0, "The dispatcher has not looked for deliveries for 12 seconds."],
  [{ overrunMs: 11_000 }, 0, "An attempt goes on 11 seconds after its time limit."],
  [{ unwrittenMs: 21_000 }, 0, "Results of attempts have not been written for 21 seconds."],
  [
    { steppedMs: 76_000 },
    0,
    "The dispatcher holds deliveries and has begun or ended no attempt for 76 seconds.",
  ],
  [
    { held: 0, steppedMs: 40_000 },
    31_000,
    "A delivery has been due for 31 seconds, and no attempt has begun for 40 seconds.",
  ],
] as const)("a standstill is found whichever part it is in: %j", (part, oldestDueMs, reason) => {
  expect(stallOf({ ...working, ...part }, oldestDueMs)).toBe(reason);
});

test("every standstill is reported within a minute, except that of attempts, which may take that long anyway", () => {
  const { steps, ...others } = stalledAfterMs;
  expect(Math.max(...Object.values(others))).toBeLessThanOrEqual(30_000);
  expect(steps).toBeGreaterThan(61_000);
});
