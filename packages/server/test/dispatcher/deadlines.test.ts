import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Expiring, openDeadlines } from "../../src/dispatcher/deadlines.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

class Clocked extends Expiring {
  readonly expired: number[] = [];

  expire() {
    this.expired.push(performance.now());
  }
}

function expiring() {
  const one = new Clocked();
  return { one, expired: one.expired };
}

test.each([0, 1, 24, 25, 26, 999, 60_000])(
  "a deadline of %i ms is never early and at most two ticks late",
  (delayMs) => {
    const deadlines = openDeadlines(25);
    vi.advanceTimersByTime(7);
    const { one, expired } = expiring();
    const startedMs = performance.now();
    deadlines.arm(one, delayMs);
    vi.advanceTimersByTime(delayMs + 50);
    expect(expired).toHaveLength(1);
    expect(expired[0]).toBeGreaterThanOrEqual(startedMs + delayMs);
  },
);

test("what is disarmed, or armed anew, does not expire at its first deadline", () => {
  const deadlines = openDeadlines(25);
  const [disarmed, moved] = [expiring(), expiring()];
  deadlines.arm(disarmed.one, 100);
  deadlines.arm(moved.one, 100);
  vi.advanceTimersByTime(50);
  deadlines.disarm(disarmed.one);
  deadlines.arm(moved.one, 1_000);
  vi.advanceTimersByTime(900);
  expect([disarmed.expired, moved.expired]).toEqual([[], []]);
  vi.advanceTimersByTime(150);
  expect(disarmed.expired).toEqual([]);
  expect(moved.expired).toHaveLength(1);
});

test("two deadlines a full turn of the wheel apart share a bucket and keep their times", () => {
  const deadlines = openDeadlines(25);
  const [near, far] = [expiring(), expiring()];
  deadlines.arm(near.one, 100);
  deadlines.arm(far.one, 100 + 1_024 * 25);
  vi.advanceTimersByTime(1_000);
  expect([near.expired.length, far.expired.length]).toEqual([1, 0]);
  vi.advanceTimersByTime(1_024 * 25);
  expect(far.expired).toHaveLength(1);
});

test("one that expires may arm itself again, even at once", () => {
  const deadlines = openDeadlines(25);
  let count = 0;
  class Stubborn extends Expiring {
    expire() {
      count += 1;
      if (count < 3) deadlines.arm(this, 0);
    }
  }
  deadlines.arm(new Stubborn(), 0);
  vi.advanceTimersByTime(100);
  expect(count).toBe(3);
});

test("the timer runs only while something is armed", () => {
  const deadlines = openDeadlines(25);
  expect(vi.getTimerCount()).toBe(0);
  const { one } = expiring();
  deadlines.arm(one, 1_000);
  expect(vi.getTimerCount()).toBe(1);
  deadlines.disarm(one);
  vi.advanceTimersByTime(25);
  expect(vi.getTimerCount()).toBe(0);
});

test("after a pause of the process everything overdue expires, each once", () => {
  const deadlines = openDeadlines(25);
  const all = Array.from({ length: 100 }, expiring);
  for (const [index, { one }] of all.entries()) deadlines.arm(one, index * 500);
  const later = performance.now() + 100_000;
  vi.spyOn(performance, "now").mockReturnValue(later);
  vi.advanceTimersToNextTimer();
  vi.advanceTimersToNextTimer();
  expect(all.map(({ expired }) => expired.length)).toEqual(all.map(() => 1));
});

test("a deadline is never early and at most 50 ms late, whenever it is set", () => {
  for (let offsetMs = 0; offsetMs < 60; offsetMs += 1) {
    for (const delayMs of [-1_000, -1, 0, 1, 2, 24, 25, 26, 49, 50, 51]) {
      const deadlines = openDeadlines();
      vi.advanceTimersByTime(1);
      const { one, expired } = expiring();
      const dueMs = performance.now() + Math.max(0, delayMs);
      deadlines.arm(one, delayMs);
      vi.advanceTimersByTime(Math.max(0, delayMs) + 50);
      expect([delayMs, expired.length]).toEqual([delayMs, 1]);
      expect(expired[0]).toBeGreaterThanOrEqual(dueMs);
    }
  }
});

test("whatever is armed, armed anew and disarmed, everything ends once and at its own time", () => {
  const step = fc.oneof(
    fc.record({
      index: fc.nat(5),
      // Most share a few buckets; some are a turn of the wheel away and share these as well.
      armMs: fc.oneof(fc.nat(120), fc.integer({ min: 25_500, max: 25_700 })),
    }),
    fc.record({ index: fc.nat(5) }),
    fc.record({ waitMs: fc.oneof(fc.nat(90), fc.constant(25_600)) }),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      const deadlines = openDeadlines(25);
      const dueMs = new Map<number, number>();
      const ended: string[] = [];
      class Numbered extends Expiring {
        readonly index: number;

        constructor(index: number) {
          super();
          this.index = index;
        }

        expire() {
          const due = dueMs.get(this.index);
          if (due === undefined || performance.now() < due) ended.push(`${this.index} is early`);
          dueMs.delete(this.index);
        }
      }
      const all = Array.from({ length: 6 }, (_, index) => new Numbered(index));
      const wait = (ms: number) => {
        vi.advanceTimersByTime(ms);
        for (const [index, due] of dueMs) {
          if (performance.now() - due > 50) ended.push(`${index} is late`);
        }
      };
      for (const one of steps) {
        if ("waitMs" in one) wait(one.waitMs);
        else if ("armMs" in one) {
          deadlines.arm(all[one.index] as Expiring, one.armMs);
          dueMs.set(one.index, performance.now() + one.armMs);
        } else {
          deadlines.disarm(all[one.index] as Expiring);
          dueMs.delete(one.index);
        }
      }
      wait(26_000);
      expect(ended).toEqual([]);
      expect([dueMs.size, vi.getTimerCount()]).toEqual([0, 0]);
    }),
    { numRuns: 150 },
  );
});

test("who expires may disarm or move another one that is due in the same moment", () => {
  const deadlines = openDeadlines(25);
  const [disarmed, moved] = [expiring(), expiring()];
  class Meddler extends Expiring {
    expire() {
      deadlines.disarm(disarmed.one);
      deadlines.arm(moved.one, 1_000);
    }
  }
  // Whichever of them comes first in the bucket.
  for (const meddler of [new Meddler(), undefined, new Meddler()]) {
    if (meddler) deadlines.arm(meddler, 10);
    else for (const { one } of [disarmed, moved]) deadlines.arm(one, 10);
  }
  vi.advanceTimersByTime(900);
  expect([disarmed.expired, moved.expired]).toEqual([[], []]);
  vi.advanceTimersByTime(200);
  expect([disarmed.expired.length, moved.expired.length]).toEqual([0, 1]);
});

test("after a pause of the process the first tick finds what is overdue in every bucket", () => {
  const deadlines = openDeadlines(25);
  const all = Array.from({ length: 1_100 }, expiring);
  for (const [index, { one }] of all.entries()) deadlines.arm(one, index * 25);
  vi.spyOn(performance, "now").mockReturnValue(performance.now() + 100_000);
  vi.advanceTimersToNextTimer();
  expect(all.filter(({ expired }) => expired.length !== 1)).toEqual([]);
});

test("a closed set has forgotten everything, and what was in it can be armed elsewhere", () => {
  const [closed, other] = [openDeadlines(25), openDeadlines(25)];
  const [forgotten, moved] = [expiring(), expiring()];
  for (const { one } of [forgotten, moved]) closed.arm(one, 100);
  closed.close();
  expect(vi.getTimerCount()).toBe(0);
  other.arm(moved.one, 200);
  vi.advanceTimersByTime(1_000);
  expect([forgotten.expired.length, moved.expired.length]).toEqual([0, 1]);
});
